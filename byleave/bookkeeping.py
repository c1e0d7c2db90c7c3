"""``byleave ledger``: verify the chain of the ledger, write it to a file that anybody can verify, note its end."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from byleave import console
from byleave.context import settings_of
from byleave.files import new_file
from byleave.wiring import open_ground
from consent import book, ledgerfile
from consent.book import Entry
from consent.verifying import Head, Report, Verifier, read_head
from kit.config import Settings
from kit.db import Session
from kit.errors import Permanent

app = typer.Typer(help="The ledger of consent: verified, exported, its end noted.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Person = Annotated[int | None, typer.Option("--person", help="The number of one person.")]


@app.command()
def head(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Print the present end of the chain, PLACE:HASH, to be noted where nobody who runs this can alter it."""
    with console.plain_errors():
        found = asyncio.run(_head(settings_of(context)))
    if as_json:
        console.say_json({"seq": found.seq, "hash": found.hash, "at": datetime.now(UTC).isoformat()})
    else:
        console.out.print(str(found), markup=False)


async def _head(settings: Settings) -> Head:
    async with open_ground(settings) as ground, ground.database.reading() as session:
        return (await book.ends(session))[0]


@app.command()
def verify(
    context: typer.Context,
    *,
    file: Annotated[Path | None, typer.Option("--file", help="An exported ledger; without it the database.")] = None,
    person: Person = None,
    head: Annotated[list[str] | None, typer.Option("--head", help="An end that was noted: PLACE:HASH.")] = None,
    heads: Annotated[Path | None, typer.Option("--heads", help="A file of noted ends, one a line.")] = None,
    as_json: AsJson = False,
) -> None:
    """Verify every event from the first to the last; 1 where something does not fit, with the first such place."""
    with console.plain_errors():
        noted = [read_head(text) for text in (*(head or ()), *_lines(heads))]
        if file is not None:
            report = _verify_file(file, noted, person, shown=not as_json)
        else:
            report = asyncio.run(_verify_database(settings_of(context), noted, person, shown=not as_json))
    _tell(report, person, len(noted), as_json=as_json)
    if report.fault is not None:
        raise typer.Exit(1)


def _lines(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        return [line for line in file.read_text("ascii").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as cause:
        raise Permanent(f"{file} can't be read as a list of noted ends") from cause


def _verify_file(file: Path, noted: list[Head], person: int | None, *, shown: bool) -> Report:
    try:
        with file.open("rb") as stream, console.progress(shown=shown) as bar:
            task = bar.add_task("verifying", total=max(file.stat().st_size, 1))

            def read_line(most: int) -> bytes:
                line = stream.readline(most)
                bar.advance(task, len(line))
                return line

            return ledgerfile.verify(ledgerfile.lines_of(read_line), noted=noted, person=person)
    except OSError as cause:
        raise Permanent(f"{file} can't be read: {cause.strerror}") from cause


async def _verify_database(settings: Settings, noted: list[Head], person: int | None, *, shown: bool) -> Report:
    verifier = Verifier(noted=noted, person=person)
    async with open_ground(settings) as ground, ground.database.reading() as session:
        stated, last = await book.ends(session)
        with console.progress(shown=shown) as bar:
            task = bar.add_task("verifying", total=stated.seq or 1)
            async for page in book.entries(session, upto=stated.seq or 0):
                if not all(_follow(verifier, entry) for entry in page):
                    return verifier.finish(None)
                bar.advance(task, len(page))
    if last > (stated.seq or 0):
        verifier.fail(
            (stated.seq or 0) + 1, f"the ledger says that it ends at {stated}, and there are events behind it"
        )
    return verifier.finish(stated)


def _follow(verifier: Verifier, entry: Entry) -> bool:
    if entry.content is None:
        return verifier.fail(entry.seq, "it holds what no event can hold")
    return verifier.follow(entry.content, entry.hash)


def _tell(report: Report, person: int | None, noted: int, *, as_json: bool) -> None:
    fault = report.fault
    if as_json:
        console.say_json({
            "good": fault is None, "events": report.events, "seq": report.head.seq, "hash": report.head.hash,
            "fault": {"seq": fault.seq, "why": fault.why} if fault else None, "noted": noted,
            "person": person, "person_events": report.person_events, "person_places": list(report.person_places),
        })  # fmt: skip
        return
    if fault is not None:
        console.err.print(f"event {fault.seq}: {fault.why}", style="red", markup=False)
        console.err.print(f"{report.events} events before it fit", markup=False)
        return
    console.out.print(f"{report.events} events fit, from the first to {report.head}", markup=False)
    console.out.print(
        f"{noted} noted ends are in it" if noted else "compared with no noted end: see 'byleave ledger head'"
    )
    if person is not None:
        places = ", ".join(map(str, report.person_places[:20]))
        console.out.print(f"{report.person_events} of them are of person {person}: {places}", markup=False)


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    *,
    person: Person = None,
    as_json: AsJson = False,
) -> None:
    """Write the ledger to FILE, with the texts people were shown; 'byleave ledger verify --file' needs nothing else."""
    with console.plain_errors():
        written = asyncio.run(_export(settings_of(context), file, person, shown=not as_json))
    if as_json:
        console.say_json(written)
    else:
        console.out.print(f"{written['events']} events written, up to {written['seq']}:{written['hash']}", markup=False)


async def _export(settings: Settings, file: Path, person: int | None, *, shown: bool) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        ground = await stack.enter_async_context(open_ground(settings))
        session = await stack.enter_async_context(ground.database.reading())
        stream = stack.enter_context(new_file(file))
        stated, _ = await book.ends(session)
        stream.write(ledgerfile.header(stated, at=ground.clock(), person=person))
        texts, events = _Texts(session), 0
        with console.progress(shown=shown) as bar:
            task = bar.add_task("writing", total=stated.seq or 1)
            async for page in book.entries(session, upto=stated.seq or 0, person=person):
                lines = await texts.needed_by(page)
                for entry in page:
                    if entry.content is None:
                        raise Permanent(f"event {entry.seq} can't be read; 'byleave ledger verify' says more")
                    previous = None if person is None else await book.hash_before(session, entry.seq)
                    lines.append(ledgerfile.event(entry.content, entry.hash, previous=previous))
                events += len(page)
                stream.write(b"".join(lines))
                bar.advance(task, len(page))
        stream.write(ledgerfile.end(events))
    return {"file": str(file), "events": events, "seq": stated.seq, "hash": stated.hash}


class _Texts:
    """The wordings and policy versions that were not written yet."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._written: set[tuple[str, str]] = set()

    async def needed_by(self, page: list[Entry]) -> list[bytes]:
        """Return the lines of texts that events of a page name for the first time."""
        contents = [entry.content for entry in page if entry.content]
        wordings = self._new("wording", {one["wording"] for one in contents})
        versions = self._new("policy", {one["policy_version"] for one in contents})
        lines = [ledgerfile.wording(text) for text in await book.wordings(self._session, wordings)]
        found = await book.policies(self._session, versions)
        return lines + [ledgerfile.policy(version, text) for version, text in found]

    def _new(self, kind: str, names: set[str]) -> list[str]:
        fresh = {name for name in names if name} - {name for known, name in self._written if known == kind}
        self._written |= {(kind, name) for name in fresh}
        return sorted(fresh)
