"""The people: added, found by address, shown. Who they are, never what they agreed to (that is the ledger's)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.model import AgeBand, Subscriber, SubscriberId
from consent.tables import SubscriberRow, SuppressionRow
from kit import mark, rows
from kit.addresses import EmailAddress, try_address
from kit.db import insert, is_sqlite
from kit.secrets import Secrets

ERASED = "erased"  # the reason of a suppression that stands for a person who asked to be erased


@dataclass(frozen=True, slots=True)
class Profile:
    """What is stated about a person when they are added."""

    address: EmailAddress
    name: str = ""
    language: str = ""
    time_zone: str = ""
    country: str = ""
    phone: str = ""
    birth_date: date | None = None
    age_band: AgeBand = AgeBand.UNKNOWN
    attributes: Mapping[str, str] | None = None


async def find(session: AsyncSession, address: EmailAddress) -> Subscriber | None:
    """Return the subscriber of an address, in whatever case it is written."""
    row = await session.scalar(sa.select(SubscriberRow).where(SubscriberRow.address_key == address.key))
    return None if row is None else from_row(row)


async def load(session: AsyncSession, person: SubscriberId) -> Subscriber | None:
    """Return a subscriber by number; an erased one has no address."""
    row = await session.get(SubscriberRow, person, populate_existing=True)
    return None if row is None else from_row(row)


async def among(
    session: AsyncSession, *, numbers: Iterable[SubscriberId], addresses: Iterable[EmailAddress]
) -> tuple[Subscriber, ...]:
    """Return, in one look, those who have one of these numbers, or one of these addresses in whatever spelling."""
    wanted = {"numbers": sorted(set(numbers)), "mailboxes": sorted({address.mailbox for address in addresses})}
    return tuple(from_row(row) for row in await session.execute(_AMONG, wanted))


_AMONG = sa.select(SubscriberRow.__table__).where(
    sa.or_(
        SubscriberRow.id.in_(sa.bindparam("numbers", expanding=True)),
        SubscriberRow.mailbox_key.in_(sa.bindparam("mailboxes", expanding=True)),
    )
)


async def known(session: AsyncSession, people: Iterable[SubscriberId]) -> frozenset[SubscriberId]:
    """Return those of some numbers that somebody has, or had before they were erased."""
    of_sqlite = is_sqlite(session)
    numbers = {"numbers": rows.listing(set(people), of_sqlite=of_sqlite)}
    found = await session.scalars(_known(of_sqlite=of_sqlite), numbers)
    return frozenset(SubscriberId(number) for number in found)


@cache
def _known(*, of_sqlite: bool) -> sa.Select[int]:
    return sa.select(SubscriberRow.id).where(rows.among(SubscriberRow.id, "numbers", of_sqlite=of_sqlite))


async def add(
    session: AsyncSession, profiles: Iterable[Profile], *, secrets: Secrets, at: datetime
) -> dict[str, SubscriberId]:
    """Add those who are new and leave the others as they are; return the number of each by address key."""
    wanted = {profile.address.key: profile for profile in profiles}
    known = await numbers(session, list(wanted))
    new = [_row(profile, secrets, at) for key, profile in wanted.items() if key not in known]
    if new:
        statement = insert(session, SubscriberRow).on_conflict_do_nothing(index_elements=["address_key"])
        await session.execute(statement, new)
        known |= await numbers(session, [str(row["address_key"]) for row in new])
    return known


async def suppression(session: AsyncSession, address_hash: str) -> str:
    """Return the reason for which an address is suppressed, or an empty text."""
    row = await session.get(SuppressionRow, address_hash)
    return row.reason if row is not None and row.lifted_at is None else ""


async def attribute(session: AsyncSession, name: str, people: sa.Select[int]) -> dict[int, str]:
    """Return what people have as one of their attributes; who has none, or is erased, is left out."""
    value = SubscriberRow.attributes[name].as_string()
    rows = await session.execute(
        sa.select(SubscriberRow.id, value).where(
            SubscriberRow.id.in_(people), SubscriberRow.erased_at.is_(None), value.is_not(None)
        )
    )
    return {number: text for number, text in rows}  # noqa: C416 - a Row is a pair only to us


async def highest(session: AsyncSession) -> int:
    """Return the highest number that any person has."""
    return await session.scalar(sa.select(sa.func.max(SubscriberRow.id))) or 0


async def erased_among(
    session: AsyncSession, addresses: Iterable[EmailAddress], *, secrets: Secrets
) -> frozenset[EmailAddress]:
    """Return those whose owner asked to be erased, under whatever spelling: only they themselves can come back."""
    codes = {one: {secrets.address_hash(one), secrets.mailbox_hash(one)} for one in addresses}
    hashes = sorted({code for both in codes.values() for code in both})
    found: set[str] = set()
    for start in range(0, len(hashes), 500):
        found.update(
            await session.scalars(
                sa.select(SuppressionRow.address_hash).where(
                    SuppressionRow.address_hash.in_(hashes[start : start + 500]),
                    SuppressionRow.reason == ERASED,
                    SuppressionRow.lifted_at.is_(None),
                )
            )
        )
    return frozenset(one for one, both in codes.items() if both & found)


async def reserve(session: AsyncSession, highest_: int, *, at: datetime) -> None:
    """Give out no number again of a person who joined after a backup: links in their letters name it."""
    await mark.reserve(
        session, cast("sa.Table", SubscriberRow.__table__), highest_, name="", language="", time_zone="", country="",
        phone="", age_band=AgeBand.UNKNOWN.value, guardian_agreed=False, attributes={}, created_at=at, erased_at=at,
    )  # fmt: skip


async def numbers(session: AsyncSession, keys: Sequence[str]) -> dict[str, SubscriberId]:
    """Return the numbers of those who are known, by address key."""
    found: dict[str, SubscriberId] = {}
    for start in range(0, len(keys), 500):  # SQLite bounds the parameters of one statement
        rows = await session.execute(
            sa.select(SubscriberRow.address_key, SubscriberRow.id).where(
                SubscriberRow.address_key.in_(keys[start : start + 500])
            )
        )
        found |= {str(key): SubscriberId(number) for key, number in rows}
    return found


def _row(profile: Profile, secrets: Secrets, at: datetime) -> dict[str, object]:
    return {
        "address": str(profile.address), "address_key": profile.address.key, "mailbox_key": profile.address.mailbox,
        "address_hash": secrets.address_hash(profile.address), "name": profile.name, "language": profile.language,
        "time_zone": profile.time_zone, "country": profile.country, "phone": profile.phone,
        "birth_date": profile.birth_date, "age_band": profile.age_band.value, "guardian_agreed": False,
        "attributes": dict(profile.attributes or {}), "created_at": at,
    }  # fmt: skip


def from_row(row: SubscriberRow | sa.Row[Any]) -> Subscriber:
    """Return the value of a row of the table."""
    return Subscriber(
        id=SubscriberId(row.id), address=try_address(row.address) if row.address else None, name=row.name,
        language=row.language, time_zone=row.time_zone, country=row.country, phone=row.phone,
        birth_date=row.birth_date, age_band=AgeBand(row.age_band), attributes=row.attributes,
        billing_address=row.billing_address,
    )  # fmt: skip
