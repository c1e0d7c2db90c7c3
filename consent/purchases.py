"""What people bought, as the shop told us: segments choose by it, and the account page shows it (P4, P12)."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import subscribers
from consent.cards import carries_card_number
from consent.model import SubscriberId
from consent.tables import PurchaseRow
from kit.addresses import EmailAddress, try_address
from kit.db import insert
from kit.errors import Permanent

COLUMNS = ("email", "item", "bought_on")
ITEM_CHARACTERS = 200  # the column's width
MOST_OCTETS = 104_857_600  # 100 MiB; bounds memory


class PurchasesRefused(Permanent):
    """The file of purchases can't be taken."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One thing that one person bought on a day."""

    address: EmailAddress
    item: str
    bought_on: date


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file: a purchase, or why it is none."""

    number: int
    purchase: Purchase | None
    refusal: str = ""


def read_purchases(content: bytes) -> Iterator[Row]:
    """Yield each line of a CSV file (UTF-8: email, item, bought_on); raises :class:`PurchasesRefused` for others.

    One line with what looks like a card number refuses the whole file (P14).
    """
    if len(content) > MOST_OCTETS:
        raise PurchasesRefused("the file is larger than 100 MiB; split it")
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        names = tuple(name.strip().lower() for name in reader.fieldnames or ())
        if set(names) != set(COLUMNS):
            raise PurchasesRefused(f"the first line must name the columns {', '.join(COLUMNS)}, and no others")
        reader.fieldnames = list(names)
        for fields in reader:
            if carries_card_number("\n".join(filter(None, (fields["email"], fields["item"])))):
                raise PurchasesRefused(f"line {reader.line_num} carries what looks like a card number (P14)")
            yield _row(reader.line_num, fields)
    except (UnicodeDecodeError, csv.Error) as cause:
        raise PurchasesRefused(f"the file is no CSV of UTF-8: {cause}") from cause


async def keep(session: AsyncSession, purchases: Sequence[Purchase]) -> int:
    """Keep purchases of people whom we know, each once; return how many of them are of nobody known."""
    known = await subscribers.numbers(session, sorted({one.address.key for one in purchases}))
    rows = [
        {"subscriber_id": known[one.address.key], "item": one.item, "bought_on": one.bought_on}
        for one in purchases
        if one.address.key in known
    ]
    if rows:
        statement = insert(session, PurchaseRow).on_conflict_do_nothing(
            index_elements=["subscriber_id", "item", "bought_on"]
        )
        await session.execute(statement, rows)
    return len(purchases) - len(rows)


async def of_person(session: AsyncSession, person: SubscriberId, *, most: int = 1000) -> list[tuple[str, date]]:
    """Return (item, day) of what a person bought, the newest first."""
    rows = await session.execute(
        sa.select(PurchaseRow.item, PurchaseRow.bought_on)
        .where(PurchaseRow.subscriber_id == person)
        .order_by(PurchaseRow.bought_on.desc(), PurchaseRow.id.desc())
        .limit(most)
    )
    return [(item, day) for item, day in rows]


def _row(number: int, fields: dict[str, str | None]) -> Row:
    address = try_address(fields["email"] or "")
    item = " ".join((fields["item"] or "").split())
    if address is None:
        return Row(number, None, "the address is none")
    if not item or len(item) > ITEM_CHARACTERS or not item.isprintable():
        return Row(number, None, f"the item is empty, longer than {ITEM_CHARACTERS} characters, or no text")
    try:
        day = date.fromisoformat((fields["bought_on"] or "").strip())
    except ValueError:
        return Row(number, None, "the day is none like 2026-11-20")
    return Row(number, Purchase(address, item, day))
