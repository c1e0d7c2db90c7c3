"""The sign-up: an address, topics, an age; for a child under 13 the address of a guardian (P3, P7, P8).

The page only notes what was sent and answers everybody alike, byte for byte and with the same work: whether an address
is known, suppressed or declined is looked up later, elsewhere (:mod:`mailer.invitations`). What it refuses, it refuses
by what was typed alone. A form embedded in another site comes here, too.
"""

import time
from collections.abc import Sequence
from datetime import timedelta

from starlette.responses import Response

from consent import policy
from consent.admission import Form as Shown
from consent.age import AGE_OF_OWN_CONSENT, OLDEST_PLAUSIBLE
from consent.cards import carries_card_number
from consent.policy import TopicValue
from consent.signup import note
from kit.addresses import EmailAddress, try_address
from kit.doubtful import is_disposable, is_role, probably_meant
from kit.errors import Temporary
from web.forms import Form
from web.house import SignUps
from web.page import Page
from web.visit import Visit

PAGE = "page"  # the name of our own form; others are embedded elsewhere
TRAP = "homepage"  # a field that people don't see; only machines fill it in
SEAL_CHARACTERS = 3000


async def show(visit: Visit) -> Response:
    """Show the form: no box ticked, no age given. Changes nothing."""
    if visit.house.sign_ups is None:
        return visit.unknown()
    return await _form_page(visit, visit.house.sign_ups, Form())


async def act(visit: Visit) -> Response:
    """Note a sign-up, or ask for what is missing: the form again, or a guardian's address."""
    desk = visit.house.sign_ups
    if desk is None:
        return visit.unknown()
    form = await visit.form()
    if not form.is_whole:
        return await _form_page(visit, desk, Form(), told="common.nothing_changed", status=400)
    shown = desk.seals.read(form.one("seal", most=SEAL_CHARACTERS))
    if shown is None or not _is_fresh(visit, desk, shown):
        return await _form_page(visit, desk, form, told="signup.again", status=422)
    if form.one(TRAP):
        return visit.answer("signup_done.html")
    address = _address(form, "email", desk)
    wanted = tuple(topic.key for topic in await _topics(visit) if form.has("topic", topic.key))
    if not wanted:
        form.refuse("topic", "errors.topics")
    age = _age(form)
    if form.errors or address is None or age is None:
        return await _form_page(visit, desk, form)
    if age >= AGE_OF_OWN_CONSENT:
        return await _noted(visit, desk, address, wanted, shown, guardian=None)
    if not form.one("guardian"):
        if form.one("step") == "guardian":
            form.refuse("guardian", "errors.missing")
        return _guardian_page(visit, form, wanted, form.one("seal", most=SEAL_CHARACTERS))
    guardian = _address(form, "guardian", desk)
    if guardian is not None and guardian.mailbox == address.mailbox:
        form.refuse("guardian", "errors.guardian_same")
    if form.errors or guardian is None:
        return _guardian_page(visit, form, wanted, form.one("seal", most=SEAL_CHARACTERS))
    return await _noted(visit, desk, address, wanted, shown, guardian=guardian)


async def _noted(
    visit: Visit, desk: SignUps, address: EmailAddress, topics: Sequence[str], shown: Shown, *,
    guardian: EmailAddress | None,
) -> Response:  # fmt: skip
    house = visit.house
    wait = desk.taken.take(visit.network, time.monotonic())
    if wait:
        return visit.too_many(wait)
    async with house.database.transaction() as session:
        is_noted = await note(
            session, address, topics, shown, guardian=guardian, secrets=desk.invitations.secrets,
            rules=desk.invitations.rules, at=house.clock(),
        )  # fmt: skip
    if not is_noted:
        raise Temporary  # 503: too many wait already; nothing is known about this one
    return visit.answer("signup_done.html")


def _is_fresh(visit: Visit, desk: SignUps, shown: Shown) -> bool:
    """Whether a form was shown long enough to be read, not too long ago, and under the policy of today.

    An embedded form was made once for all visitors, so its age says nothing.
    """
    if shown.policy_version != visit.house.policy_version:
        return False
    age = visit.house.clock() - shown.shown_at
    settings = desk.settings
    if shown.name != PAGE:
        return True
    return timedelta(seconds=settings.fill_seconds) <= age <= timedelta(hours=settings.form_hours)


def _address(form: Form, name: str, desk: SignUps) -> EmailAddress | None:
    """Return an address that can be written to, or say by its words alone what is wrong with it."""
    text = form.one(name, most=320, required=True)
    address, settings = try_address(text), desk.settings
    if carries_card_number(text):  # P14: no card data is ever accepted
        form.refuse(name, "account.card")
        return None
    if address is None or "." not in address.domain:
        form.refuse(name, "errors.address")
        return None
    if not settings.take_disposable_addresses and is_disposable(address, settings.disposable_domains):
        form.refuse(name, "errors.disposable")
        return None
    if not settings.take_role_addresses and is_role(address):
        form.refuse(name, "errors.role")
        return None
    meant = probably_meant(address)
    if meant is not None and form.one(f"sure_{name}", most=320) != str(address):
        form.refuse(name, "errors.meant", meant=str(meant))
        return None
    return address


def _age(form: Form) -> int | None:
    """Return the age in years. Only whether it is under 13 is ever kept."""
    text = form.one("age", most=3, required=True)
    if not text.isdecimal() or int(text) > OLDEST_PLAUSIBLE:
        form.refuse("age", "errors.age")
        return None
    return int(text)


async def _topics(visit: Visit) -> tuple[TopicValue, ...]:
    async with visit.house.database.reading() as session:
        return await policy.all_topics(session)


async def _form_page(visit: Visit, desk: SignUps, form: Form, *, told: str = "", status: int = 200) -> Response:
    wording = visit.text("signup.wording")
    shown = Shown(wording, visit.house.policy_version, visit.language, visit.house.clock(), PAGE)
    values = {
        "topics": await _topics(visit), "seal": desk.seals.seal(shown), "wording": wording,
        "told": visit.text(told) if told else "", "sure": _typed(form, "email"),
    }  # fmt: skip
    return visit.answer("signup.html", values, form=form, status=status)


def _guardian_page(visit: Visit, form: Form, topics: Sequence[str], seal: str) -> Response:
    values = {
        "topics": topics, "seal": seal, "sure": _typed(form, "email"), "sure_guardian": _typed(form, "guardian"),
        "days": visit.house.sign_ups.settings.guardian_keep_days if visit.house.sign_ups else 0,
    }  # fmt: skip
    return visit.answer("signup_guardian.html", values, form=form)


def _typed(form: Form, name: str) -> str:
    """Return an address as we understood it; sent again unchanged, it is meant."""
    return str(try_address(form.value(name)) or "")


PAGES = (Page("/signup", show, act, asks=True),)
