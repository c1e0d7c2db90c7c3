"""``byleave demo``: the whole promise kept, on this machine, in front of your eyes, in about half a minute.

Everything is real but the people: the same import, database, signatures, relay, listener, pages and worker as in
production. Each claim is proven from outside, by what lies in the relay's store, against a list that was made
beforehand; the exit code is 0 only when every proof holds.
"""

import asyncio
import shutil
import time
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from typing import Any

import typer
from rich.live import Live
from rich.table import Table

from byleave import console, demo_cast
from byleave.context import settings_of
from byleave.demo_cast import Person, Received, Reply
from byleave.demo_stage import Stage, get, hand_in, post, received
from byleave.wiring import open_ground
from campaigns import store
from campaigns.reports import status as status_of
from consent import ledger, subscribers
from consent.enrol import enrol
from consent.imports import read_lines
from consent.ledger import Source
from consent.model import Door, Proof, SubscriberId
from consent.subscribers import Profile
from inbound.decisions import Decision
from kit.addresses import parse_address
from kit.config import Settings
from kit.db import Session
from kit.errors import Permanent
from kit.log import configure_logging
from mailer.sandbox import read_store

BY_IMPORT = Source(Door.IMPORT, Proof.EVIDENCE, {"source": "the demonstration's shop, at check-out"})
BY_PERSON = Source(Door.PAGE, Proof.TOKEN, wording="Yes, send me these mails.")
CAMPAIGN_SECONDS = 60.0
LETTER = {
    "topic": "deals",
    "template": "announcement",
    "text": "All course bundles cost 30 % less until Sunday.\nYou can cancel any order within 14 days.",
    "values": {"button_url": "https://www.proengineer.example/deals", "button": "See the bundles"},
}
OTHER_DOORS = 6  # customers who leave by other ways than writing


def demo(context: typer.Context) -> None:
    """Play it all on this machine: import, campaign, replies in many languages, second campaign, proofs."""
    started = time.monotonic()
    with console.plain_errors():
        settings = _settings(settings_of(context))
        configure_logging("error", "text")
        proofs = asyncio.run(_play(settings))
    failed = [claim for claim, holds in proofs if not holds]
    seconds = time.monotonic() - started
    console.out.print(f"\n{len(proofs) - len(failed)} of {len(proofs)} proofs hold, after {seconds:.0f} s.")
    console.out.print(f"All that was sent lies in {settings.var_folder}/sandbox; nothing left this machine.")
    if failed:
        raise typer.Exit(1)
    console.out.print("Now your own: README.md, “Your first campaign”.")


def _settings(settings: Settings) -> Settings:
    """Return settings that can't reach anything but this machine, with a fresh folder of their own."""
    folder = settings.var_folder / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    inbound = settings.inbound
    local = {"host": "127.0.0.1", "port": 0}
    return settings.model_copy(
        update={
            "var": str(folder),
            "database": settings.database.model_copy(update={"url": f"sqlite+aiosqlite:///{folder}/byleave.db"}),
            "mailer": settings.mailer.model_copy(update={"relays": ("sandbox:",)}),
            "inbound": inbound.model_copy(
                update={
                    "origin": inbound.origin.model_copy(update={"check": False}),
                    "smtp": inbound.smtp.model_copy(update={**local, "enabled": True}),
                    "lmtp": inbound.lmtp.model_copy(update={"enabled": False}),
                    "imap": inbound.imap.model_copy(update={"enabled": False}),
                }
            ),
            "web": settings.web.model_copy(update={**local, "enabled": True, "tls_certificate": "", "tls_key": ""}),
        }
    )


