"""The deliveries of a mailing: snapshot, claim, record, give back, settle, count.

One row is one letter to one person. It moves waiting -> claimed -> sent | failed | skipped | unknown, or back to
waiting; every move is conditional, so that it happens once whoever tries. A result counts only with the token of the
claim it belongs to. It sends nothing and commits nothing: :mod:`mailer.courier` owns the transactions.

A waiting row whose ``next_at`` is empty is covered by a job that was enqueued with it; a row that goes back to waiting
always gets a ``next_at`` and is the runner's from then on (:func:`adopt_due`). So nobody is forgotten.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import gate
from consent.model import Clearance, Refusal, Refused, SubscriberId
from kit.db import is_sqlite
from kit.rows import listing, packed_rows
from mailer import compaction, statements
from mailer.outcomes import Claimed, Outcome, Proof
from mailer.statements import IS_CLAIMED, IS_HELD, IS_WAITING
from mailer.tables import MailingRow

RESPONSE_CHARACTERS = 500  # the column's width
MOST_RANGES = 250  # jobs for one mailing: some 100 ms of a launch, and more than workers run at the same time
_DELIVERY = statements.DELIVERY
#: what becomes of a letter that was not sent when its mailing no longer goes out
_REASON_BY_GATE = {"cancelled": "cancelled", "done": "too_late"}


@dataclass(frozen=True, slots=True)
class Slice:
    """What one claim took: rows to send, and how many were refused by the gate and are done with."""

    mailing_id: int
    claim: str
    rows: tuple[Claimed, ...]
    refused: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing was due in the range."""
        return not self.rows and not self.refused


@dataclass(frozen=True, slots=True)
class Shut:
    """The mailing is not going out now: paused, cancelled, done, or not there."""

    gate: str


@dataclass(frozen=True, slots=True)
class Counts:
    """The exact sum: ``snapshot = sent + failed + skipped + unknown + waiting``, at any instant."""

    sent: int = 0
    failed: int = 0
    unknown: int = 0
    waiting: int = 0  # what a live worker has claimed is still waiting
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def snapshot(self) -> int:
        """How many people there are in all."""
        return self.sent + self.failed + self.unknown + self.waiting + sum(self.skipped.values())


async def snapshot(
    session: AsyncSession, mailing_id: int, audience: sa.Select[int], *, after: int = 0, last: int | None = None
) -> int:
    """Write down, in one statement, everybody whom a mailing goes to; return how many they are.

    ``audience`` selects the ids of subscribers; only those after ``after`` and up to ``last`` are taken. The pair of
    mailing and person is unique in the database itself.
    """
    (person,) = audience.selected_columns
    among = [person > after] if last is None else [person > after, person <= last]
    values = audience.where(*among).with_only_columns(
        sa.literal(mailing_id), person, sa.literal("waiting"), sa.literal(""), sa.literal(""), sa.literal(""),
        sa.literal(0), sa.literal(0), sa.literal(""), sa.literal(""), maintain_column_froms=True,
    ).order_by(person)  # fmt: skip
    columns = "mailing_id subscriber_id state reason worker claim attempt code enhanced response".split()  # noqa: SIM905
    statement = sa.insert(_DELIVERY).from_select(columns, values, include_defaults=False)
    return _count(await session.execute(statement, execution_options={"preserve_rowcount": True}))


