"""The decisions that were made about mails, for those who want to know: staff, the demonstration, tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import unread
from inbound.tables import DecisionRow


@dataclass(frozen=True, slots=True)
class Decision:
    """What one mail was taken for, why, and what was done. It holds no letter and no address."""

    id: int
    at: datetime
    verdict: str
    scope: Sequence[str] | str | None
    confidence: float
    reasons: Sequence[str]
    counted: Sequence[str]
    ignored: Sequence[str]
    proof: str
    subscriber_id: int | None
    mailing_id: int | None
    actions: Sequence[str]
    review: bool


async def since(session: AsyncSession, number: int, *, most: int = 1000) -> tuple[Decision, ...]:
    """Return the decisions made after the one with this number, in their order."""
    rows = await session.scalars(
        sa.select(DecisionRow).where(DecisionRow.id > number).order_by(DecisionRow.id).limit(most)
    )
    return tuple(_value(row) for row in rows)


async def for_review(session: AsyncSession, *, most: int = 1000) -> tuple[Decision, ...]:
    """Return the decisions that a member of staff should look at, the newest first."""
    rows = await session.scalars(
        sa.select(DecisionRow).where(DecisionRow.review).order_by(DecisionRow.id.desc()).limit(most)
    )
    return tuple(_value(row) for row in rows)


async def reviewed(session: AsyncSession, number: int) -> bool:
    """Take a decision off the list: somebody has looked at it. Returns whether it was on it.

    A mail that could not be read holds its writer back no longer (:mod:`consent.unread`).
    """
    done = await session.execute(
        sa.update(DecisionRow)
        .where(DecisionRow.id == number, DecisionRow.review)
        .values(review=False)
        .returning(DecisionRow.inbound_id)
    )
    mail = done.scalar()
    if mail is not None:
        await unread.free(session, [mail])
    return mail is not None


def _value(row: DecisionRow) -> Decision:
    return Decision(
        row.id, row.at, row.verdict, row.scope, row.confidence, tuple(row.reasons), tuple(row.counted),
        tuple(row.ignored), row.proof, row.subscriber_id, row.mailing_id, tuple(row.actions), row.review,
    )  # fmt: skip
