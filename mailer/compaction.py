"""Takes deliveries out of the table again, where nobody needs the rows any more; the numbers stay.

Rows of a mailing that is long over are folded into totals, in the transaction that deletes them: each letter is counted
once at any instant, as a row or in a total. Tokens of old letters carry their own proof, so replies, complaints and
one-clicks work as before. It commits nothing.
"""

from collections import Counter
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from kit.db import insert
from mailer.statements import DELIVERY
from mailer.tables import DeliveryTotalRow

TOTAL = cast("sa.Table", DeliveryTotalRow.__table__)  # a mapped class's table is a Table
#: what nothing changes any more; an unknown letter waits for a person's word, however old it is
ENDED = ("sent", "failed", "skipped")
_NONE: sa.ColumnElement[str] = sa.literal_column(
    "''"
)  # spelt out: PostgreSQL wants the same words in SELECT and GROUP BY
_BY = ("state", "reason", "code", "enhanced", "relay")


def tally(mailing_id: int, *by: str) -> sa.Subquery:
    """Return (``by``..., number) of all letters of a mailing, those folded among them; a group may come twice.

    One SELECT, so that it sees a row or its place in a total, never both or neither.
    """
    rows = sa.select(*(_column(name).label(name) for name in by), sa.func.count().label("number"))
    totals = sa.select(
        *(TOTAL.c[name] for name in by), sa.cast(sa.func.sum(TOTAL.c.number), sa.BigInteger).label("number")
    )
    return sa.union_all(
        rows.where(DELIVERY.c.mailing_id == mailing_id).group_by(*map(_column, by)),
        totals.where(TOTAL.c.mailing_id == mailing_id).group_by(*(TOTAL.c[name] for name in by)),
    ).subquery()


def foldable(mailing_id: sa.SQLColumnExpression[int]) -> sa.ColumnElement[bool]:
    """Return the condition that a mailing has rows that can be folded; others join it."""
    return sa.exists().where(DELIVERY.c.mailing_id == mailing_id, DELIVERY.c.state.in_(ENDED))


async def fold(session: AsyncSession, mailing_id: int, *, limit: int, after: int = 0) -> tuple[int, int | None]:
    """Turn ended deliveries of a mailing that is over into numbers, at most ``limit``, to people after one of them.

    Return how many, and the last person that was looked at (None: there is nobody after them). Several may do it at
    once: what counts is what each one deleted itself.
    """
    people = DELIVERY.c.subscriber_id
    next_ones = sa.select(DELIVERY.c.id, people).where(
        DELIVERY.c.mailing_id == mailing_id, DELIVERY.c.state.in_(ENDED), people > after
    )
    found = (await session.execute(next_ones.order_by(people).limit(limit))).all()
    gone = await session.execute(
        sa.delete(DELIVERY)
        .where(DELIVERY.c.id.in_([id_ for id_, _ in found]), DELIVERY.c.state.in_(ENDED))
        .returning(*(_column(name) for name in _BY))
    )
    numbers = Counter(tuple(row) for row in gone)
    if numbers:
        upsert = insert(session, TOTAL)
        rows: list[dict[str, Any]] = [
            dict(zip(_BY, key, strict=True), mailing_id=mailing_id, number=number)
            for key, number in sorted(numbers.items())  # so that two of them never dead-lock
        ]
        await session.execute(
            upsert.on_conflict_do_update(
                index_elements=["mailing_id", *_BY], set_={"number": TOTAL.c.number + upsert.excluded.number}
            ),
            rows,
        )
    return numbers.total(), found[-1][1] if len(found) == limit else None


async def count_foldable(session: AsyncSession, mailings: sa.Select[int]) -> int:
    """Return how many deliveries of mailings could be folded."""
    them = sa.select(sa.func.count()).where(DELIVERY.c.mailing_id.in_(mailings), DELIVERY.c.state.in_(ENDED))
    return await session.scalar(them) or 0


async def forget(session: AsyncSession, mailing_id: int, *, limit: int | None = None) -> int:
    """Remove, at most ``limit`` at a time, who was written down and never claimed; return how many that were.

    For a mailing that was never open. The record of a letter that may have gone out is never removed here.
    """
    untouched = (
        sa.select(DELIVERY.c.id)
        .where(
            DELIVERY.c.mailing_id == mailing_id,
            DELIVERY.c.state == sa.literal_column("'waiting'"),
            DELIVERY.c.attempt == 0,
        )
        .limit(limit)
    )
    result = await session.execute(sa.delete(DELIVERY).where(DELIVERY.c.id.in_(untouched)))
    return int(getattr(result, "rowcount", 0))


def _column(name: str) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(DELIVERY.c.relay, _NONE) if name == "relay" else DELIVERY.c[name]
