"""Transactions: on disk when they return, hooks after the commit, and no nesting."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent.tables import SuppressionRow
from kit.db import Database, after_commit

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


async def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    """It sees the last committed state meanwhile."""
    await add(database, "one")
    async with database.transaction() as writing:
        writing.add(SuppressionRow(address_hash="two", reason="test", since=NOON))
        await writing.flush()
        async with database.reading() as session:
            assert await session.scalar(sa.select(sa.func.count()).select_from(SuppressionRow)) == 1
