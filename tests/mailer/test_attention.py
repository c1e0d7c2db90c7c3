"""What a worker hears while it sends, and that a deaf one begins nothing."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from consent.chain import GENESIS
from consent.gate import clear
from consent.hearing import CHANNEL, Hearing
from consent.model import Clearance
from consent.tables import ConsentEventRow, LedgerHeadRow
from kit.db import Database
from mailer import attention, delivery
from mailer.attention import Attention
from mailer.outcomes import Hindrance
from tests.database import NOW, fresh_database
from tests.mailer.test_delivery import given_mailing


@contextlib.asynccontextmanager
async def listening(database: Database) -> AsyncIterator[tuple[Attention, int, Clearance]]:
    """Attend to a mailing of one person who is cleared."""
    mailing, people = await given_mailing(database, 1)
    ears = Attention(database, Hearing())
    with ears.to(mailing):
        await ears.listen(with_gates=True)
        async with database.reading() as session:
            clearance = (await clear(session, people, "deals", now=NOW))[people[0]]
        assert isinstance(clearance, Clearance)
        hearing = asyncio.create_task(ears.run())
        try:
            yield ears, mailing, clearance
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])


async def becomes(ears: Attention, mailing: int, clearance: Clearance, expected: Hindrance) -> bool:
    """Whether something is heard within a second."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            while ears.hindrance(mailing, clearance) is not expected:  # noqa: ASYNC110 - time is what it asks about
                await asyncio.sleep(0.01)
            return True
    return False


async def test_a_withdrawal_of_another_process_is_heard(database: Database) -> None:
    """It is read from the end of the ledger; nobody in this process was told."""
    async with listening(database) as (ears, mailing, clearance):
        assert ears.hindrance(mailing, clearance) is None
        async with database.transaction() as session:
            head = await session.get(LedgerHeadRow, 1)
            assert head is not None
            row = {
                "seq": head.seq + 1, "subscriber_id": clearance.subscriber, "act": "withdraw", "purpose": "promotion",
                "topics": ["deals"], "at": NOW, "door": "one_click", "proof": "token", "evidence": {}, "hash": GENESIS,
                "wording_sha256": "", "policy_version": "",
            }  # fmt: skip
            await session.execute(sa.insert(ConsentEventRow), [row])
            head.seq += 1

        assert await becomes(ears, mailing, clearance, Hindrance.WITHDRAWN)


async def test_a_pause_is_heard(database: Database) -> None:
    """Within a second nothing more begins."""
    async with listening(database) as (ears, mailing, clearance):
        async with database.transaction() as session:
            await delivery.set_gate(session, mailing, "held")

        assert await becomes(ears, mailing, clearance, Hindrance.HELD)


async def test_who_can_not_listen_is_deaf(database: Database) -> None:
    """Nobody knows who has left, so nothing begins."""
    async with listening(database) as (ears, mailing, clearance):
        ears._heard_at -= attention.DEAF_SECONDS + 0.1

        assert ears.hindrance(mailing, clearance) is Hindrance.DEAF
        assert Attention(database, Hearing()).hindrance(mailing, clearance) is Hindrance.HELD


@pytest.mark.peer
async def test_a_notice_is_heard_by_a_worker_that_is_busy(tmp_path: Path) -> None:
    """Neither the loop nor a look at the ledger is needed: the last look before a MAIL FROM takes it in itself."""
    async with (
        fresh_database(tmp_path, kind="postgresql") as database,
        listening(database) as (ears, mailing, clearance),
    ):
        assert ears._notices is not None
        while not ears._notices.is_heard:  # noqa: ASYNC110 - a connection is being opened
            await asyncio.sleep(0.01)
        assert ears.hindrance(mailing, clearance) is None
        url = database.url.replace("postgresql+psycopg", "postgresql")
        notice = f'[[{clearance.seq + 1},{clearance.subscriber},"withdraw",["deals"]]]'
        with psycopg.connect(url, autocommit=True) as elsewhere:
            elsewhere.execute("SELECT pg_notify(%s, %s)", (CHANNEL, notice))
        time.sleep(0.1)  # noqa: ASYNC251 - the loop is busy, that is the point

        assert ears.hindrance(mailing, clearance) is Hindrance.WITHDRAWN


@pytest.mark.peer
async def test_a_notice_that_names_nobody_makes_the_worker_read_the_ledger_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many have left for one notice."""
    monkeypatch.setattr(attention, "LISTEN_SECONDS", 60.0)
    async with fresh_database(tmp_path, kind="postgresql") as database, listening(database) as (ears, _, _):
        assert ears._notices is not None
        while not ears._notices.is_heard:  # noqa: ASYNC110 - a connection is being opened
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        before = ears._heard_at
        async with database.transaction() as session:
            await session.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))
        async with asyncio.timeout(5):
            while ears._heard_at == before:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)


async def test_who_listens_ends_when_told_even_as_news_arrives(database: Database) -> None:
    """The word to end and the news come in one turn of the loop; the word must not get lost."""
    async with listening(database) as (ears, _, _):
        await asyncio.sleep(0.2)
        ears._has_news.set()
        ended = [task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == "Attention.run"]  # type: ignore[union-attr]
        assert len(ended) == 1
        await asyncio.sleep(0)  # who waited for news is about to go on
        ended[0].cancel()
        done, _ = await asyncio.wait(ended, timeout=5)

    assert done
