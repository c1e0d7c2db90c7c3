"""Kill the listener while customers write, and the worker in the middle of campaigns; count what went wrong.

    python -m bench.crash [--what worker|listener|both] [--database sqlite|postgresql] [--kills 10] [--seed 1]
                          [--people 1000] [--json]

Each is a real process of ``byleave run``, killed by SIGKILL at a random moment and started again; nothing else is done
for it. Told are ``kills``, ``doubles`` (letters to somebody who had theirs already), ``lost`` (opt-outs that were
answered 250 and are not in the ledger; people said to have a letter that the relay never took, or who still wait at the
end), ``unknown`` (letters, in all) and ``recovered_s`` (the longest from a kill until the listener was ready again, and
until the relay had the next letter). With ``both`` half of the kills are the listener's. The same seed gives the same
aims; the machine's pace does the rest. Ends with 1 where something was doubled or lost, or where a sum is wrong.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.telling import tell
from tests.fakes.recording_relay import RecordingRelay
from tests.peers.postgres import Postgres
from tests.scenarios.installation import Installation, Running, installed, total
from tests.scenarios.kills import AT_ONCE, EACH, doubles_in, finished, lost_of, play, sent, still_in

KILLS_A_CAMPAIGN = 5
LAST_LETTER_SECONDS = 20.0  # after so long without another letter there was none to come
SLICE, JOBS = 50, 4
SETTINGS = {
    "MAILER__SLICE_SIZE": str(SLICE), "MAILER__CHUNK_SIZE": "100", "WORKER__JOBS_AT_ONCE": str(JOBS),
    "WORKER__DEAD_AFTER_SECONDS": "2",
}  # fmt: skip


@dataclass
class Found:
    """What went wrong, and what was counted beside it."""

    kills: int = 0
    doubles: int = 0
    lost: int = 0
    unknown: int = 0
    recovered_s: float = 0.0
    too_many_unknown: int = 0  # more than were in flight at the kills of a campaign
    wrong_sums: int = 0
    letters: int = 0  # that the relay took
    acknowledged: int = 0  # opt-outs that were answered 250
    unanswered: int = 0

    @property
    def is_bad(self) -> bool:
        """Whether a promise was broken."""
        return any((self.doubles, self.lost, self.wrong_sums, self.too_many_unknown))


@dataclass
class Bench:
    """One installation, the relay that it sends to, and what was found."""

    here: Installation
    relay: RecordingRelay
    rng: random.Random
    found: Found = field(default_factory=Found)

    async def kill_listeners(self, kills: int) -> None:
        """Let customers ask to leave, and kill the listener meanwhile."""
        each = AT_ONCE * EACH
        people = [f"leaver{number:05}@inbox.test" for number in range(kills * each)]
        self.here.import_people(people, topics=["courses"])
        acknowledged: list[str] = []
        listener = self.here.run("listener")
        for number in range(kills):
            writers = people[number * each : (number + 1) * each]
            told = await asyncio.to_thread(play, listener, writers, self.rng)
            killed_at = time.monotonic()
            listener = self.here.run("listener")
            self._was_killed(killed_at)
            self.found.unanswered += len(told.unanswered)
            acknowledged += told.acknowledged
        self.found.acknowledged += len(acknowledged)
        self.found.lost += len(await still_in(self.here, acknowledged))
        listener.stop()

    async def kill_workers(self, kills: int, people: int) -> None:
        """Launch campaigns, and kill the worker some times in each."""
        self.here.import_people(f"reader{number:05}@inbox.test" for number in range(people))
        worker, left = self.here.run("worker"), kills
        while left:
            now = min(left, KILLS_A_CAMPAIGN)
            left -= now
            worker = await self._campaign(worker, sorted(self.rng.uniform(0.02, 0.95) for _ in range(now)))
        worker.stop()

    async def _campaign(self, worker: Running, aims: list[float]) -> Running:
        """Carry one campaign through its kills to its end; return the worker that lives."""
        subject = f"Campaign {self.found.kills}"
        number = self.here.launch(subject)
        async with self.here.database() as database:
            for aim in aims:
                worker = await self._kill(worker, subject, int(aim * int(self.here.status(number)["snapshot"])))
            self._count(await finished(database, number), self.relay.taken(subject), kills=len(aims))
        return worker

    async def _kill(self, worker: Running, subject: str, aim: int) -> Running:
        """Kill the worker when the relay has so many letters; return its successor when it has one more."""
        await sent(self.relay, subject, aim)
        await asyncio.sleep(self.rng.uniform(0, 0.05))
        worker.kill()
        had, killed_at = len(self.relay.taken(subject)), time.monotonic()
        successor = self.here.run("worker")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_LETTER_SECONDS):
                await sent(self.relay, subject, had + 1)
                self._was_killed(killed_at)
                return successor
        self.found.kills += 1  # it was killed behind its last letter
        return successor

    def _was_killed(self, at: float) -> None:
        self.found.kills += 1
        self.found.recovered_s = max(self.found.recovered_s, round(time.monotonic() - at, 2))

    def _count(self, counts: dict[str, Any], taken: list[str], *, kills: int) -> None:
        found, sums = self.found, (total(counts), counts["sent"] + counts["unknown"])
        found.letters += len(taken)
        found.doubles += doubles_in(taken)
        found.lost += lost_of(counts, taken)
        found.unknown += int(counts["unknown"])
        found.wrong_sums += sums[0] != counts["snapshot"] or len(taken) > sums[1]
        found.too_many_unknown += counts["unknown"] > JOBS * SLICE * kills


@contextlib.contextmanager
def a_database(kind: str, folder: Path) -> Iterator[str]:
    """Give the address of an empty database."""
    if kind == "sqlite":
        yield f"sqlite+aiosqlite:///{folder}/byleave.db"
        return
    with Postgres() as server:
        yield server.create_database()


async def run(what: str, kind: str, kills: int, people: int, seed: int) -> Found:
    """Do all kills, and count."""
    of_listeners = {"listener": kills, "worker": 0, "both": kills // 2}[what]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crash")))
        url = stack.enter_context(a_database(kind, folder))
        relay = stack.enter_context(RecordingRelay())
        settings = SETTINGS | {"MAILER__RELAYS": relay.url, "DATABASE__URL": url}
        here = stack.enter_context(installed(folder / "here", settings))
        bench = Bench(here, relay, random.Random(seed))
        if of_listeners:
            await bench.kill_listeners(of_listeners)
        if of_listeners < kills:
            await bench.kill_workers(kills - of_listeners, people)
        return bench.found


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=["worker", "listener", "both"], default="both")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = asyncio.run(run(given.what, given.database, given.kills, given.people, given.seed))
    named = {"what": given.what, "database": given.database, "seed": given.seed, "people": given.people}
    tell({**asdict(found), **named}, as_json=given.json)
    sys.exit(1 if found.is_bad else 0)


if __name__ == "__main__":
    main()
