"""Who complained or turned out to be unreachable since a place in the ledger; campaigns join it. Reads only."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.model import Door
from consent.tables import ConsentEventRow, LedgerHeadRow


async def end(session: AsyncSession) -> int:
    """Return the last place of the ledger."""
    return await session.scalar(sa.select(LedgerHeadRow.seq)) or 0


def since(place: int) -> sa.Select[int, str]:
    """Return the SELECT of (person, door) of complaints and bounces after a place, each once."""
    doors = (Door.COMPLAINT.value, Door.BOUNCE.value)
    return (
        sa.select(ConsentEventRow.subscriber_id, ConsentEventRow.door)
        .where(ConsentEventRow.seq > place, ConsentEventRow.door.in_(doors))
        .distinct()
    )
