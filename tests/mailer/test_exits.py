"""The way out by a link: in the ledger in groups, else on disk, and nobody is mailed meanwhile."""

import asyncio
import os
from collections.abc import Callable
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from consent import gate
from consent.hearing import Hearing
from consent.model import Clearance, Door, SubscriberId
from consent.standing import events_of, granted_topics
from consent.tables import LedgerHeadRow
from consent.unwritten import Unwritten, Wish
from kit.db import Database
from mailer.attention import Attention
from mailer.exits import Exits
from mailer.outcomes import Hindrance
from tests.database import LATER, NOW, given_subscribers
from tests.mailer.test_delivery import given_mailing


def wish(person: SubscriberId, mailing: int, *, everything: bool = False) -> Wish:
    return Wish(person, mailing, Door.ONE_CLICK, LATER, everything, {"mailing": str(mailing)}, "2026-11-01")


class Broken(Database):
    """A database that takes no writes until it is mended."""

    is_broken = True

    def transaction(self):  # type: ignore[no-untyped-def]  # noqa: ANN201
        if self.is_broken:
            raise OSError("no space left")
        return super().transaction()

    async def at_once(self, work: Any) -> Any:
        if self.is_broken:
            raise OSError("no space left")
        return await super().at_once(work)


@pytest.fixture
def broken(database: Database) -> Broken:
    """The same database, which does not take writes."""
    return Broken(database.url)


async def granted(database: Database, person: SubscriberId) -> tuple[str, ...]:
    async with database.reading() as session:
        return await granted_topics(session, person)


async def test_many_leave_in_one_go_and_each_once(database: Database, tmp_path: Path) -> None:
    """Forty people, some twice, and one who is not there."""
    mailing, people = await given_mailing(database, 40)
    exits = Exits(database, Unwritten(tmp_path))
    wishes = [wish(person, mailing) for person in (*people, *people[:5], SubscriberId(9999))]

    assert await asyncio.gather(*map(exits.leave, wishes)) == [True] * 46
    for person in people:
        async with database.reading() as session:
            events = await events_of(session, person)
        assert [event.act.value for event in events][-1] == "withdraw"
        assert sum(event.door is Door.ONE_CLICK for event in events) == 1


async def test_a_mailing_nobody_knows_any_more_ends_everything(database: Database, tmp_path: Path) -> None:
    """Leave no doubt: the person pressed."""
    (person,) = await given_subscribers(database, 1)

    await Exits(database, Unwritten(tmp_path)).leave(wish(person, 4711))

    assert await granted(database, person) == ()


async def test_what_the_database_does_not_take_is_on_disk_and_comes_in_later(broken: Broken, tmp_path: Path) -> None:
    """Answered once it is synced; written down with its own moment; gone from the disk then. Twice is once."""
    database = Database(broken.url)
    mailing, (person, other) = await given_mailing(database, 2)
    unwritten = Unwritten(tmp_path / "opt-outs")
    exits = Exits(broken, unwritten)

    assert await exits.leave(wish(person, mailing)) is False
    assert await exits.leave(wish(person, mailing)) is False
    assert unwritten.people() == {person}
    assert await granted(database, person) == ("deals",)
    assert await exits.catch_up() == 0

    broken.is_broken = False
    assert await exits.catch_up() == 2

    assert unwritten.people() == frozenset()
    assert await granted(database, person) == ()
    assert await granted(database, other) == ("deals",)
    async with database.reading() as session:
        events = await events_of(session, person)
    assert [(event.at, event.evidence["kept"]) for event in events[1:]] == [(LATER, "on disk first")]
    await database.close()
    await broken.close()


async def test_nobody_waits_long_for_a_database_that_hangs(database: Database, tmp_path: Path) -> None:
    """The wish is kept beside it; the next one is not kept waiting at all."""
    mailing, (person, other) = await given_mailing(database, 2)
    unwritten = Unwritten(tmp_path)
    exits = Exits(database, unwritten, commit_seconds=0.1)

    async with asyncio.timeout(5), database.transaction() as session:
        await session.execute(sa.update(LedgerHeadRow).values(seq=LedgerHeadRow.seq))  # another door holds the ledger
        assert await asyncio.create_task(exits.leave(wish(person, mailing)), context=Context()) is False
        assert await asyncio.create_task(exits.leave(wish(other, mailing)), context=Context()) is False
        assert unwritten.people() == {person, other}


async def test_while_it_is_on_disk_only_nothing_is_sent_to_that_person(broken: Broken, tmp_path: Path) -> None:
    """Fail closed: in this process at once, in another one at its next look; afterwards the ledger says it."""
    database = Database(broken.url)
    mailing, people = await given_mailing(database, 2)
    unwritten = Unwritten(tmp_path / "opt-outs")
    here, there = (Attention(database, Hearing(unwritten=Unwritten(tmp_path / "opt-outs"))) for _ in range(2))
    async with database.reading() as session:
        first, second = (await gate.clear(session, people, "deals", now=NOW)).values()
    assert isinstance(first, Clearance)
    assert isinstance(second, Clearance)
    with here.to(mailing), there.to(mailing):
        await here.listen(with_gates=True)
        exits = Exits(broken, unwritten)

        await exits.leave(wish(people[0], mailing))

        assert here.hindrance(mailing, first) is Hindrance.UNWRITTEN
        assert here.hindrance(mailing, second) is None
        await there.listen(with_gates=True)
        assert there.hindrance(mailing, first) is Hindrance.UNWRITTEN
        await here.listen(with_gates=True)
        assert here.hindrance(mailing, first) is Hindrance.UNWRITTEN

        broken.is_broken = False
        await exits.catch_up()
        await here.listen(with_gates=True)
        assert here.hindrance(mailing, first) is Hindrance.WITHDRAWN
    await database.close()
    await broken.close()


@pytest.mark.parametrize("content", ["", "{", '{"person": 1}', "[]", '{"person": "x"}'])
async def test_a_wish_that_cannot_be_read_makes_the_worker_deaf(
    database: Database, tmp_path: Path, content: str
) -> None:
    """Nobody knows whom it is about, so nothing begins for anybody."""
    (tmp_path / "20261120T120000-x.json").write_text(content)
    ears = Attention(database, Hearing(unwritten=Unwritten(tmp_path)))

    with pytest.raises(ValueError, match="x"):
        await ears.listen(with_gates=False)


def test_half_a_wish_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a crash leaves before the rename is not looked at; a disk that can't sync is told, not believed."""
    unwritten = Unwritten(tmp_path)

    def fail(_descriptor: int) -> None:
        raise OSError

    synced: Callable[[int], None] = os.fsync
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError):
        unwritten.keep([wish(SubscriberId(1), 2)])
    assert unwritten.people() == frozenset()

    monkeypatch.setattr(os, "fsync", synced)
    unwritten.keep([wish(SubscriberId(1), 2), wish(SubscriberId(3), 2, everything=True)])
    kept = sorted(Unwritten(tmp_path).wishes().values(), key=lambda one: one.person)
    assert kept == [wish(SubscriberId(1), 2), wish(SubscriberId(3), 2, everything=True)]
