"""The verbs of consent: every door calls these, and they only ever append.

Each verb is idempotent: said twice, it changes nothing the second time and says so. Leaving needs less proof than
joining. The caller owns the transaction; when it is on disk, those who listen (:mod:`consent.hearing`) are told of
withdrawals at once, before the door answers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import hearing
from consent.chain import GENESIS, event_hash, wording_hash
from consent.model import Act, Door, Event, Proof, Purpose, Standing, State, SubscriberId
from consent.rules import fold
from consent.standing import events_of, write_standing
from consent.tables import ConsentEventRow, LedgerHeadRow, SubscriberRow, SuppressionRow, WordingRow
from kit.db import after_commit, insert

EVIDENCE_CHARACTERS = 500  # a fact, not a letter


@dataclass(frozen=True, slots=True)
class Source:
    """Where an act came from: the door, the proof, and short facts about it."""

    door: Door
    proof: Proof
    evidence: Mapping[str, str] | None = None
    wording: str = ""
    policy_version: str = ""


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


Outcome = Done | Nothing


async def subscribe(
    session: AsyncSession,
    person: SubscriberId,
    topics: Sequence[str],
    *,
    source: Source,
    at: datetime,
    purpose: Purpose = Purpose.PROMOTION,
) -> Outcome:
    """Note that a person asks to receive topics. Nothing is sent for it until it is confirmed."""
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
    await _lock(session, person)
    standing = await standing_of(session, person)
    wanted = tuple(sorted(set(topics)))
    if not wanted and purpose is Purpose.PROMOTION:
        return Nothing(standing, "no topic was named")
    if all(standing.state(purpose, topic) is State.WITHDRAWN for topic in wanted or ("",)):
        return Nothing(standing, "they had left already")
    return await _append(session, _event(Act.WITHDRAW, person, wanted, source, at, purpose=purpose))


async def withdraw_all(session: AsyncSession, person: SubscriberId, *, source: Source, at: datetime) -> Outcome:
    """End everything a person ever agreed to, of every purpose and topic, known and future."""
    await _lock(session, person)
    standing = await standing_of(session, person)
    if standing.left_all_at and all(state is State.WITHDRAWN for state in standing.states.values()):
        return Nothing(standing, "they had left already")
    return await _append(session, _event(Act.WITHDRAW_ALL, person, (), source, at))


async def pause(
    session: AsyncSession, person: SubscriberId, until: datetime | None, *, source: Source, at: datetime
) -> Outcome:
    """Send no promotions until a moment; ``None`` ends a pause."""
    await _lock(session, person)
    standing = await standing_of(session, person)
    if standing.paused_until == until:
        return Nothing(standing, "the pause was so already")
    return await _append(session, _event(Act.PAUSE, person, (), source, at, until=until))


async def guardian(
    session: AsyncSession, person: SubscriberId, *, agreed: bool, source: Source, at: datetime
) -> Outcome:
    """Note a guardian's consent for a child under 13, or its withdrawal (P8)."""
    await _lock(session, person)
    standing = await standing_of(session, person)
    if standing.guardian_agreed == agreed:
        return Nothing(standing, "the guardian had said so already")
    act = Act.GUARDIAN_CONSENT if agreed else Act.GUARDIAN_WITHDRAW
    return await _append(session, _event(act, person, (), source, at))


async def suppress(
    session: AsyncSession, person: SubscriberId, *, reason: str, source: Source, at: datetime
) -> Outcome:
    """Forbid mail to a person's address, whatever else is agreed. Kept by keyed hash, so it outlives erasure."""
    head = await _lock(session, person)
    standing = await standing_of(session, person)
    address_hash = await session.scalar(sa.select(SubscriberRow.address_hash).where(SubscriberRow.id == person))
    if address_hash is None:
        return Nothing(standing, "the person is erased; what was suppressed stays so")
    if not await suppress_hash(session, address_hash, reason=reason, at=at):
        return Nothing(standing, "the address was suppressed already")
    event = _event(Act.SUPPRESS, person, (), source, at)
    return await _append(session, replace(event, evidence={**event.evidence, "reason": reason}), head=head)


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
    head = await _lock(session, person)
    standing = await standing_of(session, person)
    address_hash = await session.scalar(sa.select(SubscriberRow.address_hash).where(SubscriberRow.id == person))
    lifted = await session.execute(
        sa.update(SuppressionRow)
        .where(SuppressionRow.address_hash == address_hash, SuppressionRow.lifted_at.is_(None))
        .values(lifted_at=at)
        .returning(SuppressionRow.address_hash)
    )
    if lifted.first() is None:
        return Nothing(standing, "the address was not suppressed")
    return await _append(session, _event(Act.LIFT, person, (), source, at), head=head)


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
    await _lock(session, person)
    events = await events_of(session, person)
    before = fold(events)
    event = _event(act, person, tuple(sorted(set(topics))), source, at, purpose=purpose)
    after = fold([*events, replace(event, seq=events[-1].seq + 1 if events else 1)])
    if dict(after.states) == dict(before.states):
        why = "an earlier opt-out stands" if _left(before, event) else "it was so already"
        return Nothing(before, why)
    return await _append(session, event, standing=after)


