"""What this room holds of one person: told to them (GDPR 15), and emptied where they are erased (17)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.model import SubscriberId
from mailer import outbox
from mailer.tables import DeliveryRow, MailingRow


async def export(session: AsyncSession, person: SubscriberId) -> dict[str, Any]:
    """Return which letters went to a person, and what became of them."""
    rows = await session.execute(
        sa.select(MailingRow.subject, MailingRow.topic, DeliveryRow.state, DeliveryRow.reason, DeliveryRow.done_at)
        .join(MailingRow, MailingRow.id == DeliveryRow.mailing_id)
        .where(DeliveryRow.subscriber_id == person)
        .order_by(DeliveryRow.id)
    )
    return {
        "promotions": [
            {"subject": subject, "topic": topic, "state": state, "reason": reason,
             "at": at.isoformat() if at else None}
            for subject, topic, state, reason, at in rows
        ],
        "other_letters": [
            {"kind": kind, "at": at.isoformat(), "state": state}
            for kind, at, state in await outbox.of_person(session, person)
        ],
    }  # fmt: skip


async def forget(session: AsyncSession, person: SubscriberId, *, at: datetime) -> None:
    """Empty what servers answered about a person's letters, which may hold the address; take out what waits."""
    await session.execute(
        sa.update(DeliveryRow)
        .where(DeliveryRow.subscriber_id == person, DeliveryRow.response != "")
        .values(response="")
        .execution_options(synchronize_session=False)
    )
    await outbox.forget(session, person, at=at)
