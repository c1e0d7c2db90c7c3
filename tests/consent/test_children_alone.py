"""A child under 13 without a guardian's consent: nothing it asks for is noted (P8)."""

from datetime import date

import pytest
import sqlalchemy as sa

from consent import ledger
from consent.age import held_age
from consent.ledger import Done, NeedsGuardian, Source
from consent.model import AgeBand, Door, Proof
from consent.standing import children_alone
from consent.tables import SubscriberRow
from kit.db import Database
from tests.database import LATER, NOW, given_subscribers

BY_PAGE = Source(Door.PAGE, Proof.TOKEN)
CHILD, GROWN_UP = date(2016, 5, 1), date(2013, 11, 20)


@pytest.mark.parametrize(
    ("birth_date", "band", "alone"),
    [(None, "under_13", True), (CHILD, "over_13", True), (CHILD, "unknown", True), (GROWN_UP, "under_13", False),
     (None, "unknown", False), (None, "over_13", False)],
)  # fmt: skip
async def test_what_a_child_asks_for_is_not_noted(
    database: Database, birth_date: date | None, band: str, *, alone: bool
) -> None:
    """A date of birth counts before a word, and whoever has turned 13 asks for themself."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await session.execute(sa.update(SubscriberRow).values(birth_date=birth_date, age_band=band))
        outcome = await ledger.subscribe(session, anna, ["events"], source=BY_PAGE, at=LATER)
        found = await children_alone(session, [anna], at=NOW)

    assert isinstance(outcome, NeedsGuardian if alone else Done)
    assert found == ({anna} if alone else frozenset())
    assert (held_age(birth_date, AgeBand(band), today=NOW.date()) is AgeBand.UNDER_13) is alone


async def test_with_a_guardian_s_consent_a_child_asks_like_anybody(database: Database) -> None:
    """And no more once it was taken back."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await session.execute(sa.update(SubscriberRow).values(age_band="under_13"))
        await ledger.guardian(session, anna, agreed=True, source=BY_PAGE, at=NOW)
        first = await ledger.subscribe(session, anna, ["events"], source=BY_PAGE, at=LATER)
        await ledger.guardian(session, anna, agreed=False, source=BY_PAGE, at=LATER)
        second = await ledger.subscribe(session, anna, ["courses"], source=BY_PAGE, at=LATER)

    assert isinstance(first, Done)
    assert isinstance(second, NeedsGuardian)
