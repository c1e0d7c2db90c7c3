"""Mails decided together: nobody waits for a group to fill, and nobody suffers for another's mail."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from consent.chain import first_misfit
from consent.model import SubscriberId
from consent.standing import event_from
from consent.subscribers import Profile, add
from consent.tables import ConsentEventRow, LedgerHeadRow
from inbound.content import content_key
from inbound.dispatch import Decided, Paper
from inbound.mail import read_mail
from inbound.model import Envelope, Reading, Verdict
from inbound.readers import ThreadReaders
from inbound.world import TopicInfo, World
from kit.addresses import EmailAddress
from kit.db import Database
from kit.desk import MOST_TOGETHER, Desk
from tests.database import NOW, SECRETS, on_every_engine
from tests.inbound.taking import ANNA, BOB, TOKENS, Town, a_mail, an_envelope, simple_read, town_on

WORLD = World(topics=(TopicInfo("deals", "Deals"), TopicInfo("courses", "Courses")))
READING = Reading(Verdict.HUMAN, None, 1.0, (), read_mail(b""))


@pytest.fixture
async def town(database: Database) -> AsyncIterator[Town]:
    async with town_on(database) as made:
        yield made


def a_paper(raw: bytes, envelope: Envelope | None = None) -> Paper:
    envelope = envelope or an_envelope()
    return Paper(content_key(raw, at=NOW), simple_read(raw, world=WORLD, envelope=envelope), envelope, raw, NOW)


def numbered(key: object) -> Paper:
    return Paper(str(key), READING, Envelope(), b"", NOW)


class Deciding:
    """Decides by key, in the time that the test lets it take."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.may_go = asyncio.Event()

    async def __call__(self, papers: Sequence[Paper]) -> list[Decided | None]:
        self.groups.append([paper.key for paper in papers])
        await self.may_go.wait()
        if any(paper.key == "poison" for paper in papers):
            raise ValueError
        return [Decided(number, (paper.key,), queued=False) for number, paper in enumerate(papers)]


async def test_the_first_goes_alone_and_those_who_wait_go_together() -> None:
    """Idle, a mail waits for nobody; a group is bounded; each gets its own answer."""
    deciding = Deciding()
    desk = Desk(deciding, seconds=5)
    tasks = [asyncio.create_task(desk.bring(numbered(0)))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(desk.bring(numbered(key))) for key in range(1, MOST_TOGETHER + 3)]
    await asyncio.sleep(0)
    deciding.may_go.set()

    answers = await asyncio.gather(*tasks)

    assert [len(group) for group in deciding.groups] == [1, MOST_TOGETHER, 2]
    assert [answer.actions for answer in answers if answer] == [(str(key),) for key in range(MOST_TOGETHER + 3)]


async def test_one_that_cannot_be_decided_harms_no_other() -> None:
    """The group is taken apart; only the poisonous mail fails."""
    deciding = Deciding()
    desk = Desk(deciding, seconds=5)
    tasks = [asyncio.create_task(desk.bring(numbered(key))) for key in ("first", "a", "poison", "b")]
    await asyncio.sleep(0)
    deciding.may_go.set()

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(answer) for answer in answers] == [Decided, Decided, ValueError, Decided]
    assert deciding.groups[-3:] == [["a"], ["poison"], ["b"]]


async def test_who_gives_up_or_is_cancelled_leaves_no_other_without_an_answer() -> None:
    """The time is bounded while waiting and while deciding, and the desk is free afterwards."""
    deciding = Deciding()
    desk = Desk(deciding, seconds=0.05)
    tasks = [asyncio.create_task(desk.bring(numbered(key))) for key in range(3)]

    answers = await asyncio.gather(*tasks, return_exceptions=True)
    leader = asyncio.create_task(desk.bring(numbered("cancelled")))
    await asyncio.sleep(0)
    leader.cancel()
    await asyncio.gather(leader, return_exceptions=True)
    deciding.may_go.set()
    last = await desk.bring(numbered("last"))

    assert [type(answer) for answer in answers] == [TimeoutError] * 3
    assert last == Decided(0, ("last",), queued=False)


