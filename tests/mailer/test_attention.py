"""What a worker hears while it sends, and that a deaf one begins nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import sqlalchemy as sa

from consent.chain import GENESIS
from consent.gate import clear
from consent.hearing import Hearing
from consent.model import Clearance
from consent.tables import ConsentEventRow, LedgerHeadRow
from kit.db import Database
from mailer import attention, delivery
from mailer.attention import Attention
from mailer.outcomes import Hindrance
from tests.database import NOW
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
        yield ears, mailing, clearance
        hearing.cancel()


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
