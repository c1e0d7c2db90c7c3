"""What a person may have, put right and have erased; and that no import brings an erased one back."""

import json
from datetime import date, timedelta

import sqlalchemy as sa

from consent import gate, habits, ledger, moving, purchases, rights, subscribers
from consent.enrol import enrol
from consent.ledger import Source
from consent.model import Door, Proof, Refusal, Refused, SubscriberId
from consent.purchases import Purchase
from consent.rights import Details
from consent.subscribers import Profile
from consent.tables import KnownAddressRow, MoveRow, PurchaseRow, SubscriberRow
from kit.addresses import parse_address
from kit.db import Database
from tests.database import BY_IMPORT, LATER, NOW, SECRETS, given_subscribers

ANNA = parse_address("p00000@example.com")
NEW = parse_address("anna@elsewhere.example")
BY_PAGE = Source(Door.PAGE, Proof.TOKEN)


async def a_full_life(database: Database) -> SubscriberId:
    """Return somebody of whom there is everything to keep: details, purchases, a former address."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await rights.put_right(session, anna, Details("Anna Ångström", "+49 30 1", "1 Way\n1 Town", "DE", "de", "UTC"))
        await habits.keep_habits(session, anna, frequency_days=7, language="de", time_zone="UTC")
        assert await habits.take_turns(session, [anna], mailing=1, now=NOW)
        await purchases.keep(session, [Purchase(ANNA, "Drill course", date(2026, 1, 2))])
        move = await moving.ask(session, anna, NEW, at=NOW)
        assert move is not None
        await moving.confirm(
            session, move.id, anna, source=BY_PAGE, secrets=SECRETS, take_back_within=timedelta(days=7), at=NOW
        )
    return anna


async def test_the_export_has_everything(database: Database) -> None:
    """As plain JSON: details, purchases, addresses, and every act with its wording."""
    anna = await a_full_life(database)

    async with database.reading() as session:
        kept = await rights.export(session, anna)

    assert kept is not None
    text = json.dumps(kept, ensure_ascii=False)
    for part in (str(NEW), str(ANNA), "Anna Ångström", "+49 30 1", "1 Way\\n1 Town", "Drill course", "2026-01-02"):
        assert part in text, part
    assert [event["act"] for event in kept["events"]] == ["confirm", "move"]


async def test_erasure_leaves_a_number_and_hashes(database: Database) -> None:
    """No column of the person says anything any more, nor does any other table of this room."""
    anna = await a_full_life(database)

    async with database.transaction() as session:
        assert await rights.erase(session, anna, secrets=SECRETS, source=BY_PAGE, at=LATER) == (NEW, "de")
        assert await rights.erase(session, anna, secrets=SECRETS, source=BY_PAGE, at=LATER) is None

    async with database.reading() as session:
        row = (await session.execute(sa.select(SubscriberRow.__table__))).one()._asdict()
        assert {key for key, value in row.items() if value} == {"id", "age_band", "created_at", "erased_at"}
        assert row["age_band"] == "unknown"
        for table in (KnownAddressRow, MoveRow, PurchaseRow):
            assert await session.scalar(sa.select(sa.func.count()).select_from(table)) == 0
        assert (await ledger.standing_of(session, anna)).granted() == ()
        assert await rights.export(session, anna) is None
        answer = (await gate.clear(session, [anna], "deals", now=LATER))[anna]
        assert answer == Refused(anna, Refusal.ERASED)
        for address in (ANNA, NEW):
            assert await subscribers.suppression(session, SECRETS.address_hash(address)) == "erased"


async def test_an_import_of_an_erased_address_stays_out(database: Database) -> None:
    """Under any spelling, the former address too; nothing of it is stored, and the next one is."""
    anna = await a_full_life(database)
    async with database.transaction() as session:
        await rights.erase(session, anna, secrets=SECRETS, source=BY_PAGE, at=LATER)
    spellings = [ANNA, NEW, parse_address("ANNA@elsewhere.example"), parse_address("bob@example.org")]

    async with database.transaction() as session:
        profiles = [Profile(address) for address in spellings]
        made = await enrol(session, profiles, ["deals"], source=BY_IMPORT, secrets=SECRETS, at=LATER)

    assert (made.added, made.granted, made.erased) == (1, 1, 3)
    async with database.reading() as session:
        kept = (await session.scalars(sa.select(SubscriberRow.address))).all()
    assert [one for one in kept if one] == ["bob@example.org"]


async def test_an_earlier_suppression_does_not_make_an_erasure_forgettable(database: Database) -> None:
    """A bounce keeps the person's data; an erasure after it does not."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await ledger.suppress(session, anna, reason="bounce", source=BY_PAGE, at=NOW)
        await rights.erase(session, anna, secrets=SECRETS, source=BY_PAGE, at=LATER)
        made = await enrol(session, [Profile(ANNA)], ["deals"], source=BY_IMPORT, secrets=SECRETS, at=LATER)

    assert (made.added, made.erased) == (0, 1)