async def test_a_group_decides_as_each_alone_would(town: Town) -> None:
    """A receipt for each opt-out that changed something, the same mail once, and what came first counts first."""
    town_reply = town.reply_address(town.anna)
    mails = [
        a_mail(to=town_reply, text="unsubscribe deals", message_id="1@x"),
        a_mail(to=town_reply, text="unsubscribe", message_id="2@x"),
        a_mail(to=town_reply, text="unsubscribe deals", message_id="1@x"),
        a_mail(text="subscribe courses", message_id="3@x"),
    ]
    papers = [a_paper(raw, an_envelope(ANNA, town_reply)) for raw in mails]
    papers.append(a_paper(a_mail(sender=BOB, text="unsubscribe", message_id="4@x"), an_envelope(BOB)))

    answers = await town.intake._commit(papers)

    assert [answer and answer.actions for answer in answers] == [
        ("withdraw deals", "receipt"),
        ("withdraw all", "receipt"),
        None,
        ("subscribe pending courses: changed nothing", "confirmation"),
        ("withdraw all", "receipt"),
    ]
    assert [act for act, *_ in await town.events(town.anna)] == ["withdraw", "withdraw_all"]
    assert [(row.kind, row.address) for row in await town.outbox()] == [
        ("receipt", str(ANNA)), ("receipt", str(ANNA)), ("confirmation", str(ANNA)), ("receipt", str(BOB)),
    ]  # fmt: skip
    assert (await town.outbox())[0].details["event"] == 3
    await _assert_chained(town)


async def test_an_undo_sees_what_the_same_group_has_ended(town: Town) -> None:
    """What was gathered is written before the tables are read."""
    await town.intake.take(a_mail(text="unsubscribe deals"), an_envelope(), NOW)
    address = TOKENS.confirm_address("reply.shop.example", town.anna, (await town.outbox())[0].id)
    leaves = a_mail(text="unsubscribe", message_id="2@x")
    undoes = a_mail(to=address, text="undo", message_id="3@x")

    await town.intake._commit([a_paper(leaves), a_paper(undoes, an_envelope(ANNA, address))])

    assert [act for act, *_ in await town.events()] == ["withdraw", "withdraw_all"]  # a newer opt-out stands


async def test_a_poisonous_mail_is_kept_and_its_neighbours_are_decided(town: Town) -> None:
    """Promise 5, in a group: whoever came with it has left, it waits itself, and the chain is whole."""
    people = await _newcomers(town, 12)

    def read(raw: bytes, *, world: World, envelope: Envelope) -> Reading:
        reading = simple_read(raw, world=world, envelope=envelope)
        return replace(reading, reasons=(None,)) if b"poison" in raw else reading  # type: ignore[arg-type]  # that's it

    town.intake._readers = ThreadReaders(read)
    mails = [
        (a_mail(sender=who, text="poison" if place == 7 else "unsubscribe", message_id=f"{place}@x"), an_envelope(who))
        for place, who in enumerate(people)
    ]

    answers = await asyncio.gather(*(town.intake.take(raw, envelope, NOW) for raw, envelope in mails))

    assert {answer.code for answer in answers} == {250}
    assert sorted(mail.state for mail in await town.mails()) == ["decided"] * 11 + ["deferred"]
    assert [act for act, *_ in await town.events()] == ["withdraw_all"] * 11
    assert len(await town.outbox()) == 11
    await _assert_chained(town)


@pytest.mark.parametrize(("together", "most"), [(1, 13), (16, 21)])
async def test_the_statements_are_bounded(town: Town, together: int, most: int) -> None:
    """An opt-out alone takes a dozen, with its commit's and PostgreSQL's notice; sixteen take hardly more."""
    people = await _newcomers(town, together)
    papers = [
        a_paper(a_mail(sender=who, to=to, text="unsubscribe", message_id=f"{person}@x"), an_envelope(who, to))
        for who, person in people.items()
        for to in (town.reply_address(person),)
    ]
    statements: list[str] = []

    with on_every_engine(before_cursor_execute=lambda *given: statements.append(given[2])):
        answers = await town.intake._commit(papers)
    count = len(statements)

    assert {answer.actions for answer in answers if answer} == {("withdraw all", "receipt")}
    assert len(await town.events()) == together
    assert len([one for one in statements if "consent_event" in one and one.startswith("INSERT")]) == 1
    assert count <= most


async def _newcomers(town: Town, number: int) -> dict[EmailAddress, SubscriberId]:
    people = [EmailAddress(f"p{place}", "example.net") for place in range(number)]
    async with town.database.transaction() as session:
        known = await add(session, [Profile(person) for person in people], secrets=SECRETS, at=NOW)
    return {person: known[person.key] for person in people}


async def _assert_chained(town: Town) -> None:
    """The chain has no gap, and its end is noted."""
    async with town.database.reading() as session:
        rows = list(await session.scalars(sa.select(ConsentEventRow).order_by(ConsentEventRow.seq)))
        head = (await session.execute(sa.select(LedgerHeadRow.seq, LedgerHeadRow.hash))).one()
    assert first_misfit((event_from(row), row.wording_sha256, row.hash) for row in rows) is None
    assert tuple(head) == (rows[-1].seq, rows[-1].hash)
