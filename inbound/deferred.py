"""Mails that are kept whole to be decided later: put by, taken up, tried again, and parked for a person in the end.

Store functions only: they take a session and never commit. Once a mail is decided its bytes are gone (promise 5).
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import unread
from consent.model import SubscriberId
from inbound.tables import DecisionRow, InboundMailRow
from kit.db import insert


async def keep(
    session: AsyncSession,
    key: str,
    channel: str,
    *,
    at: datetime,
    raw: bytes,
    envelope: Mapping[str, Any],
    writers: Collection[SubscriberId],
) -> None:
    """Keep a mail whole, to be decided later, unless the same mail was taken before, by whatever channel.

    Until then those whose it can be are sent no promotion: the mail may be an opt-out, and it is answered 250.
    """
    statement = insert(session, InboundMailRow).values(
        content_key=key, channel=channel, received_at=at, state="deferred", attempts=0, envelope=envelope, raw=raw
    )
    kept = statement.on_conflict_do_nothing(index_elements=["content_key"]).returning(InboundMailRow.id)
    number = await session.scalar(kept)
    if number is not None:
        await unread.hold_back(session, number, writers)


async def waiting(session: AsyncSession, most: int) -> list[InboundMailRow]:
    """Return mails that still wait to be read, the oldest first."""
    rows = await session.scalars(
        sa.select(InboundMailRow).where(InboundMailRow.state == "deferred").order_by(InboundMailRow.id).limit(most)
    )
    return list(rows)


async def begin_attempt(session: AsyncSession, row: InboundMailRow) -> bool:
    """Count an attempt before it is made, so that one that kills the process counts too; False if another has it."""
    return await _change(session, row.id, attempts=row.attempts, values={"attempts": row.attempts + 1})


async def end_attempt(session: AsyncSession, inbound_id: int) -> bool:
    """Mark a deferred mail as decided and empty it; it holds nobody back any more. False if another was quicker."""
    ended = await _change(session, inbound_id, values={"state": "decided", "raw": None, "envelope": {}})
    if ended:
        await unread.free(session, [inbound_id])
    return ended


async def quarantine(session: AsyncSession, inbound_id: int, *, at: datetime, why: str) -> None:
    """Park a mail that can't be decided; the bytes stay for a person to look at (promise 5).

    It goes on holding its writers back until that person is done with it, or the bytes are gone.
    """
    if await _change(session, inbound_id, values={"state": "quarantined"}):
        session.add(
            DecisionRow(
                inbound_id=inbound_id, at=at, verdict="unclear", scope=None, confidence=0.0, reasons=[why],
                actions=["quarantined"], review=True,
            )
        )  # fmt: skip
        await session.flush()


async def held_for_nothing(session: AsyncSession) -> frozenset[int]:
    """Return the mails that hold somebody back and that nobody can read any more: their bytes were kept long enough."""
    held = await unread.mails(session)
    if not held:
        return held
    readable = sa.select(InboundMailRow.id).where(InboundMailRow.id.in_(held), InboundMailRow.raw.is_not(None))
    return held - frozenset(await session.scalars(readable))


async def _change(
    session: AsyncSession, inbound_id: int, *, values: dict[str, Any], attempts: int | None = None
) -> bool:
    """Change a deferred mail; False where it is no longer deferred, or another attempt began since."""
    conditions = [InboundMailRow.id == inbound_id, InboundMailRow.state == "deferred"]
    if attempts is not None:
        conditions.append(InboundMailRow.attempts == attempts)
    changed = await session.execute(
        sa.update(InboundMailRow)
        .where(*conditions)
        .values(**values)
        .returning(InboundMailRow.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None
