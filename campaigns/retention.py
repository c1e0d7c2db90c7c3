"""Old campaigns are kept as numbers: which ones are old, and folding their letters in small transactions."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.tables import CampaignRow
from kit.db import Database
from kit.retention import Batch, Rule
from mailer import compaction


def rules(database: Database) -> list[Rule]:
    """Return the rules over the campaigns."""
    old = _Old(database)
    return [
        Rule(
            "delivery_days", "who got a campaign that is over; how many did stays",
            "people may ask what they got, and unknown letters be settled", clear=old.fold, count=old.count,
        )
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Old:
    """The campaigns that ended before a moment."""

    database: Database

    async def fold(self, before: datetime, after: int, most: int) -> Batch:
        """Fold the next letters of the first campaign from number ``after`` on that has any."""
        async with self.database.reading() as session:
            campaign = await session.scalar(
                sa.select(CampaignRow.id)
                .where(CampaignRow.id >= after, *_ended(before), compaction.foldable(CampaignRow.id))
                .order_by(CampaignRow.id)
                .limit(1)
            )
        if campaign is None:
            return Batch(0)
        async with self.database.transaction() as session:
            still = sa.select(CampaignRow.id).where(CampaignRow.id == campaign, *_ended(before))
            if await session.scalar(still.with_for_update()) is None:  # a person let it run once more
                return Batch(0, campaign + 1)
            return Batch(await compaction.fold(session, campaign, limit=most), campaign)

    async def count(self, before: datetime) -> int:
        """Count the letters that are due."""
        async with self.database.reading() as session:
            old = sa.select(CampaignRow.id).where(*_ended(before))
            return await compaction.count_foldable(session, old)


def _ended(before: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (CampaignRow.finished_at < before, CampaignRow.state.in_(("finished", "cancelled")))