async def _play(settings: Settings) -> list[tuple[str, bool]]:
    from byleave.engine import assemble
    from byleave.supervisor import supervise

    replies = demo_cast.load_replies()
    people = demo_cast.cast(replies, OTHER_DOORS)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        ground = await stack.enter_async_context(open_ground(settings, initialise=True))
        engine = await assemble(ground, stack)
        assert engine.smtp is not None  # noqa: S101 - all parts were asked for
        assert engine.web is not None  # noqa: S101 - all parts were asked for
        assert engine.jobs is not None  # noqa: S101 - all parts were asked for
        running = asyncio.create_task(supervise(engine.services, stop=stop, drain_seconds=10))
        try:
            async with asyncio.timeout(30):
                await engine.smtp.ready.wait()
                await engine.web.ready.wait()
            stage = Stage(ground, people, replies, engine.smtp.port, engine.web.port, engine.jobs)
            await _story(stage)
        finally:
            stop.set()
            await running
    return stage.proofs


async def _story(stage: Stage) -> None:
    await _people(stage)
    first = await _campaign(stage, "2. A campaign", "Spring sale: 30% off every course bundle")
    await _answers(stage, first)
    await _other_doors(stage, first)
    await _letters_handed_on(stage)
    second = await _campaign(stage, "5. The next campaign", "Last days: bundles at 30% off")
    left = [person for person in stage.people if person.has_left]
    got = {one.rcpt_to for one in second}
    stage.prove(
        f"not one of the {len(left)} who left deals got the second campaign", not got & {p.address for p in left}
    )
    stayed = {person.address for person in stage.people if person.may_get_deals}
    stage.prove(f"each of the {len(stayed)} who stayed got it, once", got == stayed and len(second) == len(stayed))


# -- before the first mail --------------------------------------------------------------------------------------------


async def _people(stage: Stage) -> None:
    console.out.print("[bold]1. People[/] with all kinds of standing are imported, on evidence of their consent")
    importable = [person for person in stage.people if not person.kind.startswith("child")]
    content = demo_cast.csv_of(importable).encode()
    lines = list(read_lines(content, over_13=True, today=date.today()))  # noqa: DTZ011 - ages are counted in days here
    profiles = {str(line.profile.address): line.profile for line in lines if line.profile is not None}
    refused = [line.refusal for line in lines if line.profile is None]
    stage.prove(
        f"{len(profiles)} lines imported, {len(refused)} refused with a reason ({refused[-1]})", len(refused) == 4
    )
    now = datetime.now(UTC)
    async with stage.ground.database.transaction() as session:
        for person in stage.people:
            profile = profiles.get(person.address) or _child(person)
            topics = person.topics if person.kind != "pending" else ()
            added = await enrol(session, [profile], topics, source=BY_IMPORT, secrets=stage.ground.secrets, at=now)
            assert added.added == 1  # noqa: S101 - the folder is fresh
            found = await subscribers.find(session, profile.address)
            assert found is not None  # noqa: S101 - it was just added
            stage.numbers[person.address] = found.id
            await _arrange(session, person, found.id, now + timedelta(milliseconds=1))


def _child(person: Person) -> Profile:
    return Profile(parse_address(person.address), person.name, birth_date=date.fromisoformat(person.birth_date))


async def _arrange(session: Session, person: Person, number: SubscriberId, at: datetime) -> None:
    """Bring about the standing that a person is said to have."""
    match person.kind:
        case "pending":
            await ledger.subscribe(session, number, person.topics, source=BY_PERSON, at=at)
        case "left before":
            await ledger.withdraw_all(session, number, source=BY_PERSON, at=at)
        case "paused":
            await ledger.pause(session, number, at + timedelta(days=30), source=BY_PERSON, at=at)
        case "suppressed":
            source = Source(Door.BOUNCE, Proof.TOKEN)
            await ledger.suppress(session, number, reason="hard bounce", source=source, at=at)
        case "child with guardian":
            await ledger.guardian(session, number, agreed=True, source=BY_PERSON, at=at)
        case _:
            pass


# -- a campaign -------------------------------------------------------------------------------------------------------


