"""Taking SQLite's file for a transaction that writes: processes that share it get it by turns.

SQLite tells nobody that the file is free; whoever waits looks again and again, and who has just written takes it once
more between two looks. So there is a lock on a second file beside it, and to hold that is to be next: who wants to
write takes the lock, waits for the file, and gives the lock back. Who has just written finds the lock taken where
somebody waits, and comes after them. It is for fairness alone: where it can't be had soon, or at all, the file itself
still lets one write at a time.
"""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

from kit.processes import lasting_seconds

BUSY_SECONDS = 30.0  # how long another process's write is waited for
#: between looks whether the file is free: SQLite's own waiting soon sleeps for 100 ms, while others pass one by
LOOK_SECONDS, LATER_LOOK_SECONDS, SOON_SECONDS = 0.0005, 0.005, 0.2
TURN_SECONDS = 0.1  # who is next may stand still (SIGSTOP); others then don't wait for it any longer


def know_next(connection: Any, record: Any) -> None:
    """Open the lock that says who is next; databases in memory, and folders that can't be written, have none."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA database_list")
    file = next((name for _, schema, name in cursor.fetchall() if schema == "main"), "")
    cursor.close()
    if file:
        with contextlib.suppress(OSError):
            record.info["next"] = os.open(f"{file}-next", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def forget_next(_connection: Any, record: Any) -> None:
    """Close it with its connection."""
    lock = record.info.pop("next", None)
    if lock is not None:
        os.close(lock)


def take_file(connection: Connection) -> None:
    """Begin a transaction that writes, once all who came before have written."""
    patience = connection.info.get("busy_seconds", BUSY_SECONDS)
    _let_wait(connection, 0)
    try:
        with _being_next(connection.info.get("next")):
            if not _until(lambda: _took(connection), patience):
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # a last time; it tells what is in the way
    except sa.exc.OperationalError:  # who is cancelled leaves 0 until the next transaction; a look needs no wait
        _let_wait(connection, BUSY_SECONDS)
        raise
    _let_wait(connection, BUSY_SECONDS)


@contextlib.contextmanager
def _being_next(lock: int | None) -> Iterator[None]:
    if lock is None or not _until(lambda: _locked(lock), TURN_SECONDS):
        yield
        return
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _until(is_done: Callable[[], bool], seconds: float) -> bool:
    began = lasting_seconds()
    while not is_done():
        waited = lasting_seconds() - began
        if waited > seconds:
            return False
        pause = LOOK_SECONDS if waited < SOON_SECONDS else LATER_LOOK_SECONDS
        if in_greenlet():
            await_only(asyncio.sleep(pause))
        else:
            time.sleep(pause)
    return True


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _took(connection: Connection) -> bool:
    cursor = connection.connection.cursor()
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return False
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # which tells the rest in the form that everybody expects
        return True
    else:
        return True
    finally:
        cursor.close()


def _let_wait(connection: Connection, seconds: float) -> None:
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
    cursor.close()
