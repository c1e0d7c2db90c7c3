"""Reads of consent, and the published SELECT of those who may be mailed, which other rooms join."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.age import youngest_birth_date
from consent.model import Act, AgeBand, Door, Event, Proof, Purpose, Standing, State, SubscriberId
from consent.tables import (
    ConsentEventRow,
    PolicyAskRow,
    PolicyVersionRow,
    StandingRow,
    SubscriberRow,
    SuppressionRow,
)  # fmt: skip
from kit.db import insert_into, is_sqlite
from kit.rows import Gathered, among, listing


def mailable(
    topic: str, *, now: datetime, require_age: bool = False, purpose: Purpose = Purpose.PROMOTION
) -> sa.Select[int]:
    """Return the SELECT of the ids of all who may be mailed about a topic at this moment.

    Granted under a version of the policy that still counts, not paused, not suppressed, not erased, and no child under
    13 without a guardian's consent (P3, P8, P15).
    """
    born_by = youngest_birth_date(now.date())
    return _mailable(topic, now=now, born_by=born_by, require_age=require_age, purpose=purpose)


def mailable_when_asked(*, require_age: bool, purpose: Purpose) -> sa.Select[int]:
    """Return the same SELECT with topic and moment left open: it is made once, and :func:`asked` fills it in."""
    now = sa.bindparam("now", type_=SubscriberRow.paused_until.type)
    born_by = sa.bindparam("born_by", type_=SubscriberRow.birth_date.type)
    topic = sa.bindparam("topic", type_=StandingRow.topic.type)
    return _mailable(topic, now=now, born_by=born_by, require_age=require_age, purpose=purpose)


def asked(topic: str, *, now: datetime) -> dict[str, Any]:
    """Return what :func:`mailable_when_asked` was left open for."""
    return {"topic": topic, "now": now, "born_by": youngest_birth_date(now.date())}


def may_be_mailed(*, now: datetime, require_age: bool, even_paused: bool = False) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on the person that hold for every purpose: reachable, not paused, old enough."""
    born_by = youngest_birth_date(now.date())
    return _may_be_mailed(now=now, born_by=born_by, require_age=require_age)[even_paused:]


def _mailable(topic: Any, *, now: Any, born_by: Any, require_age: bool, purpose: Purpose) -> sa.Select[int]:
    return (
        sa.select(SubscriberRow.id)
        .join(StandingRow, StandingRow.subscriber_id == SubscriberRow.id)
        .where(
            StandingRow.purpose == purpose.value,
            StandingRow.topic == topic,
            StandingRow.state == State.GRANTED.value,
            agreed_lately(topic, now=now),
            *_may_be_mailed(now=now, born_by=born_by, require_age=require_age),
        )
    )


def agreed_lately(topic: Any, *, now: Any) -> sa.ColumnElement[bool]:
    """Return the condition on a standing that no policy version in force asks to agree anew to what was agreed (P15).

    Neither of its two selects depends on the person, so databases carry each out once a statement; a version's time
    comes by itself, without anybody's doing.
    """
    asking = sa.and_(PolicyAskRow.topic.in_(["*", topic]), PolicyVersionRow.effective_at <= now)
    joined = PolicyAskRow.version == PolicyVersionRow.version
    since = sa.select(sa.func.max(PolicyVersionRow.effective_at)).join(PolicyAskRow, joined).where(asking)
    that_count = sa.select(PolicyVersionRow.version).where(PolicyVersionRow.effective_at >= since.scalar_subquery())
    return sa.or_(
        ~sa.exists(sa.select(PolicyAskRow.version).join(PolicyVersionRow, joined).where(asking)),
        StandingRow.policy_version.in_(that_count),
    )


async def children_alone(session: AsyncSession, people: Collection[int], *, at: datetime) -> frozenset[SubscriberId]:
    """Return those of some people who are known to be under 13 and have no guardian's consent (P8).

    They are asked nothing, by whatever door. It is the gate's own rule, so that the two never differ.
    """
    born_by = youngest_birth_date(at.date())
    alone = sa.not_(_old_enough(born_by=born_by, require_age=False))
    found = await session.scalars(sa.select(SubscriberRow.id).where(SubscriberRow.id.in_(sorted(people)), alone))
    return frozenset(SubscriberId(number) for number in found)


def _old_enough(*, born_by: Any, require_age: bool) -> sa.ColumnElement[bool]:
    return sa.or_(
        SubscriberRow.guardian_agreed.is_(True),
        sa.and_(SubscriberRow.birth_date.is_not(None), SubscriberRow.birth_date <= born_by),
        sa.and_(
            SubscriberRow.birth_date.is_(None),
            SubscriberRow.age_band == AgeBand.OVER_13.value
            if require_age
            else SubscriberRow.age_band != AgeBand.UNDER_13.value,
        ),
    )


def _may_be_mailed(*, now: Any, born_by: Any, require_age: bool) -> list[sa.ColumnElement[bool]]:
    suppressed = sa.exists().where(
        SuppressionRow.address_hash == SubscriberRow.address_hash, SuppressionRow.lifted_at.is_(None)
    )
    return [
        sa.or_(SubscriberRow.paused_until.is_(None), SubscriberRow.paused_until <= now),
        SubscriberRow.address.is_not(None),
        SubscriberRow.erased_at.is_(None),
        _old_enough(born_by=born_by, require_age=require_age),
        ~suppressed,
    ]


