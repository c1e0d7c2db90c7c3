"""A change of address: two proofs, a way back, and everything that hangs on a person goes along."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from consent import known_addresses, ledger, moving, subscribers
from consent.ledger import Source
from consent.model import Door, Proof, SubscriberId
from consent.moving import Ended
from consent.standing import events_of
from consent.tables import MoveRow, SuppressionRow
from kit.addresses import parse_address
from kit.db import Database, Session
from tests.database import BY_IMPORT, LATER, NOW, SECRETS, given_subscribers

OLD, NEW = parse_address("p00000@example.com"), parse_address("Anna+new@example.org")
BY_PAGE = Source(Door.PAGE, Proof.TOKEN)
WEEK = timedelta(days=7)


async def asked(session: Session, person: SubscriberId) -> int:
    move = await moving.ask(session, person, NEW, at=NOW)
    assert move is not None
    return move.id


async def confirmed(session: Session, number: int, person: SubscriberId) -> Ended:
    return await moving.confirm(
        session, number, person, source=BY_PAGE, secrets=SECRETS, take_back_within=WEEK, at=LATER
    )


async def address_of(database: Database, person: SubscriberId) -> str:
    async with database.reading() as session:
        known = await subscribers.load(session, person)
    return str(known.address) if known else ""


async def test_nothing_changes_before_the_new_address_has_confirmed(database: Database) -> None:
    """A typing error, or a thief with one link, moves nobody."""
    (anna,) = await given_subscribers(database, 1)

    async with database.transaction() as session:
        await asked(session, anna)

    assert await address_of(database, anna) == str(OLD)


async def test_the_person_moves_with_what_they_agreed_to(database: Database) -> None:
    """The ledger names both addresses as keyed hashes; the old one is remembered as theirs."""
    (anna,) = await given_subscribers(database, 1)

    async with database.transaction() as session:
        assert await confirmed(session, await asked(session, anna), anna) is Ended.MOVED

    assert await address_of(database, anna) == str(NEW)
    async with database.reading() as session:
        event = (await events_of(session, anna))[-1]
        assert (event.act, event.door, event.proof) == ("move", Door.PAGE, Proof.TOKEN)
        assert event.evidence["from"] == SECRETS.address_hash(OLD)
        assert event.evidence["to"] == SECRETS.address_hash(NEW)
        assert (await ledger.standing_of(session, anna)).granted() == ("deals",)
        mailbox = SECRETS.mailbox_hash(OLD)
        assert await known_addresses.owners(session, [mailbox]) == {(anna, mailbox)}
        assert await subscribers.find(session, OLD) is None


async def test_a_confirmation_counts_once_and_for_its_own_person(database: Database) -> None:
    """A number out of somebody else's link moves nobody; a second press finds nothing."""
    anna, bob = await given_subscribers(database, 2)

    async with database.transaction() as session:
        number = await asked(session, anna)
        assert await confirmed(session, number, bob) is Ended.NOTHING
        assert await confirmed(session, number, anna) is Ended.MOVED
        assert await confirmed(session, number, anna) is Ended.NOTHING


