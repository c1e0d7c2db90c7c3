"""``byleave campaign unknown``: the letters that may have arrived, and a person's word on what becomes of them."""

import asyncio
from typing import Annotated, Any, Literal, assert_never

import typer

from byleave import console
from byleave.answerable import By, who
from byleave.context import settings_of
from byleave.progress import NoSuchCampaign, numbers_of
from byleave.wiring import open_ground
from campaigns import unknowns
from campaigns.model import Missing, NotPossible
from campaigns.unknowns import Settled
from kit.config import Settings
from kit.errors import Permanent
from kit.log import logger
from mailer import fates

WARNING = "these letters may have arrived; sent again, some people get them twice. Say --yes if that is what you want"

_log = logger("byleave.unsettled")


def unknown(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="The number of the campaign.")],
    act: Annotated[Literal["list", "resend", "drop"], typer.Argument(help="What to do with them.")] = "list",
    *,
    person: Annotated[
        list[int] | None, typer.Option("--person", help="The number of one person; may be given again.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Send again what may have arrived already.")] = False,
    by: By = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """List the letters of which nobody knows whether they arrived, send them again, or drop them."""
    settings = settings_of(context)
    with console.plain_errors():
        if act == "list":
            _show(asyncio.run(_list(settings, number)), as_json=as_json)
            return
        if act == "resend" and not yes:
            raise Permanent(WARNING)
        name = who(by)
        done = asyncio.run(_settle(settings, number, act, people=person or [], by=name))
    if as_json:
        console.say_json(done)
        return
    said = "wait to be sent again" if act == "resend" else "are settled as not to be sent"
    console.out.print(f"campaign {number}: {done['letters']} letters {said}; noted as the act of {name}", markup=False)


async def _list(settings: Settings, number: int) -> list[dict[str, Any]]:
    async with open_ground(settings) as ground:
        await numbers_of(ground, number)  # raises where there is no such campaign
        async with ground.database.reading() as session:
            return [
                {
                    "person": one.person, "reason": one.reason, "since": one.since.isoformat() if one.since else None,
                    "relay": one.relay, "attempt": one.attempt, "said": one.said,
                }
                for one in await fates.unknowns(session, number)
            ]  # fmt: skip


def _show(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        console.say_json(found)
        return
    for one in found:
        since = (one["since"] or "")[:19]
        console.out.print(
            f"person {one['person']:<9} since {since}  {one['reason']:<12} {one['relay']}  {one['said']}", markup=False
        )
    if not found:
        console.out.print("no letter is unknown")


async def _settle(
    settings: Settings, number: int, act: Literal["resend", "drop"], *, people: list[int], by: str
) -> dict[str, Any]:
    verb = unknowns.send_again if act == "resend" else unknowns.drop
    async with open_ground(settings) as ground:
        async with ground.database.transaction() as session:
            outcome = await verb(session, number, people=people, by=by, now=ground.clock())
        match outcome:
            case Missing():
                raise NoSuchCampaign
            case NotPossible():
                raise Permanent(f"campaign {number} is {outcome.state.value}: {outcome.why}")
            case Settled():
                event = "unknowns.sent_again" if act == "resend" else "unknowns.dropped"
                _log.warning(event, campaign_id=number, letters=outcome.number, by=by)
                return {"id": number, "letters": outcome.number, "by": by}
            case _:
                assert_never(outcome)