async def _campaign(stage: Stage, heading: str, subject: str) -> list[Received]:
    """Send a campaign and return what arrived of it, as it lies in the relay's store."""
    settings = stage.ground.settings
    console.out.print(f"\n[bold]{heading}[/] about deals: “{subject}”")
    expected = sorted(person.address for person in stage.people if person.may_get_deals)
    now = datetime.now(UTC)
    async with stage.ground.database.transaction() as session:
        number = await store.new(session, {**LETTER, "name": subject, "subject": subject}, now=now)
        await store.launch(session, number, enqueue=stage.jobs.enqueue, now=now, chunk_size=settings.mailer.chunk_size)
    counts = await _finished(stage, number)
    got = [one for one in await asyncio.to_thread(received, settings) if one.subject == subject]
    everybody = len(stage.people)
    stage.prove(
        f"{len(got)} of {everybody} people got it: those who agreed, and nobody else",
        sorted(one.rcpt_to for one in got) == expected,
    )
    total = counts["sent"] + counts["failed"] + counts["unknown"] + counts["waiting"] + sum(counts["skipped"].values())
    stage.prove(
        f"the sum is exact: {counts['snapshot']} = {counts['sent']} sent", total == counts["snapshot"] == len(got)
    )
    return got


async def _finished(stage: Stage, number: int) -> dict[str, Any]:
    started = time.monotonic()
    with console.progress(shown=True) as bar:
        task = bar.add_task("sending", total=None)
        while time.monotonic() - started < CAMPAIGN_SECONDS:
            async with stage.ground.database.reading() as session:
                counts = await status_of(session, number)
            assert counts is not None  # noqa: S101 - it was just launched
            bar.update(task, total=counts["snapshot"], completed=counts["sent"])
            if counts["state"] == "finished":
                return counts
            await asyncio.sleep(0.1)
    raise Permanent(f"the campaign was not finished within {CAMPAIGN_SECONDS:.0f} s; see 'byleave doctor'")


# -- what comes back --------------------------------------------------------------------------------------------------


