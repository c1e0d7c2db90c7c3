"""The register of disclosures (P10, P11): who got what of whom, on what ground, by whom, when.

It is appended to, never changed. People stand in it by number. What was given is named by its kinds ("e-mail, name"),
never repeated.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.tables import DisclosurePersonRow, DisclosureRow
from kit.addresses import without_addresses
from kit.db import insert

MOST_AT_ONCE = 1000  # rows in one statement


class Ground(enum.StrEnum):
    """Why something was disclosed."""

    LAW = "law"  # an order, a statute
    GOOD_FAITH = "good_faith"  # in the belief that it is necessary to protect somebody (P11)
    CONSENT = "consent"  # the people agreed to sharing (P10)


class Sort(enum.StrEnum):
    """What kind of entry it is."""

    DISCLOSURE = "disclosure"  # entered by hand
    SHARE = "share"  # a file of people who agreed to sharing, written by this software


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One entry of the register."""

    number: int
    at: datetime
    sort: Sort
    recipient: str
    ground: Ground
    reference: str
    given: str
    by: str
    people: int


async def add(session: AsyncSession, entry: Disclosure, people: Sequence[int] = ()) -> int:
    """Enter a disclosure about these people and return its number; the one it came with counts for nothing."""
    row = DisclosureRow(
        at=entry.at, sort=entry.sort.value, recipient=kept_name(entry.recipient), ground=entry.ground.value,
        reference=_kept(entry.reference, 200), given=_kept(entry.given, 500), by=_kept(entry.by, 100),
        people=max(entry.people, len(people)),
    )  # fmt: skip
    session.add(row)
    await session.flush()
    for start in range(0, len(people), MOST_AT_ONCE):
        rows = [{"disclosure_id": row.id, "subscriber_id": one} for one in people[start : start + MOST_AT_ONCE]]
        await session.execute(insert(session, DisclosurePersonRow.__table__), rows)
    return row.id


async def all_disclosures(session: AsyncSession, *, person: int | None = None) -> list[Disclosure]:
    """Return the entries, the newest first; those about one person, where one is given (Art. 15(1)(c) GDPR)."""
    wanted = sa.select(DisclosureRow).order_by(DisclosureRow.id.desc())
    if person is not None:
        about = sa.select(DisclosurePersonRow.disclosure_id).where(DisclosurePersonRow.subscriber_id == person)
        wanted = wanted.where(DisclosureRow.id.in_(about))
    return [_value(row) for row in await session.scalars(wanted)]


async def load(session: AsyncSession, number: int) -> Disclosure | None:
    """Return one entry."""
    row = await session.get(DisclosureRow, number)
    return None if row is None else _value(row)


async def people_of(session: AsyncSession, number: int) -> list[int]:
    """Return the numbers of the people whom an entry is about, as far as they are known."""
    rows = sa.select(DisclosurePersonRow.subscriber_id).where(DisclosurePersonRow.disclosure_id == number)
    return list(await session.scalars(rows.order_by(DisclosurePersonRow.subscriber_id)))


def _value(row: DisclosureRow) -> Disclosure:
    return Disclosure(
        row.id, row.at, Sort(row.sort), row.recipient, Ground(row.ground), row.reference, row.given, row.by, row.people
    )


def kept_name(recipient: str) -> str:
    """Return the name of a recipient as it stands in the register."""
    return _kept(recipient, 200)


def _kept(text: str, most: int) -> str:
    return without_addresses(" ".join(text.split()))[:most]
