"""The preference page behind the signed link of each mail: topics, how often, a pause, language, zone, leave all (P5).

No password, no cookie. "Leave" is one press from here, nothing is ticked before the person ticked it, and turning a
topic off takes effect at once. Turning one on asks the owner of the address by mail: the link may have been forwarded
to a friend together with the mail.
"""

import time
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from starlette.responses import Response

from consent import habits
from consent.habits import FREQUENCIES, Habits, frequency_name, habits_of
from consent.ledger import NeedsGuardian, Nothing, pause, subscribe, withdraw
from consent.model import Door, State
from consent.policy import TopicValue
from kit.db import Session
from mailer.tokens import Purpose as For
from web import sharing, zones
from web.forms import Form
from web.house import masked
from web.page import Page
from web.visit import Visit

#: weeks of a pause that can be chosen; a longer rest is better had by leaving
PAUSES: Mapping[str, int] = {"1": 1, "2": 2, "4": 4, "12": 12}


async def show(visit: Visit) -> Response:
    """Show what the person receives, and how. Changes nothing."""
    visit.house.touches.opened(visit.token, time.monotonic())
    return await _page(visit)


async def change(visit: Visit) -> Response:
    """Do what the form says; show the page again with what was done, or beside each field what is wrong."""
    form = await visit.form()
    match form.many("do"):
        case ("leave",):
            await visit.leave(Door.PAGE, everything=True)
            return await _page(visit, told="preferences.left")
        case ("save",):
            return await _save(visit, form)
        case ("pause",):
            return await _pause(visit, form)
        case ("stop_sharing",):
            return await _page(visit, told=await sharing.end(visit))
        case ("resume",):
            async with visit.house.database.transaction() as session:
                await pause(session, visit.person, None, source=visit.source(), at=visit.house.clock())
            return await _page(visit, told="preferences.resumed")
        case _:
            return await _page(visit, told="common.nothing_changed", status=400)


async def _save(visit: Visit, form: Form) -> Response:
    """Keep all choices, or none where one can't be taken."""
    async with visit.house.database.reading() as session:
        known = await habits_of(session, visit.person)
    if known is None:
        return await _page(visit)
    visit.speak_to(known.person)  # as the page did that was answered: its words are kept with the choice
    wishes = _wishes(form, known, visit)
    if form.errors:
        return await _page(visit, form=form)
    at = visit.house.clock()
    async with visit.house.database.transaction() as session:
        await habits.keep_habits(
            session, visit.person, frequency_days=FREQUENCIES[wishes["frequency"]], language=wishes["language"],
            time_zone=wishes["time_zone"],
        )  # fmt: skip
        has_asked = await _choose(visit, session, set(form.many("topic")), at)
    return await _page(visit, told="preferences.saved_asked" if has_asked else "preferences.saved")


def _wishes(form: Form, known: Habits, visit: Visit) -> dict[str, str]:
    """Read and check what is not a topic; a field that the form lacks stays as it is."""
    now = {
        "frequency": frequency_name(known.frequency_days),
        "language": known.person.language,
        "time_zone": known.person.time_zone,
    }
    languages = {"": 0, known.person.language: 0, **visit.house.pages.catalogues}
    wishes = {name: form.one(name) if form.many(name) else value for name, value in now.items()}
    if wishes["frequency"] not in FREQUENCIES:
        form.refuse("frequency", "errors.choice")
    if wishes["language"] not in languages:
        form.refuse("language", "errors.choice")
    if wishes["time_zone"] not in {"", known.person.time_zone} and not zones.is_zone(wishes["time_zone"]):
        form.refuse("time_zone", "errors.choice")
    return wishes


async def _choose(visit: Visit, session: Session, wanted: set[str], at: datetime) -> bool:
    """Withdraw what was unticked, ask for a confirmation of what was ticked anew; return whether there was any."""
    known = await habits_of(session, visit.person)
    topics = await visit.house.topics(session)
    held = {topic.key for topic in topics if known is not None and known.is_held(topic.key)}
    if off := sorted(held - wanted):
        await withdraw(session, visit.person, off, source=visit.source(), at=at)
    new = [topic for topic in topics if topic.key in wanted - held]
    if not new:
        return False
    keys = tuple(topic.key for topic in new)
    asked = await subscribe(session, visit.person, keys, source=visit.source(wording=_shown(visit, new)), at=at)
    if not isinstance(asked, Nothing):
        await visit.house.ask_to_confirm(session, visit.person, keys, at)
    return not isinstance(asked, NeedsGuardian)


