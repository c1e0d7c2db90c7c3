"""The two pages that a service mail leads to: confirm a sign-up, take back an opt-out. GET shows, POST does."""

from starlette.responses import Response

from consent.ledger import Done, Outcome
from consent.rejoin import confirm_pending, undo
from mailer.tokens import Purpose
from web.page import Page
from web.visit import Visit


async def show_confirm(visit: Visit) -> Response:
    """Show the button. Changes nothing, so that scanners confirm nothing."""
    return await _show(visit, "confirm")


async def show_undo(visit: Visit) -> Response:
    """Show the button. Changes nothing, so that scanners bring nobody back."""
    return await _show(visit, "undo")


async def confirm(visit: Visit) -> Response:
    """Grant what is pending: the token was sent to the owner of the address only."""
    source = visit.source(wording=visit.text("confirm.button"))
    async with visit.house.database.transaction() as session:
        outcome = await confirm_pending(session, visit.person, source=source, at=visit.house.clock())
    return await _told(visit, "confirm", outcome)


async def take_back(visit: Visit) -> Response:
    """Take back the opt-out that the token names."""
    source = visit.source(wording=visit.text("undo.button"))
    async with visit.house.database.transaction() as session:
        outcome = await undo(session, visit.person, visit.token.extra, source=source, at=visit.house.clock())
    return await _told(visit, "undo", outcome)


async def _show(visit: Visit, section: str) -> Response:
    visit.speak_to(await visit.house.person(visit.token))
    return visit.answer("press.html", {"section": section, "said": ""})


async def _told(visit: Visit, section: str, outcome: Outcome) -> Response:
    visit.speak_to(await visit.house.person(visit.token))
    said = visit.text(f"{section}.done" if isinstance(outcome, Done) else f"{section}.nothing")
    return visit.answer("press.html", {"section": section, "said": said})


PAGES = (
    Page("/c/{token}", show_confirm, confirm, Purpose.CONFIRM),
    Page("/z/{token}", show_undo, take_back, Purpose.UNDO),
)
