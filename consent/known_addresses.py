"""Further addresses that were proven to be a person's: former ones and second ones, as keyed hashes alone (P2, P12).

The ladder of proof reads them: who answers from the address that they had before is still the person.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.model import SubscriberId
from consent.tables import KnownAddressRow
from kit.addresses import EmailAddress
from kit.db import insert
from kit.secrets import Secrets

Kind = Literal["former", "second"]


async def remember(
    session: AsyncSession, person: SubscriberId, address: EmailAddress, kind: Kind, *, secrets: Secrets, at: datetime
) -> None:
    """Keep that an address was proven to be a person's."""
    values = {"address_hash": secrets.address_hash(address), "kind": kind, "since": at}
    statement = insert(session, KnownAddressRow).values(
        subscriber_id=person, mailbox_hash=secrets.mailbox_hash(address), **values
    )
    await session.execute(
        statement.on_conflict_do_update(index_elements=["subscriber_id", "mailbox_hash"], set_=values)
    )


async def forget(session: AsyncSession, person: SubscriberId, address: EmailAddress, *, secrets: Secrets) -> None:
    """Take an address for the person's no more."""
    await session.execute(
        sa.delete(KnownAddressRow).where(
            KnownAddressRow.subscriber_id == person, KnownAddressRow.mailbox_hash == secrets.mailbox_hash(address)
        )
    )


async def owners(session: AsyncSession, mailboxes: Collection[str]) -> frozenset[tuple[SubscriberId, str]]:
    """Return (person, hash) for those of some hashed mailboxes that are a further address of somebody."""
    if not mailboxes:
        return frozenset()
    rows = await session.execute(
        sa.select(KnownAddressRow.subscriber_id, KnownAddressRow.mailbox_hash).where(
            KnownAddressRow.mailbox_hash.in_(sorted(mailboxes))
        )
    )
    return frozenset((SubscriberId(person), mailbox) for person, mailbox in rows)


async def of_person(session: AsyncSession, person: SubscriberId) -> tuple[tuple[str, str, datetime], ...]:
    """Return (hash, kind, since) of a person's further addresses."""
    rows = await session.execute(
        sa.select(KnownAddressRow.address_hash, KnownAddressRow.kind, KnownAddressRow.since)
        .where(KnownAddressRow.subscriber_id == person)
        .order_by(KnownAddressRow.since)
    )
    return tuple((code, kind, since) for code, kind, since in rows)
