"""Jobs: there when the transaction is, run by whoever lives, taken over from the dead."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from kit.beats import DeadWorker
from kit.config import WorkerSettings
from kit.db import Database
from kit.errors import Temporary
from kit.jobs import Interrupted, Jobs
from kit.tables import WorkerBeatRow

QUICK = WorkerSettings(beat_seconds=0.2, dead_after_seconds=60, poll_seconds=0.05)
ROOT = Path(__file__).parents[2]


@contextlib.asynccontextmanager
async def running(jobs: Jobs, *, drain_seconds: float = 5.0) -> AsyncIterator[None]:
    """Run jobs until the end of the block."""
    await jobs.start()
    beating = asyncio.create_task(jobs.run())
    try:
        yield
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating
        await jobs.stop(drain_seconds)


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)


async def enqueue(jobs: Jobs, database: Database, name: str, *args: int | str, job_id: str) -> None:
    async with database.transaction() as session:
        await jobs.enqueue(session, name, *args, job_id=job_id)


async def test_a_job_is_there_when_its_transaction_is_and_never_otherwise(database: Database) -> None:
    """Enqueueing needs no worker, rolls back with its transaction, and twice is once."""
    jobs = Jobs(database, QUICK)
    await jobs.prepare()
    await jobs.prepare()

    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction() as session:
            await jobs.enqueue(session, "note", 1, job_id="t-rolled-back")
            raise ZeroDivisionError
    await enqueue(jobs, database, "note", 1, job_id="t-kept")
    await enqueue(jobs, database, "note", 1, job_id="t-kept")
    assert await jobs.alive("t-") == 1
    await jobs.cancel(["t-kept"])

    assert await jobs.alive("t-") == 0
    jobs.close()


async def test_jobs_run_are_tried_again_and_are_left_when_the_worker_stops(database: Database) -> None:
    """One start of the engine for several stories, because a start takes its time."""
    jobs = Jobs(database, QUICK)
    await jobs.prepare()
    seen: list[tuple[int | str, ...]] = []

    async def plain(*args: int | str) -> None:
        seen.append(("plain", *args))

    async def flaky(*_args: int | str) -> None:
        seen.append(("flaky",))
        if seen.count(("flaky",)) == 1:
            raise Temporary(delay=0.1)
        if seen.count(("flaky",)) == 2:
            raise ZeroDivisionError

    async def endless(*_args: int | str) -> None:
        seen.append(("endless",))
        await until(lambda: jobs.is_stopping, 60)
        raise Interrupted

    for function in (plain, flaky, endless):
        jobs.register(function.__name__, function)
    await enqueue(jobs, database, "plain", 7, "x", job_id="s-1")
    async with running(jobs):
        with pytest.raises(RuntimeError):
            jobs.register("late", plain)
        await until(lambda: ("plain", 7, "x") in seen)
        await enqueue(jobs, database, "flaky", job_id="s-2")
        await enqueue(jobs, database, "endless", job_id="s-3")
        await until(lambda: seen.count(("flaky",)) == 3 and ("endless",) in seen)
        assert jobs.lease == 1

    assert seen.count(("plain", 7, "x")) == 1
    assert await jobs.alive("s-") == 1  # the endless one is left for another worker
    assert await asyncio.to_thread(lambda: "threads work") == "threads work"
    async with database.reading() as session:
        beats = list(await session.scalars(sa.select(WorkerBeatRow)))
    assert [beat.seen_at.year for beat in beats] == [2000]
    jobs.close()


async def test_a_place_that_becomes_free_is_taken_at_once(database: Database) -> None:
    """Not when the engine looks for jobs the next time; and never do more run than are allowed."""
    settings = WorkerSettings(beat_seconds=0.2, dead_after_seconds=60, poll_seconds=4, jobs_at_once=2)
    jobs = Jobs(database, settings)
    await jobs.prepare()
    began: list[float] = []
    ended: list[float] = []
    most = 0

    async def work(number: int) -> None:
        nonlocal most
        began.append(time.monotonic())
        most = max(most, len(began) - len(ended))
        await asyncio.sleep(0.2 * number)
        ended.append(time.monotonic())

    jobs.register("work", work)
    for number in (1, 2, 3):
        await enqueue(jobs, database, "work", number, job_id=f"f-{number}")
    async with running(jobs):
        await until(lambda: len(ended) == 3, 30)

    assert most == 2
    assert began[2] - ended[0] < 1
    jobs.close()


@pytest.mark.slow
async def test_the_jobs_of_a_killed_worker_are_taken_over_at_once(database: Database, tmp_path: Path) -> None:
    """SIGKILL; on the same machine nobody waits for a time limit. The beat row goes when nothing of it is pending."""
    file = tmp_path / "notes"
    file.touch()
    jobs = Jobs(database, QUICK)
    await jobs.prepare()
    dead: list[DeadWorker] = []

    async def note(what: str, _seconds: int) -> None:
        with file.open("a") as stream:
            stream.write(f"end {what} {jobs.worker}\n")

    async def on_death(worker: DeadWorker) -> None:
        dead.append(worker)

    jobs.register("note", note)
    jobs.when_worker_dies(on_death)
    for number in range(3):
        await enqueue(jobs, database, "note", f"job{number}", 30, job_id=f"k-{number}")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.kit.worker_process", database.url, str(file), "60", cwd=ROOT
    )
    try:
        await until(lambda: file.read_text().count("begin") == 3)
        child.kill()
        await child.wait()
        async with running(jobs):
            await until(lambda: file.read_text().count("end") == 3)
            await until(lambda: bool(dead))
            async with asyncio.timeout(10):  # the last word of a job comes a moment before its end is written down
                while await jobs.alive("k-"):  # noqa: ASYNC110 - there is nothing to be told by
                    await asyncio.sleep(0.01)
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()

    assert {worker.is_surely_gone for worker in dead} == {True}
    async with database.reading() as session:
        assert list(await session.scalars(sa.select(WorkerBeatRow.id))) == []
    jobs.close()
