"""How a campaign did, in exact numbers."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from campaigns.store import load
from mailer import delivery


async def status(session: AsyncSession, campaign_id: int) -> dict[str, Any] | None:
    """Return the state and the sums of a campaign: snapshot = sent + failed + skipped + unknown + waiting, always."""
    campaign = await load(session, campaign_id)
    if campaign is None:
        return None
    counts = await delivery.count(session, campaign_id)
    return {
        "id": campaign.id,
        "state": campaign.state.value,
        "note": campaign.note,
        "snapshot": campaign.snapshot,
        "sent": counts.sent,
        "failed": counts.failed,
        "skipped": dict(counts.skipped),
        "unknown": counts.unknown,
        "waiting": counts.waiting,
    }
