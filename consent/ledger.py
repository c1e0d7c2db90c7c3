"""The verbs of consent: every door calls these, and they only ever append.

Each verb is idempotent: said twice, it changes nothing the second time and says so. Leaving needs less proof than
joining. The caller owns the transaction; when it is on disk, those who listen (:mod:`consent.hearing`) are told of
withdrawals at once, before the door answers. A door that decides about many at once opens the ledger for them
:func:`together`.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import hearing
from consent.chain import GENESIS, event_hash, wording_hash
from consent.model import Act, Door, Event, Proof, Purpose, Standing, State, SubscriberId
from consent.rules import fold
from consent.standing import children_alone, events_of, events_of_all, write_reach, write_standings
from consent.tables import ConsentEventRow, LedgerHeadRow, SubscriberRow, SuppressionRow, WordingRow
from kit.addresses import without_addresses
from kit.db import after_commit, insert

EVIDENCE_CHARACTERS = 500  # a fact, not a letter
_ON_REACH = frozenset({Act.PAUSE, Act.GUARDIAN_CONSENT, Act.GUARDIAN_WITHDRAW})  # what is kept beside the person


@dataclass(frozen=True, slots=True)
class Source:
    """Where an act came from: the door, the proof, and short facts about it."""

    door: Door
    proof: Proof
    evidence: Mapping[str, str] | None = None
    wording: str = ""
    policy_version: str = ""

    @property
    def facts(self) -> dict[str, str]:
        """The evidence as it is kept for good: short, and without addresses, for no erasure reaches into the chain."""
        return {
            key: without_addresses(str(value)[:EVIDENCE_CHARACTERS]) for key, value in (self.evidence or {}).items()
        }


@dataclass(frozen=True, slots=True)
class Done:
    """The act changed something; ``standing`` is what holds now."""

    standing: Standing
    seq: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """The act changed nothing: it was so already, or the act is not entitled to change it."""

    standing: Standing
    why: str


@dataclass(frozen=True, slots=True)
class NeedsGuardian(Nothing):
    """Nothing was noted: a child under 13 can't ask for anything before a guardian has agreed (P8)."""


Outcome = Done | Nothing


@dataclass(slots=True)
class _Gathered:
    """What was appended and is not written yet."""

    rows: list[dict[str, object]] = field(default_factory=list)
    wordings: dict[str, str] = field(default_factory=dict)
    standings: dict[SubscriberId, Standing] = field(default_factory=dict)
    left: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class _Book:
    """The ledger as one transaction sees it: its end, which no other can move meanwhile, and the events read so far."""

    transaction: object
    seq: int
    hash: str
    events: dict[SubscriberId, list[Event]] = field(default_factory=dict)
    gathered: _Gathered | None = None


async def subscribe(
    session: AsyncSession,
    person: SubscriberId,
    topics: Sequence[str],
    *,
    source: Source,
    at: datetime,
    purpose: Purpose = Purpose.PROMOTION,
) -> Outcome:
    """Note that a person asks to receive topics. Nothing is sent for it until it is confirmed.

    Of a child under 13 without a guardian's consent nothing is noted, and so no door asks it to confirm (P8).
    """
    standing = fold(await _events(session, person))
    if await children_alone(session, [person], at=at):
        return NeedsGuardian(standing, "a guardian has to agree first")
    return await _join(session, Act.SUBSCRIBE, person, topics, source=source, at=at, purpose=purpose)


async def confirm(
    session: AsyncSession,
    person: SubscriberId,
    topics: Sequence[str],
    *,
    source: Source,
    at: datetime,
    purpose: Purpose = Purpose.PROMOTION,
) -> Outcome:
    """Grant what is pending; by import, grant on evidence what nobody ever withdrew (promise 6)."""
    return await _join(session, Act.CONFIRM, person, topics, source=source, at=at, purpose=purpose)


async def withdraw(
    session: AsyncSession,
    person: SubscriberId,
    topics: Sequence[str],
    *,
    source: Source,
    at: datetime,
    purpose: Purpose = Purpose.PROMOTION,
) -> Outcome:
    """End a person's agreement to topics. Always possible, whoever asks and however often."""
    standing = fold(await _events(session, person))
    wanted = tuple(sorted(set(topics)))
    if not wanted and purpose is Purpose.PROMOTION:
        return Nothing(standing, "no topic was named")
    if all(standing.state(purpose, topic) is State.WITHDRAWN for topic in wanted or ("",)):
        return Nothing(standing, "they had left already")
    return await append(session, event_of(Act.WITHDRAW, person, wanted, source, at, purpose=purpose))


async def withdraw_all(session: AsyncSession, person: SubscriberId, *, source: Source, at: datetime) -> Outcome:
    """End everything a person ever agreed to, of every purpose and topic, known and future."""
    standing = fold(await _events(session, person))
    if standing.left_all_at and all(state is State.WITHDRAWN for state in standing.states.values()):
        return Nothing(standing, "they had left already")
    return await append(session, event_of(Act.WITHDRAW_ALL, person, (), source, at))


