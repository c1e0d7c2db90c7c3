"""``byleave share``: give a partner the people who agreed to sharing, tell whom of them it must forget (P10)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from byleave import console
from byleave.answerable import By, Reference, keepable, who
from byleave.context import settings_of
from byleave.files import new_file
from byleave.people import known_topics, person_of
from byleave.wiring import open_ground
from consent import disclosures, sharefile, sharing
from consent.disclosures import Disclosure, Ground, Sort
from consent.ledger import Done, Source
from consent.model import Door, Proof
from consent.sharefile import Field
from kit.config import Settings
from kit.errors import Permanent

app = typer.Typer(help="Sharing with partners, of people who agreed to it.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Partner = Annotated[str, typer.Option("--partner", help="The partner's name, always written alike.")]


class NobodyToShare(Permanent):
    """Nobody agreed to sharing under these topics; nothing was written."""


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The CSV file to write; it must not be there yet.")],
    partner: Partner,
    topic: Annotated[list[str], typer.Option("--topic", help="People of this topic; may be repeated.")],
    *,
    field: Annotated[list[Field] | None, typer.Option("--field", help="May be repeated; email alone else.")] = None,
    reference: Reference = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Write those who agreed to sharing to FILE; the register has the entry before the file has its name."""
    with console.plain_errors():
        named = _partner(partner, reference)
        fields = list(dict.fromkeys(field or [Field.EMAIL]))
        entry = (named, reference, who(by))
        shown = asyncio.run(_export(settings_of(context), file, topic, fields, entry))
    if as_json:
        console.say_json(shown)
    else:
        console.out.print(f"{shown['people']} people written, disclosure {shown['disclosure']}", markup=False)


async def _export(
    settings: Settings, file: Path, topics: Sequence[str], fields: Sequence[Field], entry: tuple[str, str, str]
) -> dict[str, Any]:
    partner, reference, by = entry
    async with open_ground(settings) as ground:
        await known_topics(ground, list(topics))
        now, people, left_out = ground.clock(), list[int](), 0
        with new_file(file) as stream:
            async with ground.database.transaction() as session:
                stream.write(sharefile.header(fields))
                require_age = settings.consent.require_age
                async for page in sharing.may_be_shared(session, topics, now=now, require_age=require_age):
                    for person in page:
                        line = sharefile.line(person, fields)
                        left_out += line is None
                        if line is not None:
                            stream.write(line)
                            people.append(person.id)
                if not people:
                    raise NobodyToShare
                given = ", ".join(["number", *fields]) + f"; topics {', '.join(topics)}"
                made = Disclosure(0, now, Sort.SHARE, partner, Ground.CONSENT, reference, given, by, len(people))
                number = await disclosures.add(session, made, people)
    return {"file": str(file), "partner": partner, "people": len(people), "left_out": left_out, "disclosure": number}


@app.command()
def withdrawals(context: typer.Context, partner: Partner, *, as_json: AsJson = False) -> None:
    """List whom the partner was given and must forget: they withdrew since, or were erased."""
    with console.plain_errors():
        found = asyncio.run(_withdrawals(settings_of(context), _partner(partner)))
    if as_json:
        console.say_json(found)
        return
    for one in found:
        console.out.print(f"{one['number']:>8}  {one['email'] or 'erased'}", markup=False)
    if not found:
        console.out.print("nobody of those given has withdrawn")


async def _withdrawals(settings: Settings, partner: str) -> list[dict[str, Any]]:
    async with open_ground(settings) as ground, ground.database.reading() as session:
        found = await sharing.withdrawn(session, partner)
    return [{"number": one.number, "email": one.email, "erased": one.erased} for one in found]


@app.command()
def stop(
    context: typer.Context,
    person: Annotated[str, typer.Argument(help="Address or number.", metavar="ADDRESS|NUMBER")],
    *,
    reason: Annotated[str, typer.Option(help="Where the wish came: kept as evidence.")] = "",
    as_json: AsJson = False,
) -> None:
    """End a person's agreement to sharing, and nothing else."""
    with console.plain_errors():
        keepable(reason)
        changed = asyncio.run(_stop(settings_of(context), person, reason.strip()))
    if as_json:
        console.say_json({"changed": changed})
    else:
        console.out.print("they are not shared any more" if changed else "it was so already")


async def _stop(settings: Settings, person: str, reason: str) -> bool:
    source = Source(Door.STAFF, Proof.STAFF, {"reason": reason} if reason else None)
    async with open_ground(settings) as ground, ground.database.transaction() as session:
        number = await person_of(session, person)
        ended = await sharing.end(session, number, source=source, at=ground.clock())
        return isinstance(ended, Done)


def _partner(name: str, *texts: str) -> str:
    keepable(name, *texts)
    kept = disclosures.kept_name(name)
    if not kept:
        console.fail("--partner must say who gets them")
    return kept