async def test_the_old_address_refuses_and_takes_back(database: Database) -> None:
    """Before the confirmation and for a time after it; then it is over."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        first = await asked(session, anna)
        said = await moving.take_back(session, first, anna, source=BY_PAGE, secrets=SECRETS, at=LATER)
        assert said is Ended.REFUSED
        assert await confirmed(session, first, anna) is Ended.NOTHING
        second = await asked(session, anna)
        assert await confirmed(session, second, anna) is Ended.MOVED
        too_late = LATER + WEEK
        said = await moving.take_back(session, second, anna, source=BY_PAGE, secrets=SECRETS, at=too_late)
        assert said is Ended.NOTHING
        said = await moving.take_back(session, second, anna, source=BY_PAGE, secrets=SECRETS, at=LATER)
        assert said is Ended.TAKEN_BACK

    assert await address_of(database, anna) == str(OLD)
    async with database.reading() as session:
        assert [event.act for event in await events_of(session, anna)][-2:] == ["move", "move"]
        assert await known_addresses.of_person(session, anna) == ()


async def test_an_address_of_somebody_else_is_not_taken(database: Database) -> None:
    """Two people never become one by a link."""
    anna, _ = await given_subscribers(database, 2)
    async with database.transaction() as session:
        move = await moving.ask(session, anna, parse_address("P00001@example.com"), at=NOW)
        assert move is not None

        assert await confirmed(session, move.id, anna) is Ended.TAKEN


@pytest.mark.parametrize(
    ("suppressed", "reason", "goes_along"),
    [("old", "complaint", True), ("old", "bounce", False), ("new", "bounce", True), ("new", "erased", True)],
)
async def test_suppressions_of_either_address_hold(
    database: Database, suppressed: str, reason: str, *, goes_along: bool
) -> None:
    """A dead address stays dead and a complaint is the person's: moving is no way round either (promise 6)."""
    (anna,) = await given_subscribers(database, 1)
    address = OLD if suppressed == "old" else NEW
    async with database.transaction() as session:
        await ledger.suppress_hash(session, SECRETS.address_hash(address), reason=reason, at=NOW)
        await confirmed(session, await asked(session, anna), anna)

    async with database.reading() as session:
        assert bool(await subscribers.suppression(session, SECRETS.address_hash(NEW))) is goes_along
        count = await session.scalar(sa.select(sa.func.count()).select_from(SuppressionRow))
        assert count is not None
        assert count >= 1
        assert await subscribers.suppression(session, SECRETS.address_hash(address)) == reason


async def test_three_wishes_a_day_and_the_newest_counts(database: Database) -> None:
    """Each of them writes to an address that a stranger may own."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        first = await asked(session, anna)
        await asked(session, anna)
        await asked(session, anna)
        assert await moving.ask(session, anna, NEW, at=LATER) is None
        assert await moving.ask(session, anna, NEW, at=NOW + timedelta(days=2)) is not None
        assert await confirmed(session, first, anna) is Ended.NOTHING


async def test_what_is_over_keeps_no_address(database: Database) -> None:
    """The addresses of a move are emptied once nothing can be done about it any more."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await confirmed(session, await asked(session, anna), anna)
        assert await moving.close_old(session, at=LATER + timedelta(days=1)) == 0
        assert await moving.close_old(session, at=LATER + WEEK) == 1

    async with database.reading() as session:
        rows = (await session.execute(sa.select(MoveRow.state, MoveRow.old_address, MoveRow.new_address))).all()
    assert rows == [("done", "", "")]


async def test_an_erased_person_does_not_move(database: Database) -> None:
    """Their number has no address to move from."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await ledger.confirm(session, anna, ["deals"], source=BY_IMPORT, at=NOW)
        await session.execute(sa.text("UPDATE subscriber SET address = NULL, address_key = NULL"))

        assert await moving.ask(session, anna, NEW, at=NOW) is None


async def test_a_newer_wish_at_the_same_moment_as_the_proof_leaves_no_half_move(database: Database) -> None:
    """One comes after the other: the wish that was replaced moves nobody, and no move is done without its addresses."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        first = await asked(session, anna)
    has_asked = asyncio.Event()

    async def ask_again() -> None:
        async with database.transaction() as session:
            assert await moving.ask(session, anna, parse_address("other@example.org"), at=NOW) is not None
            has_asked.set()
            await asyncio.sleep(0.3)  # the proof comes as far as it can meanwhile

    async def prove() -> Ended:
        await has_asked.wait()
        async with database.transaction() as session:
            return await confirmed(session, first, anna)

    _, ended = await asyncio.gather(ask_again(), prove())

    assert ended is Ended.NOTHING
    assert await address_of(database, anna) == str(OLD)
    async with database.reading() as session:
        states = await session.execute(sa.select(MoveRow.state, MoveRow.new_address).order_by(MoveRow.id))
        assert [tuple(row) for row in states] == [("replaced", ""), ("waiting", "other@example.org")]
