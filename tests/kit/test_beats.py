"""Who is alive: heartbeats, leases, and the dead as another process sees them."""

import asyncio
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from kit.beats import Beats, DeadWorker
from kit.config import WorkerSettings
from kit.db import Database
from kit.tables import WorkerBeatRow

PATIENT = WorkerSettings(beat_seconds=0.2, dead_after_seconds=60)
HASTY = WorkerSettings(beat_seconds=0.15, dead_after_seconds=0.6)


async def watch(beats: Beats, seconds: float) -> list[DeadWorker]:
    """Look again and again, as a worker does, and return what the last look found."""
    until_ = time.monotonic() + seconds
    while time.monotonic() < until_:
        await beats.dead()
        await asyncio.sleep(0.05)
    return await beats.dead()


async def test_a_worker_that_is_only_silent_is_dead_after_its_time_but_not_surely_gone(database: Database) -> None:
    """Its process is there: nothing is proven about what it does."""
    silent = Beats(database, PATIENT)
    other = Beats(database, HASTY)
    await silent.beat()
    assert await watch(other, 0.2) == []

    assert await watch(other, 0.6) == [DeadWorker(silent.worker, is_surely_gone=False)]
    await silent.beat()
    assert await watch(other, 0.2) == []
    assert other.lease is None


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_jumps_kills_nobody_and_keeps_nobody_alive(database: Database, hours: int) -> None:
    """Beats are watched by the watcher's own steady clock, whatever the moments in them say."""
    silent = Beats(database, PATIENT)
    other = Beats(database, HASTY)
    await silent.beat()
    async with database.transaction() as session:
        (row,) = await session.scalars(sa.select(WorkerBeatRow))
        row.seen_at = row.seen_at + timedelta(hours=hours)
    assert await watch(other, 0.2) == []

    assert len(await watch(other, 0.6)) == 1


async def test_who_was_frozen_does_not_take_the_others_for_dead(database: Database) -> None:
    """The database was gone for all, or the whole machine stood still: the others get their time to beat again."""
    silent = Beats(database, PATIENT)
    other = Beats(database, HASTY)
    await silent.beat()
    await other.dead()
    await asyncio.sleep(0.7)

    assert await other.dead() == []


async def test_a_lease_that_lapsed_comes_back_with_another_number(database: Database) -> None:
    """So that what was begun under the old one can be told apart."""
    beats = Beats(database, WorkerSettings(beat_seconds=0.1, dead_after_seconds=0.5))
    leases: list[int | None] = []

    for pause in (0.0, 0.3, 0.0):
        await beats.beat()
        leases.append(beats.lease)
        await asyncio.sleep(pause)
        leases.append(beats.lease)

    assert leases == [1, 1, 1, None, 2, 2]
