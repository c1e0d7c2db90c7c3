"""Reminders and news of the policy through kill -9 and with several desks at once: nobody twice, nobody forgotten."""

import asyncio
import signal
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent import policy
from consent.tables import StandingRow
from kit.db import Database
from mailer.tables import OutboxRow
from tests.database import NOW, given_subscribers

ROOT = Path(__file__).parents[2]
PEOPLE = 1100  # more than two steps of either kind
DUE = NOW + timedelta(days=180)
PATIENCE = 60


async def a_desk(database: Database, when: str = "never") -> int:
    """Let a process queue what is due; return how it ended."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.mailer.notices_process", database.url, DUE.isoformat(), when,
        cwd=ROOT, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE):
            return await child.wait()
    finally:
        if child.returncode is None:
            child.kill()


async def letters(database: Database) -> Counter[tuple[str, int | None]]:
    async with database.reading() as session:
        rows = await session.execute(sa.select(OutboxRow.kind, OutboxRow.subscriber_id))
        return Counter((kind, person) for kind, person in rows)


async def given(database: Database) -> Counter[tuple[str, int | None]]:
    """Let people be due for a reminder and for news of the policy; return the letters that they are owed."""
    people = await given_subscribers(database, PEOPLE)
    async with database.transaction() as session:
        await policy.keep_policy(session, "1", "old", effective_at=NOW)
        await session.execute(sa.update(StandingRow).values(policy_version="1"))
        await policy.publish(session, "2", "new", effective_at=DUE + timedelta(days=30), asks=("*",))
    return Counter((kind, person) for kind in ("policy", "reminder") for person in people)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_desk_that_is_killed_at_its_commit_doubles_none_and_loses_none(database: Database, when: str) -> None:
    """P6, P15: before the commit nothing of the step is true, after it all of it; the next desk goes on from there."""
    owed = await given(database)

    assert await a_desk(database, when) == -signal.SIGKILL
    halfway = await letters(database)
    assert await a_desk(database) == 0

    assert (halfway.total() > 0) is (when == "after")
    assert halfway.total() < owed.total()
    assert await letters(database) == owed


async def test_desks_at_once_and_one_is_killed(database: Database) -> None:
    """Three machines look at the same moment, and the power of one goes."""
    owed = await given(database)

    ends = await asyncio.gather(a_desk(database, "after"), a_desk(database), a_desk(database))
    assert await a_desk(database) == 0  # the survivors may have looked while the dead one still held its lock

    assert sorted(ends)[1:] == [0, 0]
    assert await letters(database) == owed
