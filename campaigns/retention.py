"""Old campaigns are kept as numbers: which ones are old, and folding their letters in small transactions."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.tables import CampaignRow
from kit.db import Database
from kit.retention import Batch, Rule
from mailer import compaction

PERSON_BITS = 64  # of a place among all letters: the campaign stands above them


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
        """Fold the next letters of one campaign; ``after`` says which one, and in its lower bits the last person.

        So no step walks over what earlier ones deleted, which PostgreSQL keeps for a while.
        """
        campaign, person = divmod(after, 1 << PERSON_BITS)
        if not person:
            async with self.database.reading() as session:
                campaign = await session.scalar(_next(campaign, before)) or 0
            if not campaign:
                return Batch(0)
        async with self.database.transaction() as session:
            still = sa.select(CampaignRow.id).where(CampaignRow.id == campaign, *_ended(before))
            if await session.scalar(still.with_for_update()) is None:  # a person let it run once more
                return Batch(0, _place(campaign + 1))
            number, last = await compaction.fold(session, campaign, limit=most, after=person)
        return Batch(number, _place(campaign + 1) if last is None else _place(campaign, last))

    async def count(self, before: datetime) -> int:
        """Count the letters that are due."""
        async with self.database.reading() as session:
            old = sa.select(CampaignRow.id).where(*_ended(before))
            return await compaction.count_foldable(session, old)


def _next(campaign: int, before: datetime) -> sa.Select[int]:
    """Return the SELECT of the first old campaign from a number on that has letters to fold."""
    has_some = compaction.foldable(CampaignRow.id)
    old = sa.select(CampaignRow.id).where(CampaignRow.id >= campaign, *_ended(before), has_some)
    return old.order_by(CampaignRow.id).limit(1)


def _place(campaign: int, person: int = 0) -> int:
    return campaign << PERSON_BITS | person


def _ended(before: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (CampaignRow.finished_at < before, CampaignRow.state.in_(("finished", "cancelled")))