class _Kept(NamedTuple):
    """What an event is made of, as the ledger keeps it."""

    seq: int
    subscriber_id: int
    act: str
    at: datetime
    door: str
    proof: str
    purpose: str
    topics: list[str]
    until: datetime | None
    evidence: dict[str, str]
    policy_version: str


@cache
def _events(*, of_sqlite: bool) -> Gathered:
    found = sa.select(*(getattr(ConsentEventRow, name) for name in _Kept._fields))
    return Gathered(
        found.where(among(ConsentEventRow.subscriber_id, "people", of_sqlite=of_sqlite)), of_sqlite=of_sqlite
    )


async def events_of(session: AsyncSession, person: SubscriberId) -> list[Event]:
    """Return all events of a person, in the order of the chain. Wordings stay in their own table."""
    return (await events_of_all(session, [person]))[person]


async def events_of_all(session: AsyncSession, people: Sequence[SubscriberId]) -> dict[SubscriberId, list[Event]]:
    """Return all events of some people, by person; the few of one mail, or of one group of mails."""
    found: dict[SubscriberId, list[Event]] = {person: [] for person in people}
    if found:
        of_sqlite = is_sqlite(session)
        rows = await _events(of_sqlite=of_sqlite).rows(session, {"people": listing(found, of_sqlite=of_sqlite)})
        for kept in sorted(map(_Kept._make, rows), key=lambda kept: kept.seq):
            found[SubscriberId(kept.subscriber_id)].append(event_from(kept))
    return found


def event_from(row: ConsentEventRow | _Kept) -> Event:
    """Return the value of a row of the ledger."""
    return Event(
        subscriber=SubscriberId(row.subscriber_id), act=Act(row.act), at=row.at, door=Door(row.door),
        proof=Proof(row.proof), purpose=Purpose(row.purpose), topics=tuple(row.topics), until=row.until,
        evidence=dict(row.evidence), policy_version=row.policy_version, seq=row.seq,
    )  # fmt: skip


async def write_standings(session: AsyncSession, standings: Mapping[SubscriberId, Standing]) -> None:
    """Keep the folds beside the events. Called by the ledger, in the transaction of the events."""
    rows = [
        {
            "subscriber_id": person, "purpose": purpose.value, "topic": topic, "state": state.value,
            "policy_version": standing.versions.get((purpose, topic), ""),
        }
        for person, standing in standings.items()
        for (purpose, topic), state in standing.states.items()
    ]  # fmt: skip
    if rows:
        await session.execute(_keeping(of_sqlite=is_sqlite(session)), rows)


@cache
def _keeping(*, of_sqlite: bool) -> Any:
    statement = insert_into(StandingRow.__table__, of_sqlite=of_sqlite)
    return statement.on_conflict_do_update(
        index_elements=["purpose", "topic", "subscriber_id"],
        set_={"state": statement.excluded.state, "policy_version": statement.excluded.policy_version},
    )


async def write_reach(session: AsyncSession, person: SubscriberId, standing: Standing) -> None:
    """Keep pause and guardian's consent with the person. Called by the ledger for the acts that change them."""
    await session.execute(
        sa.update(SubscriberRow)
        .where(SubscriberRow.id == person)
        .values(paused_until=standing.paused_until, guardian_agreed=standing.guardian_agreed)
    )


async def granted_topics(session: AsyncSession, person: SubscriberId) -> tuple[str, ...]:
    """Return the topics that a person receives, in alphabetical order."""
    rows = await session.scalars(
        sa.select(StandingRow.topic)
        .where(
            StandingRow.subscriber_id == person,
            StandingRow.purpose == Purpose.PROMOTION.value,
            StandingRow.state == State.GRANTED.value,
        )
        .order_by(StandingRow.topic)
    )
    return tuple(rows)


async def states_of(
    session: AsyncSession, people: Sequence[int], topic: str, purpose: Purpose = Purpose.PROMOTION
) -> dict[int, State]:
    """Return the state of one agreement for several people; who has none is left out."""
    rows = await session.execute(
        sa.select(StandingRow.subscriber_id, StandingRow.state).where(
            StandingRow.subscriber_id.in_(people), StandingRow.topic == topic, StandingRow.purpose == purpose.value
        )
    )
    return {person: State(state) for person, state in rows}


async def asked_anew(
    session: AsyncSession, people: Sequence[int], topic: str, purpose: Purpose = Purpose.PROMOTION, *, now: datetime
) -> frozenset[int]:
    """Return those who receive a topic by an agreement that the policy in force does not count any more."""
    rows = await session.scalars(
        sa.select(StandingRow.subscriber_id).where(
            StandingRow.subscriber_id.in_(people),
            StandingRow.topic == topic,
            StandingRow.purpose == purpose.value,
            StandingRow.state == State.GRANTED.value,
            ~agreed_lately(topic, now=now),
        )
    )
    return frozenset(rows)
