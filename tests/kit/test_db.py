"""Transactions: on disk when they return, hooks after the commit, and no nesting."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent.tables import SuppressionRow
from kit.db import Database, Session, after_commit, hold_alone, is_sqlite
from kit.rows import among, given_rows, listing, packed_rows
from tests.database import on_every_engine

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def add(database: Database, key: str, since: datetime = NOON) -> None:
    async with database.transaction() as session:
        session.add(SuppressionRow(address_hash=key, reason="test", since=since))


async def test_hooks_run_after_the_commit_and_not_after_a_rollback(database: Database) -> None:
    """When a hook runs, another connection sees the data."""
    told: list[str] = []

    async def fail() -> None:
        async with database.transaction() as session:
            after_commit(session, lambda: told.append("failed"))
            message = "no"
            raise ValueError(message)

    with pytest.raises(ValueError, match="no"):
        await fail()
    async with database.transaction() as session:
        after_commit(session, lambda: told.append("done"))
        assert told == []

    assert told == ["done"]


async def test_a_second_transaction_in_the_same_task_is_refused(database: Database) -> None:
    """It would wait for the first one for ever."""

    async def nest() -> None:
        async with database.transaction(), database.transaction():
            pass

    with pytest.raises(RuntimeError, match="already open"):
        await nest()
    await add(database, "k")


async def test_moments_come_back_aware_and_in_utc(database: Database) -> None:
    """Whatever zone they were given in; a naive one is refused."""
    await add(database, "k", NOON.astimezone(timezone(timedelta(hours=5, minutes=30))))

    async with database.reading() as session:
        row = await session.get_one(SuppressionRow, "k")
    assert row.since == NOON
    assert row.since.utcoffset() == timedelta(0)
    with pytest.raises(sa.exc.StatementError):
        await add(database, "naive", NOON.replace(tzinfo=None))


async def test_sqlite_writes_ahead_and_reaches_the_disk_at_each_commit(tmp_path: Path) -> None:
    """WAL with synchronous=FULL, foreign keys on (promise 1)."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db")
    async with database.transaction() as session:
        found = [
            await session.scalar(sa.text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    await database.close()

    assert found == ["wal", 2, 1]


@pytest.mark.peer
async def test_postgresql_ends_the_transaction_of_a_process_that_stands_still(postgres_url: str) -> None:
    """What it holds is free for others after a while; it learns it when it wakes, and works on."""
    frozen, other = Database(postgres_url, frozen_seconds=0.3), Database(postgres_url)

    async def hold_and_freeze() -> None:
        async with frozen.transaction() as session:
            await hold_alone(session, 7)
            async with asyncio.timeout(10), other.reading() as waiting:
                await hold_alone(waiting, 7)  # the first one says nothing meanwhile
            await session.execute(sa.text("SELECT 1"))

    try:
        with pytest.raises(sa.exc.DBAPIError):
            await hold_and_freeze()
        async with frozen.transaction() as session:
            assert await session.scalar(sa.text("SELECT 1")) == 1
    finally:
        for database in (frozen, other):
            await database.close()


async def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    """It sees the last committed state meanwhile."""
    await add(database, "one")
    async with database.transaction() as writing:
        writing.add(SuppressionRow(address_hash="two", reason="test", since=NOON))
        await writing.flush()
        async with database.reading() as session:
            assert await session.scalar(sa.select(sa.func.count()).select_from(SuppressionRow)) == 1


async def test_a_transaction_at_once_is_a_transaction(database: Database) -> None:
    """What it wrote is on disk when it returns, and the hooks are told then; it does not nest in another one."""
    told: list[str] = []

    async def work(session: Session) -> str:
        session.add(SuppressionRow(address_hash="at once", reason="test", since=NOON))
        await session.flush()
        after_commit(session, lambda: told.append("done"))
        return "made"

    assert await database.at_once(work) == "made"
    assert told == ["done"]
    async with database.reading() as session:
        assert await session.scalar(sa.select(SuppressionRow.since)) == NOON
    async with database.transaction():
        with pytest.raises(RuntimeError, match="already open"):
            await database.at_once(work)


async def test_who_waits_no_more_for_a_commit_is_told_all_the_same(tmp_path: Path) -> None:
    """What is on its way to the disk gets there; who listens hears of it (promise 2), and the next one comes after."""
    told, begun, go_on = asyncio.Event(), threading.Event(), threading.Event()
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db")

    async def write(session: Session) -> None:
        await session.execute(sa.text("CREATE TABLE IF NOT EXISTS note (told INTEGER)"))
        await session.execute(sa.text("INSERT INTO note VALUES (1)"))
        after_commit(session, told.set)

    async def count(session: Session) -> int:
        return int(await session.scalar(sa.text("SELECT count(*) FROM note")))

    def slowly(_connection: sa.Connection) -> None:
        begun.set()
        assert go_on.wait(20)

    with on_every_engine(commit=slowly):
        waiting = asyncio.create_task(database.at_once(write))
        await asyncio.to_thread(begun.wait, 20)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not told.is_set()
        counting = asyncio.create_task(database.at_once(count))
        await asyncio.sleep(0.05)
        assert not counting.done()
        go_on.set()
        assert await asyncio.wait_for(counting, 20) == 1

    await asyncio.wait_for(told.wait(), 20)
    await database.close()


async def test_a_commit_that_fails_is_rolled_back(tmp_path: Path) -> None:
    """And the next transaction has a connection that works."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db")

    async def write(session: Session) -> None:
        await session.execute(sa.text("CREATE TABLE note (told INTEGER)"))
        after_commit(session, lambda: pytest.fail("told of what was rolled back"))

    async def tables(session: Session) -> int:
        return int(await session.scalar(sa.text("SELECT count(*) FROM sqlite_schema")))

    def fail(_connection: sa.Connection) -> None:
        message = "the disk is full"
        raise OSError(message)

    with on_every_engine(commit=fail), pytest.raises(OSError, match="full"):
        await database.at_once(write)

    assert await database.at_once(tables) == 0
    await database.close()


async def test_a_transaction_at_once_that_fails_leaves_nothing(database: Database) -> None:
    """Whatever it raises comes through; the next one works."""

    async def fail(session: Session) -> None:
        session.add(SuppressionRow(address_hash="failed", reason="test", since=NOON))
        await session.flush()
        after_commit(session, lambda: pytest.fail("told of what was rolled back"))
        message = "no"
        raise ValueError(message)

    async def count(session: Session) -> int | None:
        return await session.scalar(sa.select(sa.func.count()).select_from(SuppressionRow))

    with pytest.raises(ValueError, match="no"):
        await database.at_once(fail)

    assert await database.at_once(count) == 0


async def test_a_transaction_at_once_waits_for_nothing_else(database: Database) -> None:
    """On SQLite it runs in one go; who waits in it would wait for ever."""

    async def wait(session: Session) -> None:
        session.add(SuppressionRow(address_hash="waited", reason="test", since=NOON))
        await session.flush()
        await asyncio.sleep(0)

    if database.is_sqlite:
        with pytest.raises(RuntimeError, match="awaits nothing but its session"):
            await database.at_once(wait)
        async with database.reading() as session:
            assert await session.scalar(sa.select(sa.func.count()).select_from(SuppressionRow)) == 0
    else:
        await database.at_once(wait)


async def test_one_parameter_names_many_numbers(database: Database) -> None:
    """So that the statement stays the same, however many they are, and none is no error."""
    async with database.transaction() as session:
        of_sqlite = is_sqlite(session)
        numbers = sa.select(sa.literal(1).label("n")).union_all(sa.select(sa.literal(2)), sa.select(sa.literal(3)))
        some = sa.select(numbers.subquery().c.n)
        some = some.where(among(some.selected_columns.n, "wanted", of_sqlite=of_sqlite))

        for wanted in ([], [3], [1, 3, 4]):
            found = await session.scalars(some, {"wanted": listing(wanted, of_sqlite=of_sqlite)})
            assert sorted(found) == [n for n in wanted if n < 4]


async def test_one_parameter_holds_many_rows(database: Database) -> None:
    """Texts of all kinds, numbers, nothing, and moments that come back as they were."""
    rows = [
        (1, "plain", NOON),
        (2, "\"'{}[]\\ \u2028ü", None),
        (3, None, NOON.astimezone(timezone(timedelta(hours=5)))),
    ]
    kinds = {"n": sa.Integer(), "words": sa.Text(), "at": SuppressionRow.since.type}

    async with database.transaction() as session:
        of_sqlite = is_sqlite(session)
        given = given_rows("rows", kinds, of_sqlite=of_sqlite).c
        for wanted in (rows, []):
            found = await session.execute(
                sa.select(given.n, given.words, given.at).order_by(given.n),
                {"rows": packed_rows(wanted, of_sqlite=of_sqlite)},
            )
            assert [tuple(row) for row in found] == wanted
        changed = sa.update(SuppressionRow).where(SuppressionRow.reason == given.words).values(since=given.at)
        session.add(SuppressionRow(address_hash="x", reason="plain", since=NOON - timedelta(days=1)))
        await session.flush()
        await session.execute(changed, {"rows": packed_rows(rows, of_sqlite=of_sqlite)})
        assert await session.scalar(sa.select(SuppressionRow.since).execution_options(populate_existing=True)) == NOON
        assert await session.scalar(sa.select(sa.func.count()).where(SuppressionRow.since == NOON)) == 1