async def pause(
    session: AsyncSession, person: SubscriberId, until: datetime | None, *, source: Source, at: datetime
) -> Outcome:
    """Send no promotions until a moment; ``None`` ends a pause."""
    standing = fold(await _events(session, person))
    if standing.paused_until == until:
        return Nothing(standing, "the pause was so already")
    return await append(session, event_of(Act.PAUSE, person, (), source, at, until=until))


async def guardian(
    session: AsyncSession, person: SubscriberId, *, agreed: bool, source: Source, at: datetime
) -> Outcome:
    """Note a guardian's consent for a child under 13, or its withdrawal (P8)."""
    standing = fold(await _events(session, person))
    if standing.guardian_agreed == agreed:
        return Nothing(standing, "the guardian had said so already")
    act = Act.GUARDIAN_CONSENT if agreed else Act.GUARDIAN_WITHDRAW
    return await append(session, event_of(act, person, (), source, at))


async def suppress(
    session: AsyncSession, person: SubscriberId, *, reason: str, source: Source, at: datetime
) -> Outcome:
    """Forbid mail to a person's address, whatever else is agreed. Kept by keyed hash, so it outlives erasure."""
    standing = fold(await _events(session, person))
    address_hash = await session.scalar(sa.select(SubscriberRow.address_hash).where(SubscriberRow.id == person))
    if address_hash is None:
        return Nothing(standing, "the person is erased; what was suppressed stays so")
    if not await suppress_hash(session, address_hash, reason=reason, at=at):
        return Nothing(standing, "the address was suppressed already")
    event = event_of(Act.SUPPRESS, person, (), source, at)
    return await append(session, replace(event, evidence={**event.evidence, "reason": reason}))


async def suppress_hash(session: AsyncSession, address_hash: str, *, reason: str, at: datetime) -> bool:
    """Suppress an address by its hash alone, known or not; return whether that is new."""
    row = await session.get(SuppressionRow, address_hash)
    if row is not None and row.lifted_at is None:
        return False
    statement = insert(session, SuppressionRow).values(
        address_hash=address_hash, reason=reason[:40], since=at, lifted_at=None
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["address_hash"], set_={"reason": reason[:40], "since": at, "lifted_at": None}
        )
    )
    return True


async def lift(session: AsyncSession, person: SubscriberId, *, source: Source, at: datetime) -> Outcome:
    """End a suppression. It brings back no consent: what was withdrawn stays withdrawn."""
    standing = fold(await _events(session, person))
    address_hash = await session.scalar(sa.select(SubscriberRow.address_hash).where(SubscriberRow.id == person))
    lifted = await session.execute(
        sa.update(SuppressionRow)
        .where(SuppressionRow.address_hash == address_hash, SuppressionRow.lifted_at.is_(None))
        .values(lifted_at=at)
        .returning(SuppressionRow.address_hash)
    )
    if lifted.first() is None:
        return Nothing(standing, "the address was not suppressed")
    return await append(session, event_of(Act.LIFT, person, (), source, at))


async def standing_of(session: AsyncSession, person: SubscriberId) -> Standing:
    """Return what a person's events add up to."""
    return fold(await events_of(session, person))


async def _join(
    session: AsyncSession,
    act: Act,
    person: SubscriberId,
    topics: Sequence[str],
    *,
    source: Source,
    at: datetime,
    purpose: Purpose,
) -> Outcome:
    events = await _events(session, person)
    before = fold(events)
    event = event_of(act, person, tuple(sorted(set(topics))), source, at, purpose=purpose)
    after = fold([*events, replace(event, seq=events[-1].seq + 1 if events else 1)])
    if dict(after.states) == dict(before.states):
        why = "an earlier opt-out stands" if _left(before, event) else "it was so already"
        return Nothing(before, why)
    return await append(session, event)


def _left(standing: Standing, event: Event) -> bool:
    return any(standing.state(event.purpose, topic) is State.WITHDRAWN for topic in event.topics or ("",))


def event_of(
    act: Act,
    person: SubscriberId,
    topics: tuple[str, ...],
    source: Source,
    at: datetime,
    *,
    purpose: Purpose = Purpose.PROMOTION,
    until: datetime | None = None,
) -> Event:
    """Return the event of an act, with no place yet."""
    return Event(
        subscriber=person, act=act, at=at, door=source.door, proof=source.proof, purpose=purpose, topics=topics,
        until=until, evidence=source.facts, wording=source.wording, policy_version=source.policy_version,
    )  # fmt: skip


@asynccontextmanager
async def together(session: AsyncSession, people: Iterable[SubscriberId]) -> AsyncIterator[None]:
    """Read at once what these people ever did, and write at once, at the end, what the verbs within append.

    The verbs see what the others within have done; only who reads the tables directly calls :func:`write_down` first.
    """
    book = await _book(session)
    missing = [person for person in dict.fromkeys(people) if person not in book.events]
    book.events |= await events_of_all(session, missing)
    book.gathered = _Gathered()
    yield
    await write_down(session)
    book.gathered = None


