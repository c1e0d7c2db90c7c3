"""What was done with campaigns, and by whom: written in the transaction of the act itself, and never changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns.model import Changed, Outcome
from campaigns.tables import CampaignActRow

SOFTWARE = "byleave"  # who acts where nobody does
NAME_CHARACTERS = 80  # the column's width


async def note(
    session: AsyncSession,
    campaign_id: int,
    act: str,
    *,
    by: str,
    at: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down an act."""
    session.add(
        CampaignActRow(campaign_id=campaign_id, at=at, act=act, by=by[:NAME_CHARACTERS], details=dict(details or {}))
    )
    await session.flush()


async def note_move(
    session: AsyncSession,
    outcome: Outcome,
    act: str,
    *,
    by: str,
    at: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down an act that moved a campaign; one that came to nothing is no act."""
    if isinstance(outcome, Changed):
        await note(session, outcome.id, act, by=by, at=at, details=details)


async def of(session: AsyncSession, campaign_id: int) -> list[dict[str, Any]]:
    """Return the acts of a campaign, in their order."""
    rows = await session.scalars(
        sa.select(CampaignActRow).where(CampaignActRow.campaign_id == campaign_id).order_by(CampaignActRow.id)
    )
    return [{"at": row.at.isoformat(), "act": row.act, "by": row.by, **row.details} for row in rows]
