"""Measures sending: a campaign from its launch to the last recorded result, with ledger, gate, journal and records on.

    python -m bench.send [--messages 20000] [--sign both|rsa|ed25519|none] [--workers N] [--processes N]
                         [--connections 8] [--jobs 8] [--database URL|postgresql] [--relay smtp://HOST:PORT]
                         [--delay-ms 20] [--json]

A fresh installation with one subscriber a message is made in a temporary folder (people and consent events by the same
functions as an import); ``byleave run --only worker`` runs as so many processes; the campaign, some 11 kB a message, is
scheduled for now and launched by the runner. The sink is Postfix's smtp-sink in a process of its own on the same cores,
or one of ours that answers late (``--delay-ms``). In the same run all cores sign with RSA-2048 and do nothing else, and
smtp-source sends one of the letters as often to a sink of the same kind.

Printed: ``messages_per_s`` (from the first claim to the last recorded result), ``launch_s`` (from the plan to the first
claim: the runner's look, the snapshot, the engine's look), ``cpu_us_per_message`` (of the workers and their processes),
``rss_mb`` (the most that one worker held), ``with_processes_mb`` (of a worker and its processes at the end, pages in
common counted once), the two yardsticks and the ratios to them. It fails unless the sink has counted every message once
and the states add up to the snapshot.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.telling import tell  # noqa: E402
from bench.yardsticks import cpu_seconds, memory_mb, most_mb, rsa_signatures_per_s, sink, smtp_source_per_s  # noqa: E402
from byleave.letters import Press  # noqa: E402
from byleave.wiring import open_ground  # noqa: E402
from campaigns import store  # noqa: E402
from consent.enrol import BATCH, enrol  # noqa: E402
from consent.ledger import Source  # noqa: E402
from consent.model import Door, Proof  # noqa: E402
from consent.subscribers import Profile  # noqa: E402
from kit.addresses import EmailAddress  # noqa: E402
from kit.config import load_settings  # noqa: E402
from kit.db import Database  # noqa: E402
from mailer.model import Recipient  # noqa: E402
from mailer.tables import DeliveryRow  # noqa: E402
from tests.peers.postgres import Postgres  # noqa: E402

STARTING = 60.0
STALLED = 60.0  # without a further message
SOURCE_SESSIONS = 10
OFFER = (
    "<tr><td style='padding:12px'><a href='https://shop.example/course/{0}'><img src='https://shop.example/i/{0}.png'"
    " alt='Course {0}' width='120'></a></td><td style='padding:12px'><h3>Course {0}: circuits, from the first sketch"
    " to the finished board</h3><p>Eight evenings, a certificate, and all parts in a box at your door. This week {1} %"
    " less, and you can give it back within 30 days.</p></td></tr>\n"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured."""

    messages: int
    sign: str
    workers: int
    connections: int
    database: str
    relay: str
    delay_ms: float
    yardsticks: bool
    profile: str
    processes: int
    jobs: int


def letter() -> dict[str, str]:
    """Return a campaign whose letters have some 11 kB: an HTML page of offers, and the text made from it."""
    rows = "".join(OFFER.format(number, 10 + number) for number in range(1, 10))
    page = (
        "<html><head><style>h1,h3{color:#123}td{font:15px/1.5 Arial}</style></head><body>"
        "<h1>Hello {{ name }}, our May sale</h1><p>Dear {{ name }}, these are for you.</p>"
        f"<table>\n{rows}</table><p>{{% if customer.plan is defined and customer.plan == 'pro' %}}As a Pro member you"
        " pay 5 % less.{% else %}Become a Pro member and pay 5 % less.{% endif %}</p></body></html>"
    )
    return {"name": "May", "topic": "deals", "subject": "{{ name }}, our May sale", "html": page}


