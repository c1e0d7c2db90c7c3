"""The one-click endpoint of List-Unsubscribe (RFC 8058), and the page behind the same link.

Only POST changes anything: link scanners fetch every URL of a mail with GET and HEAD, some of them before the person
has seen it. No redirect, no cookie, no question. The link alone says who and what.
"""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from consent import subscribers
from consent.ledger import withdraw, withdraw_all
from consent.model import Door, SubscriberId
from mailer import mailings
from mailer.tokens import Purpose, Token
from web.guard import HEADERS, form_of
from web.house import House, masked

FIELD, VALUE = "List-Unsubscribe", "One-Click"  # RFC 8058 3.1


async def show(house: House, request: Request) -> Response:
    """Show what a press of the button will do. Changes nothing."""
    token = house.token(Purpose.ONE_CLICK, request.path_params["token"])
    if token is None:
        return house.pages.page("unknown_link.html", status=404)
    person = await house.person(token)
    address = masked(person) if person else ""
    return house.pages.page("leave.html", {"address": address, "topic": await _topic_name(house, token), "done": ""})


async def leave(house: House, request: Request) -> Response:
    """Take the person off: at once, whoever asks and however often (RFC 8058 3.2)."""
    token = house.token(Purpose.ONE_CLICK, request.path_params["token"])
    if token is None:
        return house.pages.page("unknown_link.html", status=404)
    fields = await form_of(request)
    if fields is None:
        return PlainTextResponse("a form of ours, please\n", status_code=400, headers=dict(HEADERS))
    if fields == {FIELD: [VALUE]}:
        await _withdraw(house, token, door=Door.ONE_CLICK, everything=False)
        return PlainTextResponse("unsubscribed\n", headers=dict(HEADERS))
    if fields in ({"leave": ["topic"]}, {"leave": ["all"]}):
        everything = fields["leave"] == ["all"]
        await _withdraw(house, token, door=Door.PAGE, everything=everything)
        person = await house.person(token)
        values = {
            "address": masked(person) if person else "",
            "topic": await _topic_name(house, token),
            "done": "all" if everything else "topic",
        }
        return house.pages.page("leave.html", values)
    return PlainTextResponse(f"the body must be {FIELD}={VALUE}\n", status_code=400, headers=dict(HEADERS))


async def _withdraw(house: House, token: Token, *, door: Door, everything: bool) -> None:
    """Withdraw the topic of the mailing; everything, where the mailing is not known any more."""
    person, at = SubscriberId(token.subscriber_id), house.clock()
    source = house.source(door, mailing=token.mailing_id)
    async with house.database.transaction() as session:
        if await subscribers.load(session, person) is None:
            return  # a test letter names nobody: there is nobody to take off
        mailing = await mailings.load(session, token.mailing_id)
        if mailing is None or everything:
            await withdraw_all(session, person, source=source, at=at)
        else:
            await withdraw(session, person, [mailing.topic], source=source, at=at)


async def _topic_name(house: House, token: Token) -> str:
    async with house.database.reading() as session:
        mailing = await mailings.load(session, token.mailing_id)
    return await house.topic_name(mailing.topic) if mailing else ""
