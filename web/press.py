"""The two pages that a service mail leads to: confirm a sign-up, take back an opt-out. GET shows, POST does."""

from starlette.responses import Response

from consent.ledger import Done
from consent.rejoin import confirm_pending, undo
from mailer.tokens import Purpose
from web.page import Page
from web.visit import Visit


async def show_confirm(visit: Visit) -> Response:
    """Show the button. Changes nothing, so that scanners confirm nothing."""
    return await visit.button("confirm")


async def show_undo(visit: Visit) -> Response:
    """Show the button. Changes nothing, so that scanners bring nobody back."""
    return await visit.button("undo")


async def confirm(visit: Visit) -> Response:
    """Grant what is pending: the token was sent to the owner of the address only."""
    source = await visit.pressed("confirm")
    async with visit.house.database.transaction() as session:
        outcome = await confirm_pending(session, visit.person, source=source, at=visit.house.clock())
    return await visit.button("confirm", "confirm.done" if isinstance(outcome, Done) else "confirm.nothing")


async def take_back(visit: Visit) -> Response:
    """Take back the opt-out that the token names."""
    source = await visit.pressed("undo")
    async with visit.house.database.transaction() as session:
        outcome = await undo(session, visit.person, visit.token.extra, source=source, at=visit.house.clock())
    return await visit.button("undo", "undo.done" if isinstance(outcome, Done) else "undo.nothing")


PAGES = (
    Page("/c/{token}", show_confirm, confirm, Purpose.CONFIRM),
    Page("/z/{token}", show_undo, take_back, Purpose.UNDO),
)
