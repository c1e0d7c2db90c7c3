"""Whose turn it is to write: who waits for SQLite's file gets it before who has just had it."""

import asyncio
import contextvars
import fcntl
import os
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kit.db import Database, Session
from kit.turns import TURN_SECONDS

TRIES = 12  # of an order that would come about by luck every second time


async def write(session: Session) -> None:
    await session.execute(sa.text("CREATE TABLE IF NOT EXISTS note (told INTEGER)"))
    await session.execute(sa.text("INSERT INTO note VALUES (1)"))


async def count(session: Session) -> int:
    return int(await session.scalar(sa.text("SELECT count(*) FROM note")))


def beside(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Begin something as another task would that has no transaction open."""
    return asyncio.create_task(work, context=contextvars.Context())


def is_taken(file: Path) -> bool:
    """Whether somebody holds the lock that says who is next."""
    lock = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


async def come(database: Database, way: str, name: str, came: list[str]) -> None:
    """Write, by either way, and note when it was one's turn."""

    async def work(session: Session) -> None:
        came.append(name)
        await write(session)

    if way == "transaction":
        async with database.transaction() as session:
            await work(session)
    else:
        await database.at_once(work)


async def test_who_waits_comes_before_who_comes_later(tmp_path: Path) -> None:
    """Each database here has connections of its own, as three processes would.

    Within one process the order often comes about by itself; that the lock is held and heeded is told by the next two.
    """
    holder, early, late = (Database(f"sqlite+aiosqlite:///{tmp_path}/x.db") for _ in range(3))
    came: list[str] = []
    for database in (holder, early, late):  # what is done once for a connection is done
        await come(database, "at once", "first", came)
    for _ in range(TRIES):
        came.clear()
        async with holder.transaction() as session:
            await write(session)
            tasks = [beside(come(early, "at once", "early", came))]
            await asyncio.sleep(0.02)
            tasks.append(beside(come(late, "at once", "late", came)))
            await asyncio.sleep(0.02)
        await asyncio.gather(*tasks)
        assert came == ["early", "late"]
    for database in (holder, early, late):
        await database.close()


@pytest.mark.parametrize("way", ["transaction", "at once"])
async def test_who_is_next_and_stands_still_keeps_nobody_waiting_for_long(tmp_path: Path, way: str) -> None:
    """It is for fairness alone: the file is free, and is taken."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db")
    await database.at_once(write)
    lock = os.open(tmp_path / "x.db-next", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)

    began = time.monotonic()
    async with asyncio.timeout(10):
        await come(database, way, "it", [])

    assert time.monotonic() - began >= TURN_SECONDS  # though the file was free: it was somebody else's turn
    assert await database.look(count) == 2
    os.close(lock)
    await database.close()


async def test_a_lock_that_can_not_be_had_keeps_nobody_from_writing(tmp_path: Path) -> None:
    """As in a folder in which nothing can be made."""
    (tmp_path / "x.db-next").mkdir()
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db")

    await database.at_once(write)
    async with database.transaction() as session:
        await write(session)

    assert await database.look(count) == 2
    await database.close()


@pytest.mark.parametrize("way", ["transaction", "at once"])
async def test_who_gives_up_is_next_no_more(tmp_path: Path, way: str) -> None:
    """Cancelled while it waits for the file: the lock is free at once for those who come."""
    holder, leaving = (Database(f"sqlite+aiosqlite:///{tmp_path}/x.db") for _ in range(2))
    await leaving.at_once(write)

    async with holder.transaction() as session:
        await write(session)
        waiting = beside(come(leaving, way, "leaving", []))
        await asyncio.sleep(0.05)
        assert is_taken(tmp_path / "x.db-next")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not is_taken(tmp_path / "x.db-next")
    await leaving.at_once(write)
    assert await leaving.look(count) == 3
    for database in (holder, leaving):
        await database.close()
