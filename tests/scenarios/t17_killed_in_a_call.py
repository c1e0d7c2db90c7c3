"""The worker dies in the very system call that syncs, sends or writes: strace kills it at the Nth of a kind.

A random moment rarely falls between two calls that belong together (a letter handed over and its end noted, a commit
synced and its answer read); here each kill does. Kills of each kind, spread over a campaign: BYLEAVE_STRACE_KILLS.
"""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.recording_relay import RecordingRelay
from tests.peers.require import missing, need
from tests.scenarios.installation import Running, installed, total
from tests.scenarios.kills import doubles_in, finished, lost_of

pytestmark = [pytest.mark.slow, pytest.mark.peer, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("BYLEAVE_STRACE_KILLS") or (2 if os.environ.get("CI") else 1))
PEOPLE, SLICE, JOBS = 300, 25, 2
#: the calls of one kind, and about how many of them one thread makes in a campaign
CALLS = {"fsync,fdatasync": 40, "sendto,sendmsg": 400, "write": 600, "pwrite64": 200}
BY_THE_SERVER = {"fsync,fdatasync", "pwrite64"}  # on PostgreSQL
ATTACHING_SECONDS = 20.0
DYING_SECONDS = 60.0
SETTINGS = {
    "MAILER__SLICE_SIZE": str(SLICE), "MAILER__CHUNK_SIZE": "75", "WORKER__JOBS_AT_ONCE": str(JOBS),
    "WORKER__DEAD_AFTER_SECONDS": "2",
}  # fmt: skip


@contextlib.contextmanager
def killed_at(running: Running, calls: str, number: int, log: Path) -> Iterator[None]:
    """Let a process run that dies at its Nth call of a kind, in whichever of its threads that comes first."""
    strace = need("strace", "strace")
    options = ["-f", "-q", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=SIGKILL:when={number}"]
    with log.open("w") as told:
        tracer = subprocess.Popen([strace, *options, "-o", "/dev/null", "-p", str(running.process.pid)], stderr=told)
    try:
        end = time.monotonic() + ATTACHING_SECONDS
        while (traced := _tracer_of(running.process.pid)) == 0:
            if tracer.poll() is not None or time.monotonic() > end:
                missing(f"strace can't attach to a process here: {log.read_text()[-200:]}")
            time.sleep(0.005)
        assert traced == tracer.pid
        yield
    finally:
        if tracer.poll() is None:
            tracer.terminate()
        tracer.wait(ATTACHING_SECONDS)


def _tracer_of(pid: int) -> int:
    """Return who traces a process, 0 for nobody (proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.partition(":")[2] for line in lines if line.startswith("TracerPid:")))


@pytest.mark.parametrize("calls", CALLS)
async def test_a_worker_that_dies_in_a_call_doubles_and_loses_nobody(
    tmp_path: Path, database_url: str, calls: str
) -> None:
    """Promises 3 and 4, at the places where they are made: nobody twice, nobody lost, few unknown, exact sums."""
    if calls in BY_THE_SERVER and not database_url.startswith("sqlite"):
        pytest.skip("with PostgreSQL the worker makes none of these calls itself")
    aims = [1 + int(CALLS[calls] * (place + 0.5) / KILLS) for place in range(KILLS)]
    died: list[int] = []
    with RecordingRelay() as relay, contextlib.ExitStack() as stack:
        settings = SETTINGS | {"MAILER__RELAYS": relay.url, "DATABASE__URL": database_url}
        here = stack.enter_context(installed(tmp_path / "here", settings))
        here.import_people(f"reader{number:05}@inbox.test" for number in range(PEOPLE))
        async with here.database() as database:
            for number, aim in enumerate(aims):
                campaign = here.launch(subject := f"{calls} {number} {aim}")
                worker = here.start("worker")
                with killed_at(worker, calls, aim, tmp_path / "strace.log"):
                    end = time.monotonic() + DYING_SECONDS
                    while worker.process.poll() is None and time.monotonic() < end:
                        if len(relay.taken(subject)) >= PEOPLE:
                            await asyncio.sleep(1)  # its last records are written down
                            break
                        await asyncio.sleep(0.05)
                had = len(relay.taken(subject))
                if worker.process.poll() is None:
                    had = PEOPLE
                    worker.kill()
                    aims += [] if aim == 1 else [aim // 2]  # on a busy machine a thread makes fewer of them
                else:
                    died.append(had)
                successor = here.run("worker")
                counts, taken = await finished(database, campaign), relay.taken(subject)
                successor.stop()

                assert (doubles_in(taken), lost_of(counts, taken)) == (0, 0), (aim, counts)
                assert total(counts) == counts["snapshot"] == PEOPLE, (aim, counts)
                assert counts["unknown"] <= JOBS * SLICE, (aim, counts)
                assert counts["sent"] <= len(taken) <= counts["sent"] + counts["unknown"], (aim, counts, len(taken))
                print(f"{calls} {aim}: died at {had} letters, unknown {counts['unknown']}")

    assert died, "no worker died in a call: the campaign makes fewer of them"
