"""Opt-outs kept a second time, outside the database, and brought back into one that was restored from a backup.

A line is one act that ends or forbids mail, with its place and hash in the chain and the keyed hash of the address;
never the address. Bringing back applies only what the ledger has lost, at its own moment: whoever joined again later
stays (promise 6), and a second time changes nothing.
"""

import enum
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger
from consent.ledger import Source
from consent.model import Act, Door, Proof, Purpose, SubscriberId
from consent.subscribers import ERASED
from consent.tables import ConsentEventRow, LedgerHeadRow, SubscriberRow, SuppressionRow

WINDOW = 2000  # places of the ledger looked at in one step
LONGEST_LINE = 20_000  # characters; what is longer is no line of ours
LOST_PERSON = "left before a restore"
MOST_LINES = 200  # of them, in one step
_KEPT = sorted(act.value for act in Act if act.is_withdrawal or act is Act.PAUSE)
_EVENT = ConsentEventRow
_KEPT_EVENTS = (
    sa.select(
        _EVENT.seq, _EVENT.hash, _EVENT.act, _EVENT.purpose, _EVENT.topics, _EVENT.at, _EVENT.until, _EVENT.door,
        _EVENT.proof, SubscriberRow.address_hash,
    )
    .join(SubscriberRow, SubscriberRow.id == _EVENT.subscriber_id)
    .where(_EVENT.seq > sa.bindparam("after"), _EVENT.seq <= sa.bindparam("upto"), _EVENT.act.in_(_KEPT))
    .order_by(_EVENT.seq)
    .limit(MOST_LINES)
)  # fmt: skip


class Replayed(enum.StrEnum):
    """What became of one line."""

    KNOWN = "known"  # the ledger has it
    APPLIED = "applied"  # the ledger had lost it
    UNCHANGED = "unchanged"  # the ledger had lost it, and the person is out all the same
    SUPPRESSED = "suppressed"  # the ledger has lost the person, or that they were erased: the address is not mailed
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class OptOut:
    """One line."""

    seq: int
    hash: str
    act: Act
    purpose: Purpose
    topics: tuple[str, ...]
    at: datetime
    until: datetime | None
    door: Door
    proof: Proof
    address_hash: str


@dataclass(frozen=True, slots=True)
class Erased:
    """A line that says: the owner of this address asked to be erased."""

    address_hash: str
    at: datetime


async def head(session: AsyncSession) -> int:
    """Return the place of the last event."""
    return await session.scalar(sa.select(LedgerHeadRow.seq)) or 0


async def lines_after(session: AsyncSession, seq: int) -> tuple[list[str], int]:
    """Return the lines of the next places of the ledger, and the last place that was looked at.

    Few enough that making them keeps nobody waiting: parts that answer customers do this on their loop.
    """
    upto = min(seq + WINDOW, await head(session))
    found = (await session.execute(_KEPT_EVENTS, {"after": seq, "upto": upto})).all()
    if len(found) == MOST_LINES:
        upto = found[-1].seq
    lines = [_write(row) for row in found if row.address_hash]
    if erased := [row.at for row in found if not row.address_hash]:
        lines += await _erased_since(session, min(erased))
    return lines, max(seq, upto)


async def _erased_since(session: AsyncSession, at: datetime) -> list[str]:
    """Return lines for addresses of people who were erased: their events name them no more, their suppressions do."""
    hashes = await session.scalars(
        sa.select(SuppressionRow.address_hash)
        .where(SuppressionRow.reason == ERASED, SuppressionRow.since >= at)
        .order_by(SuppressionRow.since)
    )
    return [
        json.dumps({"erased": address_hash, "at": at.isoformat()}, separators=(",", ":")) for address_hash in hashes
    ]


def read(line: str) -> OptOut | Erased | None:
    """Return what a line says, or None for one that was cut short or is none of ours."""
    try:
        raw = json.loads(line) if len(line) <= LONGEST_LINE else None
        return None if not isinstance(raw, dict) else _read(raw)
    except (ValueError, KeyError, TypeError):
        return None


async def replay(session: AsyncSession, line: str) -> Replayed:
    """Bring one opt-out back, where the ledger has lost it."""
    one = read(line)
    if isinstance(one, Erased):
        changed = await ledger.suppress_hash(session, one.address_hash, reason=ERASED, at=one.at)
        return Replayed.SUPPRESSED if changed else Replayed.UNCHANGED
    if one is None:
        return Replayed.UNREADABLE
    if await session.scalar(sa.select(ConsentEventRow.hash).where(ConsentEventRow.seq == one.seq)) == one.hash:
        return Replayed.KNOWN
    person = await session.scalar(sa.select(SubscriberRow.id).where(SubscriberRow.address_hash == one.address_hash))
    if person is None:
        if one.act is Act.PAUSE:
            return Replayed.UNCHANGED
        await ledger.suppress_hash(session, one.address_hash, reason=LOST_PERSON, at=one.at)
        return Replayed.SUPPRESSED
    outcome = await _apply(session, SubscriberId(person), one)
    return Replayed.APPLIED if isinstance(outcome, ledger.Done) else Replayed.UNCHANGED


async def _apply(session: AsyncSession, person: SubscriberId, one: OptOut) -> ledger.Outcome:
    source = Source(one.door, one.proof, {"replayed": f"{one.seq}:{one.hash}"})
    match one.act:
        case Act.WITHDRAW:
            return await ledger.withdraw(session, person, one.topics, source=source, at=one.at, purpose=one.purpose)
        case Act.PAUSE:
            return await ledger.pause(session, person, one.until, source=source, at=one.at)
        case Act.SUPPRESS:
            return await ledger.suppress(session, person, reason="replayed", source=source, at=one.at)
        case Act.GUARDIAN_WITHDRAW:
            return await ledger.guardian(session, person, agreed=False, source=source, at=one.at)
        case _:
            return await ledger.withdraw_all(session, person, source=source, at=one.at)


def _write(row: Any) -> str:
    content = {
        "seq": row.seq, "hash": row.hash, "act": row.act, "purpose": row.purpose, "topics": row.topics,
        "at": row.at.isoformat(), "until": row.until.isoformat() if row.until else None, "door": row.door,
        "proof": row.proof, "address_hash": row.address_hash,
    }  # fmt: skip
    return json.dumps(content, separators=(",", ":"))


def _read(raw: dict[str, Any]) -> OptOut | Erased:
    if "erased" in raw:
        return Erased(str(raw["erased"])[:64], _moment(raw["at"]))
    return OptOut(
        seq=int(raw["seq"]), hash=str(raw["hash"]), act=Act(raw["act"]), purpose=Purpose(raw["purpose"]),
        topics=tuple(map(str, raw["topics"])), at=_moment(raw["at"]),
        until=_moment(raw["until"]) if raw["until"] else None, door=Door(raw["door"]), proof=Proof(raw["proof"]),
        address_hash=str(raw["address_hash"]),
    )  # fmt: skip


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
