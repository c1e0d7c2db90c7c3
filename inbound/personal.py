"""What this room holds of one person: told to them (GDPR 15), and emptied where they are erased (17)."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.model import SubscriberId
from inbound.tables import DecisionRow


async def export(session: AsyncSession, person: SubscriberId) -> list[dict[str, Any]]:
    """Return what was decided about mails of a person or about them, and why."""
    rows = await session.scalars(
        sa.select(DecisionRow).where(DecisionRow.subscriber_id == person).order_by(DecisionRow.id)
    )
    return [
        {
            "at": row.at.isoformat(), "taken_for": row.verdict, "reasons": list(row.reasons),
            "words_that_counted": list(row.counted), "words_left_out": list(row.ignored), "done": list(row.actions),
        }
        for row in rows
    ]  # fmt: skip


async def forget(session: AsyncSession, person: SubscriberId) -> None:
    """Empty the words of a person's mails that were kept to explain decisions; what was done stays."""
    await session.execute(
        sa.update(DecisionRow)
        .where(DecisionRow.subscriber_id == person)
        .values(reasons=[], counted=[], ignored=[], review=False)
        .execution_options(synchronize_session=False)
    )
