"""What a launch costs as lists grow: the snapshot, the memory, the claims, and how long an opt-out waits meanwhile.

``python -m bench.audience --subscribers 1000000 [--database URL] [--past 3] [--json]`` measures 10^4, 10^5 … up to the
number, each without and with past campaigns of the same size, each in a process of its own. The launch is the real one
(:func:`campaigns.launching.launch` with the real job engine), the claims are the courier's two transactions; only the
people and the past campaigns are written by bulk SQL. ``--database`` takes the URL of an empty database that may be
filled and emptied, ``sqlite`` (a fresh file, the default) or ``postgresql`` (a private server with fsync).
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.crowd_in_database import seed, seed_past, set_past  # noqa: E402
from byleave import schema  # noqa: E402
from campaigns import launching, store  # noqa: E402
from consent.ledger import Source, withdraw  # noqa: E402
from consent.model import Door, Proof, SubscriberId  # noqa: E402
from kit.clock import utc_now  # noqa: E402
from kit.db import Database  # noqa: E402
from kit.jobs import Jobs  # noqa: E402
from mailer import delivery  # noqa: E402
from mailer.delivery import Slice  # noqa: E402
from mailer.outcomes import Outcome  # noqa: E402

SLICE = 100
SLICES = 10  # claimed at each of the three places
TOPIC = "deals"
CONTENT = {"name": "Bench", "topic": TOPIC, "subject": "Half price", "text": "Hello"}


async def _ready() -> None:
    """Let everything be launched."""


async def measure(url: str, people: int, past: int) -> dict[str, Any]:
    """Fill an empty database, launch, claim, and return the figures."""
    schema.upgrade(url)
    database = Database(url)
    jobs = Jobs(database)
    await jobs.prepare()
    seed(url, people, TOPIC)
    seed_past(url, past, TOPIC)
    async with database.transaction() as session:
        campaign = await store.new(session, CONTENT, now=utc_now())
    with _opt_outs(url, people) as waits:
        begun = time.perf_counter()
        await launching.launch(database, campaign, ready=_ready, enqueue=jobs.enqueue, now=utc_now())
        seconds = time.perf_counter() - begun
    async with database.reading() as session:
        snapshot = (await delivery.count(session, campaign)).snapshot
        number = len(await delivery.ranges(session, campaign, 1000))
    claims = {}
    for place, share in (("start", 0.0), ("middle", 0.5), ("end", 1 - 1.5 * SLICE * SLICES / people)):
        set_past(url, campaign, share)
        claims[place] = round(await _claim_cost(database, campaign), 1)
    jobs.close()
    await database.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "database": "sqlite" if database.is_sqlite else "postgresql", "subscribers": people, "past_campaigns": past,
        "snapshot": snapshot, "snapshot_s": round(seconds, 2), "jobs": number, "rss_mb": round(peak),
        "claim_us_per_message": claims, "optouts_meanwhile": len(waits),
        "optout_ms": {"median": round(statistics.median(waits), 1), "max": round(max(waits), 1)} if waits else {},
    }  # fmt: skip


async def _claim_cost(database: Database, campaign: int) -> float:
    """Claim and record slices as a courier does; return the microseconds of the database's work for one letter."""
    async with database.reading() as session:
        ((first, last), *_) = await delivery.ranges(session, campaign, 1 << 40)
    costs = []
    for place in range(SLICES):
        begun = time.perf_counter()
        async with database.transaction() as session:
            taken = await delivery.claim_slice(
                session, campaign, first=first, last=last, limit=SLICE, worker="bench", now=utc_now()
            )
        if not isinstance(taken, Slice) or taken.is_empty:
            break
        async with database.transaction() as session:
            outcomes = [Outcome(row.id, "sent", code=250, response="2.0.0 queued") for row in taken.rows]
            await delivery.record(session, campaign, outcomes, claim=taken.claim, now=utc_now())
        if place > 1:  # the first ones fill caches
            costs.append((time.perf_counter() - begun) / (len(taken.rows) + taken.refused) * 1e6)
    return statistics.median(costs)


@contextlib.contextmanager
def _opt_outs(url: str, people: int) -> Iterator[list[float]]:
    """Let another process withdraw one person after the other; the list fills with milliseconds at the end."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_leave_and_leave, args=(url, people, theirs))
    process.start()
    ours.recv()  # it is warm
    waits: list[float] = []
    try:
        yield waits
    finally:
        ours.send("stop")
        waits += ours.recv()
        process.join()


def _leave_and_leave(url: str, people: int, pipe: Connection) -> None:
    asyncio.run(_leaving(url, people, pipe))


async def _leaving(url: str, people: int, pipe: Connection) -> None:
    database = Database(url)
    source = Source(Door.ONE_CLICK, Proof.TOKEN)
    waits: list[float] = []
    person = people
    while not pipe.poll():
        begun = time.perf_counter()
        async with database.transaction() as session:
            await withdraw(session, SubscriberId(person), [TOPIC], source=source, at=utc_now())
        if person == people:
            pipe.send("warm")
        else:
            waits.append((time.perf_counter() - begun) * 1e3)
        person -= 1
        await asyncio.sleep(0.02)
    pipe.send(waits)
    await database.close()


def sizes(largest: int) -> list[int]:
    """Return the powers of ten from 10^4, and the largest number itself."""
    powers = [10**power for power in range(4, 10) if 10**power < largest]
    return [*powers, largest]


@contextlib.contextmanager
def database_of(wanted: str) -> Iterator[str]:
    """Give the URL of an empty database."""
    if wanted == "postgresql":
        from tests.peers.postgres import Postgres

        with Postgres(durable=True) as server:
            yield server.create_database()
    elif wanted == "sqlite":
        with tempfile.TemporaryDirectory(prefix="byleave-audience-") as folder:
            yield f"sqlite+aiosqlite:///{folder}/bench.db"
    else:
        yield wanted


def main() -> None:
    """Measure each size in a process of its own, so that the memory of one does not count for another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=1_000_000)
    parser.add_argument("--past", type=int, default=3, help="past campaigns of the same size")
    parser.add_argument("--database", default="sqlite", help="a URL, 'sqlite' or 'postgresql'")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", type=int, nargs=2, metavar=("N", "PAST"), help="only one case, as JSON")
    options = parser.parse_args()
    if options.one:
        with database_of(options.database) as url:
            print(json.dumps(asyncio.run(measure(url, *options.one))))
        return
    if options.database not in {"sqlite", "postgresql"}:
        cases = [(options.subscribers, options.past)]  # one database, one filling
    else:
        cases = [(size, past) for size in sizes(options.subscribers) for past in sorted({0, options.past})]
    found = []
    for size, past in cases:
        command = [
            sys.executable,
            "-m",
            "bench.audience",
            "--database",
            options.database,
            "--one",
            str(size),
            str(past),
        ]
        answer = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
        found.append(json.loads(answer.stdout.splitlines()[-1]))
        if not options.json:
            print(_line(found[-1]), flush=True)
    if options.json:
        print(json.dumps(found, indent=2))


def _line(one: dict[str, Any]) -> str:
    claims = ", ".join(f"{place} {cost:.0f}" for place, cost in one["claim_us_per_message"].items())
    waits = one["optout_ms"]
    return (
        f"{one['database']} {one['subscribers']:>10,} people, {one['past_campaigns']} past campaigns: "
        f"snapshot {one['snapshot_s']:.2f} s, {one['rss_mb']} MB, claim us a letter: {claims}; "
        f"opt-outs meanwhile: median {waits.get('median', 0)} ms, longest {waits.get('max', 0)} ms"
    )


if __name__ == "__main__":
    main()
