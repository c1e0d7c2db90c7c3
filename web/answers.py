"""The two pages that a service mail leads to: confirm a sign-up, take back an opt-out. GET shows, POST does."""

from starlette.requests import Request
from starlette.responses import Response

from consent.ledger import Done
from consent.model import Door, SubscriberId
from consent.rejoin import confirm_pending, undo
from mailer.tokens import Purpose
from web.house import House

CONFIRM_WORDING = "Yes, send me these mails."
UNDO_WORDING = "Undo: send me these mails again."


async def show(house: House, request: Request, purpose: Purpose) -> Response:
    """Show the button. Changes nothing, so that scanners confirm nothing."""
    if house.token(purpose, request.path_params["token"]) is None:
        return house.pages.page("unknown_link.html", status=404)
    return house.pages.page("answer.html", {"purpose": purpose.name.lower(), "said": ""})


async def act(house: House, request: Request, purpose: Purpose) -> Response:
    """Do it: the token was sent to the owner of the address only."""
    token = house.token(purpose, request.path_params["token"])
    if token is None:
        return house.pages.page("unknown_link.html", status=404)
    person, at = SubscriberId(token.subscriber_id), house.clock()
    async with house.database.transaction() as session:
        if purpose is Purpose.CONFIRM:
            source = house.source(Door.PAGE, wording=CONFIRM_WORDING)
            outcome = await confirm_pending(session, person, source=source, at=at)
        else:
            source = house.source(Door.PAGE, wording=UNDO_WORDING)
            outcome = await undo(session, person, token.extra, source=source, at=at)
    said = "Done: you will get these mails." if isinstance(outcome, Done) else "There is nothing left to do here."
    return house.pages.page("answer.html", {"purpose": purpose.name.lower(), "said": said})
