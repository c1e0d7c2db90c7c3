"""The statements of the hot path, each made once: making one costs more than carrying it out.

They say nothing of when they are used; :mod:`mailer.delivery` does.
"""

from functools import cache
from typing import cast

import sqlalchemy as sa

from kit.rows import Gathered, among, given_rows
from mailer.tables import DeliveryRow, MailingRow

DELIVERY = cast("sa.Table", DeliveryRow.__table__)  # a mapped class's table is a Table
IS_WAITING = DELIVERY.c.state == sa.literal_column("'waiting'")  # spelt out, as the partial indexes spell it
IS_HELD = DELIVERY.c.state.in_([sa.literal_column("'claimed'"), sa.literal_column("'unknown'")])
IS_CLAIMED = sa.and_(IS_HELD, DELIVERY.c.state == sa.literal_column("'claimed'"))
CANARY = "canary"  # the reason why a delivery waits that goes before the others (:mod:`mailer.canaries`)


@cache
def gate_and_topic() -> sa.Select[str, str, bool | None]:
    """Read gate and topic of a mailing and whether only its canary may go; keep them so until the transaction ends."""
    wanted = sa.select(MailingRow.gate, MailingRow.topic, MailingRow.only_canary).where(
        MailingRow.id == sa.bindparam("mailing_id")
    )
    return wanted.with_for_update(read=True)  # SQLite has one writer and leaves this out


@cache
def due(*, only_canary: bool, of_sqlite: bool) -> Gathered:
    """Find who is due in a range of deliveries, or who of its canary is (:mod:`mailer.canaries`), and lock them."""
    columns = DELIVERY.c
    found = (
        sa.select(columns.id, columns.subscriber_id, columns.attempt, columns.first_at)
        .where(
            columns.mailing_id == sa.bindparam("mailing_id"),
            IS_WAITING,
            columns.id.between(sa.bindparam("first"), sa.bindparam("last")),
            *(((columns.reason == CANARY) | (columns.attempt > 0),) if only_canary else ()),
            sa.or_(columns.next_at.is_(None), columns.next_at <= sa.bindparam("now", type_=columns.next_at.type)),
        )
        .order_by(columns.id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
        .with_for_update(skip_locked=True)
    )
    return Gathered(found, of_sqlite=of_sqlite)


@cache
def taking(*, of_sqlite: bool) -> sa.Update:
    """Put deliveries into a worker's hands."""
    columns = DELIVERY.c
    return (
        sa.update(DELIVERY)
        .where(among(columns.id, "ids", of_sqlite=of_sqlite))
        .values(
            state="claimed", worker=sa.bindparam("by_worker"), claim=sa.bindparam("by_claim"),
            attempt=columns.attempt + 1, next_at=None,
            first_at=sa.func.coalesce(columns.first_at, sa.bindparam("at", type_=columns.first_at.type)),
        )
    )  # fmt: skip


#: what a result changes, in the order in which :func:`recording` takes it
RECORDED = ("id", "state", "reason", "code", "enhanced", "response", "next_at", "done_at", "uncount", "claim", "relay")


@cache
def recording(*, of_sqlite: bool) -> sa.Update:
    """Write results, where the deliveries are still in their claim's hands."""
    columns = DELIVERY.c
    kinds = {name: sa.Integer() if name == "uncount" else columns[name].type for name in RECORDED}
    given = given_rows("results", kinds, of_sqlite=of_sqlite).c
    # who did not begin goes first as before
    is_still_marked = sa.and_(given.uncount == 1, given.state == "waiting", columns.reason == CANARY)
    return (
        sa.update(DELIVERY)
        .where(
            columns.id == given.id,
            columns.claim == sa.bindparam("by_claim"),
            sa.or_(columns.state == "claimed", columns.state == "unknown"),
        )
        .values(
            {name: given[name] for name in RECORDED if name not in {"id", "uncount"}}
            | {
                "attempt": columns.attempt - given.uncount,
                "reason": sa.case((is_still_marked, CANARY), else_=given.reason),
            }
        )
    )
