"""The only door to the job engine: enqueue in the caller's transaction, run, cancel, take over from the dead.

A job is a name and plain arguments; it may run twice, so what it does has to be safe to repeat. The engine (DBOS) keeps
jobs in our own database: one commit makes the data and their jobs true together. It does not move the jobs of a dead
worker to a live one; we do, told by :mod:`kit.beats` who is dead. What a dead worker had in its hands is settled by
those who called :meth:`Jobs.when_worker_dies`. Nothing here knows what a job is about.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any, TypeVar

from kit.beats import Beats, DeadWorker
from kit.config import WorkerSettings
from kit.db import Database, Session, sync_url
from kit.errors import ByleaveError, Temporary
from kit.log import logger
from kit.processes import lasting_seconds

if TYPE_CHECKING:
    from dbos import DBOSClient

#: Raised by hand when jobs change so that old and new code can't work on the same ones: each job runs only on a worker
#: of the version that it was enqueued with.
JOBS_VERSION = "jobs-1"
QUEUE = "byleave"
BULK_QUEUE = "byleave-bulk"  # for work that may take long or wait, so that it never keeps the other jobs waiting
FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0
TRIES = 12  # of a job that fails; about six minutes with the pauses between
#: of the jobs that run at once, so many more are taken and wait here: the engine looks for jobs every half second, and
#: a place that became free would stand empty until then
AHEAD = 0.5

_log = logger("kit.jobs")

T = TypeVar("T")
Arg = int | str
JobFunction = Callable[..., Awaitable[None]]


class Interrupted(ByleaveError):
    """The job ends before its time because its worker stops; another worker goes on with it."""


class Jobs:
    """The jobs of one installation, as one process sees them. Enqueueing needs no :meth:`start`."""

    def __init__(self, database: Database, settings: WorkerSettings | None = None, *, schema_version: str = "") -> None:
        """Take the database; nothing of the engine is loaded before it is needed."""
        self._database = database
        self._settings = settings or WorkerSettings()
        self._functions: dict[str, JobFunction] = {}
        self._on_death: list[Callable[[DeadWorker], Awaitable[None]]] = []
        self._beats = Beats(database, self._settings, schema_version=schema_version)
        self._client_made: DBOSClient | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._places: dict[str, asyncio.Semaphore] = {}
        self._is_started = False
        self._stopping = asyncio.Event()
        self.worker = self._beats.worker
        """The name of this worker; another one after each start."""

    # -- for everybody ------------------------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Make or update the engine's tables; ``byleave init`` calls it. Repeating changes nothing."""
        await asyncio.to_thread(_prepare, sync_url(self._database.url), self._settings)

    async def enqueue(self, session: Session, name: str, /, *args: Arg, job_id: str, is_bulk: bool = False) -> None:
        """Enqueue a job in the caller's transaction: it exists when that commits, and never otherwise.

        A second one with the same id is the same job. Works in a process that runs no jobs, too.
        """
        from dbos import EnqueueOptions, WorkflowSerializationFormat

        client = self._client()
        options = EnqueueOptions(
            queue_name=BULK_QUEUE if is_bulk else QUEUE, workflow_name=name, workflow_id=job_id,
            app_version=JOBS_VERSION,
            serialization_type=WorkflowSerializationFormat.PORTABLE,  # JSON; what stands in a table is never unpickled
        )  # fmt: skip
        await session.run_sync(lambda plain: client.enqueue_in_transaction(plain, options, *args))

    async def cancel(self, job_ids: list[str]) -> None:
        """Take back jobs that have not begun; one that is running ends by itself, by what it looks at."""
        if job_ids:
            await self._in_thread(lambda: self._client().cancel_workflows(job_ids))

    async def alive(self, prefix: str) -> int:
        """Return how many jobs whose id begins so are enqueued or running (counted up to a hundred)."""
        found = await self._in_thread(
            lambda: self._client().list_workflows(
                workflow_id_prefix=prefix,
                status=["ENQUEUED", "PENDING"],
                limit=100,
                load_input=False,
                load_output=False,
            )
        )
        return len(found)

    async def count_finished(self, before: datetime) -> int:
        """Return how many jobs ended before a moment (counted up to ten thousand)."""
        return len(await self._finished(before, 10_000))

    async def forget_finished(self, before: datetime, most: int) -> int:
        """Delete up to so many jobs that ended before a moment, and return how many: the engine never does."""
        ended = await self._finished(before, most)
        if ended:
            await self._in_thread(lambda: self._client().delete_workflows(ended))
        return len(ended)

    async def _finished(self, before: datetime, most: int) -> list[str]:
        found = await self._in_thread(
            lambda: self._client().list_workflows(
                status=["SUCCESS", "ERROR", "CANCELLED"],
                completed_before=before.isoformat(),
                limit=most,
                load_input=False,
                load_output=False,
            )
        )
        return [job.workflow_id for job in found]

    # -- for the worker -----------------------------------------------------------------------------------------------

    def register(self, name: str, function: JobFunction) -> None:
        """Say which function a job of this name calls. Before :meth:`start`; every worker registers all of them."""
        if self._is_started:
            raise RuntimeError("jobs are registered before the start")
        self._functions[name] = function
        self._places[name] = asyncio.Semaphore(self._settings.jobs_at_once)

    def when_worker_dies(self, callback: Callable[[DeadWorker], Awaitable[None]]) -> None:
        """Call back for each dead worker before its jobs run elsewhere; may be called more than once for one."""
        self._on_death.append(callback)

    async def known_workers(self) -> set[str]:
        """Return the workers that live, or died and are not wholly taken over yet."""
        return await self._beats.known()

    @property
    def is_stopping(self) -> bool:
        """Whether this worker was told to stop: what runs ends soon, by itself or by :class:`Interrupted`."""
        return self._stopping.is_set()

    @property
    def lease(self) -> int | None:
        """The number of the lease that lets new work begin; see :attr:`kit.beats.Beats.lease`."""
        return self._beats.lease

    async def start(self) -> None:
        """Begin to run jobs, on the running loop. :meth:`run` has to beat from then on; :meth:`stop` ends it."""
        from dbos import DBOS

        self._is_started = True
        self._stopping.clear()
        await self._beats.beat()
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="jobs")
        DBOS(
            config={
                "name": "byleave", "system_database_url": sync_url(self._database.url), "executor_id": self.worker,
                "application_version": JOBS_VERSION, "log_level": "ERROR", "enable_otlp": False,
                "sys_db_idle_transaction_timeout_sec": self._database.frozen_seconds or 0,
            }
        )  # fmt: skip
        for name, function in self._functions.items():
            DBOS.workflow(name=name)(self._guarded(name, function))
        # On the running loop, not in a thread: the engine then runs the jobs here and not on a loop of its own, where
        # our database connections could not be used.
        DBOS.launch()
        await self._in_thread(lambda: _register_queues(DBOS.register_queue, self._settings))
        _log.info("jobs.started", worker=self.worker)

    async def run(self) -> None:
        """Beat, and take over from workers that don't, until cancelled. Trouble with the database ends neither."""
        async with asyncio.TaskGroup() as both:  # a long take-over must not delay a beat
            both.create_task(self._again(self._beats.beat, "beat.missed"), name="beat")
            both.create_task(self._again(self._take_over, "takeover.failed"), name="take over")

    async def stop(self, drain_seconds: float = 20.0) -> None:
        """Begin nothing more, let what runs finish within the time, leave the rest for another worker."""
        if not self._is_started:
            return
        from dbos import DBOS

        self._stopping.set()
        was_busy = bool(self._running)
        until = lasting_seconds() + drain_seconds
        while self._running and (left := until - lasting_seconds()) > 0:
            await asyncio.wait(set(self._running), timeout=min(left, self._settings.beat_seconds))
            with contextlib.suppress(Exception):  # who drains still lives; without the beat others would take over
                await self._beats.beat()
        for task in self._running:
            task.cancel()  # such a job stays pending, and the next worker runs it
        if self._running:
            await asyncio.wait(set(self._running), timeout=5)
        # In a thread of ours: it would block the loop, and the engine's own threads end with it. A job that has just
        # ended gets the time to write that down (the engine looks once a second).
        await self._in_thread(lambda: DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=2 * was_busy))
        # The engine had made its threads the loop's default ones, and they are gone.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        await self._beats.leave(holds_jobs=await self._pending_of(self.worker) > 0)
        self.close()
        self._is_started = False
        _log.info("jobs.stopped", worker=self.worker)

    def close(self) -> None:
        """Let go of the engine's connections, in a process that only enqueued."""
        if self._client_made is not None:
            self._client_made.destroy()
            self._client_made = None
        if self._threads is not None:
            self._threads.shutdown(wait=False)
            self._threads = None

    # -- inside -------------------------------------------------------------------------------------------------------

    def _guarded(self, name: str, function: JobFunction) -> JobFunction:
        """Wrap a job: tried again when it fails, left pending when we are told to stop."""

        async def job(*args: Arg) -> None:
            task = asyncio.current_task()
            assert task is not None, name  # noqa: S101 - a coroutine runs in a task
            self._running.add(task)
            try:
                await self._attempt(name, function, args)
            finally:
                self._running.discard(task)

        job.__qualname__ = job.__name__ = name
        return job

    async def _attempt(self, name: str, function: JobFunction, args: tuple[Arg, ...]) -> None:
        pause, failures = FIRST_RETRY_SECONDS, 0
        while not self.is_stopping:
            try:
                async with self._places[name]:
                    if self._stopping.is_set():  # meanwhile
                        break
                    return await function(*args)
            except Interrupted:
                break
            except Temporary as error:  # as often as it takes
                _log.info("job.deferred", job=name, reason=error.public)
                await self._rest(min(max(error.delay, 0.1), LONGEST_RETRY_SECONDS))
            except Exception as error:
                failures += 1
                _log.warning("job.failed", job=name, failures=failures, error=type(error).__name__, exc_info=True)
                if failures == TRIES:
                    raise
                await self._rest(pause)
                pause = min(pause * 2, LONGEST_RETRY_SECONDS)
        # Cancelled, not ended: the engine then leaves the job pending, for another worker.
        raise asyncio.CancelledError

    async def _rest(self, seconds: float) -> None:
        """Wait, but not longer than until we are told to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _again(self, work: Callable[[], Awaitable[None]], trouble: str) -> None:
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next beat is due all the same
                # The lease runs out by itself while beats are missed, and nothing new begins without it.
                _log.warning(trouble, error=type(error).__name__, exc_info=True)
            await asyncio.sleep(self._settings.beat_seconds)

    async def _take_over(self) -> None:
        """Settle what dead workers held, make their jobs run again, and forget those that have none left."""
        from dbos import DBOS

        for dead in await self._beats.dead():
            for callback in self._on_death:
                await callback(dead)
            # The one private call: it moves pending jobs back to their queue where they still belong to the dead
            # worker, so repeating it, also by several workers at once, is harmless.
            await self._in_thread(lambda dead=dead: DBOS._recover_pending_workflows([dead.id]))  # type: ignore[misc]  # noqa: SLF001
            if await self._pending_of(dead.id) == 0:
                await self._beats.bury(dead)
                _log.info("worker.buried", worker=dead.id, is_surely_gone=dead.is_surely_gone)

    async def _pending_of(self, worker: str) -> int:
        found = await self._in_thread(
            lambda: self._client().list_workflows(
                status="PENDING", executor_id=worker, limit=1, load_input=False, load_output=False
            )
        )
        return len(found)

    def _client(self) -> "DBOSClient":
        if self._client_made is None:
            from dbos import DBOSClient

            self._client_made = DBOSClient(
                system_database_url=sync_url(self._database.url), application_name="byleave", lazy=True
            )
        return self._client_made

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _register_queues(register: Callable[..., object], settings: WorkerSettings) -> None:
    taken = settings.jobs_at_once + ceil(settings.jobs_at_once * AHEAD)
    for queue in (QUEUE, BULK_QUEUE):
        register(queue, worker_concurrency=taken, polling_interval_sec=settings.poll_seconds)


def _prepare(url: str, settings: WorkerSettings) -> None:
    from dbos import DBOS, DBOSClient

    if url.startswith("sqlite:///"):  # the engine doesn't ask for the mode that lets readers and a writer work at once
        with contextlib.closing(sqlite3.connect(url.partition(":///")[2])) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    DBOS.migrate(url)
    client = DBOSClient(system_database_url=url, application_name="byleave")
    try:
        _register_queues(client.register_queue, settings)  # one row for all workers: others must not undo ours
    finally:
        client.destroy()