class Installation:
    """One installation in a folder, its people, and its workers."""

    def __init__(self, folder: Path, plan: Plan, database: str, relay: str) -> None:
        """Take where everything lies and where mail goes."""
        self.folder, self.plan = folder, plan
        self.url = database or f"sqlite+aiosqlite:///{folder}/byleave.db"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("BYLEAVE_")},
            "BYLEAVE_VAR": str(folder / "var"), "BYLEAVE_DATABASE__URL": self.url,
            "BYLEAVE_MAILER__RELAYS": json.dumps([relay]), "BYLEAVE_MAILER__CHECK_DNS": "false",
            "BYLEAVE_CANARY__SHARE": "0",
            "BYLEAVE_MAILER__CONNECTIONS": str(plan.connections), "BYLEAVE_MAILER__DKIM_SIGN": plan.sign,
            "BYLEAVE_MAILER__COMPOSE_PROCESSES": str(plan.processes), "BYLEAVE_WORKER__JOBS_AT_ONCE": str(plan.jobs),
            "BYLEAVE_MAILER__HELO": "bench.test", "BYLEAVE_LOG__LEVEL": "warning", "BYLEAVE_LOG__FORMAT": "json",
        }  # fmt: skip
        self.workers: list[subprocess.Popen[bytes]] = []

    def byleave(self, *arguments: str | Path) -> str:
        """Run one command and return what it printed."""
        command = [sys.executable, "-m", "byleave", *map(str, arguments)]
        return subprocess.run(
            command, env=self.environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    async def enrol(self) -> None:
        """Add the people with their consent, chained in the ledger."""
        source = Source(Door.IMPORT, Proof.EVIDENCE, {"source": "bench"}, policy_version="2026-11-01")
        async with open_ground(load_settings()) as ground:
            for start in range(0, self.plan.messages, BATCH):
                numbers = range(start, min(start + BATCH, self.plan.messages))
                people = [
                    Profile(
                        EmailAddress(f"reader{number:07}", "inbox.test"), f"Reader {number}", "en",
                        attributes={"plan": "pro" if number % 2 else "free"},
                    )
                    for number in numbers
                ]  # fmt: skip
                async with ground.database.transaction() as session:
                    await enrol(session, people, ["deals"], source=source, secrets=ground.secrets, at=ground.clock())

    def draft(self) -> int:
        """Write the campaign, and one of its letters to a file for smtp-source; return the campaign's number."""
        file = self.folder / "campaign.toml"
        file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in letter().items()))
        number = int(json.loads(self.byleave("campaign", "new", file, "--json"))["id"])
        person = Recipient(1, EmailAddress("reader0000001", "inbox.test"), "Reader 1", "en", {"plan": "pro"})

        async def print_one() -> None:
            async with open_ground(load_settings()) as ground:
                promotion = await Press.of(ground).promotion(number)
                content = promotion.letter(person, datetime.now(UTC)).content
                self.letter.write_bytes(content.replace(b"\r\n", b"\n"))  # smtp-source ends the lines itself

        asyncio.run(print_one())
        return number

    @property
    def letter(self) -> Path:
        """The file with one letter."""
        return self.folder / "letter.eml"

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Run the workers until the end of the block."""
        said = [self.folder / f"said{place}" for place in range(self.plan.workers)]
        profiled = ["-m", "cProfile", "-o", self.plan.profile] if self.plan.profile else []
        command = [sys.executable, *profiled, "-m", "byleave", "run", "--only", "worker"]
        try:
            for place, file in enumerate(said):
                with file.open("wb") as out, (self.folder / f"log{place}").open("wb") as log:
                    self.workers.append(
                        subprocess.Popen(command, env=self.environment, cwd=ROOT, stdout=out, stderr=log)
                    )
            end = time.monotonic() + STARTING
            while not all("byleave: ready" in file.read_text() for file in said):
                if time.monotonic() > end or any(worker.poll() is not None for worker in self.workers):
                    raise SystemExit(f"a worker did not start: {(self.folder / 'log0').read_text()[-2000:]}")
                time.sleep(0.05)
            time.sleep(1.0)  # what is done once at the start is done
            yield
        finally:
            for worker in self.workers:
                worker.terminate()
            for worker in self.workers:
                worker.wait(60)

    async def schedule(self, campaign: int, at: datetime) -> None:
        """Plan the campaign, so that the runner launches it."""
        database = Database(self.url)
        async with database.transaction() as session:
            await store.schedule(session, campaign, at, time_zone="UTC")
        await database.close()

    async def numbers(self, campaign: int) -> tuple[dict[str, int], datetime | None, datetime | None]:
        """Return how many deliveries are in which state, and when the first was claimed and the last recorded."""
        database = Database(self.url)
        columns = (
            DeliveryRow.state,
            sa.func.count(),
            sa.func.min(DeliveryRow.first_at),
            sa.func.max(DeliveryRow.done_at),
        )
        async with database.reading() as session:
            rows = (
                await session.execute(
                    sa.select(*columns).where(DeliveryRow.mailing_id == campaign).group_by(DeliveryRow.state)
                )
            ).all()
        await database.close()
        first = min((at for _, _, at, _ in rows if at), default=None)
        last = max((at for _, _, _, at in rows if at), default=None)
        return {state: number for state, number, _, _ in rows}, first, last


def send(installation: Installation, campaign: int, messages_at_sink: Any) -> dict[str, Any]:
    """Launch the campaign, wait for its end, check every sum, and return the figures."""
    plan = installation.plan
    before = sum(cpu_seconds(worker.pid) for worker in installation.workers)
    asked = datetime.now(UTC)
    asyncio.run(installation.schedule(campaign, asked))
    seen, seen_at = -1, time.monotonic()
    while True:
        time.sleep(0.2)
        if (count := messages_at_sink() if messages_at_sink else 0) != seen or not messages_at_sink:
            seen, seen_at = count, seen_at if not messages_at_sink else time.monotonic()
        if messages_at_sink and count < plan.messages and time.monotonic() - seen_at < STALLED:
            continue
        states, first, last = asyncio.run(installation.numbers(campaign))
        if not {"waiting", "claimed"} & states.keys() or time.monotonic() - seen_at > STALLED:
            break
    used = sum(cpu_seconds(worker.pid) for worker in installation.workers) - before
    if states != {"sent": plan.messages} or first is None or last is None:
        raise SystemExit(f"not all was sent: {states}")
    if messages_at_sink and messages_at_sink() != plan.messages:
        raise SystemExit(f"the sink has {messages_at_sink()} messages, not {plan.messages}")
    return {
        "messages": plan.messages,
        "octets": len(installation.letter.read_bytes().replace(b"\n", b"\r\n")),
        "launch_s": round((first - asked).total_seconds(), 2),
        "seconds": round((last - first).total_seconds(), 2),
        "messages_per_s": round(plan.messages / (last - first).total_seconds(), 1),
        "cpu_us_per_message": round(used / plan.messages * 1e6, 1),
        "rss_mb": max(most_mb(worker.pid) for worker in installation.workers),
        "with_processes_mb": max(memory_mb(worker.pid) for worker in installation.workers),
        "counted_by_sink": bool(messages_at_sink),
        "states": states,
    }


def measure(plan: Plan) -> dict[str, Any]:
    """Measure what is planned, and the yardsticks in the same run."""
    found: dict[str, Any] = {
        "sign": plan.sign, "workers": plan.workers, "connections": plan.connections, "processes": plan.processes,
        "jobs": plan.jobs, "delay_ms": plan.delay_ms,
    }  # fmt: skip
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="byleave-bench-")))
        database = plan.database
        if database == "postgresql":
            database = stack.enter_context(Postgres(durable=True)).create_database()
        found["database"] = database.partition(":")[0] or "sqlite"
        taking = None if plan.relay else stack.enter_context(sink(plan.delay_ms))
        relay = f"smtp://{taking.host}:{taking.port}?starttls=off" if taking else plan.relay
        installation = Installation(folder, plan, database, relay)
        os.environ.update({key: value for key, value in installation.environment.items() if "BYLEAVE_" in key})
        installation.byleave("init")
        asyncio.run(installation.enrol())
        campaign = installation.draft()
        if plan.yardsticks:
            found["rsa_signatures_per_s"] = round(rsa_signatures_per_s(os.cpu_count() or 1), 1)
        with installation.at_work():
            found |= send(installation, campaign, (lambda: taking.messages) if taking else None)
        if plan.yardsticks and not plan.relay:
            rate = smtp_source_per_s(
                installation.letter, messages=plan.messages, sessions=SOURCE_SESSIONS, delay_ms=plan.delay_ms
            )
            if rate is not None:
                found["smtp_source_per_s"] = round(rate, 1)
                found["of_smtp_source"] = round(found["messages_per_s"] / rate, 3)
        if plan.yardsticks:
            found["of_rsa_bound"] = round(found["messages_per_s"] / found["rsa_signatures_per_s"], 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--sign", choices=("both", "rsa", "ed25519", "none"), default="both")
    parser.add_argument("--workers", type=int, help="as many as it pays, where it is left away")
    parser.add_argument("--connections", type=int, default=8, help="of each worker")
    parser.add_argument("--jobs", type=int, default=8, help="that a worker carries at one time")
    parser.add_argument("--database", default="", help="a URL, or postgresql for a private one; SQLite by default")
    parser.add_argument("--relay", default="", help="another relay than the sink of this run")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="how late each answer of the sink is")
    parser.add_argument("--no-yardsticks", action="store_true", help="leave RSA and smtp-source out")
    parser.add_argument(
        "--processes", type=int, help="of each worker, to write letters; 0 does it in threads; else as many as it pays"
    )
    parser.add_argument("--profile", default="", help="a file for the profile (cProfile) of the worker's event loop")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    # what RSA leaves of two cores is best used by two processes; without RSA a worker a core is, each on its loop alone
    has_rsa = given.sign in {"both", "rsa"}
    workers = given.workers or (1 if has_rsa else os.cpu_count() or 1)
    processes = given.processes
    if processes is None:
        processes = 2 if has_rsa and workers == 1 else 0
    plan = Plan(
        given.messages, given.sign, workers, given.connections, given.database, given.relay, given.delay_ms,
        not given.no_yardsticks, given.profile, processes, given.jobs,
    )  # fmt: skip
    tell(measure(plan), as_json=given.json)


if __name__ == "__main__":
    main()
