"""Kill the worker in the middle of campaigns, again and again, and count what went wrong.

    python -m bench.crash [--kills 10] [--people 2000] [--workers 1] [--url postgresql+psycopg://…] [--json]

Printed: ``kills``, ``doubles`` (letters that a person got twice), ``lost`` (people recorded as sent whom the relay
never had, or who still wait at the end), ``unknown`` (in all, and the most after one kill), ``recovered_s`` (the
longest that the relay heard nothing behind a kill, until another worker carried on) and ``longest_s`` (the longest from
a kill to the end of its campaign). The relay is the built-in sandbox, in this process; each worker is a process of its
own.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.telling import tell
from campaigns import store
from campaigns.reports import status
from campaigns.runner import Runner
from consent.hearing import Hearing
from consent.model import Clearance
from kit.clock import utc_now
from kit.config import WorkerSettings
from kit.db import Base, Database
from kit.jobs import Jobs
from kit.log import configure_logging
from mailer.courier import Courier
from mailer.journal import Journal
from mailer.model import OutgoingMail
from mailer.relays import parse_relays
from mailer.sandbox import SandboxRelay, StoredMail, read_store
from mailer.smtp import RelayPool
from tests.database import given_subscribers
from tests.scenarios.installation import total

CHUNK = 500
CONNECTIONS = 4
CONTENT = {"name": "Crash", "topic": "deals", "subject": "s", "text": "t"}
SETTINGS = WorkerSettings(beat_seconds=0.25, dead_after_seconds=5.0, poll_seconds=0.1)


async def work(url: str, relay: str, folder: Path) -> None:
    """Be a worker until killed."""
    configure_logging("warning")
    database = Database(url)
    jobs = Jobs(database, SETTINGS)

    async def prepare(mailing_id: int) -> Callable[[Clearance], OutgoingMail]:
        content = f"Subject: {mailing_id}\r\n\r\n".encode() + b"x" * 70 + b"\r\n"
        return lambda clearance: OutgoingMail("b@bounce.example", clearance.address, "<m@example>", content)

    async with RelayPool(parse_relays([relay]), connections=CONNECTIONS, helo="worker.example") as pool:
        courier = Courier(
            database, pool, prepare, hearing=Hearing(), journal=Journal(folder, jobs.worker),
            lease=lambda: jobs.lease, is_stopping=lambda: jobs.is_stopping,
        )  # fmt: skip
        runner = Runner(database, jobs.enqueue, jobs_alive=jobs.alive, chunk_size=CHUNK)
        jobs.register(store.SEND_CHUNK, courier.send_chunk)
        jobs.when_worker_dies(lambda dead: courier.settle(dead.id))
        await jobs.start()
        async with asyncio.TaskGroup() as group:
            for service in (jobs, courier, runner):
                group.create_task(service.run())


class Bench:
    """The database, the relay and the workers of one run."""

    def __init__(self, url: str, relay: SandboxRelay, folder: Path) -> None:
        self.url, self.relay, self.folder = url, relay, folder
        self.database = Database(url)
        self.jobs = Jobs(self.database)
        self.workers: list[asyncio.subprocess.Process] = []

    async def start_worker(self) -> None:
        arguments = ("-m", "bench.crash", "--worker", self.url, self.relay.url, str(self.folder / "journal"))
        self.workers.append(await asyncio.create_subprocess_exec(sys.executable, *arguments))

    async def kill_worker(self) -> None:
        victim = self.workers.pop(0)
        victim.kill()
        await victim.wait()

    async def launch(self) -> int:
        async with self.database.transaction() as session:
            campaign = await store.new(session, CONTENT, now=utc_now())
        async with self.database.transaction() as session:
            await store.launch(session, campaign, enqueue=self.jobs.enqueue, now=utc_now(), chunk_size=CHUNK)
        return campaign

    async def status(self, campaign: int) -> dict[str, Any]:
        async with self.database.reading() as session:
            found = await status(session, campaign)
        assert found is not None
        return found

    async def round(self) -> dict[str, Any]:
        """Launch, kill in the middle, start another worker, and wait for the end."""
        campaign = await self.launch()
        aim = random.uniform(0.02, 0.95)
        while (found := await self.status(campaign))["sent"] < aim * found["snapshot"]:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.01)
        await asyncio.sleep(random.uniform(0, 0.1))
        await self.kill_worker()
        killed_at, begun = utc_now(), time.monotonic()
        await self.start_worker()
        while (found := await self.status(campaign))["state"] != "finished":
            await asyncio.sleep(0.05)
            if time.monotonic() - begun > 120:
                break
        return found | {"killed_at": killed_at, "took": time.monotonic() - begun}


@contextlib.asynccontextmanager
async def a_bench(url: str, people: int) -> AsyncIterator[Bench]:
    """Prepare everything; end the workers at the end."""
    with tempfile.TemporaryDirectory(prefix="crash") as name:
        folder = Path(name)
        async with SandboxRelay(folder / "relay") as relay:
            bench = Bench(url or f"sqlite+aiosqlite:///{folder / 'crash.db'}", relay, folder)
            async with bench.database.engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)
            await bench.jobs.prepare()
            await given_subscribers(bench.database, people)
            try:
                yield bench
            finally:
                for worker in bench.workers:
                    worker.kill()
                    await worker.wait()
                bench.jobs.close()
                await bench.database.close()


def stillness(killed_at: datetime, taken: Iterable[datetime]) -> float:
    """Return the longest that nothing came behind a kill, up to the campaign's last letter."""
    moments = [killed_at, *sorted(at for at in taken if at > killed_at)]
    return max(((after - before).total_seconds() for before, after in pairwise(moments)), default=0.0)


async def run(kills: int, people: int, workers: int, url: str) -> dict[str, Any]:
    """Do the rounds and count."""
    async with a_bench(url, people) as bench:
        for _ in range(workers):
            await bench.start_worker()
        rounds = [await bench.round() for _ in range(kills)]
        mails = await asyncio.to_thread(read_store, bench.folder / "relay")
    taken = Counter((_campaign(mail), mail.rcpt_to) for mail in mails)
    per_campaign = Counter(campaign for campaign, _ in taken)
    still = [stillness(one["killed_at"], (m.at for m in mails if _campaign(m) == one["id"])) for one in rounds]
    return {
        "kills": kills, "people": people, "workers": workers,
        "doubles": sum(number - 1 for number in taken.values()),
        "lost": sum(max(0, found["sent"] - per_campaign[found["id"]]) + found["waiting"] for found in rounds),
        "unknown": sum(found["unknown"] for found in rounds),
        "most_unknown": max((found["unknown"] for found in rounds), default=0),
        "sums_exact": all(found["snapshot"] == total(found) for found in rounds),
        "recovered_s": round(max(still, default=0), 2),
        "longest_s": round(max((found["took"] for found in rounds), default=0), 2),
    }  # fmt: skip


def _campaign(mail: StoredMail) -> int:
    return int(mail.content.partition(b"\r\n")[0].removeprefix(b"Subject: "))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--url", default="")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", nargs=3, metavar=("URL", "RELAY", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        url, relay, folder = given.worker
        asyncio.run(work(url, relay, Path(folder)))
    else:
        result = asyncio.run(run(given.kills, given.people, given.workers, given.url))
        tell(result, as_json=given.json)
        sys.exit(1 if result["doubles"] or result["lost"] or not result["sums_exact"] else 0)


if __name__ == "__main__":
    main()
