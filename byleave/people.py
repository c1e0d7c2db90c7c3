"""``byleave subscribers``: import people on evidence of their consent, add one, show what is known of one."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from byleave import console, paper, rights
from byleave.answerable import keepable
from byleave.context import settings_of
from byleave.files import new_file, read_bytes
from byleave.wiring import Ground, open_ground
from consent import book
from consent import subscribers as store
from consent.age import age_band
from consent.enrol import BATCH, Enrolled, enrol
from consent.imports import Line, read_lines
from consent.ledger import Done, Source, hold, subscribe
from consent.model import AgeBand, Door, Proof, SubscriberId
from consent.policy import all_topics
from consent.record import record, record_of
from consent.subscribers import Profile
from kit.addresses import parse_address
from kit.db import Session
from kit.errors import Permanent

app = typer.Typer(help="The people we may write to.", no_args_is_help=True)
for _command in (rights.export, rights.erase, rights.purchases):
    app.command(_command.__name__)(_command)

MOST_REFUSALS_SHOWN = 50  # on a terminal; --json has all
MOST_DIGITS = 19  # of a number of a person; longer ones are none


class NobodyKnown(Permanent):
    """Nobody with that address or number is known."""


class UnknownTopic(Permanent):
    """There is no such topic."""


Topics = Annotated[list[str], typer.Option("--topic", help="The key of a topic; may be given several times.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV, UTF-8: email, name, language, time_zone, country, phone, …")],
    topic: Topics,
    source: Annotated[str, typer.Option(help="Where and how these people agreed: kept as evidence with each event.")],
    *,
    over_13: Annotated[bool, typer.Option("--over-13", help="The source has asked the age.")] = False,
    share: Annotated[bool, typer.Option("--share", help="They agreed to be shared with partners, too (P10).")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and report; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Import people who agreed elsewhere, on the evidence of SOURCE; who has left stays out (promise 6)."""
    with console.plain_errors():
        if not source.strip():
            console.fail("--source must say where these people agreed; it is the evidence of their consent")
        keepable(source, file.name)
        how = _How(over_13=over_13, share=share, dry_run=dry_run, quiet=as_json)
        report = asyncio.run(_import(settings_of(context), file, topic, source.strip(), how))
    if as_json:
        console.say_json(report)
    else:
        _tell(report, dry_run=dry_run)
    if report["refused"]:
        raise typer.Exit(console.DONE_IN_PART)


@dataclass(frozen=True, slots=True)
class _How:
    """What an import was told by its options."""

    over_13: bool
    share: bool
    dry_run: bool
    quiet: bool


async def _import(settings: Any, file: Path, topics: list[str], source: str, how: _How) -> dict[str, Any]:
    now = datetime.now(UTC)
    content = await asyncio.to_thread(read_bytes, file)
    lines = await asyncio.to_thread(lambda: list(read_lines(content, over_13=how.over_13, today=now.date())))
    good = [line.profile for line in lines if line.profile is not None]
    total = Enrolled()
    async with open_ground(settings) as ground:
        await known_topics(ground, topics)
        with console.progress(shown=not how.quiet) as bar:
            task = bar.add_task("importing", total=len(good))
            for start in range(0, 0 if how.dry_run else len(good), BATCH):
                batch = good[start : start + BATCH]
                made = await _enrol(ground, batch, topics, source=source, file=file.name, now=now, share=how.share)
                total = Enrolled(
                    total.added + made.added,
                    total.granted + made.granted,
                    total.left_before + made.left_before,
                    total.erased + made.erased,
                )
                bar.advance(task, len(batch))
    return {
        "lines": len(lines), "good": len(good), "imported": 0 if how.dry_run else len(good), "added": total.added,
        "granted": total.granted, "left_before": total.left_before, "dry_run": how.dry_run,
        "erased": total.erased,
        "age_unknown": sum(profile.age_band is AgeBand.UNKNOWN for profile in good),
        "refused": [_refusal(line) for line in lines if line.profile is None],
    }  # fmt: skip


async def _enrol(
    ground: Ground,
    batch: list[Profile],
    topics: list[str],
    *,
    source: str,
    file: str,
    now: datetime,
    share: bool = False,
) -> Enrolled:
    evidence = Source(
        Door.IMPORT, Proof.EVIDENCE, {"source": source, "file": file},
        policy_version=ground.settings.consent.default_policy_version,
    )  # fmt: skip
    async with ground.database.transaction() as session:
        return await enrol(session, batch, topics, source=evidence, secrets=ground.secrets, at=now, share=share)


def _refusal(line: Line) -> dict[str, Any]:
    return {"line": line.number, "reason": line.refusal}


def _tell(report: dict[str, Any], *, dry_run: bool) -> None:
    for refusal in report["refused"][:MOST_REFUSALS_SHOWN]:
        console.err.print(f"line {refusal['line']}: {refusal['reason']}", markup=False)
    hidden = len(report["refused"]) - MOST_REFUSALS_SHOWN
    if hidden > 0:
        console.err.print(f"… and {hidden} more; --json lists them all")
    if dry_run:
        console.out.print(f"{report['good']} people would be imported, {len(report['refused'])} lines refused")
        return
    console.out.print(
        f"{report['good']} people imported ({report['added']} new, {report['granted']} with something newly agreed), "
        f"{report['left_before']} of them had left before and stay out, {len(report['refused'])} lines refused"
    )
    if report["erased"]:
        console.out.print(f"{report['erased']} of them asked to be erased before; nothing of them is kept")
    if report["age_unknown"]:
        console.err.print(
            f"the age of {report['age_unknown']} people is not known: "
            "give birth_date, or --over-13 if the source has asked"
        )


