"""Notices come with the commit, are taken in without waiting, and a lost connection is opened again."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest

from kit import notices
from kit.db import Database
from kit.notices import Notices
from tests.peers.postgres import Postgres

pytestmark = pytest.mark.peer

ALL_ENDED = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"


@pytest.fixture
async def heard(postgres_url: str) -> AsyncIterator[tuple[Notices, list[str]]]:
    """Notices of a channel that is being heard, and what came so far."""
    database, came = Database(postgres_url), list[str]()
    ears = Notices(database.arguments, "news", came.append)
    hearing = asyncio.create_task(ears.run())
    await until(lambda: ears.is_heard)
    assert came == [""]  # what was said before is not known
    came.clear()
    yield ears, came
    hearing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await hearing
    await database.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - the server tells it no other way
            await asyncio.sleep(0.005)


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg", "postgresql")


async def test_a_notice_comes_with_the_commit_and_not_before(
    heard: tuple[Notices, list[str]], postgres_url: str
) -> None:
    """What is rolled back is never heard of."""
    _, came = heard
    with psycopg.connect(plain(postgres_url)) as other:
        other.execute("SELECT pg_notify('news', 'undone')")
        other.rollback()
        other.execute("SELECT pg_notify('news', 'done')")
        await asyncio.sleep(0.1)
        assert came == []

        other.commit()

    await until(lambda: bool(came))
    assert came == ["done"]


async def test_what_has_arrived_is_taken_in_without_waiting(
    heard: tuple[Notices, list[str]], postgres_url: str
) -> None:
    """A process that is busy with other things reads it at the moment it needs to know."""
    ears, came = heard
    with psycopg.connect(plain(postgres_url), autocommit=True) as other:
        other.execute("SELECT pg_notify('news', 'now')")
    time.sleep(0.2)  # noqa: ASYNC251 - the loop is busy, that is the point
    assert came == []

    ears.take_in()

    assert came == ["now"]


async def test_a_lost_connection_is_opened_again_and_says_that_something_may_be_missed(
    heard: tuple[Notices, list[str]], postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The empty notice: look for yourself."""
    monkeypatch.setattr(notices, "AGAIN_SECONDS", 0.05)
    ears, came = heard
    with psycopg.connect(plain(postgres_url), autocommit=True) as other:
        assert other.execute(ALL_ENDED).fetchone() == (1,)
        await until(lambda: not ears.is_heard)
        ears.take_in()  # nobody is on the line, and that does no harm
        await until(lambda: ears.is_heard)
        other.execute("SELECT pg_notify('news', 'again')")

    await until(lambda: len(came) == 2)
    assert came == ["", "again"]
