"""Writes down whom a campaign goes to, piece by piece, while it is still a draft.

A million people in one transaction would keep every opt-out on SQLite waiting for seconds. So each piece is a short
transaction of its own, all under one frozen moment; nothing is sent before the last one, for the gate is shut until the
launch commits. Whoever comes next goes on where the last one stopped: a crash, or two who launch at once, cost nothing.
What was gathered long ago is thrown away and gathered anew. Who leaves meanwhile is refused by the gate when the letter
is claimed, and counted so.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns.audience import audience
from campaigns.model import MOVES, Move
from campaigns.tables import CampaignRow
from consent.subscribers import highest
from kit.db import is_sqlite
from mailer import compaction, delivery
from mailer.tables import MailingRow

PIECE = 10_000  # people in one transaction: some 50 ms on SQLite
LARGE_PIECE = 1_000_000  # on PostgreSQL nobody waits for it, and each piece reads the standings of its topic anew
STALE_AFTER = timedelta(minutes=10)  # what was gathered before is thrown away: whom it missed should get the campaign
_BEFORE = [state.value for state in MOVES[Move.LAUNCH][0]]


async def gather_piece(
    session: AsyncSession, campaign_id: int, *, now: datetime, require_age: bool = False, size: int | None = None
) -> bool:
    """Write down the next piece of a campaign that is not launched yet; return whether there is more to write."""
    size = size or (PIECE if is_sqlite(session) else LARGE_PIECE)
    campaign = await _hold(session, campaign_id)
    if campaign is None:
        return False
    if campaign.gathered_at is None or now - campaign.gathered_at > STALE_AFTER:
        if removed := await compaction.forget(session, campaign_id, limit=size):
            await _keep(session, campaign_id, snapshot=max(0, campaign.snapshot - removed))
            return True
        await _keep(session, campaign_id, snapshot=0, gathered_at=now, gathered_to=0)
        return True
    last = campaign.gathered_to + size
    number = await _write(session, campaign, last=last, require_age=require_age)
    await _keep(session, campaign_id, snapshot=campaign.snapshot + number, gathered_to=last)
    return last < await highest(session)


async def gather_rest(session: AsyncSession, campaign_id: int, *, now: datetime, require_age: bool = False) -> int:
    """Write down all who are missing, in the transaction of the launch; return how many there are in all."""
    campaign = await session.get_one(CampaignRow, campaign_id, populate_existing=True)
    if campaign.gathered_at is None or now - campaign.gathered_at > STALE_AFTER:
        await compaction.forget(session, campaign_id)
        campaign.snapshot, campaign.gathered_at, campaign.gathered_to = 0, now, 0
    campaign.snapshot += await _write(session, campaign, last=None, require_age=require_age)
    await session.flush()
    return campaign.snapshot


async def _hold(session: AsyncSession, campaign_id: int) -> CampaignRow | None:
    """Take the row of a campaign that can still be launched, so that two who gather take turns."""
    return await session.scalar(
        sa.select(CampaignRow)
        .where(CampaignRow.id == campaign_id, CampaignRow.state.in_(_BEFORE))
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def _write(session: AsyncSession, campaign: CampaignRow, *, last: int | None, require_age: bool) -> int:
    topic = await session.scalar(sa.select(MailingRow.topic).where(MailingRow.id == campaign.id))
    assert topic is not None, campaign.id  # noqa: S101 - a campaign and its mailing share one id
    assert campaign.gathered_at is not None, campaign.id  # noqa: S101 - the caller set it
    people = audience(topic, campaign.segment, now=campaign.gathered_at, require_age=require_age)
    return await delivery.snapshot(session, campaign.id, people, after=campaign.gathered_to, last=last)


async def _keep(session: AsyncSession, campaign_id: int, **values: object) -> None:
    await session.execute(
        sa.update(CampaignRow)
        .where(CampaignRow.id == campaign_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
