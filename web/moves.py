"""The two pages of a change of address: the new one confirms it, the old one stops it or takes it back (P12).

GET shows a button and changes nothing, so that scanners move nobody.
"""

from starlette.responses import Response

from consent import moving
from mailer.tokens import Purpose
from web.page import Page
from web.visit import Visit


async def show_new(visit: Visit) -> Response:
    """Show the button that confirms the new address."""
    return await visit.button("move_new")


async def show_old(visit: Visit) -> Response:
    """Show the button that keeps the old address."""
    return await visit.button("move_old")


async def confirm(visit: Visit) -> Response:
    """Let the new address hold: who has this link reads its mail."""
    house, source = visit.house, await visit.pressed("move_new")
    async with house.database.transaction() as session:
        ended = await moving.confirm(
            session, visit.token.extra, visit.person, source=source,
            secrets=house.accounts.secrets, take_back_within=house.accounts.move_back_within, at=house.clock(),
        )  # fmt: skip
    return await visit.button("move_new", f"moves.{ended.value}")


async def take_back(visit: Visit) -> Response:
    """Keep the old address, or have it again: who has this link reads its mail."""
    house, source = visit.house, await visit.pressed("move_old")
    async with house.database.transaction() as session:
        ended = await moving.take_back(
            session, visit.token.extra, visit.person, source=source,
            secrets=house.accounts.secrets, at=house.clock(),
        )  # fmt: skip
    return await visit.button("move_old", f"moves.{ended.value}")


PAGES = (
    Page("/n/{token}", show_new, confirm, Purpose.MOVE_NEW),
    Page("/o/{token}", show_old, take_back, Purpose.MOVE_OLD),
)
