"""People leave while a campaign runs: does a letter to any of them start after they were told that they are out?

    python -m bench.silence [--people 5000] [--optouts 250] [--workers 1] [--database URL] [--relay smtp://…] [--json]

A fresh installation is made in a temporary folder; listener, pages, runner, ledger and records are the real ones. With
one worker all of it is one process; with more, listener and pages are one process and each worker is another. The
database is SQLite, the PostgreSQL named by ``--database``, or with ``--database postgresql`` a private one. Half of the
people leave by one-click POST, half by a reply to the listener, spread over the campaign, and half of them a moment
before their letter is due. Keys of the JSON object:

``optouts``: how many left; ``after``: to how many of them a MAIL FROM started after they had read the answer (200 or
250); ``p50_ms``, ``p99_ms``, ``max_ms``: from the answer to that start, null where there is none; ``stopped``: letters
that never started; ``before``: letters that had started; ``answer_p50_ms``, ``answer_p99_ms``: how long the doors
took; ``sent``, ``sums_exact``, ``letters_per_s``. Ends with 1 where one process is not silent, several are later than
100 ms, or a sum is wrong.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.telling import tell
from campaigns.reports import status
from consent.tables import ConsentEventRow
from kit.db import Database
from kit.secrets import load_or_make_secrets
from mailer.tokens import Tokens
from tests.fakes.recording_relay import RecordingRelay
from tests.peers.postgres import Postgres
from tests.scenarios.installation import total

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
SECONDS = 120.0  # for a process to start, and for one answer
LATE_MS = 100.0  # what is promised where several processes send
SPREAD = (0.02, 0.95)  # the part of the campaign in which people leave
CUSTOMERS = 8  # who leave at the same time by each door
NEXT_IN_LINE = 400  # who is due within so many letters is about to get one


@dataclass(frozen=True, slots=True)
class Left:
    """One who left, by which door, and when the answer had been read."""

    person: int
    door: str
    asked_ns: int
    answered_ns: int


def address(person: int) -> str:
    return f"reader{person:07}@inbox.test"


class House:
    """An installation and its processes."""

    def __init__(self, folder: Path, relay: str, database: str, workers: int) -> None:
        self.folder, self.workers = folder, workers
        self.url = database or f"sqlite+aiosqlite:///{folder}/byleave.db"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("BYLEAVE_")},
            "BYLEAVE_VAR": str(folder / "var"), "BYLEAVE_DATABASE__URL": self.url,
            "BYLEAVE_MAILER__RELAYS": json.dumps([relay]), "BYLEAVE_MAILER__HELO": "bench.test",
            "BYLEAVE_MAILER__CHECK_DNS": "false",
            "BYLEAVE_CANARY__SHARE": "0", "BYLEAVE_INBOUND__SMTP__PORT": "0", "BYLEAVE_WEB__PORT": "0",
            "BYLEAVE_INBOUND__ORIGIN__CHECK": "false", "BYLEAVE_LOG__LEVEL": "warning",
        }  # fmt: skip
        self.processes: list[subprocess.Popen[bytes]] = []
        self.ports: dict[str, int] = {}

    def byleave(self, *arguments: str) -> str:
        """Run one command."""
        command = [sys.executable, "-m", "byleave", *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=ROOT, check=True, stdout=subprocess.PIPE
        ).stdout.decode()

    def prepare(self, people: int) -> None:
        self.byleave("init")
        file = self.folder / "people.csv"
        file.write_text("email,name\n" + "".join(f"{address(one)},Reader\n" for one in range(1, people + 1)))
        self.byleave("subscribers", "import", str(file), "--topic", "deals", "--source", "bench", "--over-13")
        (self.folder / "campaign.toml").write_text(
            'name = "Sale"\nsubject = "Sale"\ntopic = "deals"\ntext = "All bundles cost 30 % less."\n'
        )

    def start(self) -> None:
        """Start all processes and wait until they are ready."""
        kinds = ["listener,web,worker"] if self.workers == 1 else ["listener,web", *["worker"] * self.workers]
        for place, parts in enumerate(kinds):
            said = self.folder / f"said{place}"
            command = [sys.executable, "-m", "bench.stamped", parts, str(self.folder / f"stamps{place}")]
            with said.open("wb") as out:
                self.processes.append(subprocess.Popen(command, env=self.environment, cwd=ROOT, stdout=out))
        end = time.monotonic() + SECONDS
        for place, process in enumerate(self.processes):
            while "ready" not in (text := (self.folder / f"said{place}").read_text()):
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit("a process did not start")
                time.sleep(0.05)
            self.ports |= {name: int(port) for name, port in re.findall(r"(smtp|web) [\d.]+:(\d+)", text)}

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(SECONDS)


@dataclass
class Stamps:
    """Who was begun so far, read from the files as they grow."""

    files: list[Path]
    begun: dict[int, int] = field(default_factory=dict)
    latest: int = 1
    _read: dict[Path, int] = field(default_factory=dict)

    def look(self) -> None:
        """Read what was written since the last time; a person counts by the first start and a second one is wrong."""
        for file in self.files:
            with file.open("rb") as stream:
                stream.seek(self._read.get(file, 0))
                whole, end, _ = stream.read().rpartition(b"\n")
            self._read[file] = self._read.get(file, 0) + len(whole) + len(end)
            for line in whole.splitlines():
                moment, _, to = line.partition(b" ")
                self.latest = int(to[6:13])
                self.begun.setdefault(self.latest, int(moment))


class Doors:
    """The ways out; each returns when the answer was read."""

    def __init__(self, house: House, campaign: int) -> None:
        secrets = load_or_make_secrets(house.folder / "var" / "secrets.json")
        self._tokens = Tokens(secrets.token_keys, secrets.current_token_key)
        self._ports, self._campaign = house.ports, campaign

    async def one_click(self, person: int) -> None:
        """Let the mail program press its button (RFC 8058 3.1)."""
        path = self._tokens.one_click_url("", person, self._campaign)
        body = "List-Unsubscribe=One-Click"
        reader, writer = await asyncio.open_connection(HOST, self._ports["web"])
        with contextlib.closing(writer):
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: mail.test\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
            )
            answer = await reader.readline()
        if b" 200 " not in answer:
            raise SystemExit(f"one-click was answered {answer!r}")

    async def reply(self, person: int) -> None:
        """Answer the letter with a word."""
        me, to = address(person), self._tokens.reply_address("reply.proengineer.example", person, self._campaign)
        head = f"From: {me}\r\nTo: {to}\r\nSubject: Re: Sale\r\nMessage-ID: <{person}@inbox.test>\r\n\r\n"
        reader, writer = await asyncio.open_connection(HOST, self._ports["smtp"])
        with contextlib.closing(writer):
            for command in (
                "", "EHLO inbox.test\r\n", f"MAIL FROM:<{me}>\r\n", f"RCPT TO:<{to}>\r\n", "DATA\r\n",
                f"{head}unsubscribe\r\n.\r\n",
            ):  # fmt: skip
                writer.write(command.encode())
                while (line := await reader.readline())[3:4] == b"-":
                    pass
                if line[:1] not in b"23":
                    raise SystemExit(f"the listener answered {line!r}")


@dataclass
class Plan:
    """Who leaves when: spread evenly over the campaign, half of them a moment before their letter is due."""

    people: int
    optouts: int
    rng: random.Random
    asked: set[int] = field(default_factory=set)
    is_over: bool = False
    _next: int = 0

    def next(self) -> int | None:
        self._next += 1
        return self._next if self._next <= self.optouts else None

    def due(self, place: int) -> int:
        first, last = SPREAD
        return int(self.people * (first + (last - first) * place / self.optouts))

    def choose(self, stamps: Stamps) -> int:
        """Return one who has not left yet, and who has no letter yet as far as is known."""
        for attempt in range(1000):
            near = self.rng.random() < 0.5 and attempt < 500
            person = (
                stamps.latest + self.rng.randrange(1, NEXT_IN_LINE) if near else self.rng.randrange(self.people) + 1
            )
            if person <= self.people and person not in self.asked and (person not in stamps.begun or attempt > 900):
                break
        self.asked.add(person)
        return person


async def customers(way: str, doors: Doors, stamps: Stamps, plan: Plan, left: list[Left]) -> None:
    """Leave by one door, one after the other, at the pace of the campaign."""
    leave = getattr(doors, way)
    while (place := plan.next()) is not None:
        while len(stamps.begun) < plan.due(place) and not plan.is_over:  # noqa: ASYNC110 - in other processes
            await asyncio.sleep(0.005)
        person = plan.choose(stamps)
        asked = time.monotonic_ns()
        await asyncio.wait_for(leave(person), SECONDS)
        left.append(Left(person, way, asked, time.monotonic_ns()))


async def follow(house: House, campaign: int, stamps: Stamps, plan: Plan) -> dict[str, Any]:
    """Read the stamps until the campaign is finished; return its numbers."""
    database, looked = Database(house.url), 0.0
    try:
        while True:
            stamps.look()
            if time.monotonic() - looked > 0.5:
                looked = time.monotonic()
                async with database.reading() as session:
                    found = await status(session, campaign)
                if found is not None and found["state"] == "finished":
                    plan.is_over = True
                    return found
            await asyncio.sleep(0.01)
    finally:
        await database.close()


async def withdrawn(house: House, expected: int) -> int:
    """Return how many people the ledger says have left; mails that were put off get a while to be read."""
    database = Database(house.url)
    left = sa.select(sa.func.count(sa.distinct(ConsentEventRow.subscriber_id))).where(
        ConsentEventRow.act.in_(("withdraw", "withdraw_all"))
    )
    try:
        for _ in range(60):
            async with database.reading() as session:
                found = int(await session.scalar(left) or 0)
            if found >= expected:
                break
            await asyncio.sleep(0.5)
        return found
    finally:
        await database.close()


async def measure(house: House, people: int, optouts: int) -> dict[str, Any]:
    """Launch, let people leave, wait for the end, and compare the clocks."""
    campaign = int(
        json.loads(house.byleave("campaign", "new", str(house.folder / "campaign.toml"), "--now", "--json"))["id"]
    )
    began = time.monotonic()
    stamps = Stamps([house.folder / f"stamps{place}" for place in range(len(house.processes))])
    plan, doors, left = Plan(people, optouts, random.Random(1)), Doors(house, campaign), list[Left]()
    async with asyncio.TaskGroup() as group:
        following = group.create_task(follow(house, campaign, stamps, plan))
        for number in range(2 * CUSTOMERS):
            group.create_task(customers(("one_click", "reply")[number % 2], doors, stamps, plan, left))
    counts, took = following.result(), time.monotonic() - began
    gone = await withdrawn(house, len(left))
    house.stop()
    stamps.look()
    return report(counts, left, stamps, gone) | {"letters_per_s": round(counts["sent"] / took)}


def report(counts: dict[str, Any], left: list[Left], stamps: Stamps, gone: int) -> dict[str, Any]:
    """Hold the starts against the answers."""
    lags = sorted(
        (stamps.begun[one.person] - one.answered_ns) / 1e6
        for one in left if stamps.begun.get(one.person, 0) > one.answered_ns
    )  # fmt: skip
    waits = sorted((one.answered_ns - one.asked_ns) / 1e6 for one in left)
    stopped = sum(one.person not in stamps.begun for one in left)
    return {
        "people": counts["snapshot"], "optouts": len(left), "after": len(lags),
        "p50_ms": quantile(lags, 0.5), "p99_ms": quantile(lags, 0.99), "max_ms": quantile(lags, 1.0),
        "stopped": stopped, "before": len(left) - stopped - len(lags),
        "answer_p50_ms": quantile(waits, 0.5), "answer_p99_ms": quantile(waits, 0.99), "sent": counts["sent"],
        "sums_exact": total(counts) == counts["snapshot"] and counts["sent"] == len(stamps.begun) and gone == len(left)
        and sum(counts["skipped"].values()) == stopped,
    }  # fmt: skip


def quantile(values: list[float], part: float) -> float | None:
    return round(values[min(len(values) - 1, int(part * len(values)))], 1) if values else None


@contextlib.contextmanager
def a_relay(given: str) -> Iterator[str]:
    """Give the relay's URL: the one named, or one of our own that takes everything."""
    if given:
        yield given
        return
    with RecordingRelay() as relay:
        yield f"smtp://{HOST}:{relay.port}"


@contextlib.contextmanager
def a_database(given: str) -> Iterator[str]:
    """Give the database's URL: the one named, SQLite for none, and a server of our own for the bare word."""
    if given != "postgresql":
        yield given
        return
    with Postgres(durable=True) as server:
        yield server.create_database()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=5000)
    parser.add_argument("--optouts", type=int, default=250)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--database", default="", help="an empty PostgreSQL database, or the word postgresql")
    parser.add_argument("--relay", default="", help="where the letters go; one of our own without it")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="silence") as name,
        a_relay(given.relay) as relay,
        a_database(given.database) as url,
    ):
        house = House(Path(name), relay, url, given.workers)
        try:
            house.prepare(given.people)
            house.start()
            found = asyncio.run(measure(house, given.people, given.optouts))
        finally:
            for process in house.processes:
                if process.poll() is None:
                    process.kill()
    found |= {"workers": given.workers, "database": house.url.partition(":")[0].partition("+")[0]}
    tell(found, as_json=given.json)
    too_late = bool(found["after"]) if given.workers == 1 else (found["max_ms"] or 0) > LATE_MS
    sys.exit(1 if too_late or not found["sums_exact"] else 0)


if __name__ == "__main__":
    main()
