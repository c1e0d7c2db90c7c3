"""Measures the pages: one-click and preference pages a second with the commit on disk, and how long the answer takes.

    python -m bench.web [--seconds 10] [--connections 32] [--processes 1] [--database URL] [--no-campaign] [--json]

A fresh installation in a temporary folder (SQLite, or the empty database that is named), ``--processes`` times
``byleave run --only web``, and meanwhile a campaign to everybody that a worker sends to the sandbox. Each one-click is
a person of its own who leaves for the first time. Full load: every connection asks again as soon as it is answered.
Half load: 500 a second, half of the goal, or half of what was reached where that is less, whatever the answers take.
Keys of the JSON object: ``one_click_per_s``, ``preferences_per_s``, and for both, at ``full`` and ``half`` load,
``p50_ms``, ``p99_ms`` and ``failed``; ``cpu_ms`` is what one answer costs the web processes, whoever else uses the
machine. ``unsent`` is how many letters of the campaign were still to be sent at the end: it fails unless there were
some. The client runs on the same processors.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.yardsticks import cpu_seconds  # noqa: E402
from byleave.letters import tokens_of  # noqa: E402
from byleave.wiring import open_ground  # noqa: E402
from consent.enrol import enrol  # noqa: E402
from consent.ledger import Source  # noqa: E402
from consent.model import Door, Proof  # noqa: E402
from consent.subscribers import Profile  # noqa: E402
from kit.addresses import EmailAddress  # noqa: E402
from kit.config import load_settings  # noqa: E402
from kit.db import Database  # noqa: E402
from mailer.tables import DeliveryRow  # noqa: E402
from mailer.tokens import Purpose, Tokens  # noqa: E402

STARTING = 60.0
GOAL = 1000.0  # answers a second
MOST_SENT = 4000  # letters a second, beside the pages: so that the campaign lasts until the end
BATCH = 2000
BODY = b"List-Unsubscribe=One-Click"
PRESS = (
    "POST /u/{} HTTP/1.1\r\nHost: bench.test\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n{BODY.decode()}"
)
LOOK = "GET /p/{} HTTP/1.1\r\nHost: bench.test\r\nAccept-Language: de-AT,de;q=0.9\r\n\r\n"


class Client:
    """One connection that is kept open."""

    def __init__(self, port: int) -> None:
        """Take the port; the connection is opened by the first request."""
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> int:
        """Send a request, read the whole answer, and return its status."""
        if self._streams is None or self._streams[0].at_eof():  # the server lets go of a connection that rests for long
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        return int(head[9:12])


async def full(ports: list[int], requests: Iterator[bytes], connections: int, seconds: float) -> dict[str, Any]:
    """Ask as fast as the answers come; return how many a second, and how long they took."""
    took: list[float] = []
    failed = 0
    end = time.perf_counter() + seconds

    async def one(port: int) -> None:
        nonlocal failed
        client = Client(port)
        while (began := time.perf_counter()) < end:
            failed += await client.ask(next(requests)) != 200
            took.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(one(port) for _, port in zip(range(connections), cycle(ports), strict=False)))
    a_second = round(len(took) / (time.perf_counter() - began), 1)
    return {"per_s": a_second, "answers": len(took), **_figures(took, failed)}


async def paced(
    ports: list[int], requests: Iterator[bytes], connections: int, a_second: float, seconds: float
) -> dict[str, Any]:
    """Ask so many times a second, whatever the answers take; the wait for a free connection counts, too."""
    took: list[float] = []
    failed = 0
    free: asyncio.LifoQueue[Client] = asyncio.LifoQueue()
    for _, port in zip(range(connections), cycle(ports), strict=False):
        free.put_nowait(Client(port))

    async def one(began: float) -> None:
        nonlocal failed
        client = await free.get()
        failed += await client.ask(next(requests)) != 200
        took.append(time.perf_counter() - began)
        free.put_nowait(client)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(a_second * seconds)):
            due = start + number / a_second
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            group.create_task(one(due))
    return {"per_s": round(a_second, 1), **_figures(took, failed)}


def _figures(took: list[float], failed: int) -> dict[str, Any]:
    took.sort()
    at = {name: round(1000 * took[int(len(took) * share)], 1) if took else None for name, share in SHARES.items()}
    return {**at, "failed": failed}


SHARES = {"p50_ms": 0.5, "p99_ms": 0.99}


@contextmanager
def running(environment: dict[str, str], folder: Path, part: str) -> Iterator[tuple[int, int]]:
    """Run one process of ``byleave run --only PART``; give its number and the port that it names (0: none)."""
    said = folder / f"said-{part}-{time.monotonic_ns()}"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "byleave", "run", "--only", part], env=environment, cwd=ROOT, stdout=out
        )
        try:
            end = time.monotonic() + STARTING
            found = None
            while part == "web" and not (found := re.search(r"web [\d.]+:(\d+)", said.read_text())):
                if time.monotonic() > end or process.poll() is not None:
                    raise SystemExit("the pages did not start")
                time.sleep(0.05)
            yield process.pid, int(found[1]) if found else 0
        finally:
            process.terminate()
            process.wait(60)


async def populate(people: int) -> Tokens:
    """Add people who agreed; return what makes their links."""
    source = Source(Door.IMPORT, Proof.EVIDENCE, {"source": "bench"}, policy_version="2026-11-01")
    async with open_ground(load_settings(), initialise=True) as ground:
        for start in range(0, people, BATCH):
            some = [
                Profile(EmailAddress(f"reader{number:07}", "inbox.test"), language="de")
                for number in range(start, min(start + BATCH, people))
            ]
            async with ground.database.transaction() as session:
                await enrol(session, some, ["deals"], source=source, secrets=ground.secrets, at=ground.clock())
        return tokens_of(ground)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure both pages, at full and at half load."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        here = {
            "BYLEAVE_VAR": str(folder / "var"),
            "BYLEAVE_DATABASE__URL": options.database or f"sqlite+aiosqlite:///{folder}/byleave.db",
            "BYLEAVE_WEB__PORT": "0", "BYLEAVE_WEB__REQUESTS_A_SECOND": "1000000", "BYLEAVE_CANARY__SHARE": "0",
            "BYLEAVE_WEB__REQUESTS_A_MINUTE_PER_LINK": "1000000", "BYLEAVE_LOG__LEVEL": "error",
        }  # fmt: skip
        environment = {key: value for key, value in os.environ.items() if not key.startswith("BYLEAVE_")} | here
        os.environ.update(here)
        people = options.people or int(MOST_SENT * (4 * options.seconds + 4))
        tokens = asyncio.run(populate(people))
        campaign = _campaign(environment, folder, launch=not options.no_campaign)
        webs = [stack.enter_context(running(environment, folder, "web")) for _ in range(options.processes)]
        if not options.no_campaign:
            stack.enter_context(running(environment, folder, "worker"))
        time.sleep(1)
        found = asyncio.run(_measure(options, tokens, campaign, people, webs))
        if not options.no_campaign:
            found["unsent"] = asyncio.run(unsent(here["BYLEAVE_DATABASE__URL"]))
            if not found["unsent"]:
                raise SystemExit("the campaign was sent before the end: give more --people")
        return found


async def unsent(url: str) -> int:
    """Return how many letters are still to be sent."""
    database = Database(url)
    async with database.reading() as session:
        count = await session.scalar(sa.select(sa.func.count()).where(DeliveryRow.state == "waiting"))
    await database.close()
    return count or 0


def _campaign(environment: dict[str, str], folder: Path, *, launch: bool) -> int:
    file = folder / "campaign.toml"
    file.write_text('name = "May"\nsubject = "May sale"\ntopic = "deals"\ntext = "All bundles cost 30 % less."\n')

    def byleave(*arguments: str) -> str:
        command = [sys.executable, "-m", "byleave", *arguments]
        return subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout

    number = int(json.loads(byleave("campaign", "new", str(file), "--json"))["id"])
    if launch:
        byleave("campaign", "schedule", str(number), "--now")
    return number


async def _measure(
    options: argparse.Namespace, tokens: Tokens, campaign: int, people: int, webs: list[tuple[int, int]]
) -> dict[str, Any]:
    pids, ports = [pid for pid, _ in webs], [port for _, port in webs]

    def links(form: str, purpose: Purpose) -> Iterator[bytes]:
        for person in cycle(range(1, people + 1)):
            yield form.format(tokens.make(purpose, person, campaign)).encode()

    found: dict[str, Any] = {"processes": options.processes, "connections": options.connections}
    for name, requests in (
        ("one_click", links(PRESS, Purpose.ONE_CLICK)), ("preferences", links(LOOK, Purpose.PREFERENCES)),
    ):  # fmt: skip
        await full(ports, requests, options.connections, 1.0)  # to warm up
        before = sum(map(cpu_seconds, pids))
        at_full = await full(ports, requests, options.connections, options.seconds)
        at_full["cpu_ms"] = round(1000 * (sum(map(cpu_seconds, pids)) - before) / at_full.pop("answers"), 2)
        found[f"{name}_per_s"] = at_full.pop("per_s")
        found[name] = {
            "full": at_full,
            "half": await paced(
                ports, requests, options.connections, min(GOAL, found[f"{name}_per_s"]) / 2, options.seconds
            ),
        }
    return found


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--people", type=int, default=0)
    parser.add_argument("--database", default="")
    parser.add_argument("--no-campaign", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options)
    tell: Callable[[Any], str] = json.dumps if options.json else lambda value: json.dumps(value, indent=2)
    print(tell(found))


if __name__ == "__main__":
    main()
