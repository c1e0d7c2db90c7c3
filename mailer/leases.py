"""The common log of all limits: workers take leases of them, tell who refused them, and learn what is slowed down.

One short transaction serves all that a worker wants at a moment; the rows are locked in the order of their names, so
that two workers never wait for each other in a circle. Nothing is committed here (:mod:`mailer.pace` owns that).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from kit.db import insert, moment_of
from mailer.speeds import Speeds, of_relay
from mailer.tables import PaceRow
from mailer.throttle import Lease, Limit, Slowed, allowance, grant, recover, sharers, slow_down

WHY_CHARACTERS = 200  # the column's width
IDLE_SECONDS = 3600.0  # a row that nobody touched so long, and that says nothing, is deleted
_PACE = cast("sa.Table", PaceRow.__table__)  # a mapped class's table is a Table


@dataclass(frozen=True, slots=True)
class Ask:
    """What a worker wants of one limit, and what it can tell."""

    wanted: int = 0
    returned: int = 0  # of the day's messages, what was leased and not sent
    refused: str = ""  # the words of a relay that has enough of us
    speed: float = 0.0  # our speed at that, messages a second


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker gets."""

    count: int = 0
    limit: Limit | None = None  # in force now, for all workers
    sharers: int = 1  # how many workers use it
    slowed: Slowed | None = None
    allowed: int | None = None  # today, by the warm-up plan; None where there is none, or it is over
    used: int = 0  # of it


@dataclass(frozen=True, slots=True)
class Known:
    """What holds for all: who is slowed down, and which relays are drained."""

    slowed: Mapping[str, Slowed] = field(default_factory=dict)
    drained: frozenset[str] = frozenset()


async def exchange(
    session: AsyncSession, asks: Mapping[str, Ask], *, speeds: Speeds, worker: str, now: float | None = None
) -> dict[str, Answer]:
    """Take leases, give back what is left of the day's, and tell of refusals; return an answer for each scope."""
    if not asks:
        return {}
    at = (await moment_of(session)).timestamp() if now is None else now
    values = [{"scope": scope, "log": [], "touched_at": at} for scope in sorted(asks)]
    await session.execute(insert(session, PaceRow).values(values).on_conflict_do_nothing(index_elements=["scope"]))
    rows = await session.scalars(
        sa.select(PaceRow)
        .where(PaceRow.scope.in_(asks))
        .order_by(PaceRow.scope)
        .with_for_update()  # SQLite has one writer and leaves this out
        .execution_options(populate_existing=True)
    )
    if now is None:  # waiting for the locks took time, and leases count from when they are given
        rows = list(rows)  # type: ignore[assignment]
        at = (await moment_of(session)).timestamp()
    return {row.scope: _serve(row, asks[row.scope], speeds, worker, at) for row in rows}


async def known(session: AsyncSession, speeds: Speeds, *, now: float | None = None) -> Known:
    """Return what is slowed down at this moment and which relays are drained. Reads only."""
    rows = list(
        await session.scalars(sa.select(PaceRow).where(sa.or_(PaceRow.slow_rate.is_not(None), PaceRow.is_drained)))
    )
    if not rows:
        return Known()
    at = (await moment_of(session)).timestamp() if now is None else now
    slowed = {row.scope: found for row in rows if (found := _slowed(row, speeds, at)) is not None}
    drained = frozenset(row.scope.removeprefix("relay ") for row in rows if row.is_drained)
    return Known(slowed, drained)


async def drain(session: AsyncSession, relay: str, *, is_drained: bool) -> None:
    """Say whether a relay is to be given nothing more; its connections end when their mails are done."""
    values = {"scope": of_relay(relay), "log": [], "is_drained": is_drained}
    statement = insert(session, PaceRow).values(values)
    await session.execute(statement.on_conflict_do_update(index_elements=["scope"], set_={"is_drained": is_drained}))