@app.command()
def add(
    context: typer.Context,
    email: Annotated[str, typer.Argument(help="The address of the person.")],
    topic: Topics,
    *,
    source: Annotated[
        str, typer.Option(help="Evidence of a consent given elsewhere; without it they must confirm.")
    ] = "",
    name: Annotated[str, typer.Option(help="Their name.")] = "",
    language: Annotated[str, typer.Option(help="Their language, e.g. de.")] = "",
    over_13: Annotated[bool, typer.Option("--over-13", help="The source has asked the age.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add one person: granted on the evidence of --source, else pending until they confirm."""
    with console.plain_errors():
        keepable(email, name, source)
        band = age_band(None, stated_over_13=over_13, today=datetime.now(UTC).date())
        profile = Profile(parse_address(email), name=name[:200], language=language[:35], age_band=band)
        shown = asyncio.run(_add(settings_of(context), profile, topic, source.strip()))
    if as_json:
        console.say_json(shown)
    else:
        console.out.print(f"{email}: " + ", ".join(f"{key} {shown['topics'][key]}" for key in topic), markup=False)


async def _add(settings: Any, profile: Profile, topics: list[str], source: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    from byleave.letters import ask_to_confirm  # the mail rooms are slow to import

    async with open_ground(settings) as ground:
        await known_topics(ground, topics)
        if source:
            async with ground.database.reading() as session:  # to say why; enrolment looks itself
                await _refuse_erased(session, profile, ground)
            await _enrol(ground, [profile], topics, source=source, file="command line", now=now)
        else:
            async with ground.database.transaction() as session:
                await hold(session)  # so that nobody is erased between the look and the writing
                await _refuse_erased(session, profile, ground)
                numbers = await store.add(session, [profile], secrets=ground.secrets, at=now)
                by_staff = Source(Door.STAFF, Proof.STAFF, policy_version=settings.consent.default_policy_version)
                number = numbers[profile.address.key]
                asked = await subscribe(session, number, topics, source=by_staff, at=now)
                if isinstance(asked, Done):
                    await ask_to_confirm(ground, session, number, tuple(topics), now)
        async with ground.database.reading() as session:
            return await record(session, profile.address) or {}


async def _refuse_erased(session: Session, profile: Profile, ground: Ground) -> None:
    if await store.erased_among(session, [profile.address], secrets=ground.secrets):
        raise Permanent("that person asked to be erased; only they themselves can come back, by signing up")


@app.command()
def show(
    context: typer.Context,
    email: Annotated[str, typer.Argument(help="The address of the person.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show what is known of a person, and every event of their consent."""
    with console.plain_errors():
        shown = asyncio.run(_show(settings_of(context), email))
        if shown is None:
            console.fail("nobody with that address is known")
    if as_json:
        console.say_json(shown)
        return
    out = console.out
    out.print(f"{shown['email']}  {shown['name']}  (number {shown['id']}, age {shown['age']})", markup=False)
    if shown["suppressed"]:
        out.print(f"  must not be mailed: {shown['suppressed']}", markup=False)
    for key, state in shown["topics"].items():
        out.print(f"  {key:<14} {state}", markup=False)
    for event in shown["events"]:
        what = ", ".join(event["topics"]) or ("everything" if event["act"] == "withdraw_all" else "")
        facts = "; ".join(f"{key}: {value}" for key, value in event["evidence"].items())
        line = f"  {event['at'][:19]}  {event['act']:<12} {what}  by {event['door']} (proof: {event['proof']})  {facts}"
        out.print(line, markup=False)


async def _show(settings: Any, email: str) -> dict[str, Any] | None:
    address = parse_address(email)
    async with open_ground(settings) as ground, ground.database.reading() as session:
        return await record(session, address)


@app.command("record")
def record_(
    context: typer.Context,
    who: Annotated[str, typer.Argument(help="The address of the person, or their number.", metavar="ADDRESS|NUMBER")],
    *,
    html: Annotated[Path | None, typer.Option("--html", help="Write it to this new file, to be printed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the record of consent of a person: each event in a sentence, the very wording shown, proof and hashes."""
    with console.plain_errors():
        settings = settings_of(context)
        found, head = asyncio.run(_whole_record(settings, who))
        if html is not None:
            written = paper.page(found, company=settings.company.name, head=head, at=datetime.now(UTC))
            with new_file(html) as stream:
                stream.write(written.encode())
    if as_json:
        console.say_json({**found, "head": head})
        return
    console.out.print(f"{found['email'] or 'erased'}  (number {found['id']})", markup=False)
    for event in found["events"]:
        console.out.print(f"{event['seq']:>8}  {event['sentence']}", markup=False)
        if event["wording"]:
            console.out.print(f"          shown: {event['wording']}", markup=False)


async def _whole_record(settings: Any, who: str) -> tuple[dict[str, Any], str]:
    async with open_ground(settings) as ground, ground.database.reading() as session:
        person = await person_of(session, who)
        found = await record_of(session, person)
        head, _ = await book.ends(session)
    assert found is not None, person  # noqa: S101 - the person was just found
    return found, str(head)


async def person_of(session: Session, who: str) -> SubscriberId:
    """Return the number of the person with an address or number, or raise :class:`NobodyKnown`."""
    if who.isascii() and who.isdecimal() and len(who) < MOST_DIGITS:
        found = await store.load(session, SubscriberId(int(who)))
    else:
        found = await store.find(session, parse_address(who))
    if found is None:
        raise NobodyKnown
    return found.id


async def known_topics(ground: Ground, topics: list[str]) -> None:
    """Raise :class:`UnknownTopic` for one that is not known."""
    async with ground.database.reading() as session:
        known = [topic.key for topic in await all_topics(session)]
    for topic in topics:
        if topic not in known:
            raise UnknownTopic(f"there is no topic '{topic}'; known are {', '.join(known)}")
