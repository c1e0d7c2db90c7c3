"""Notices between processes: PostgreSQL's NOTIFY, heard on a connection of its own. SQLite has none.

A notice is sent within a transaction and travels when that is on disk. It may be missed (a lost connection, a pooler in
between that hands connections on), so nobody may rely on it alone: it makes fast what a look at the tables makes sure.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.pq.abc import PGconn

from kit.log import logger

MOST_OCTETS: Final = 7900  # PostgreSQL takes less than 8000 in one notice
CONNECT_SECONDS = 10
AGAIN_SECONDS = 0.5  # before a lost connection is opened again
#: finds within ten seconds that the server's machine is gone; a server that ends says so at once
_BOUNDS: Final = {
    "connect_timeout": CONNECT_SECONDS, "keepalives_idle": 4, "keepalives_interval": 2, "keepalives_count": 3,
}  # fmt: skip

_log = logger("kit.notices")


class Notices:
    """Hears one channel and calls back with each notice's text; and with "" where some may have been missed."""

    def __init__(self, arguments: Mapping[str, Any], channel: str, on_notice: Callable[[str], None]) -> None:
        """Take what the driver connects with (:attr:`kit.db.Database.arguments`); nothing is opened yet."""
        self._arguments, self._channel, self._on_notice = {**_BOUNDS, **arguments}, channel, on_notice
        self._line: PGconn | None = None
        self._is_lost = asyncio.Event()

    @property
    def is_heard(self) -> bool:
        """Whether the connection stands."""
        return self._line is not None

    async def run(self) -> None:
        """Hear until cancelled; a lost connection is opened again."""
        while True:
            try:
                await self._hear()
            except (psycopg.Error, OSError) as error:  # TimeoutError is an OSError
                _log.warning("notices.missed", channel=self._channel, error=type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)

    def take_in(self) -> None:
        """Call back for all that has reached this machine by now, without waiting for anything."""
        if self._line is None:
            return
        try:
            self._line.consume_input()
        except psycopg.Error:
            self._line = None
            self._is_lost.set()
            return
        while (notice := self._line.notifies()) is not None:
            self._on_notice(notice.extra.decode("utf-8", "replace"))

    async def _hear(self) -> None:
        async with await AsyncConnection.connect(**self._arguments, autocommit=True) as connection:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            # The driver waits for notices only while it is asked to, and then for nothing else. So its socket is read
            # here, and whoever is about to act on old news can read it at that very moment.
            loop, line = asyncio.get_running_loop(), connection.pgconn
            self._line = line
            self._is_lost.clear()
            loop.add_reader(line.socket, self.take_in)
            try:
                self._on_notice("")
                await self._is_lost.wait()
            finally:
                self._line = None
                loop.remove_reader(line.socket)
        raise ConnectionError("the database closed the connection")