def _left(standing: Standing, event: Event) -> bool:
    return any(standing.state(event.purpose, topic) is State.WITHDRAWN for topic in event.topics or ("",))


def _event(
    act: Act,
    person: SubscriberId,
    topics: tuple[str, ...],
    source: Source,
    at: datetime,
    *,
    purpose: Purpose = Purpose.PROMOTION,
    until: datetime | None = None,
) -> Event:
    evidence = {key: str(value)[:EVIDENCE_CHARACTERS] for key, value in (source.evidence or {}).items()}
    return Event(
        subscriber=person, act=act, at=at, door=source.door, proof=source.proof, purpose=purpose, topics=topics,
        until=until, evidence=evidence, wording=source.wording, policy_version=source.policy_version,
    )  # fmt: skip


async def _lock(session: AsyncSession, person: SubscriberId) -> LedgerHeadRow:
    """Take the end of the chain. All verbs take it first, so that they queue up and never dead-lock."""
    row = await session.get(LedgerHeadRow, 1, with_for_update=True, populate_existing=True)
    if row is None:
        await session.execute(insert(session, LedgerHeadRow).values(id=1, seq=0, hash=GENESIS).on_conflict_do_nothing())
        row = await session.get(LedgerHeadRow, 1, with_for_update=True, populate_existing=True)
    assert row is not None, person  # noqa: S101 - it was just put there
    return row


async def _append(
    session: AsyncSession, event: Event, *, standing: Standing | None = None, head: LedgerHeadRow | None = None
) -> Done:
    """Append one event, write the standing that it leads to, and tell the listeners after the commit."""
    head = head or await _lock(session, event.subscriber)
    (placed,) = await append_events(session, [event], head=head)
    if standing is None:
        standing = await standing_of(session, event.subscriber)
    await write_standing(session, event.subscriber, standing)
    if placed.act.is_withdrawal or placed.act is Act.PAUSE:
        after_commit(session, lambda: hearing.tell(placed))
    return Done(standing, placed.seq)


async def append_events(
    session: AsyncSession, events: Iterable[Event], *, head: LedgerHeadRow | None = None
) -> list[Event]:
    """Append events to the chain in their order and return them with their places; standings are the caller's work."""
    events = list(events)
    if not events:
        return []
    head = head or await _lock(session, events[0].subscriber)
    rows, placed, wordings = [], [], {}
    seq, chain = head.seq, head.hash
    for event in events:
        seq += 1
        at_place = replace(event, seq=seq)
        wording = wording_hash(event.wording)
        if wording:
            wordings[wording] = event.wording
        chain = event_hash(chain, at_place, wording_sha256=wording)
        placed.append(at_place)
        rows.append(_row(at_place, wording, chain))
    for sha256, text in wordings.items():
        await session.execute(insert(session, WordingRow).values(sha256=sha256, text=text).on_conflict_do_nothing())
    await session.execute(sa.insert(ConsentEventRow), rows)
    head.seq, head.hash = seq, chain
    await session.flush()
    return placed


def _row(event: Event, wording: str, chain: str) -> dict[str, object]:
    return {
        "seq": event.seq, "subscriber_id": event.subscriber, "act": event.act.value, "purpose": event.purpose.value,
        "topics": list(event.topics), "at": event.at, "until": event.until, "door": event.door.value,
        "proof": event.proof.value, "evidence": dict(event.evidence), "wording_sha256": wording,
        "policy_version": event.policy_version, "hash": chain,
    }  # fmt: skip
