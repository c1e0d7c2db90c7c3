"""The consent record of one person: what they agreed to, when, through which door, on what proof, shown what."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import subscribers
from consent.chain import GENESIS
from consent.model import Purpose, Subscriber, SubscriberId
from consent.policy import all_topics
from consent.rules import fold
from consent.sentences import sentence
from consent.standing import event_from, events_of
from consent.tables import ConsentEventRow, PolicyVersionRow, SubscriberRow, WordingRow
from kit.addresses import EmailAddress

HASHES_AT_ONCE = 500  # SQLite bounds the parameters of one statement


async def record(session: AsyncSession, address: EmailAddress) -> dict[str, Any] | None:
    """Return everything consent knows of the person with an address, as plain values; None for a stranger."""
    person = await subscribers.find(session, address)
    return None if person is None else await _record(session, person)


async def record_of(session: AsyncSession, person: SubscriberId) -> dict[str, Any] | None:
    """Return the same by number. Of an erased person it has the events alone, which name nobody."""
    found = await subscribers.load(session, person)
    return None if found is None else await _record(session, found)


async def _record(session: AsyncSession, person: Subscriber) -> dict[str, Any]:
    standing = fold(await events_of(session, person.id))
    facts = sa.select(SubscriberRow.address_hash, SubscriberRow.erased_at).where(SubscriberRow.id == person.id)
    address_hash, erased_at = (await session.execute(facts)).one()
    suppressed = await subscribers.suppression(session, address_hash or "")
    topics = {topic.key: topic.name for topic in await all_topics(session)}
    events = await _events(session, person, topics)
    return {
        **_profile(person),
        "erased_at": _moment(erased_at),
        "topics": {key: standing.state(Purpose.PROMOTION, key).value for key in topics},
        "reminder": standing.state(Purpose.REMINDER).value,
        "third_party_sharing": standing.state(Purpose.THIRD_PARTY_SHARING).value,
        "left_all_at": _moment(standing.left_all_at),
        "paused_until": _moment(standing.paused_until),
        "suppressed": suppressed or None,
        "events": events,
        "policies": await _policies(session, {event["policy_version"] for event in events}),
    }


def _profile(person: Subscriber) -> dict[str, Any]:
    return {
        "id": person.id,
        "email": str(person.address) if person.address else None,
        "name": person.name,
        "language": person.language,
        "time_zone": person.time_zone,
        "country": person.country,
        "phone": person.phone,
        "birth_date": person.birth_date.isoformat() if person.birth_date else None,
        "age": person.age_band.value,
        "attributes": dict(person.attributes),
    }


async def _events(session: AsyncSession, person: Subscriber, topics: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = (
        await session.execute(
            sa.select(ConsentEventRow, WordingRow.text)
            .outerjoin(WordingRow, WordingRow.sha256 == ConsentEventRow.wording_sha256)
            .where(ConsentEventRow.subscriber_id == person.id)
            .order_by(ConsentEventRow.seq)
        )
    ).all()
    before = await _hashes(session, [row.seq - 1 for row, _ in rows])
    events = []
    for row, wording in rows:
        event = event_from(row)
        events.append({
            "seq": event.seq, "at": _moment(event.at), "act": event.act.value, "purpose": event.purpose.value,
            "topics": list(event.topics), "until": _moment(event.until), "door": event.door.value,
            "proof": event.proof.value, "evidence": dict(event.evidence),
            "language": event.evidence.get("language", ""), "wording": wording or "",
            "wording_sha256": row.wording_sha256, "policy_version": event.policy_version,
            "previous": before.get(event.seq - 1, ""), "hash": row.hash, "sentence": sentence(event, topics),
        })  # fmt: skip
    return events


async def _hashes(session: AsyncSession, places: Sequence[int]) -> dict[int, str]:
    """Return the hashes that stand at some places of the chain."""
    found = {0: GENESIS}
    for start in range(0, len(places), HASHES_AT_ONCE):
        wanted = ConsentEventRow.seq.in_(places[start : start + HASHES_AT_ONCE])
        rows = await session.execute(sa.select(ConsentEventRow.seq, ConsentEventRow.hash).where(wanted))
        found |= {seq: stored for seq, stored in rows}  # noqa: C416 - a row is no pair to mypy
    return found


async def _policies(session: AsyncSession, versions: set[str]) -> dict[str, dict[str, Any]]:
    rows = await session.scalars(sa.select(PolicyVersionRow).where(PolicyVersionRow.version.in_(sorted(versions))))
    return {row.version: {"sha256": row.sha256, "effective_at": _moment(row.effective_at)} for row in rows}


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
