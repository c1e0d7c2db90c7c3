"""Measures the listener: mails accepted and decided a second, with the commit on disk, and how long the answer takes.

    python -m bench.listener [--mails 5000] [--connections 20] [--hostile 500] [--readers 1] [--json]

A fresh installation with one subscriber a mail is made in a temporary folder (SQLite), ``byleave run --only listener``
runs as a process of its own, and the replies come from another. Keys of the JSON object: ``mails_per_s``,
``answer_p50_ms``, ``answer_p99_ms`` (from the final dot to the 250), ``decided``, ``opted_out``, ``cpu_ms`` and
``cpu_ms_with_readers`` (what one mail costs the listener), ``rss_mb`` (the most that it held); the same under attack
where ``--hostile`` is given; and where smtp-source is installed the rate at which its mails are accepted and decided.
"""

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.crowd import Mail, honest, hostile, replies  # noqa: E402
from bench.telling import tell  # noqa: E402
from bench.yardsticks import cpu_alone, cpu_seconds, most_mb  # noqa: E402
from consent.tables import ConsentEventRow  # noqa: E402
from inbound.tables import DecisionRow  # noqa: E402
from kit.db import Database  # noqa: E402
from kit.secrets import load_or_make_secrets  # noqa: E402
from mailer.tokens import Tokens  # noqa: E402

STARTING = 60.0


class Running:
    """An installation with its listener."""

    def __init__(self, folder: Path, people: int, readers: int) -> None:
        self.folder = folder
        self.addresses = [f"reader{number:06}@inbox.test" for number in range(people)]
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("BYLEAVE_")},
            "BYLEAVE_VAR": str(folder / "var"),
            "BYLEAVE_DATABASE__URL": f"sqlite+aiosqlite:///{folder}/byleave.db",
            "BYLEAVE_INBOUND__SMTP__PORT": "0",
            "BYLEAVE_INBOUND__ORIGIN__CHECK": "false",
            "BYLEAVE_INBOUND__ORIGIN__UNPROVEN_AN_HOUR": "1000",
            "BYLEAVE_INBOUND__READER_PROCESSES": str(readers),
            "BYLEAVE_LOG__LEVEL": "error",
        }
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def byleave(self, *arguments: str) -> None:
        """Run one command."""
        command = [sys.executable, "-m", "byleave", *arguments]
        subprocess.run(command, env=self.environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        self.byleave("init")
        file = self.folder / "people.csv"
        file.write_text("email,name\n" + "".join(f"{one},Reader\n" for one in self.addresses))
        self.byleave("subscribers", "import", str(file), "--topic", "deals", "--source", "bench", "--over-13")
        letter = self.folder / "campaign.toml"
        letter.write_text('name = "May"\nsubject = "May sale"\ntopic = "deals"\ntext = "All bundles cost 30 % less."\n')
        self.byleave("campaign", "new", str(letter))
        said = self.folder / "said"
        command = [sys.executable, "-m", "byleave", "run", "--only", "listener"]
        with said.open("wb") as out:
            self.process = subprocess.Popen(command, env=self.environment, cwd=ROOT, stdout=out)
        end = time.monotonic() + STARTING
        while not (found := re.search(r"smtp [\d.]+:(\d+)", said.read_text())):
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit("the listener did not start")
            time.sleep(0.05)
        self.port = int(found.group(1))
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)

    @property
    def most_mb(self) -> float:
        """The most memory that the listener held so far."""
        assert self.process is not None
        return most_mb(self.process.pid)

    @property
    def cpu(self) -> tuple[float, float]:
        """The processor time that the listener took so far, alone and with its readers."""
        assert self.process is not None
        return cpu_alone(self.process.pid), cpu_seconds(self.process.pid)

    def mails(self, first: int, last: int) -> list[Mail]:
        """Return the replies of some subscribers, to the signed addresses of letters they got."""
        secrets = load_or_make_secrets(self.folder / "var" / "secrets.json")
        tokens = Tokens(secrets.token_keys, secrets.current_token_key)
        people = [
            (self.addresses[number], tokens.reply_address("reply.proengineer.example", number + 1, 1))
            for number in range(first, last)
        ]
        return replies(people, seed=first + 1)

    def counts(self) -> tuple[int, int]:
        """Return how many mails were decided, and how many people left."""

        async def count() -> tuple[int, int]:
            database = Database(self.environment["BYLEAVE_DATABASE__URL"])
            async with database.reading() as session:
                decided = await session.scalar(sa.select(sa.func.count()).select_from(DecisionRow))
                people = sa.select(sa.func.count(sa.distinct(ConsentEventRow.subscriber_id)))
                left = await session.scalar(people.where(ConsentEventRow.act.in_(("withdraw", "withdraw_all"))))
            await database.close()
            return decided or 0, left or 0

        return asyncio.run(count())


