"""The canary of a campaign: marked at the launch, watched while it flies, and the rest let go or the campaign stopped.

States, in ``campaign.canary``: "sending" (only those who are marked may be claimed), "waiting" (for what they send
back), "passed" (the rest goes), "stopped" (paused by us), "overruled" (resumed by a person all the same). A campaign
without a canary has none of them, and is not watched.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns import acts, canary, store
from campaigns.canary import Canary, Seen, objection
from campaigns.model import Changed, State
from campaigns.store import Enqueue
from campaigns.tables import CampaignRow
from consent import troubles
from consent.model import Door
from mailer import canaries

UNDER_WATCH = ("sending", "waiting", "passed", "overruled")


async def release_first(session: AsyncSession, campaign_id: int, rule: Canary) -> int:
    """Mark who goes first, in the transaction of the launch; return how many, 0 where all go at once."""
    campaign = await session.get_one(CampaignRow, campaign_id, populate_existing=True)
    size = rule.size(campaign.snapshot)
    if not size:
        return 0
    chosen = await canaries.mark(session, campaign_id, size, places=canary.places, choose=canary.choose)
    await _keep(session, campaign_id, canary="sending", canary_size=chosen, watched_from=await troubles.end(session))
    return chosen


async def watched(session: AsyncSession) -> list[int]:
    """Return the running campaigns that are under watch."""
    rows = await session.scalars(
        sa.select(CampaignRow.id).where(CampaignRow.state == State.RUNNING.value, CampaignRow.canary.in_(UNDER_WATCH))
    )
    return list(rows)


async def seen(session: AsyncSession, campaign_id: int, since: int, rule: Canary) -> Seen:
    """Return what came of a campaign since a place in the ledger; letters are counted as far as it matters."""
    found = troubles.since(since).subquery()
    rows = await session.execute(
        sa.select(found.c.door, sa.func.count())
        .where(canaries.got(campaign_id, found.c.subscriber_id))
        .group_by(found.c.door)
    )
    numbers: dict[str, int] = dict(rows.all())
    bounces, complaints = numbers.get(Door.BOUNCE.value, 0), numbers.get(Door.COMPLAINT.value, 0)
    answered = await canaries.answered(session, campaign_id, most=canary.enough(bounces, complaints, rule))
    return Seen(answered, bounces, complaints)


async def told(session: AsyncSession, campaign_id: int) -> dict[str, Any] | None:
    """Return how far the canary of a campaign is, or None where it has none."""
    campaign = await session.get_one(CampaignRow, campaign_id, populate_existing=True)
    if campaign.canary is None:
        return None
    size, until = campaign.canary_size or 0, campaign.canary_until
    return {
        "state": campaign.canary,
        "people": size,
        "answered": await canaries.answered(session, campaign_id, most=size),  # beyond them it is the others'
        "until": until.isoformat() if until is not None else None,
    }


async def is_due(session: AsyncSession, campaign_id: int, rule: Canary, *, now: datetime) -> bool:
    """Whether :func:`step` would do something now. Reads only, so that nobody waits for a look."""
    campaign = await session.get_one(CampaignRow, campaign_id, populate_existing=True)
    return (await _judge(session, campaign, rule, now))[0] != ""


async def step(
    session: AsyncSession, campaign_id: int, rule: Canary, *, enqueue: Enqueue, chunk_size: int, now: datetime
) -> str:
    """Look at one campaign and do what follows; return "stopped", "passed" or "sent" where that is new, else ""."""
    campaign = await session.get_one(CampaignRow, campaign_id, populate_existing=True, with_for_update=True)
    what, why = await _judge(session, campaign, rule, now)
    match what:
        case "stopped":
            outcome = await store.pause(session, campaign_id, note=f"paused by itself: {why}")
            if isinstance(outcome, Changed):
                await _keep(session, campaign_id, canary="stopped")
                await acts.note(session, campaign_id, "stopped", by=acts.SOFTWARE, at=now, details={"why": why})
        case "sent":
            await _keep(session, campaign_id, canary="waiting", canary_until=now + timedelta(seconds=rule.wait_seconds))
        case "passed":
            await let_rest_go(session, campaign_id, "passed")
            await store.cover(session, campaign_id, enqueue=enqueue, chunk_size=chunk_size)
    return what


async def _judge(session: AsyncSession, campaign: CampaignRow, rule: Canary, now: datetime) -> tuple[str, str]:
    """Return what follows for a campaign, "" for nothing, and what speaks against it."""
    if campaign.state != State.RUNNING.value or campaign.canary not in UNDER_WATCH:
        return "", ""
    if why := objection(await seen(session, campaign.id, campaign.watched_from or 0, rule), rule):
        return "stopped", why
    if campaign.canary == "sending" and not await canaries.are_under_way(session, campaign.id):
        return "sent", ""
    if campaign.canary == "waiting" and campaign.canary_until is not None and now >= campaign.canary_until:
        return "passed", ""
    return "", ""


async def overrule(session: AsyncSession, campaign_id: int) -> None:
    """Let the rest go because a person resumed what we had stopped; what was seen before counts no more."""
    canary_ = await session.scalar(sa.select(CampaignRow.canary).where(CampaignRow.id == campaign_id))
    if canary_ == "stopped":
        await let_rest_go(session, campaign_id, "overruled", watched_from=await troubles.end(session))


async def let_rest_go(session: AsyncSession, campaign_id: int, state: str, **values: Any) -> None:
    """Open the campaign for all who wait; the caller enqueues their jobs."""
    await canaries.open_for_all(session, campaign_id)
    await _keep(session, campaign_id, canary=state, canary_until=None, **values)


async def _keep(session: AsyncSession, campaign_id: int, **values: Any) -> None:
    await session.execute(
        sa.update(CampaignRow)
        .where(CampaignRow.id == campaign_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
