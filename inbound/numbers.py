"""Numbers of what came in, for monitoring. Reads only."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from inbound.tables import DecisionRow


async def decisions(session: AsyncSession, since: datetime) -> list[tuple[str, int]]:
    """Return (verdict, number) of the mails decided since a moment."""
    rows: Any = await session.execute(
        sa.select(DecisionRow.verdict, sa.func.count()).where(DecisionRow.at >= since).group_by(DecisionRow.verdict)
    )
    return [tuple(row) for row in rows]
