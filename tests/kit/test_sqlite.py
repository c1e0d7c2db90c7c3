"""Looks made together: each sees what is committed, and none harms another."""

import asyncio
import contextvars
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent.tables import SuppressionRow
from kit.db import Database, Session
from tests.database import on_every_engine

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


async def count(session: Session) -> int | None:
    return await session.scalar(sa.select(sa.func.count()).select_from(SuppressionRow))


async def fail(session: Session) -> int | None:
    await session.execute(sa.text("SELECT * FROM nothing_of_ours"))
    return None


async def add(database: Database, name: str) -> None:
    async with database.transaction() as session:
        session.add(SuppressionRow(address_hash=name, reason="test", since=NOON))


async def test_a_look_sees_what_is_on_disk_by_now(database: Database) -> None:
    """Each one anew: no snapshot is kept from the last."""
    assert await database.look(count) == 0
    await add(database, "one")
    assert await database.look(count) == 1
    await add(database, "two")
    assert await database.look(count) == 2


async def test_a_look_does_not_wait_for_a_writer(database: Database) -> None:
    """And does not see what is not committed."""
    async with database.transaction() as session:
        session.add(SuppressionRow(address_hash="one", reason="test", since=NOON))
        await session.flush()
        assert await database.look(count) == 0


async def test_a_look_that_fails_harms_no_other(database: Database) -> None:
    """Its own error comes through; those beside it and after it see what there is."""
    await add(database, "one")
    looks = (count, fail, count, fail, count)

    found = await asyncio.gather(*map(database.look, looks), return_exceptions=True)

    assert [one for one in found if not isinstance(one, Exception)] == [1, 1, 1]
    assert {isinstance(one, sa.exc.DBAPIError) for one in found if isinstance(one, Exception)} == {True}
    assert await database.look(count) == 1


async def test_who_stops_waiting_keeps_nobody_from_an_answer(database: Database) -> None:
    """A visitor who hangs up."""
    looks = [asyncio.create_task(database.look(count)) for _ in range(5)]
    await asyncio.sleep(0)
    looks[2].cancel()

    assert [one for one in await asyncio.gather(*looks, return_exceptions=True) if one == 0] == [0] * 4
    assert looks[2].cancelled()
    assert await database.look(count) == 0


async def test_looks_that_come_together_are_made_together(database: Database) -> None:
    """One snapshot for many; all get their answer, however many they are."""
    if not database.is_sqlite:
        pytest.skip("PostgreSQL's looks have connections of their own")
    begun: list[object] = []

    with on_every_engine(begin=begun.append):
        assert await asyncio.gather(*(database.look(count) for _ in range(200))) == [0] * 200

    assert len(begun) == 4  # 64 each


async def test_a_look_changes_nothing(database: Database) -> None:
    """What somebody writes by mistake is rolled back."""

    async def write(session: Session) -> None:
        await session.execute(sa.insert(SuppressionRow).values(address_hash="x", reason="test", since=NOON))

    await database.look(write)

    assert await database.look(count) == 0


@pytest.mark.parametrize("way", ["transaction", "at once"])
async def test_who_finds_the_file_taken_waits_for_it(tmp_path: Path, way: str) -> None:
    """Whoever finds the file taken waits, by either way, and has it once it is free."""
    url = f"sqlite+aiosqlite:///{tmp_path}/shared.db"
    busy, waiting = Database(url), Database(url)  # each has a connection of its own, as two processes do
    async with busy.transaction() as session:
        await session.run_sync(lambda inner: SuppressionRow.metadata.create_all(inner.connection()))
        wish = asyncio.create_task(_write(waiting, way), context=contextvars.Context())
        await asyncio.sleep(0.3)
        assert not wish.done()
    freed = asyncio.get_running_loop().time()
    await wish
    assert asyncio.get_running_loop().time() - freed < 5
    assert await waiting.look(count) == 1
    await busy.close()
    await waiting.close()


async def _write(database: Database, way: str) -> None:
    if way == "transaction":
        async with database.transaction() as session:
            await _add_one(session)
    else:
        await database.at_once(_add_one)


async def _add_one(session: Session) -> None:
    await session.execute(sa.insert(SuppressionRow).values(address_hash="one", reason="test", since=NOON))


async def test_who_is_cancelled_while_waiting_for_the_file_leaves_nothing_behind(tmp_path: Path) -> None:
    """The wait ends with the cancellation itself, and the database goes on."""
    url = f"sqlite+aiosqlite:///{tmp_path}/shared.db"
    busy, waiting = Database(url), Database(url)
    async with busy.transaction() as session:
        await session.run_sync(lambda inner: SuppressionRow.metadata.create_all(inner.connection()))
        wish = asyncio.create_task(_write(waiting, "transaction"), context=contextvars.Context())
        await asyncio.sleep(0.1)
        wish.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wish
    await add(waiting, "two")
    assert await waiting.look(count) == 1
    await busy.close()
    await waiting.close()
