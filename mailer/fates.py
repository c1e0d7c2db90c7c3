"""What became of the letters of a mailing by relay, domain and code; which are unknown, and how staff settle them.

A letter is unknown when it went out whole and its answer was lost: it may have arrived, so nothing sends it again by
itself. A person may, for good reasons of theirs; then it waits again and passes the gate like any other. It commits
nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.tables import SubscriberRow
from kit.db import is_sqlite
from mailer import compaction
from mailer.statements import DELIVERY as _DELIVERY
from mailer.statements import IS_HELD

DOMAINS_SHOWN = 15
_IS_UNKNOWN = sa.and_(IS_HELD, _DELIVERY.c.state == sa.literal_column("'unknown'"))


@dataclass(frozen=True, slots=True)
class Unknown:
    """A letter that may have arrived."""

    delivery: int
    person: int
    reason: str  # "answer_lost": the connection broke; "worker_lost": the worker did
    since: datetime | None
    relay: str
    attempt: int
    said: str


async def by_relay(session: AsyncSession, mailing_id: int) -> list[dict[str, Any]]:
    """Return how many letters each relay had last, by state."""
    return await _table(session, sa.select(compaction.tally(mailing_id, "relay", "state")), "relay")


async def by_domain(session: AsyncSession, mailing_id: int, *, most: int = DOMAINS_SHOWN) -> list[dict[str, Any]]:
    """Return the domains that most people of a mailing are at, with how many by state. Reads every row of it.

    Of an old mailing whose rows were folded nobody knows the domains any more.
    """
    address = SubscriberRow.address
    domain: sa.ColumnElement[Any] = (
        sa.func.substr(address, sa.func.instr(address, "@") + 1)
        if is_sqlite(session)
        else sa.func.split_part(address, "@", 2)
    )
    rows = (
        sa.select(sa.func.coalesce(domain, "").label("domain"), _DELIVERY.c.state, sa.func.count())
        .join_from(_DELIVERY, SubscriberRow, SubscriberRow.id == _DELIVERY.c.subscriber_id, isouter=True)
        .where(_DELIVERY.c.mailing_id == mailing_id)
        .group_by(sa.literal_column("1"), _DELIVERY.c.state)
    )
    found = await _table(session, rows, "domain")
    found.sort(key=lambda row: (-sum(number for key, number in row.items() if key != "domain"), row["domain"]))
    return found[:most]


async def by_code(session: AsyncSession, mailing_id: int) -> list[dict[str, Any]]:
    """Return how often each refusal (RFC 3463) or reason of ours came, of letters that failed or wait for a try."""
    of = compaction.tally(mailing_id, "state", "reason", "code", "enhanced")
    number = sa.cast(sa.func.sum(of.c.number), sa.BigInteger)
    rows = await session.execute(
        sa.select(of.c.state, of.c.reason, of.c.code, of.c.enhanced, number)
        .where(of.c.state.in_(("failed", "waiting")), sa.or_(of.c.code > 0, of.c.enhanced != "", of.c.reason != ""))
        .group_by(of.c.state, of.c.reason, of.c.code, of.c.enhanced)
        .order_by(number.desc(), of.c.code, of.c.enhanced)
    )
    return [
        {"state": state, "reason": reason, "code": code, "enhanced": enhanced, "number": number}
        for state, reason, code, enhanced, number in rows
    ]


async def unknowns(session: AsyncSession, mailing_id: int, *, most: int | None = None) -> list[Unknown]:
    """Return the letters of a mailing of which nobody knows whether they arrived."""
    columns = (
        _DELIVERY.c.id, _DELIVERY.c.subscriber_id, _DELIVERY.c.reason, _DELIVERY.c.done_at, _DELIVERY.c.relay,
        _DELIVERY.c.attempt, _DELIVERY.c.response,
    )  # fmt: skip
    found = sa.select(*columns).where(_DELIVERY.c.mailing_id == mailing_id, _IS_UNKNOWN)
    rows = await session.execute(found.order_by(_DELIVERY.c.id).limit(most))
    return [
        Unknown(id_, person, reason, since, relay or "", attempt, said)
        for id_, person, reason, since, relay, attempt, said in rows
    ]


async def unknown_by_mailing(session: AsyncSession, *, ids: Collection[int] | None = None) -> dict[int, int]:
    """Return how many letters are unknown, of all or of some, for each mailing that has any."""
    these = [_IS_UNKNOWN] if ids is None else [_IS_UNKNOWN, _DELIVERY.c.id.in_(ids)]
    rows = await session.execute(
        sa.select(_DELIVERY.c.mailing_id, sa.func.count()).where(*these).group_by(_DELIVERY.c.mailing_id)
    )
    return dict(rows.all())


async def send_again(session: AsyncSession, mailing_id: int, *, people: Collection[int] = (), now: datetime) -> int:
    """Let unknown letters wait again, as if they had never been tried; return how many.

    Their claim is taken from them, so that a late word of the worker that once had them counts no more.
    """
    return await _settle(
        session, mailing_id, people, state="waiting", reason="sent_again", next_at=now, claim="", first_at=None,
        done_at=None,
    )  # fmt: skip


async def drop(session: AsyncSession, mailing_id: int, *, people: Collection[int] = (), now: datetime) -> int:
    """Settle unknown letters as not to be sent; return how many."""
    return await _settle(session, mailing_id, people, state="skipped", reason="dropped", claim="", done_at=now)


async def _settle(session: AsyncSession, mailing_id: int, people: Collection[int], **values: Any) -> int:
    these = [_DELIVERY.c.mailing_id == mailing_id, _IS_UNKNOWN]
    if people:
        these.append(_DELIVERY.c.subscriber_id.in_(sorted(people)))
    result = await session.execute(sa.update(_DELIVERY).where(*these).values(**values))
    return int(cast("Any", result).rowcount)


async def _table(session: AsyncSession, rows: sa.Select[Any], name: str) -> list[dict[str, Any]]:
    """Return rows of (key, state, number) as one row for each key."""
    found: dict[str, dict[str, Any]] = {}
    for of, state, number in await session.execute(rows):
        row = found.setdefault(of, {name: of})
        shown = "waiting" if state == "claimed" else state
        row[shown] = row.get(shown, 0) + number
    return [found[of] for of in sorted(found)]
