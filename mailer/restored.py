"""What went out may be older than the world after a restore: nothing that may have been sent is sent again.

Letters of campaigns that waited or were in hands at the backup's moment are unknown from then on, those outside any
campaign are given up. A person settles the campaigns; who wrote to us and got no answer writes again.
"""

from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from kit import mark
from mailer.tables import DeliveryRow, MailingRow, OutboxRow

REASON = "restored"


async def doubt(session: AsyncSession, *, now: datetime) -> int:
    """Hold for unknown whoever waited in a launched campaign; give up service mails; return how many of the former."""
    launched = sa.select(MailingRow.id).where(MailingRow.gate != "draft")
    held = await session.execute(
        sa.update(DeliveryRow)
        .where(DeliveryRow.mailing_id.in_(launched), DeliveryRow.state.in_(("waiting", "claimed")))
        .values(state="unknown", reason=REASON, next_at=None, done_at=now)
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.state.in_(("waiting", "claimed")))
        .values(state="unknown", response="it waited in a backup that was restored", done_at=now)
        .execution_options(synchronize_session=False)
    )
    return int(getattr(held, "rowcount", 0))


async def reserve_mailings(session: AsyncSession, highest: int, topic: str, *, now: datetime) -> None:
    """Give out no number again of a mailing that was made after the backup: replies to it name it in their tokens."""
    await mark.reserve(
        session, cast("sa.Table", MailingRow.__table__), highest, name="lost in a restore", topic=topic, subject="",
        text="", html="", template="", values={}, gate="draft", created_at=now,
    )  # fmt: skip
