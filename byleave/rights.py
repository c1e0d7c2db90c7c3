"""``byleave subscribers export``, ``erase``, ``purchases``: rights of people by hands of staff; what they bought."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from byleave import console
from byleave.answerable import here_and_now, keepable, who
from byleave.context import settings_of
from byleave.files import read_bytes
from byleave.wiring import open_ground
from kit.addresses import parse_address
from kit.config import Settings
from kit.errors import Permanent

Email = Annotated[str, typer.Argument(help="The address of the person.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
AT_ONCE = 1000  # purchases in one transaction


class NobodyKnown(Permanent):
    """Nobody with that address is known."""


def export(context: typer.Context, email: Email, *, as_json: AsJson = False) -> None:
    """Print everything that is kept of a person, in every room: for reading, or as JSON."""
    from web.rights import readable

    with console.plain_errors():
        kept = asyncio.run(_export(settings_of(context), email))
    if as_json:
        console.say_json(kept)
    else:
        console.out.print(readable(kept), markup=False, soft_wrap=True)


def erase(
    context: typer.Context,
    email: Email,
    *,
    reason: Annotated[str, typer.Option(help="Who asked for it and how, e.g. 'letter of 3 March': kept as evidence.")],
    yes: Annotated[bool, typer.Option("--yes", help="It can't be undone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person on their request: one last mail confirms it, and no import brings them back."""
    with console.plain_errors():
        if not yes:
            console.fail("nothing was erased: it can't be undone; say --yes")
        keepable(reason)
        number = asyncio.run(_erase(settings_of(context), email, reason.strip()))
    if as_json:
        console.say_json({"erased": number})
    else:
        console.out.print(f"erased; the number {number} and the hashes that keep the address out remain", markup=False)


def purchases(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV, UTF-8: email, item, bought_on (2026-11-20).")],
    *,
    as_json: AsJson = False,
) -> None:
    """Take over what people bought; a second run of the same file changes nothing, and strangers are left out."""
    with console.plain_errors():
        report = asyncio.run(_purchases(settings_of(context), file))
    if as_json:
        console.say_json(report)
    else:
        for refusal in report["refused"]:
            console.err.print(f"line {refusal['line']}: {refusal['reason']}", markup=False)
        console.out.print(f"{report['kept']} purchases kept, {report['unknown']} of nobody known", markup=False)
    if report["refused"]:
        raise typer.Exit(console.DONE_IN_PART)


async def _export(settings: Settings, email: str) -> dict[str, Any]:
    from consent.subscribers import find
    from web.rights import hand_over

    async with open_ground(settings) as ground, ground.database.transaction() as session:
        person = await find(session, parse_address(email))
        kept = await hand_over(session, person.id, by=who(""), at=here_and_now(settings)) if person else None
    if kept is None:
        raise NobodyKnown
    return kept


async def _erase(settings: Settings, email: str, reason: str) -> int:
    from consent.ledger import Source
    from consent.model import Door, Proof
    from consent.subscribers import find
    from web.rights import erase as everywhere

    source = Source(Door.STAFF, Proof.STAFF, {"reason": reason} if reason else None)
    async with open_ground(settings) as ground, ground.database.transaction() as session:
        person = await find(session, parse_address(email))
        if person is None:
            raise NobodyKnown
        await everywhere(
            session, person.id, secrets=ground.secrets, source=source, by=who(""), note=reason,
            at=here_and_now(settings),
        )  # fmt: skip
        return person.id


async def _purchases(settings: Settings, file: Path) -> dict[str, Any]:
    from consent.purchases import keep, read_purchases

    content = await asyncio.to_thread(read_bytes, file)
    rows = await asyncio.to_thread(lambda: list(read_purchases(content)))
    good = [row.purchase for row in rows if row.purchase is not None]
    unknown = 0
    async with open_ground(settings) as ground:
        for start in range(0, len(good), AT_ONCE):
            async with ground.database.transaction() as session:
                unknown += await keep(session, good[start : start + AT_ONCE])
    return {
        "kept": len(good) - unknown, "unknown": unknown,
        "refused": [{"line": row.number, "reason": row.refusal} for row in rows if row.purchase is None],
    }  # fmt: skip
