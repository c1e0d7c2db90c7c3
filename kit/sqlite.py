"""SQLite by its plain driver: whole transactions in one go, and what each connection is prepared with.

The driver for asyncio hands each statement over to a thread and back, some times over. Here one hand-over is for the
commit of a transaction, or for all the looks that came in while the last ones were made. What runs here awaits its
session and nothing else. :class:`kit.db.Database` is the way in.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util.concurrency import greenlet_spawn

from kit.turns import BUSY_SECONDS, forget_next, know_next, take_file

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
    """Writes, one transaction after the other: statements on the loop, the wait for the disk in a thread.

    A thread for the statements, too, would be at odds with the loop: SQLite's driver lets go of the interpreter at each
    statement, and has to wait for it again while it holds the file that others wait for.
    """

    def __init__(self, url: str) -> None:
        """Take the plain driver's URL; the file is opened by the first transaction."""
        self._engine = _engine(url)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._is_open = False
        self._left: asyncio.Future[Any] | None = None  # a commit whose caller was cancelled

    async def run(self, work: Work[T]) -> tuple[T, list[Callable[[], None]]]:
        """Return what the work returned, and what is to be told now that it is on disk.

        Whoever is cancelled cancels what waits for the file. A commit goes on in its thread; once it is on disk, that
        is told from here.
        """
        if self._left is not None:
            await asyncio.wait({self._left})
            self._left = None
        loop, session = asyncio.get_running_loop(), PlainSession(expire_on_commit=False, autoflush=False)
        if not self._is_open:  # the one step that may have to wait for others, and can't be asked again and again
            await loop.run_in_executor(self._thread, lambda: self._engine.connect().close())
            self._is_open = True
        connection = self._engine.connect()
        session.sync_session.bind = connection
        try:
            await greenlet_spawn(take_file, connection)
            connection.info["is_taken"] = True
            result = _finished(work(session))
            hooks = list(session.info.get("after_commit", ()))
        except BaseException:
            _let_go(session, connection)
            raise
        done = loop.run_in_executor(self._thread, _commit, session, connection)
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            self._left = done
            done.add_done_callback(lambda done: None if done.cancelled() or done.exception() else _tell(loop, hooks))
            raise
        return result, hooks

    async def close(self) -> None:
        """Wait for what runs, and close the connection."""
        await asyncio.to_thread(self._thread.shutdown)
        self._engine.dispose()


def _commit(session: PlainSession, connection: Connection) -> None:
    try:
        session.sync_session.commit()
    finally:
        _let_go(session, connection)


def _let_go(session: PlainSession, connection: Connection) -> None:
    """Close both; what is not committed is rolled back."""
    connection.info.pop("is_taken", None)
    session.sync_session.close()
    plain = connection.connection.driver_connection
    if isinstance(plain, sqlite3.Connection) and plain.in_transaction:  # as where something broke around the COMMIT
        plain.rollback()
    connection.close()


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
    listen(engine)
    return engine


def listen(engine: sa.Engine) -> None:
    """Prepare each connection of an engine, and let its transactions take the file by turns."""
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "close", forget_next)
    sa.event.listen(engine, "begin", _begin)


def _prepare(connection: Any, record: Any) -> None:
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
    know_next(connection, record)


def _begin(connection: Connection) -> None:
    """Begin: who writes takes the file now, so that no upgrade of a lock can fail."""
    if connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("BEGIN")
    elif not connection.info.pop("is_taken", False):
        take_file(connection)
