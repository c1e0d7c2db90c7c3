"""The preference page behind the signed link of each mail: topics on and off, leave all. No password, no cookie (P5).

Turning a topic off takes effect at once. Turning one on asks the owner of the address by mail: the link may have been
forwarded to a friend together with the mail.
"""

import time

from starlette.responses import Response

from consent import policy
from consent.ledger import Nothing, standing_of, subscribe, withdraw, withdraw_all
from consent.model import Purpose, Standing, State
from mailer.tokens import Purpose as For
from web.forms import Form
from web.house import masked
from web.page import Page
from web.visit import Visit

WORDING = "Topics chosen on the preference page, each with an unticked box until chosen: {topics}."


async def show(visit: Visit) -> Response:
    """Show which topics the person receives. Changes nothing."""
    visit.house.touches.opened(visit.token, time.monotonic())
    return await _page(visit, told="")


async def change(visit: Visit) -> Response:
    """Do what the form says: the boxes ticked, or leave everything."""
    person = await visit.house.person(visit.token)
    visit.speak_to(person)
    if person is None:
        return await _page(visit, told="preferences.test_letter")
    form = await visit.form()
    match form.many("do"):
        case ("leave",):
            async with visit.house.database.transaction() as session:
                await withdraw_all(session, visit.person, source=visit.source(), at=visit.house.clock())
            return await _page(visit, told="preferences.left")
        case ("save",):
            return await _page(visit, told=await _save(visit, set(form.many("topic"))))
        case _:
            return await _page(visit, told="common.nothing_changed", status=400)


async def _save(visit: Visit, wanted: set[str]) -> str:
    """Withdraw what was unticked, ask for a confirmation of what was ticked anew; return what to tell."""
    person, at = visit.person, visit.house.clock()
    async with visit.house.database.transaction() as session:
        topics = await policy.all_topics(session)
        standing = await standing_of(session, person)
        held = {topic.key for topic in topics if _is_held(standing, topic.key)}
        off = sorted(held - wanted)
        new = [topic for topic in topics if topic.key in wanted and topic.key not in held]
        if off:
            await withdraw(session, person, off, source=visit.source(), at=at)
        if not new:
            return "preferences.saved"
        keys = tuple(topic.key for topic in new)
        wording = WORDING.format(topics=", ".join(topic.name for topic in new))
        asked = await subscribe(session, person, keys, source=visit.source(wording=wording), at=at)
        if not isinstance(asked, Nothing):
            await visit.house.ask_to_confirm(session, person, keys, at)
    return "preferences.saved_asked"


async def _page(visit: Visit, *, told: str, status: int = 200) -> Response:
    person = await visit.house.person(visit.token)
    visit.speak_to(person)
    async with visit.house.database.reading() as session:
        topics = await policy.all_topics(session)
        standing = await standing_of(session, visit.person)
    held = [topic.key for topic in topics if _is_held(standing, topic.key)]
    pending = standing.pending()
    values = {
        "address": masked(person),
        "told": visit.text(told) if told else "",
        "is_wrong": status != 200,
        "topics": [
            {"key": topic.key, "name": topic.name, "about": topic.about, "is_pending": topic.key in pending}
            for topic in topics
        ],
    }
    return visit.answer("preferences.html", values, form=Form.starting(topic=held), status=status)


def _is_held(standing: Standing, topic: str) -> bool:
    return standing.state(Purpose.PROMOTION, topic) in {State.GRANTED, State.PENDING}


PAGES = (Page("/p/{token}", show, change, For.PREFERENCES),)
