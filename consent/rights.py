"""The rights of a person over what is kept: to have it (GDPR 15, 20), to put it right (16), to have it erased (17).

Erasure leaves the number, the acts of the ledger under it, and keyed hashes of the addresses, so that no import brings
them back. Other rooms hold a little more of a person; :mod:`web.rights` asks all of them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import known_addresses, ledger, purchases, subscribers
from consent.habits import habits_of
from consent.ledger import Source
from consent.model import AgeBand, SubscriberId
from consent.record import record
from consent.subscribers import ERASED
from consent.tables import KnownAddressRow, MoveRow, PurchaseRow, SignUpRow, SubscriberRow, SuppressionRow, UnreadRow
from kit.addresses import EmailAddress
from kit.db import insert
from kit.secrets import Secrets


@dataclass(frozen=True, slots=True)
class Details:
    """What a person may put right about themselves. Telephone and all others are optional (P12)."""

    name: str
    phone: str
    billing_address: str
    country: str
    language: str
    time_zone: str


async def put_right(session: AsyncSession, person: SubscriberId, details: Details) -> None:
    """Write down what a person says about themselves."""
    await session.execute(
        sa.update(SubscriberRow)
        .where(SubscriberRow.id == person, SubscriberRow.address.is_not(None))
        .values(
            name=details.name, phone=details.phone, billing_address=details.billing_address, country=details.country,
            language=details.language, time_zone=details.time_zone,
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip


async def export(session: AsyncSession, person: SubscriberId) -> dict[str, Any] | None:
    """Return everything that this room keeps of a person, as plain values for JSON."""
    known = await subscribers.load(session, person)
    if known is None or known.address is None:
        return None
    kept = await record(session, known.address)
    habits = await habits_of(session, person)
    moves = await session.execute(
        sa.select(MoveRow.asked_at, MoveRow.old_address, MoveRow.new_address, MoveRow.state)
        .where(MoveRow.subscriber_id == person)
        .order_by(MoveRow.id)
    )
    return {
        **(kept or {}),
        "billing_address": known.billing_address,
        "frequency_days": habits.frequency_days if habits else 0,
        "purchases": [{"item": item, "bought_on": day.isoformat()} for item, day in await _purchases(session, person)],
        "further_addresses": [
            {"keyed_hash": code, "kind": kind, "since": since.isoformat()}
            for code, kind, since in await known_addresses.of_person(session, person)
        ],
        "changes_of_address": [
            {"asked_at": at.isoformat(), "from": old, "to": new, "state": state} for at, old, new, state in moves
        ],
    }


async def erase(
    session: AsyncSession, person: SubscriberId, *, secrets: Secrets, source: Source, at: datetime
) -> tuple[EmailAddress, str] | None:
    """Erase a person; return address and language for the last letter to them, or None where there is nothing left.

    Everything they agreed to ends in the ledger first, so that what is on its way stops at once. Their addresses,
    former ones too, stay suppressed as keyed hashes: an import of the same address stays out.
    """
    await ledger.hold(session)
    known = await subscribers.load(session, person)
    if known is None or known.address is None:
        return None
    by = Source(source.door, source.proof, {**(source.evidence or {}), "why": "erasure"})
    await ledger.withdraw_all(session, person, source=by, at=at)
    await ledger.suppress(session, person, reason=ERASED, source=by, at=at)
    hashes = {secrets.address_hash(known.address), secrets.mailbox_hash(known.address)}
    for row in await session.execute(
        sa.select(KnownAddressRow.address_hash, KnownAddressRow.mailbox_hash).where(
            KnownAddressRow.subscriber_id == person
        )
    ):
        hashes.update(row)
    await _keep_out(session, hashes, at=at)
    for table in (KnownAddressRow, MoveRow, PurchaseRow, SignUpRow, UnreadRow):
        await session.execute(
            sa.delete(table).where(table.subscriber_id == person).execution_options(synchronize_session=False)
        )
    await session.execute(
        sa.update(SubscriberRow)
        .where(SubscriberRow.id == person)
        .values(
            address=None, address_key=None, mailbox_key=None, address_hash=None, name="", language="", time_zone="",
            country="", phone="", billing_address="", birth_date=None, age_band=AgeBand.UNKNOWN.value,
            guardian_agreed=False, attributes={}, paused_until=None, remind_at=None, reminded_at=None, erased_at=at,
            frequency_days=0, promoted_at=None, promoted_by=None,
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    return known.address, known.language


async def _keep_out(session: AsyncSession, hashes: set[str], *, at: datetime) -> None:
    """Suppress addresses by their hashes, as erased ones, whatever they were suppressed for before."""
    for code in sorted(hashes):
        statement = insert(session, SuppressionRow).values(address_hash=code, reason=ERASED, since=at, lifted_at=None)
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["address_hash"], set_={"reason": ERASED, "since": at, "lifted_at": None}
            )
        )


async def _purchases(session: AsyncSession, person: SubscriberId) -> list[tuple[str, Any]]:
    return await purchases.of_person(session, person, most=100_000)