def deliver(running: Running, first: int, last: int, connections: int) -> dict[str, Any]:
    """Deliver the replies of some subscribers; return the figures of this round."""
    mails, before, alone, together = running.mails(first, last), running.counts(), *running.cpu
    told = honest(running.port, mails, connections=connections)
    cpu = [now - then for now, then in zip(running.cpu, (alone, together), strict=True)]
    took: Sequence[float] = told["answered"]
    decided, left = running.counts()
    return {
        "mails": len(took),
        "refused": told["count"],
        "mails_per_s": round(len(took) / told["seconds"], 1),
        "answer_p50_ms": round(1000 * took[len(took) // 2], 1) if took else None,
        "answer_p99_ms": round(1000 * took[int(len(took) * 0.99)], 1) if took else None,
        "decided": decided - before[0],
        "opted_out": left - before[1],
        "cpu_ms": round(1000 * cpu[0] / len(mails), 2),
        "cpu_ms_with_readers": round(1000 * cpu[1] / len(mails), 2),
        "rss_mb": running.most_mb,
    }


def with_smtp_source(running: Running, mails: int, connections: int) -> dict[str, Any] | None:
    """Return how fast the mails of Postfix's smtp-source are taken, or None where it is not installed."""
    source = shutil.which("smtp-source") or shutil.which("smtp-source", path="/usr/sbin")
    if source is None:
        return None
    before = running.counts()
    began = time.perf_counter()
    subprocess.run(
        [source, "-d", "-m", str(mails), "-s", str(connections), "-l", "2000", "-S", "unsubscribe",
         "-f", running.addresses[0], "-t", "promotions@proengineer.example", f"127.0.0.1:{running.port}"],
        check=True,
    )  # fmt: skip
    took = time.perf_counter() - began
    return {"mails": mails, "mails_per_s": round(mails / took, 1), "decided": running.counts()[0] - before[0]}


def measure(mails: int, connections: int, attackers: int, readers: int) -> dict[str, Any]:
    """Measure all rounds on one installation."""
    found: dict[str, Any] = {"connections": connections, "reader_processes": readers}
    with tempfile.TemporaryDirectory() as folder, Running(Path(folder), 2 * mails + 200, readers) as running:
        honest(running.port, running.mails(2 * mails, 2 * mails + 200), connections=connections)  # to warm up
        found["peace"] = deliver(running, 0, mails, connections)
        if source := with_smtp_source(running, mails, connections):
            found["smtp_source"] = source
        if attackers:
            with hostile(running.port, attackers):
                time.sleep(3)
                found["attack"] = {"hostile": attackers, **deliver(running, mails, 2 * mails, connections)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--hostile", type=int, default=0, help="how many hostile connections, in a second round")
    parser.add_argument("--readers", type=int, default=1, help="processes that read mails; 0 reads in threads")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    tell(measure(given.mails, given.connections, given.hostile, given.readers), as_json=given.json)


if __name__ == "__main__":
    main()