def _shown(visit: Visit, chosen: Sequence[TopicValue]) -> str:
    """Return the words beside the boxes that were ticked, and those of the button (P3)."""
    boxes = (f"{topic.name}: {topic.about}" if topic.about else topic.name for topic in chosen)
    text = visit.text
    return "\n".join([text("preferences.topics"), text("preferences.topics_hint"), *boxes, text("preferences.save")])


async def _pause(visit: Visit, form: Form) -> Response:
    weeks = form.choice("weeks", PAUSES)
    if not weeks:
        return await _page(visit, form=form)
    at = visit.house.clock()
    until = at + timedelta(weeks=PAUSES[weeks])
    async with visit.house.database.transaction() as session:
        if await habits_of(session, visit.person) is not None:
            await pause(session, visit.person, until, source=visit.source(), at=at)
    return await _page(visit, told="preferences.paused", until=until)


async def _page(
    visit: Visit, *, told: str = "", form: Form | None = None, until: datetime | None = None, status: int = 200
) -> Response:
    known, topics = await visit.house.database.look(partial(_known, visit))
    visit.speak_to(known.person if known else None)
    now = visit.house.clock()
    personal = {
        "address": masked(known.person if known else None),
        "held": f"/p/{visit.link}/held", "account": f"/p/{visit.link}/account",
    }  # fmt: skip
    if known is not None and not told and form is None and status == 200:
        return visit.kept_answer(
            "preferences.html", personal, state=_state(known, topics, now),
            values=lambda: {**_values(visit, known, topics, now), "form": _form(None, known)},
        )  # fmt: skip
    if known is None:
        told, form = "preferences.test_letter", None
    catalogue = visit.house.pages.catalogues[visit.language]
    values = {
        **personal, **_values(visit, known, topics, now), "is_wrong": status != 200,
        "told": catalogue.text(told, date=catalogue.day((until or now).date())) if told else "",
    }  # fmt: skip
    return visit.answer("preferences.html", values, form=_form(form, known), status=status)


def _state(known: Habits, topics: tuple[TopicValue, ...], now: datetime) -> Hashable:
    """Name all that :func:`_values` shows of a person and of the topics there are."""
    return (
        topics, frozenset(known.states.items()), known.frequency_days, known.person.language, known.person.time_zone,
        _pause_end(known, now), known.is_shared,
    )  # fmt: skip


def _pause_end(known: Habits | None, now: datetime) -> datetime | None:
    until = known.paused_until if known else None
    return until if until and until > now else None


def _values(visit: Visit, known: Habits | None, topics: tuple[TopicValue, ...], now: datetime) -> dict[str, object]:
    """Return what the page shows and is not personal."""
    catalogue = visit.house.pages.catalogues[visit.language]
    return {
        "told": "", "is_wrong": False,
        "topics": [
            {
                "key": topic.key, "name": topic.name, "about": topic.about,
                "is_pending": known is not None and known.states.get(topic.key) is State.PENDING,
            }
            for topic in topics
        ],
        "frequencies": [(name, catalogue.text(f"preferences.frequency_{name}")) for name in FREQUENCIES],
        "languages_to_choose": _languages(visit, known),
        "zone": known.person.time_zone if known else "",
        "zones": zones.OPTIONS,
        "pauses": [(key, catalogue.text("preferences.pause_for", n=weeks)) for key, weeks in PAUSES.items()],
        "paused_until": _pause_end(known, now),
        "is_shared": known is not None and known.is_shared,
    }  # fmt: skip


def _form(form: Form | None, known: Habits | None) -> Form:
    if form is not None and form.has("do", "save"):
        return form  # what an unticked box means only the form of the boxes can say
    return (form or Form()).beside(**_chosen(known))


async def _known(visit: Visit, session: Session) -> tuple[Habits | None, tuple[TopicValue, ...]]:
    return await habits_of(session, visit.person), await visit.house.topics(session)


def _languages(visit: Visit, known: Habits | None) -> list[tuple[str, str]]:
    """Return the languages to choose, with one that a person has already and we have no pages in."""
    options = [(key, catalogue.name) for key, catalogue in visit.house.pages.catalogues.items()]
    own = known.person.language if known else ""
    return options if not own or own in visit.house.pages.catalogues else [(own, own), *options]


def _chosen(known: Habits | None) -> dict[str, str | list[str]]:
    """Return what is chosen so far, field by field; for nobody nothing."""
    if known is None:
        return {"frequency": "all", "language": "", "time_zone": ""}
    return {
        "topic": [topic for topic in known.states if known.is_held(topic)],
        "frequency": frequency_name(known.frequency_days),
        "language": known.person.language,
        "time_zone": known.person.time_zone,
    }


PAGES = (Page("/p/{token}", show, change, For.PREFERENCES, asks=True),)