async def _answers(stage: Stage, first: list[Received]) -> None:
    console.out.print("\n[bold]3. Customers reply[/] in their own words, by SMTP; each is done before the 250")
    by_address = {one.rcpt_to: one for one in first}
    right = 0
    table = _table()
    with Live(table, console=console.out, refresh_per_second=8, vertical_overflow="visible"):
        for reply, person in zip(stage.replies, stage.people, strict=False):
            letter = demo_cast.written(reply, by_address[person.address], datetime.now(UTC))
            decision, milliseconds = await hand_in(stage, person.address, by_address[person.address].reply_to, letter)
            is_right = decision is not None and decision.verdict == reply.verdict
            is_right = is_right and await _left(stage, person) == set(
                person.topics if reply.leaves == "all" else reply.leaves
            )
            right += is_right
            person.has_left = "deals" in (person.topics if reply.leaves == "all" else reply.leaves)
            table.add_row(
                reply.language, reply.client, _short(reply, 60), decision.verdict if decision else "?",
                ", ".join(decision.actions) if decision else "", _reason(decision), f"{milliseconds:.0f}",
                style="" if is_right else "red",
            )  # fmt: skip
    if not console.out.is_terminal:
        console.out.print()
    stage.prove(f"{right} of {len(stage.replies)} replies led to what their writers meant", right == len(stage.replies))
    ordered = sorted(stage.answer_ms)
    half = ordered[len(ordered) // 2]
    console.out.print(
        f"    from the last byte to “250 done”: {half:.0f} ms in the middle, {ordered[-1]:.0f} ms at most"
    )


async def _left(stage: Stage, person: Person) -> set[str]:
    """Return which of their topics a person has not any more."""
    async with stage.ground.database.reading() as session:
        standing = await ledger.standing_of(session, stage.numbers[person.address])
    return set(person.topics) - set(standing.granted())


async def _other_doors(stage: Stage, first: list[Received]) -> None:
    console.out.print("\n[bold]4. Other doors[/] lead to the same ledger")
    by_address = {one.rcpt_to: one for one in first}
    people = iter(stage.people[len(stage.replies) :])
    now = datetime.now(UTC)

    def next_one() -> tuple[Person, Received]:
        person = next(people)
        return person, by_address[person.address]

    person, got = next_one()
    await asyncio.to_thread(post, stage.web_port, got.one_click, "List-Unsubscribe=One-Click", times=2)
    await _gone(stage, person, "one-click (RFC 8058), pressed twice, takes the topic off", {"deals"})
    person, got = next_one()
    await asyncio.to_thread(get, stage.web_port, (got.one_click, got.preferences))
    await _gone(stage, person, "a link scanner that opens every link changes nothing", set())
    await asyncio.to_thread(post, stage.web_port, got.preferences, "do=save&topic=newsletter")
    await _gone(stage, person, "the preference page switches one topic off", {"deals"})
    person, got = next_one()
    await hand_in(stage, person.address, got.mailto, demo_cast.mailto(got, now))
    await _gone(stage, person, "a mail to the List-Unsubscribe address does it, too", {"deals", "newsletter"})
    person, got = next_one()
    await hand_in(stage, "", got.mail_from, demo_cast.bounce(got, now))
    person.has_left = True
    stage.prove("a hard bounce to the signed return path stops mail to that address", await _suppressed(stage, person))
    person, got = next_one()
    feedback = stage.ground.settings.mailer.feedback_address
    await hand_in(stage, "fbl@mailbox.example.com", feedback, demo_cast.complaint(got, now))
    await _gone(stage, person, "a spam complaint with our signed identifier ends everything", {"deals", "newsletter"})
    person, got = next_one()
    friend = "friend@elsewhere.example"
    decision, _ = await hand_in(stage, friend, got.reply_to, demo_cast.forwarded(got, friend, now))
    await _gone(stage, person, "a friend with a forwarded copy unsubscribes nobody: the owner is asked", set())
    stage.prove("and the owner has a mail to answer", decision is not None and "ask_owner" in decision.actions)


async def _gone(stage: Stage, person: Person, claim: str, topics: set[str]) -> None:
    left = await _left(stage, person)
    person.has_left = "deals" in topics
    stage.prove(claim, left == topics)


async def _suppressed(stage: Stage, person: Person) -> bool:
    hashed = stage.ground.secrets.address_hash(parse_address(person.address))
    async with stage.ground.database.reading() as session:
        return bool(await subscribers.suppression(session, hashed))


async def _letters_handed_on(stage: Stage) -> None:
    """Wait for the outbox, then count what customer service got."""
    human = [reply for reply in stage.replies if reply.verdict == "human"]
    service = stage.ground.settings.company.customer_service
    folder = stage.ground.settings.var_folder / "sandbox"
    handed_on = []
    for _ in range(100):
        handed_on = [one for one in await asyncio.to_thread(read_store, folder) if one.rcpt_to == service]
        if len(handed_on) >= len(human):
            break
        await asyncio.sleep(0.1)
    stage.prove(f"customer service got the {len(human)} letters of people, and no other", len(handed_on) == len(human))


# -- small things -----------------------------------------------------------------------------------------------------


def _table() -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold dim", expand=True)
    for name, width, ratio in (
        ("", 3, None), ("program", 11, None), ("what they wrote", None, 5), ("taken for", 11, None),
        ("what was done", None, 3), ("because of", None, 4), ("ms", 4, None),
    ):  # fmt: skip
        table.add_column(name, width=width, ratio=ratio, overflow="ellipsis", no_wrap=True)
    return table


def _short(reply: Reply, most: int) -> str:
    words = " ".join((reply.text or reply.subject.format(subject="…")).split())
    return words if len(words) <= most else words[: most - 1] + "…"


def _reason(decision: Decision | None) -> str:
    if decision is None:
        return ""
    return ", ".join(decision.counted) or (decision.reasons[0] if decision.reasons else "")