async def sweep(session: AsyncSession, *, now: float | None = None) -> int:
    """Delete rows that say nothing any more; return how many."""
    at = (await moment_of(session)).timestamp() if now is None else now
    result = await session.execute(
        sa.delete(_PACE).where(
            _PACE.c.touched_at < at - IDLE_SECONDS, _PACE.c.refused_at < at - IDLE_SECONDS,
            _PACE.c.first_on.is_(None), sa.not_(_PACE.c.is_drained),
        )
    )  # fmt: skip
    return int(cast("Any", result).rowcount)


async def everything(session: AsyncSession, speeds: Speeds, *, now: float | None = None) -> list[dict[str, Any]]:
    """Return each row as screens show it: what is leased, used, allowed and slowed."""
    at = (await moment_of(session)).timestamp() if now is None else now
    today, shown = _day(at), []
    for row in await session.scalars(sa.select(PaceRow).order_by(PaceRow.scope)):
        slowed, plan = _slowed(row, speeds, at), speeds.plan_of(row.scope) if row.first_on else ()
        shown.append(
            {
                "scope": row.scope, "drained": row.is_drained,
                "slowed_to": None if slowed is None else round(slowed.rate, 2), "why": slowed.why if slowed else "",
                "day": (today - row.first_on).days + 1 if row.first_on else None,
                "allowed": allowance(plan, row.first_on, today) if row.first_on else None,
                "used": row.used if row.day == today else 0,
            }
        )  # fmt: skip
    return shown


def _serve(row: PaceRow, ask: Ask, speeds: Speeds, worker: str, at: float) -> Answer:
    """Decide on one limit and write its row."""
    row.touched_at = at
    if row.scope.startswith("day "):
        return _of_day(row, ask, speeds.plan_of(row.scope), _day(at))
    slowed = _slowed(row, speeds, at)
    set_ = speeds.limit_of(row.scope)
    if ask.refused:
        speed = ask.speed if set_ is None else min(ask.speed or set_.rate, set_.rate)
        slowed = slow_down(slowed, speed=speed, now=at, why=ask.refused[:WHY_CHARACTERS], manners=speeds.manners)
    _keep(row, slowed)
    limit = set_ if slowed is None else Limit.per_second(slowed.rate).tighter(set_)
    if limit is None:
        row.log = []
        return Answer(ask.wanted)
    log = [Lease(*entry) for entry in row.log]
    given = grant(limit, log, worker, ask.wanted, at)
    row.log = [[lease.at, lease.worker, lease.count, lease.is_hungry] for lease in given.log]
    return Answer(given.count, limit, sharers(given.log, at, limit), slowed)


def _of_day(row: PaceRow, ask: Ask, plan: Sequence[int], today: date) -> Answer:
    """Serve from the day's messages. A worker gets at most a quarter of what is left, so that others have some, too."""
    if row.day != today:
        row.day, row.used = today, 0
    else:
        row.used = max(0, row.used - ask.returned)
    if ask.wanted:
        row.first_on = row.first_on or today
    allowed = allowance(plan, row.first_on or today, today)
    if allowed is None:
        return Answer(ask.wanted, used=row.used)
    left = max(0, allowed - row.used)
    count = min(ask.wanted, math.ceil(left / 4))
    row.used += count
    return Answer(count, allowed=allowed, used=row.used)


def _slowed(row: PaceRow, speeds: Speeds, at: float) -> Slowed | None:
    if row.slow_rate is None:
        return None
    slowed = Slowed(row.slow_rate, row.slow_was, row.slow_at, row.refused_at, row.slow_why)
    set_ = speeds.limit_of(row.scope)
    return recover(slowed, ceiling=None if set_ is None else set_.rate, now=at, manners=speeds.manners)


def _keep(row: PaceRow, slowed: Slowed | None) -> None:
    row.slow_rate = None if slowed is None else slowed.rate
    if slowed is not None:
        row.slow_was, row.slow_at = slowed.was, slowed.at
        row.refused_at, row.slow_why = slowed.refused_at, slowed.why


def _day(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()
