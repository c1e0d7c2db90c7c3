"""One installation of Byleave as an operator has it: a folder, settings in the environment, processes of its own.

What a test says to it goes through the command line, the ports or the database, as for anybody else. Every process is
ended by the handle that we were given when we started it.
"""

import contextlib
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from consent import ledger, subscribers
from consent.model import Standing
from kit.addresses import parse_address
from kit.db import Database
from tests.scenarios.nursery import Child, nursery

READY_SECONDS = 90.0  # for a process to start on a machine that is busy with other tests
STOP_SECONDS = 60.0
COMMAND_SECONDS = 120.0
CAMPAIGN_SECONDS = 240.0  # less than a test may last, so that it tells where the campaign stands
LOG_TAIL = 40
_PLACE = re.compile(r"(smtp|lmtp|web) [\d.]+:(\d+)")


class Running:
    """A process of ``byleave run`` and the ports it has told of."""

    def __init__(self, process: Child, said: Path, log: Path) -> None:
        self.process, self.said, self.log = process, said, log
        self.ports: dict[str, int] = {}

    def wait_ready(self) -> Self:
        """Return once the line with the ports is there."""
        end = time.monotonic() + READY_SECONDS
        while "byleave: ready" not in (text := self.said.read_text()):
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"byleave run is not ready ({self.process.returncode}):\n{self.tail()}")
            time.sleep(0.02)
        self.ports = {name: int(port) for name, port in _PLACE.findall(text)}
        return self

    def kill(self) -> None:
        """End it by SIGKILL, with no time for anything."""
        self.process.signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        self.process.signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except TimeoutError:
            self.kill()
            raise AssertionError(f"it did not end within {STOP_SECONDS:g} s:\n{self.tail()}") from None

    def tail(self) -> str:
        """Return the end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL:] if self.log.exists() else []
        return "\n".join([self.said.read_text(), *lines])


class Installation:
    """A folder with everything that one installation keeps, and its processes."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        """Take settings as environment variables without their prefix, ``{"MAILER__SLICE_SIZE": "50"}``."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.settings = {
            "VAR": str(folder / "var"), "DATABASE__URL": f"sqlite+aiosqlite:///{folder}/byleave.db",
            "INBOUND__SMTP__PORT": "0", "WEB__PORT": "0", "LOG__LEVEL": "warning", "LOG__FORMAT": "json",
            "MAILER__HELO": "byleave.test",
            "INBOUND__ORIGIN__CHECK": "false", "MAILER__CHECK_DNS": "false",  # there is no DNS here
            "INBOUND__ORIGIN__UNPROVEN_AN_HOUR": "100000",
            "WORKER__BEAT_SECONDS": "0.25", "WORKER__POLL_SECONDS": "0.1",
            **(settings or {}),
        }  # fmt: skip
        self.processes: list[Running] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        for running in self.processes:
            if failure is not None:
                failure.add_note(f"--- byleave run, process {running.process.pid}\n{running.tail()}")
            if running.process.poll() is None:
                running.kill()

    @property
    def url(self) -> str:
        """The database's URL."""
        return self.settings["DATABASE__URL"]

    @property
    def environment(self) -> dict[str, str]:
        """What a process of this installation finds in its environment; nothing of the test run's own settings."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("BYLEAVE_")}
        return inherited | {f"BYLEAVE_{key}": value for key, value in self.settings.items()}

    def byleave(self, *arguments: str | Path, expect: int | None = 0) -> str:
        """Run one command to its end and return what it printed on standard output."""
        out, err = self.folder / "command.out", self.folder / "command.err"
        code = (
            nursery().start([str(one) for one in arguments], self.environment, out=out, err=err).wait(COMMAND_SECONDS)
        )
        said = out.read_text()
        if expect is not None:
            assert code == expect, f"{arguments} ended with {code}:\n{said}{err.read_text()}"
        return said

    @property
    def complaint(self) -> str:
        """What the last command printed on standard error."""
        return (self.folder / "command.err").read_text()

    def ask(self, *arguments: str | Path, expect: int = 0) -> Any:
        """Run one command with --json and return what it says."""
        return json.loads(self.byleave(*arguments, "--json", expect=expect))

    def import_people(self, addresses: Iterable[str], *, topics: Iterable[str] = ("deals",)) -> None:
        """Import people who agreed, on evidence."""
        file = self.folder / "people.csv"
        file.write_text("email,name\n" + "".join(f"{one},{one.partition('@')[0]}\n" for one in addresses))
        named = [part for topic in topics for part in ("--topic", topic)]
        self.ask("subscribers", "import", file, *named, "--source", "the scenario's form", "--over-13")

    def launch(self, subject: str, *, topic: str = "deals") -> int:
        """Make a campaign and launch it; return its number."""
        file = self.folder / "campaign.toml"
        file.write_text(
            f'name = "{subject}"\nsubject = "{subject}"\ntopic = "{topic}"\n'
            'text = """All bundles cost 30 % less until Sunday.\n\nYou can cancel within 14 days."""\n'
        )
        number: int = self.ask("campaign", "new", file, "--now")["id"]
        return number

    def start(self, only: str = "", **settings: str) -> Running:
        """Start ``byleave run`` without waiting for it; ``settings`` hold for this process alone."""
        place = len(self.processes)
        said, log = self.folder / f"run{place}.out", self.folder / f"run{place}.log"
        environment = self.environment | {f"BYLEAVE_{key}": value for key, value in settings.items()}
        command = ["run", *(("--only", only) if only else ())]
        said.touch()
        process = nursery().start(command, environment, out=said, err=log)
        self.processes.append(Running(process, said, log))
        return self.processes[-1]

    def run(self, only: str = "", **settings: str) -> Running:
        """Start ``byleave run`` and wait until it is ready."""
        return self.start(only, **settings).wait_ready()

    def status(self, number: int) -> dict[str, Any]:
        """Return the numbers of a campaign."""
        found: dict[str, Any] = self.ask("campaign", "status", str(number))
        return found

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """Open a connection of the test's own."""
        database = Database(self.url)
        try:
            yield database
        finally:
            await database.close()


async def standing_of(database: Database, address: str) -> Standing:
    """Return where a person stands, as the ledger on disk has it."""
    async with database.reading() as session:
        person = await subscribers.find(session, parse_address(address))
        assert person is not None, address
        return await ledger.standing_of(session, person.id)


def total(status: Mapping[str, Any]) -> int:
    """Return the sum of the parts of a campaign, which has to be its snapshot."""
    parts = ("sent", "failed", "unknown", "waiting")
    return sum(int(status[part]) for part in parts) + sum(map(int, status["skipped"].values()))


@contextlib.contextmanager
def installed(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Installation]:
    """Give an initialised installation; its processes end with the block."""
    with Installation(folder, settings) as made:
        made.byleave("init")
        yield made