async def ranges(session: AsyncSession, mailing_id: int, size: int) -> list[tuple[int, int]]:
    """Return ranges of delivery ids (both ends included) that cover all who wait for a job.

    A range spans ``size`` ids, or more where that would be more than ``MOST_RANGES``: a launch pays for each job. Only
    the two ends are looked up, so it costs the same for a thousand and for ten million.
    """
    waiting = sa.select(_DELIVERY.c.id).where(
        _DELIVERY.c.mailing_id == mailing_id, IS_WAITING, _DELIVERY.c.next_at.is_(None)
    )
    first = await session.scalar(waiting.order_by(_DELIVERY.c.id).limit(1))
    last = await session.scalar(waiting.order_by(_DELIVERY.c.id.desc()).limit(1))
    if first is None or last is None:
        return []
    step = max(size, -(-(last - first + 1) // MOST_RANGES))
    return [(start, min(start + step - 1, last)) for start in range(first, last + 1, step)]


async def claim_slice(
    session: AsyncSession,
    mailing_id: int,
    *,
    first: int,
    last: int,
    limit: int,
    worker: str,
    now: datetime,
    claim: str | None = None,
    require_age: bool = False,
) -> Slice | Shut:
    """Take up to ``limit`` due deliveries of a range of ids, each with a fresh clearance.

    One short transaction: the mailing's gate, the claim and the look at consent are one decision. Who has no leave is
    recorded as skipped at once. The claim is on disk before the first byte of any of these letters is (promise 3).
    """
    claim = claim or uuid.uuid4().hex
    mailing = await _look(session, mailing_id)
    if mailing is None or mailing[0] != "open":
        return Shut(mailing[0] if mailing else "missing")
    of_sqlite = is_sqlite(session)
    wanted = {"mailing_id": mailing_id, "first": first, "last": last, "now": now, "limit": limit}
    due = statements.due(only_canary=bool(mailing[2]), of_sqlite=of_sqlite)
    found = await due.rows(session, wanted)
    if not found:
        return Slice(mailing_id, claim, ())
    people = [SubscriberId(number) for _, number, _, _ in found]
    answers = await gate.clear(session, people, mailing[1], now=now, require_age=require_age, mailing=mailing_id)
    rows: list[Claimed] = []
    refused: dict[Refusal, list[int]] = {}
    for id_, number, attempt, first_at in found:
        match answers[SubscriberId(number)]:
            case Clearance() as clearance:
                rows.append(Claimed(id_, attempt + 1, first_at or now, clearance))
            case Refused(reason=reason):
                refused.setdefault(reason, []).append(id_)
    if rows:
        ids = listing((row.id for row in rows), of_sqlite=of_sqlite)
        await session.execute(
            statements.taking(of_sqlite=of_sqlite), {"ids": ids, "by_worker": worker, "by_claim": claim, "at": now}
        )
    for reason, ids in refused.items():
        await session.execute(
            sa.update(_DELIVERY)
            .where(_DELIVERY.c.id.in_(ids))
            .values(state="skipped", reason=reason.value, done_at=now, next_at=None)
        )
    return Slice(mailing_id, claim, tuple(rows), sum(map(len, refused.values())))


async def record(
    session: AsyncSession, mailing_id: int, outcomes: Sequence[Outcome], *, claim: str, now: datetime
) -> int:
    """Write down what became of deliveries of one claim; return how many of them that changed.

    Fenced: a row that is no longer in this claim's hands (settled, taken by another worker) stays as it is. One that
    was held for unknown meanwhile is put right, because the claim is still the last one. A letter that goes back to
    waiting in a mailing that is over is skipped instead.
    """
    if not outcomes:
        return 0
    over = None
    if any(outcome.state == "waiting" for outcome in outcomes):  # what has ended stays so, whatever the mailing's gate
        mailing = await _look(session, mailing_id)
        over = _REASON_BY_GATE.get(mailing[0] if mailing else "done")
    in_order = sorted(outcomes, key=lambda outcome: outcome.id)  # so that two who record the same rows never dead-lock
    of_sqlite = is_sqlite(session)
    results = packed_rows(
        [_result(_closed(outcome, over, now), claim, now) for outcome in in_order], of_sqlite=of_sqlite
    )
    written = {"results": results, "by_claim": claim}
    return _count(await session.execute(statements.recording(of_sqlite=of_sqlite), written))


async def give_back(session: AsyncSession, mailing_id: int, ids: Iterable[int], *, claim: str, now: datetime) -> int:
    """Let go of deliveries that were claimed and never begun: they wait again, due at once."""
    outcomes = [Outcome(id_, "waiting", next_at=now, was_started=False) for id_ in ids]
    return await record(session, mailing_id, outcomes, claim=claim, now=now)


async def give_back_strays(session: AsyncSession, worker: str, *, live: Collection[str], now: datetime) -> int:
    """Let go of what stands under a living worker's name without that it knows of it; return how many.

    A claim whose COMMIT was lost on the way: the worker never saw it, so nothing of it began.
    """
    rows = await session.execute(
        sa.select(_DELIVERY.c.mailing_id, _DELIVERY.c.claim, _DELIVERY.c.id).where(
            _DELIVERY.c.worker == worker, IS_CLAIMED, _DELIVERY.c.claim.not_in(live)
        )
    )
    by_claim: dict[tuple[int, str], list[int]] = {}
    for mailing_id, claim, id_ in rows:
        by_claim.setdefault((mailing_id, claim), []).append(id_)
    for (mailing_id, claim), ids in sorted(by_claim.items()):
        await give_back(session, mailing_id, ids, claim=claim, now=now)
    return sum(map(len, by_claim.values()))


async def strangers(session: AsyncSession, known: Collection[str]) -> list[str]:
    """Return the workers that hold deliveries and are not among the known ones."""
    rows = await session.scalars(
        sa.select(_DELIVERY.c.worker)
        .distinct()
        .join(MailingRow, MailingRow.id == _DELIVERY.c.mailing_id)
        .where(IS_CLAIMED, MailingRow.gate != "done", _DELIVERY.c.worker.not_in(known))
    )
    return list(rows)


async def people_of(session: AsyncSession, ids: Collection[int]) -> dict[int, SubscriberId]:
    """Return whom deliveries go to."""
    rows = await session.execute(sa.select(_DELIVERY.c.id, _DELIVERY.c.subscriber_id).where(_DELIVERY.c.id.in_(ids)))
    return {id_: SubscriberId(person) for id_, person in rows}


async def settle_dead(
    session: AsyncSession, workers: Collection[str], *, proof: Proof | None, now: datetime
) -> list[Outcome]:
    """Decide what becomes of what dead workers had claimed; return what was decided.

    ``proof`` is what their journals hold by claim and delivery (:mod:`mailer.journal`). A claim without a journal never
    began, and neither did a delivery that its claim's journal doesn't name: they wait again. ``None`` means that
    nothing is proven, and then every claimed row is unknown: it may have been sent, so it is never sent again by
    itself. Repeating changes nothing.
    """
    decided: list[Outcome] = []
    rows = await session.execute(
        sa.select(_DELIVERY.c.id, _DELIVERY.c.mailing_id, _DELIVERY.c.claim, _DELIVERY.c.state).where(
            _DELIVERY.c.worker.in_(sorted(workers)), IS_HELD
        )
    )  # sorted below: asked for an order, SQLite would read the whole table in it
    by_claim: dict[tuple[int, str], list[Outcome]] = {}
    for id_, mailing_id, claim, state in sorted(rows):
        if state == "unknown" and claim not in (proof or {}):
            continue  # its answer was lost while the worker lived, or it was settled before
        outcome = Outcome(id_, "unknown", "worker_lost")
        if proof is not None:
            began = proof.get(claim, {}).get(id_)
            outcome = began or Outcome(id_, "waiting", next_at=now, was_started=False)
        if outcome.state == state:
            continue  # it was settled so before
        by_claim.setdefault((mailing_id, claim), []).append(outcome)
    for (mailing_id, claim), outcomes in sorted(by_claim.items()):
        await record(session, mailing_id, outcomes, claim=claim, now=now)
        decided += outcomes
    return decided


async def adopt_due(session: AsyncSession, mailing_id: int, *, size: int, now: datetime) -> list[tuple[int, int]]:
    """Take over the waiting rows whose time has come; return ranges for jobs, which the same transaction enqueues.

    The rows change hands by a conditional UPDATE, so of several runners one gets each row.
    """
    mailing = await _look(session, mailing_id)
    if mailing is None or mailing[0] != "open":
        return []
    due = (
        sa.select(_DELIVERY.c.id)
        .where(
            _DELIVERY.c.mailing_id == mailing_id,
            IS_WAITING,
            _DELIVERY.c.next_at.is_not(None),
            _DELIVERY.c.next_at <= now,
        )
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    adopted = sorted(
        await session.scalars(
            sa.update(_DELIVERY).where(_DELIVERY.c.id.in_(due)).values(next_at=None).returning(_DELIVERY.c.id)
        )
    )
    return [(adopted[start], adopted[min(start + size, len(adopted)) - 1]) for start in range(0, len(adopted), size)]


async def due_mailings(session: AsyncSession, *, now: datetime) -> list[int]:
    """Return the open mailings that have waiting rows whose time has come."""
    somebody_is_due = sa.exists().where(
        _DELIVERY.c.mailing_id == MailingRow.id,
        IS_WAITING,
        _DELIVERY.c.next_at.is_not(None),
        _DELIVERY.c.next_at <= now,
    )
    return list(await session.scalars(sa.select(MailingRow.id).where(MailingRow.gate == "open", somebody_is_due)))


def unfinished(mailing_id: sa.SQLColumnExpression[int]) -> sa.ColumnElement[bool]:
    """Return the condition that in a mailing somebody waits or is in a worker's hands; others join it."""
    of_it = _DELIVERY.c.mailing_id == mailing_id
    return sa.or_(sa.exists().where(of_it, IS_WAITING), sa.exists().where(of_it, IS_CLAIMED))


def waits_for_job(mailing_id: sa.SQLColumnExpression[int]) -> sa.ColumnElement[bool]:
    """Return the condition that in a mailing somebody waits for a job, not for a moment; others join it."""
    return sa.exists().where(_DELIVERY.c.mailing_id == mailing_id, IS_WAITING, _DELIVERY.c.next_at.is_(None))


async def skip_waiting(session: AsyncSession, mailing_id: int, *, reason: str, now: datetime) -> int:
    """Close what still waits, because the mailing is over; what is claimed follows when its worker records it."""
    result = await session.execute(
        sa.update(_DELIVERY)
        .where(_DELIVERY.c.mailing_id == mailing_id, IS_WAITING)
        .values(state="skipped", reason=reason, done_at=now, next_at=None)
    )
    return _count(result)


async def gates(session: AsyncSession, mailings: Collection[int]) -> dict[int, str]:
    """Return the gates of mailings."""
    rows = await session.execute(sa.select(MailingRow.id, MailingRow.gate).where(MailingRow.id.in_(mailings)))
    return dict(rows.all())


async def set_gate(session: AsyncSession, mailing_id: int, gate_: str) -> None:
    """Open, hold or close a mailing. On PostgreSQL it waits for the claims that are being written just now."""
    await session.execute(sa.update(MailingRow).where(MailingRow.id == mailing_id).values(gate=gate_))


async def count(session: AsyncSession, mailing_id: int) -> Counts:
    """Return the exact sums of a mailing, taken in one statement; of an old one they may be totals alone."""
    rows = await session.execute(sa.select(compaction.tally(mailing_id, "state", "reason")))
    sums = {"sent": 0, "failed": 0, "unknown": 0, "waiting": 0}
    skipped: dict[str, int] = {}
    for state, reason, number in rows:
        if state == "skipped":
            skipped[reason] = skipped.get(reason, 0) + number
        else:
            sums["waiting" if state == "claimed" else state] += number
    return Counts(**sums, skipped=skipped)


async def _look(session: AsyncSession, mailing_id: int) -> tuple[str, str, bool] | None:
    """Return (gate, topic, whether only the canary may go); the gate stays so until this transaction ends (shared)."""
    row = (await session.execute(statements.gate_and_topic(), {"mailing_id": mailing_id})).first()
    return None if row is None else (row[0], row[1], bool(row[2]))


def _closed(outcome: Outcome, over: str | None, now: datetime) -> Outcome:
    """A row goes back to waiting only with a moment, and only while its mailing may still go out."""
    if outcome.state != "waiting":
        return outcome
    if over is not None:
        return replace(outcome, state="skipped", reason=over, next_at=None)
    return replace(outcome, next_at=outcome.next_at or now)


def _result(outcome: Outcome, claim: str, now: datetime) -> tuple[Any, ...]:
    """Return what is written of an outcome, in the order of ``statements.RECORDED``."""
    is_waiting = outcome.state == "waiting"
    return (
        outcome.id, outcome.state, outcome.reason, outcome.code, outcome.enhanced[:12],
        outcome.response[:RESPONSE_CHARACTERS], outcome.next_at if is_waiting else None, None if is_waiting else now,
        0 if outcome.was_started else 1, "" if is_waiting else claim, outcome.relay or None,
    )  # fmt: skip


def _count(result: Any) -> int:
    return int(result.rowcount)
