"""Campaigns after a restore: whatever would go on by itself stands still until a person has looked."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns import store
from campaigns.model import State
from campaigns.tables import CampaignRow

RUNNING = (
    "the database was restored from a backup while this was being sent. Who still waited in the backup may have got it "
    "since and is counted as unknown; nothing is sent to them by itself"
)
PLANNED = "the database was restored from a backup; this may have been sent since. Look, then plan it anew"


async def hold_all(session: AsyncSession) -> list[int]:
    """Pause what runs and put what is planned back to the drafts, with a note; return their numbers."""
    rows = await session.execute(
        sa.select(CampaignRow.id, CampaignRow.state).where(
            CampaignRow.state.in_([State.RUNNING.value, State.PAUSED.value, State.SCHEDULED.value])
        )
    )
    held = rows.all()
    for number, state in held:
        if state == State.SCHEDULED.value:
            await store.hold(session, number, why=PLANNED)
            continue
        await store.pause(session, number, note=RUNNING)
        await session.execute(sa.update(CampaignRow).where(CampaignRow.id == number).values(note=RUNNING))
    before = CampaignRow.state == State.DRAFT.value  # whom a launch gathered at that moment is gathered anew
    await session.execute(sa.update(CampaignRow).where(before).values(gathered_at=None))
    return [number for number, _ in held]
