"""A worker is frozen (SIGSTOP) in the middle of a campaign, past its lease, and wakes when others have taken over.

It is not dead, and nothing can be proven about what it did: what it held is unknown until it can tell. Awake again it
tells what became of the letters in its hands, nobody else has sent them meanwhile, and it works on as before.
Rounds: BYLEAVE_FREEZE_ROUNDS.
"""

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from campaigns.reports import status
from kit.db import Database
from tests.fakes.recording_relay import RecordingRelay
from tests.scenarios.installation import Installation, Running, installed, total
from tests.scenarios.kills import finished, sent

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("BYLEAVE_FREEZE_ROUNDS") or 1)
PEOPLE = 600
SLICE = 20
JOBS = 2
LEASE = 6.0  # on a busy machine both would miss shorter ones, and take each other for dead
SETTINGS = {
    "MAILER__SLICE_SIZE": str(SLICE), "MAILER__CHUNK_SIZE": "100", "WORKER__JOBS_AT_ONCE": str(JOBS),
    "WORKER__DEAD_AFTER_SECONDS": str(LEASE),
}  # fmt: skip
OPEN_TRANSACTIONS = "SELECT pid, state_change FROM pg_stat_activity WHERE state = 'idle in transaction'"
IN_FLIGHT = 2 * JOBS * SLICE  # each job sends a slice and has made the next one ready
TAKEN_UP_SECONDS = 10.0 + LEASE


async def test_a_frozen_worker_is_fenced_and_wakes_in_peace(tmp_path: Path, database_url: str) -> None:
    """Row 6 of the fault matrix; promises 3 and 4. One campaign after another, the worker frozen in each of them."""
    rng = random.Random(os.environ.get("BYLEAVE_KILL_SEED"))
    unknown: list[int] = []
    with RecordingRelay(pause=0.02) as relay, contextlib.ExitStack() as stack:
        settings = SETTINGS | {"MAILER__RELAYS": relay.url, "DATABASE__URL": database_url}
        here = stack.enter_context(installed(tmp_path / "here", settings))
        here.import_people(f"reader{number:05}@inbox.test" for number in range(PEOPLE))
        frozen, _ = here.start("worker"), here.run("worker")
        frozen.wait_ready()
        async with here.database() as database:
            for number in range(ROUNDS):
                subject = f"Campaign {number}"
                campaign = here.launch(subject)
                await sent(relay, subject, int(rng.uniform(0.1, 0.6) * PEOPLE))
                await (freeze_within if number % 2 == 0 and not database.is_sqlite else freeze)(frozen, here)
                stopped_at = time.monotonic()
                meanwhile = await finished(database, campaign)
                later = [one.begun_at for one in relay.record.begun if one.begun_at > stopped_at + LEASE / 2]
                carried_on = min(later, default=time.monotonic())  # or only what it held was left, and that is settled
                frozen.process.signal(signal.SIGCONT)
                woken_at = time.monotonic()
                counts = await quiet(database, campaign)
                late = [one for one in relay.record.begun if one.subject == subject and one.begun_at > woken_at + 0.1]
                assert late == []  # the old lease is over, whatever a new one says
                check(relay, subject, meanwhile, counts)
                assert carried_on - stopped_at < TAKEN_UP_SECONDS
                unknown.append(meanwhile["unknown"])
            last = await finished(database, here.launch("Last"))
        assert frozen.stop() == 0

    assert last["sent"] == PEOPLE
    print(f"{ROUNDS} times frozen: 0 doubles, unknown meanwhile {unknown}, of {IN_FLIGHT} that may be in flight")


async def freeze(running: Running, here: Installation) -> None:
    """Stop a process at a moment at which it does not hold the lock of an SQLite file, which stops everybody."""
    for _ in range(200):
        running.process.signal(signal.SIGSTOP)
        if not here.url.startswith("sqlite") or is_free(here.url.partition(":///")[2]):
            return
        running.process.signal(signal.SIGCONT)
        await asyncio.sleep(0.01)
    raise AssertionError("it holds the lock of the database whenever it is looked at")


async def freeze_within(running: Running, here: Installation) -> None:
    """Stop a process while a transaction of its own is open: on PostgreSQL the rows in it stay locked."""
    connection = psycopg.connect(here.url.replace("+psycopg", ""), autocommit=True)
    with contextlib.closing(connection):
        for _ in range(2000):
            running.process.signal(signal.SIGSTOP)
            at_first = connection.execute(OPEN_TRANSACTIONS).fetchall()
            if at_first:
                await asyncio.sleep(0.05)  # the other worker's are over by then
                if set(at_first) & set(connection.execute(OPEN_TRANSACTIONS)):
                    return
            running.process.signal(signal.SIGCONT)
            await asyncio.sleep(random.uniform(0.001, 0.01))
    raise AssertionError("it has no transaction open whenever it is looked at")


def is_free(file: str) -> bool:
    """Whether the file can be written to, perhaps after those who still run have written."""
    with contextlib.closing(sqlite3.connect(file, timeout=1.0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
        return True


async def quiet(database: Database, campaign: int) -> dict[str, Any]:
    """Return the numbers of a campaign once they have not changed for two seconds."""
    last: dict[str, Any] | None = None
    same_since = time.monotonic()
    while time.monotonic() - same_since < 2.0:
        await asyncio.sleep(0.1)
        async with database.reading() as session:
            found = await status(session, campaign)
        if found != last:
            last, same_since = found, time.monotonic()
    assert last is not None
    return last


def check(relay: RecordingRelay, subject: str, meanwhile: dict[str, Any], counts: dict[str, Any]) -> None:
    """Compare the numbers while it was frozen, and after it woke, with what the relay has."""
    taken = Counter(relay.taken(subject))
    assert [address for address, number in taken.items() if number > 1] == []
    for found in (meanwhile, counts):
        assert total(found) == found["snapshot"] == PEOPLE, found
        assert found["waiting"] == found["failed"] == 0, found
    assert 0 < meanwhile["unknown"] <= IN_FLIGHT, meanwhile
    assert counts["unknown"] <= meanwhile["unknown"]
    assert counts["sent"] <= len(taken) <= counts["sent"] + counts["unknown"], (counts, len(taken))
    assert set(counts["skipped"]) <= {"too_late"}, counts  # what it had not begun, when the campaign was over
