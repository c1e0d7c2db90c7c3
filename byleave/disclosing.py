"""``byleave disclosures``: who got what about whom, on what ground (P10, P11)."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from byleave import console
from byleave.answerable import By, Reference, keepable, who
from byleave.context import settings_of
from byleave.people import person_of
from byleave.wiring import open_ground
from consent import disclosures
from consent.disclosures import Disclosure, Ground, Sort
from kit.config import Settings
from kit.errors import Permanent

app = typer.Typer(help="Who got what about whom, and on what ground.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]


class NoSuchDisclosure(Permanent):
    """There is no such entry; 'byleave disclosures list' shows all."""


@app.command()
def add(
    context: typer.Context,
    recipient: Annotated[str, typer.Option("--to", help="Who asked and got it: an authority, a court, a company.")],
    ground: Annotated[Ground, typer.Option("--ground", help="On what ground.")],
    given: Annotated[str, typer.Option("--given", help="What kinds of data, like 'name, consent record'.")],
    *,
    person: Annotated[list[str] | None, typer.Option("--person", help="Address or number; may be repeated.")] = None,
    people: Annotated[int, typer.Option("--people", min=0, help="How many people, if they are not named.")] = 0,
    reference: Reference = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Enter a disclosure. It can't be changed afterwards; a mistake is put right by a further entry."""
    with console.plain_errors():
        keepable(recipient, given, reference)
        if not recipient.strip() or not given.strip():
            console.fail("--to and --given must say who got what")
        entry = Disclosure(0, datetime.now(UTC), Sort.DISCLOSURE, recipient, ground, reference, given, who(by), people)
        shown = asyncio.run(_add(settings_of(context), entry, person or []))
    if as_json:
        console.say_json(shown)
    else:
        console.out.print(f"disclosure {shown['number']} entered, about {shown['people']} people", markup=False)


async def _add(settings: Settings, entry: Disclosure, people: list[str]) -> dict[str, Any]:
    async with open_ground(settings) as ground, ground.database.transaction() as session:
        numbers = sorted({await person_of(session, one) for one in people})
        return await _one(session, await disclosures.add(session, entry, numbers))


@app.command("list")
def list_(
    context: typer.Context,
    *,
    person: Annotated[str, typer.Option("--person", help="Only those about this person (address or number).")] = "",
    as_json: AsJson = False,
) -> None:
    """List the disclosures, the newest first."""
    with console.plain_errors():
        found = asyncio.run(_list(settings_of(context), person))
    if as_json:
        console.say_json(found)
        return
    for one in found:
        line = f"{one['number']:>6}  {one['at'][:16]}  {one['recipient']}: {one['given']}, {one['people']} people "
        console.out.print(f"{line}({one['ground']}, {one['sort']}, by {one['by']})", markup=False)
    if not found:
        console.out.print("nothing was disclosed")


async def _list(settings: Settings, person: str) -> list[dict[str, Any]]:
    async with open_ground(settings) as ground, ground.database.reading() as session:
        number = await person_of(session, person) if person else None
        return [_shown(one) for one in await disclosures.all_disclosures(session, person=number)]


@app.command()
def show(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="The number of the entry.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one entry, with the numbers of the people it is about."""
    with console.plain_errors():
        shown = asyncio.run(_show(settings_of(context), number))
    if as_json:
        console.say_json(shown)
        return
    for key, value in shown.items():
        console.out.print(f"{key:<12} {value}", markup=False)


async def _show(settings: Settings, number: int) -> dict[str, Any]:
    async with open_ground(settings) as ground, ground.database.reading() as session:
        return await _one(session, number)


async def _one(session: Any, number: int) -> dict[str, Any]:
    found = await disclosures.load(session, number)
    if found is None:
        raise NoSuchDisclosure
    return {**_shown(found), "persons": await disclosures.people_of(session, number)}


def _shown(entry: Disclosure) -> dict[str, Any]:
    return {
        "number": entry.number, "at": entry.at.isoformat(), "sort": entry.sort.value, "recipient": entry.recipient,
        "ground": entry.ground.value, "reference": entry.reference, "given": entry.given, "by": entry.by,
        "people": entry.people,
    }  # fmt: skip
