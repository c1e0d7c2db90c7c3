"""Takes deliveries out of the table again, where nobody needs the rows any more."""

from typing import cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from mailer.tables import DeliveryRow

_DELIVERY = cast("sa.Table", DeliveryRow.__table__)  # a mapped class's table is a Table


async def forget(session: AsyncSession, mailing_id: int, *, limit: int | None = None) -> int:
    """Remove, at most ``limit`` at a time, who was written down and never claimed; return how many that were.

    For a mailing that was never open. The record of a letter that may have gone out is never removed here.
    """
    untouched = (
        sa.select(_DELIVERY.c.id)
        .where(
            _DELIVERY.c.mailing_id == mailing_id,
            _DELIVERY.c.state == sa.literal_column("'waiting'"),
            _DELIVERY.c.attempt == 0,
        )
        .limit(limit)
    )
    result = await session.execute(sa.delete(_DELIVERY).where(_DELIVERY.c.id.in_(untouched)))
    return int(getattr(result, "rowcount", 0))
