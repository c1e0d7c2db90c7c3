"""The one-click endpoint of List-Unsubscribe (RFC 8058), and the page behind the same link.

Only POST changes anything: link scanners fetch every URL of a mail with GET and HEAD, some of them before the person
has seen it. No redirect, no cookie, no question. The link alone says who and what.
"""

from starlette.responses import PlainTextResponse, Response

from consent import subscribers
from consent.ledger import withdraw, withdraw_all
from consent.model import Door
from mailer import mailings
from mailer.tokens import Purpose
from web.guard import HEADERS
from web.house import masked
from web.page import Page
from web.visit import Visit

FIELD, VALUE = "List-Unsubscribe", "One-Click"  # RFC 8058 3.1


async def show(visit: Visit) -> Response:
    """Show what a press of the button will do. Changes nothing."""
    return await _page(visit, done="")


async def leave(visit: Visit) -> Response:
    """Take the person off: at once, whoever asks and however often (RFC 8058 3.2)."""
    form = await visit.form()
    if form.is_exactly(**{FIELD: VALUE}):
        await _withdraw(visit, door=Door.ONE_CLICK, everything=False)
        return PlainTextResponse("unsubscribed\n", headers=dict(HEADERS))
    for done in ("topic", "all"):
        if form.is_exactly(leave=done):
            await _withdraw(visit, door=Door.PAGE, everything=done == "all")
            return await _page(visit, done=done)
    return PlainTextResponse(f"the body must be {FIELD}={VALUE}\n", status_code=400, headers=dict(HEADERS))


async def _withdraw(visit: Visit, *, door: Door, everything: bool) -> None:
    """Withdraw the topic of the mailing; everything, where the mailing is not known any more."""
    person, at = visit.person, visit.house.clock()
    source = visit.source(door)
    async with visit.house.database.transaction() as session:
        if await subscribers.load(session, person) is None:
            return  # a test letter names nobody: there is nobody to take off
        mailing = await mailings.load(session, visit.token.mailing_id)
        if mailing is None or everything:
            await withdraw_all(session, person, source=source, at=at)
        else:
            await withdraw(session, person, [mailing.topic], source=source, at=at)


async def _page(visit: Visit, *, done: str) -> Response:
    house, token = visit.house, visit.token
    person = await house.person(token)
    visit.speak_to(person)
    async with house.database.reading() as session:
        mailing = await mailings.load(session, token.mailing_id)
    topic = await house.topic_name(mailing.topic) if mailing else ""
    return visit.answer("leave.html", {"address": masked(person), "topic": topic, "done": done, "choices": ""})


PAGES = (Page("/u/{token}", show, leave, Purpose.ONE_CLICK),)