async def hold(session: AsyncSession) -> None:
    """Take the ledger's lock, before any other, in a transaction that may append to it later."""
    await _book(session)


async def write_down(session: AsyncSession) -> None:
    """Write what was gathered :func:`together` so far."""
    book = await _book(session)
    if book.gathered is not None:
        gathered, book.gathered = book.gathered, _Gathered()
        await _write(session, book, gathered)


async def append_events(session: AsyncSession, events: Iterable[Event]) -> list[Event]:
    """Append events to the chain in their order and return them with their places; standings are the caller's work."""
    events = list(events)
    if not events:
        return []
    book = await _book(session)
    gathered = book.gathered or _Gathered()
    placed = [_place(book, gathered, event) for event in events]
    if book.gathered is None:
        await _write(session, book, gathered)
    return placed


# hot, and so made once
_HEAD = sa.select(LedgerHeadRow.seq, LedgerHeadRow.hash).where(LedgerHeadRow.id == 1).with_for_update()
_MOVE_HEAD = (
    sa.update(cast("sa.Table", LedgerHeadRow.__table__))
    .where(LedgerHeadRow.id == 1)
    .values(seq=sa.bindparam("to"), hash=sa.bindparam("chain"))
)
_APPEND = sa.insert(cast("sa.Table", ConsentEventRow.__table__))


async def _book(session: AsyncSession) -> _Book:
    """Take the end of the chain. All verbs take it first, so that they queue up and never dead-lock.

    It is kept for the rest of the transaction, whose lock keeps it true. A savepoint can be rolled back, and so
    nothing is kept from within one.
    """
    known = session.info.pop("ledger", None)
    if (
        isinstance(known, _Book)
        and known.transaction is session.sync_session.get_transaction()
        and not session.in_nested_transaction()
    ):
        session.info["ledger"] = known
        return known
    row = (await session.execute(_HEAD)).one_or_none()
    if row is None:
        await session.execute(insert(session, LedgerHeadRow).values(id=1, seq=0, hash=GENESIS).on_conflict_do_nothing())
        row = (await session.execute(_HEAD)).one()
    book = _Book(session.sync_session.get_transaction(), row.seq, row.hash)
    if not session.in_nested_transaction():
        session.info["ledger"] = book
    return book


async def _events(session: AsyncSession, person: SubscriberId) -> list[Event]:
    """Return a person's events with the ledger held, so that no other writer can add one meanwhile."""
    book = await _book(session)
    if person not in book.events:
        book.events[person] = await events_of(session, person)
    return book.events[person]


async def append(session: AsyncSession, event: Event) -> Done:
    """Append one event, write the standing that it leads to, and tell the listeners after the commit.

    Doors call the verbs; this is for the verbs of this room that stand in modules of their own.
    """
    (placed,) = await append_events(session, [event])
    standing = fold(await _events(session, event.subscriber))
    book = await _book(session)
    if book.gathered is None:
        await write_standings(session, {event.subscriber: standing})
    else:
        book.gathered.standings[event.subscriber] = standing
    if placed.act in _ON_REACH:
        await write_reach(session, event.subscriber, standing)
    if hearing.is_leaving(placed.act, placed.purpose):
        after_commit(session, lambda: hearing.tell(placed))
    return Done(standing, placed.seq)


def _place(book: _Book, gathered: _Gathered, event: Event) -> Event:
    """Give an event its place at the end of the chain."""
    placed = replace(event, seq=book.seq + 1)
    wording = wording_hash(event.wording)
    if wording:
        gathered.wordings[wording] = event.wording
    book.seq, book.hash = placed.seq, event_hash(book.hash, placed, wording_sha256=wording)
    gathered.rows.append(_row(placed, wording, book.hash))
    if hearing.is_leaving(placed.act, placed.purpose):
        gathered.left.append(placed)
    if event.subscriber in book.events:
        book.events[event.subscriber].append(placed)
    return placed


async def _write(session: AsyncSession, book: _Book, gathered: _Gathered) -> None:
    """Write events, the new end of the chain, and the standings; other processes get notice of who left."""
    if not gathered.rows:
        return
    for sha256, text in gathered.wordings.items():
        await session.execute(insert(session, WordingRow).values(sha256=sha256, text=text).on_conflict_do_nothing())
    await session.execute(_APPEND, gathered.rows)
    await session.execute(_MOVE_HEAD, {"to": book.seq, "chain": book.hash})
    await write_standings(session, gathered.standings)
    await hearing.announce(session, gathered.left)


def _row(event: Event, wording: str, chain: str) -> dict[str, object]:
    return {
        "seq": event.seq, "subscriber_id": event.subscriber, "act": event.act.value, "purpose": event.purpose.value,
        "topics": list(event.topics), "at": event.at, "until": event.until, "door": event.door.value,
        "proof": event.proof.value, "evidence": dict(event.evidence), "wording_sha256": wording,
        "policy_version": event.policy_version, "hash": chain,
    }  # fmt: skip
