"""SQLite by its plain driver: whole transactions in one go in a thread, and what each connection is prepared with.

The driver for asyncio hands each statement over to a thread and back, some times over. Here one hand-over carries a
transaction that writes, or all the looks that came in while the last ones were made. What runs here awaits its session
and nothing else. :class:`kit.db.Database` is the way in.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util import await_only

from kit.processes import lasting_seconds

BUSY_SECONDS = 30.0  # how long another process's write is waited for
#: between looks whether the file is free: SQLite's own waiting soon sleeps for 100 ms, while others pass one by
LOOK_SECONDS, LATER_LOOK_SECONDS, SOON_SECONDS = 0.0005, 0.005, 0.2
MOST_LOOKS = 64  # in one go; bounds how long the first of them waits for its answer

T = TypeVar("T")
Work = Callable[[AsyncSession], Coroutine[Any, Any, T]]


class PlainSession(AsyncSession):
    """A session over a plain driver, for store functions: what they await is there at once."""

    async def execute(self, *arguments: Any, **options: Any) -> Any:
        """Execute it now."""
        return self.sync_session.execute(*arguments, **options)

    async def scalars(self, *arguments: Any, **options: Any) -> Any:
        """Execute it now."""
        return self.sync_session.scalars(*arguments, **options)

    async def scalar(self, *arguments: Any, **options: Any) -> Any:
        """Execute it now."""
        return self.sync_session.scalar(*arguments, **options)


class Writer:
    """One thread that writes, one transaction after the other."""

    def __init__(self, url: str) -> None:
        """Take the plain driver's URL; the file is opened by the first transaction."""
        self._engine = _engine(url)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")

    async def run(self, work: Work[T]) -> tuple[T, list[Callable[[], None]]]:
        """Return what the work returned, and what is to be told now that it is on disk.

        Whoever is cancelled cancels what has not begun. What has begun goes on in its thread; once it is on disk, that
        is told from here.
        """
        loop, running = asyncio.get_running_loop(), self._thread.submit(self._through, work)
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            if not running.cancel():
                running.add_done_callback(lambda done: None if done.exception() else _tell(loop, done.result()[1]))
            raise

    async def close(self) -> None:
        """Wait for what runs, and close the connection."""
        await asyncio.to_thread(self._thread.shutdown)
        self._engine.dispose()

    def _through(self, work: Work[T]) -> tuple[T, list[Callable[[], None]]]:
        session = PlainSession(expire_on_commit=False, autoflush=False)
        session.sync_session.bind = self._engine
        with session.sync_session as plain, plain.begin():
            result = _finished(work(session))
        return result, list(session.info.get("after_commit", ()))


class Looker:
    """One thread that reads. Looks that come in while it is at work are made together, of one snapshot."""

    def __init__(self, url: str) -> None:
        """Take the plain driver's URL; the file is opened by the first look."""
        self._engine = _engine(url).execution_options(reading=True)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="looker")
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._is_busy = False

    async def run(self, work: Work[T]) -> T:
        """Return what the work returned; what it raises comes through and harms no other."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._waiting.append((work, answer))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._begin)  # after those who are about to ask in this turn of the loop
        return await answer

    async def close(self) -> None:
        """Wait for what runs, and close the connection."""
        await asyncio.to_thread(self._thread.shutdown)
        self._engine.dispose()

    def _begin(self) -> None:
        group, self._waiting = self._waiting[:MOST_LOOKS], self._waiting[MOST_LOOKS:]
        looking = asyncio.get_running_loop().run_in_executor(self._thread, self._look, [work for work, _ in group])
        looking.add_done_callback(lambda done: self._tell([answer for _, answer in group], done))

    def _tell(self, answers: Sequence["asyncio.Future[Any]"], done: "asyncio.Future[list[tuple[Any, Any]]]") -> None:
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        found = [(None, error)] * len(answers) if error is not None else done.result()
        for answer, (result, trouble) in zip(answers, found, strict=True):
            if answer.done():
                continue  # nobody waits any more
            if trouble is None:
                answer.set_result(result)
            else:
                answer.set_exception(trouble)
        if self._waiting:
            self._begin()
        else:
            self._is_busy = False

    def _look(self, works: Sequence[Work[Any]]) -> list[tuple[Any, Exception | None]]:
        with self._engine.connect() as connection:  # which rolls back at its end
            connection.begin()
            return [_seen(connection, work) for work in works]


def _tell(loop: asyncio.AbstractEventLoop, hooks: Sequence[Callable[[], None]]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
        for hook in hooks:
            loop.call_soon_threadsafe(hook)


def _seen(connection: Connection, work: Work[Any]) -> tuple[Any, Exception | None]:
    session = PlainSession(expire_on_commit=False, autoflush=False)
    session.sync_session.bind = connection
    with session.sync_session:
        try:
            return _finished(work(session)), None
        except Exception as error:  # noqa: BLE001 - it goes to who asked
            return None, error


def _finished(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that never has to wait: with a plain driver a session's awaits don't."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    message = "a transaction at once awaits nothing but its session"
    raise RuntimeError(message)


def _engine(url: str) -> sa.Engine:
    engine = sa.create_engine(
        url, poolclass=sa.StaticPool, hide_parameters=True,
        connect_args={"isolation_level": None, "timeout": BUSY_SECONDS, "check_same_thread": False},
    )  # fmt: skip
    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", begin)
    return engine


def prepare(connection: Any, _record: Any) -> None:
    """Set a fresh connection up, by whichever driver."""
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000:.0f}",
        "journal_mode = WAL",
        "wal_autocheckpoint = 4000",  # 16 MB: a page that many commits change is copied back once, not for each
        "synchronous = FULL",  # in WAL mode NORMAL may lose the last commits on a power cut
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin(connection: Connection) -> None:
    """Begin: who writes takes the file now, so that no upgrade of a lock can fail."""
    if connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("BEGIN")
        return
    _let_wait(connection, 0)
    try:
        _take_the_file(connection)
    except sa.exc.OperationalError:  # who is cancelled leaves 0 until the next transaction; a look needs no wait
        _let_wait(connection, BUSY_SECONDS)
        raise
    _let_wait(connection, BUSY_SECONDS)


def _let_wait(connection: Connection, seconds: float) -> None:
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
    cursor.close()


def _take_the_file(connection: Connection) -> None:
    began, patience = lasting_seconds(), connection.info.get("busy_seconds", BUSY_SECONDS)
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except sa.exc.OperationalError as error:
            waited = lasting_seconds() - began
            if not _is_busy(error) or waited > patience:
                raise
            pause = LOOK_SECONDS if waited < SOON_SECONDS else LATER_LOOK_SECONDS
            if connection.dialect.is_async:
                await_only(asyncio.sleep(pause))
            else:
                time.sleep(pause)
        else:
            return


def _is_busy(error: sa.exc.OperationalError) -> bool:
    code: int = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY
