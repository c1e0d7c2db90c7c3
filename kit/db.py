"""The one database: engine, transactions, and the few things in which SQLite and PostgreSQL differ.

Store functions take a session and never commit; doors and loops own ``async with database.transaction()``. On SQLite a
writer takes the file at BEGIN (no upgrade dead-locks) and each commit reaches the disk before it returns
(WAL with synchronous=FULL), so that an answer given after it is a promise that survives a power cut.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from kit.sqlite import Looker, Writer, listen

T = TypeVar("T")

_in_transaction: ContextVar[bool] = ContextVar("in_transaction", default=False)


class Base(DeclarativeBase):
    """The parent of all tables; one MetaData, one migration history."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        },
    )


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware and UTC in Python, whatever the database makes of zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive moment; SQLite keeps the UTC wall time."""
        if value is None:
            return None
        value = stored_moment(value)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give the moment back aware and in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def stored_moment(value: datetime) -> datetime:
    """Return a moment as it is kept: in UTC. Raises ``ValueError`` for a naive one."""
    if value.tzinfo is None:
        message = "a moment without a zone can't be stored"
        raise ValueError(message)
    return value.astimezone(UTC)


#: what store functions take; rooms that only pass it on import it from here
Session = AsyncSession

#: 64-bit keys; SQLite numbers rows by itself only when the column is a plain INTEGER.
BigKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


class Database:
    """An engine and its transactions. One for each process; made in ``byleave.wiring``."""

    def __init__(self, url: str, *, pool_size: int = 10, frozen_seconds: float | None = None) -> None:
        """Make the engine; nothing is opened until the first transaction.

        ``frozen_seconds``: after so long without a word inside a transaction PostgreSQL ends it and frees its locks. A
        process that stands still (SIGSTOP, a paused machine) keeps its connections, and others would wait for its rows
        as long. For processes that serve; a command whose output somebody pages through may be silent for an hour.
        """
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.frozen_seconds = frozen_seconds
        self.engine = _engine(url, pool_size, frozen_seconds)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        readers = self.engine.execution_options(reading=True)
        self._readers = async_sessionmaker(readers, expire_on_commit=False, autoflush=False)
        # SQLite has one writer; queueing fairly in here is cheaper than its busy handler
        self._writer = asyncio.Lock() if self.is_sqlite else None
        self._is_in_memory = self.is_sqlite and url.endswith((":///", ":memory:"))  # each connection has its own
        self._at_once: Writer | None = None
        self._looks: Looker | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """What the driver connects with, for a connection outside the pool."""
        return dict(self.engine.dialect.create_connect_args(self.engine.url)[1])

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that writes; commit at the end, roll back on any error, then tell the after-commit hooks.

        When this returns the data are on disk. Transactions don't nest: a second one in the same task is a programming
        error and raises at once.
        """
        if _in_transaction.get():
            message = "a transaction is already open in this task; pass its session on"
            raise RuntimeError(message)
        mark = _in_transaction.set(True)
        try:
            if self._writer is None:
                async with self._sessions.begin() as session:
                    yield session
            else:
                async with self._writer, self._sessions.begin() as session:
                    yield session
        finally:
            _in_transaction.reset(mark)
        for hook in session.info.get("after_commit", ()):
            hook()

    async def at_once(self, work: Callable[[AsyncSession], Coroutine[Any, Any, T]]) -> T:
        """Return what ``work`` makes of a transaction that writes, as :meth:`transaction` does; for the hot paths.

        On SQLite all its statements run in one go on the loop, and the wait for the disk in a thread: the driver for
        asyncio hands each statement over four times. So ``work`` is short, and awaits its session and nothing else.
        """
        if self._writer is None or self._is_in_memory:
            async with self.transaction() as session:
                return await work(session)
        if _in_transaction.get():
            message = "a transaction is already open in this task; pass its session on"
            raise RuntimeError(message)
        async with self._writer:
            if self._at_once is None:
                self._at_once = Writer(sync_url(self.url))
            result, hooks = await self._at_once.run(work)
        for hook in hooks:
            hook()
        return result

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a snapshot that only reads; it never waits for a writer, and never keeps one waiting."""
        async with self._readers() as session:
            yield session

    async def look(self, work: Callable[[AsyncSession], Coroutine[Any, Any, T]]) -> T:
        """Return what ``work`` sees of a snapshot, as :meth:`reading` gives one; for pages that are asked for often.

        On SQLite the looks of several run in one go in a thread, as :meth:`at_once` does.
        """
        if self._writer is None or self._is_in_memory:
            async with self.reading() as session:
                return await work(session)
        if self._looks is None:
            self._looks = Looker(sync_url(self.url))
        return await self._looks.run(work)

    async def close(self) -> None:
        """Close all connections."""
        for threads in (self._at_once, self._looks):
            if threads is not None:
                await threads.close()
        self._at_once = self._looks = None
        await self.engine.dispose()


def after_commit(session: AsyncSession, hook: Callable[[], None]) -> None:
    """Call ``hook`` once the session's transaction is on disk; never when it is rolled back."""
    session.info.setdefault("after_commit", []).append(hook)


def insert(session: AsyncSession, table: Any) -> Any:
    """Return the dialect's INSERT for a table, which knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return insert_into(table, of_sqlite=is_sqlite(session))


def insert_into(table: Any, *, of_sqlite: bool) -> Any:
    """Return the same for statements that are made once and kept."""
    return (sqlite.insert if of_sqlite else postgresql.insert)(table)


def is_sqlite(session: AsyncSession) -> bool:
    """Whether the session talks to SQLite."""
    return session.get_bind().dialect.name == "sqlite"


async def moment_of(session: AsyncSession) -> datetime:
    """Return the database's clock, so that clocks of several machines need not agree; SQLite has none of its own."""
    if is_sqlite(session):
        return datetime.now(UTC)
    moment = await session.scalar(sa.select(sa.func.clock_timestamp()))
    assert isinstance(moment, datetime)  # noqa: S101 - that is what the function returns
    return moment


async def hold_alone(session: AsyncSession, number: int) -> None:
    """Hold a number for the rest of the transaction: another that wants it waits. SQLite has one writer anyway."""
    if not is_sqlite(session):
        await session.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def sync_url(url: str) -> str:
    """Return the URL for code that is not async (migrations, the job engine): same database, plain driver."""
    return url.replace("sqlite+aiosqlite", "sqlite", 1)


def append_only(table: sa.Table) -> None:
    """Make the database itself refuse UPDATE, DELETE (and TRUNCATE) on a table when it is created."""
    for statement, dialect in append_only_ddl(table.name):
        ddl = sa.DDL(statement)  # type: ignore[no-untyped-call]  # the library has no annotation here
        sa.event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


def append_only_ddl(name: str) -> list[tuple[str, str]]:
    """Return the (statement, dialect) pairs that make a table append-only; migrations use the same ones."""
    refusal = f"{name} is append-only"
    lite = [
        f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
        for verb in ("UPDATE", "DELETE")
    ]
    postgres = [
        (
            f"CREATE FUNCTION {name}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$BEGIN RAISE EXCEPTION '{refusal}'; END$$"
        ),
        (
            f"CREATE TRIGGER {name}_no_change BEFORE UPDATE OR DELETE ON {name} "
            f"FOR EACH ROW EXECUTE FUNCTION {name}_refuse()"
        ),
        (
            f"CREATE TRIGGER {name}_no_truncate BEFORE TRUNCATE ON {name} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_refuse()"
        ),
    ]
    return [(text, "sqlite") for text in lite] + [(text, "postgresql") for text in postgres]


def _engine(url: str, pool_size: int, frozen_seconds: float | None) -> AsyncEngine:
    if not url.startswith("sqlite"):
        engine = create_async_engine(
            url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True, hide_parameters=True
        )
        if frozen_seconds is not None:
            limit = f"SET idle_in_transaction_session_timeout = {max(1, round(frozen_seconds * 1000))}"
            sa.event.listen(engine.sync_engine, "connect", lambda fresh, _record: _prepare_postgres(fresh, limit))
        return engine
    file = url.partition(":///")[2]
    if file and file != ":memory:":
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        hide_parameters=True,  # an error must not carry an address into the log
        connect_args={"isolation_level": None, "timeout": 30},
    )
    listen(engine.sync_engine)
    return engine


def _prepare_postgres(connection: Any, limit: str) -> None:
    cursor = connection.cursor()
    cursor.execute(limit)
    cursor.close()
    connection.commit()  # or the pool's first rollback would take it back
