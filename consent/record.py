"""The consent record of one person: what they agreed to, when, through which door, on what proof, shown what."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import subscribers
from consent.model import Purpose, Subscriber
from consent.policy import all_topics
from consent.rules import fold
from consent.standing import event_from, events_of
from consent.tables import ConsentEventRow, SubscriberRow, WordingRow
from kit.addresses import EmailAddress


async def record(session: AsyncSession, address: EmailAddress) -> dict[str, Any] | None:
    """Return everything consent knows of a person, as plain values for JSON; None for a stranger."""
    person = await subscribers.find(session, address)
    if person is None:
        return None
    standing = fold(await events_of(session, person.id))
    address_hash = await session.scalar(sa.select(SubscriberRow.address_hash).where(SubscriberRow.id == person.id))
    suppressed = await subscribers.suppression(session, address_hash or "")
    return {
        **_profile(person),
        "topics": {
            topic.key: standing.state(Purpose.PROMOTION, topic.key).value for topic in await all_topics(session)
        },
        "reminder": standing.state(Purpose.REMINDER).value,
        "third_party_sharing": standing.state(Purpose.THIRD_PARTY_SHARING).value,
        "left_all_at": _moment(standing.left_all_at),
        "paused_until": _moment(standing.paused_until),
        "suppressed": suppressed or None,
        "events": await _events(session, person),
    }


def _profile(person: Subscriber) -> dict[str, Any]:
    return {
        "id": person.id,
        "email": str(person.address),
        "name": person.name,
        "language": person.language,
        "time_zone": person.time_zone,
        "country": person.country,
        "phone": person.phone,
        "birth_date": person.birth_date.isoformat() if person.birth_date else None,
        "age": person.age_band.value,
        "attributes": dict(person.attributes),
    }


async def _events(session: AsyncSession, person: Subscriber) -> list[dict[str, Any]]:
    rows = (
        await session.execute(
            sa.select(ConsentEventRow, WordingRow.text)
            .outerjoin(WordingRow, WordingRow.sha256 == ConsentEventRow.wording_sha256)
            .where(ConsentEventRow.subscriber_id == person.id)
            .order_by(ConsentEventRow.seq)
        )
    ).all()
    events = []
    for row, wording in rows:
        event = event_from(row)
        events.append({
            "seq": event.seq, "at": _moment(event.at), "act": event.act.value, "purpose": event.purpose.value,
            "topics": list(event.topics), "until": _moment(event.until), "door": event.door.value,
            "proof": event.proof.value, "evidence": dict(event.evidence), "wording": wording or "",
            "policy_version": event.policy_version, "hash": row.hash,
        })  # fmt: skip
    return events


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
