"""Withdrawals are heard at once in the process, and soon from others, and held only against older clearances."""

import asyncio
import json
from pathlib import Path

import psycopg
import pytest

from consent import gate, ledger
from consent.hearing import CHANNEL, Hearing, hold_back
from consent.ledger import Source
from consent.model import Clearance, Door, Proof, Purpose, SubscriberId
from consent.unwritten import Unwritten
from kit.db import Database
from kit.notices import MOST_OCTETS
from tests.database import BY_REPLY, LATER, NOW, fresh_database, given_subscribers

BY_PAGE_AGAIN = Source(Door.PAGE, Proof.TOKEN)


async def cleared(database: Database, person: SubscriberId) -> Clearance:
    async with database.transaction() as session:
        answer = (await gate.clear(session, [person], "deals", now=NOW))[person]
    assert isinstance(answer, Clearance)
    return answer


async def test_a_withdrawal_is_heard_when_it_is_on_disk_and_not_before(database: Database) -> None:
    """The door answers after this, so no MAIL FROM starts after the answer (promise 2)."""
    (anna,) = await given_subscribers(database, 1)
    clearance = await cleared(database, anna)
    hearing = Hearing()

    async with database.transaction() as session:
        await ledger.withdraw_all(session, anna, source=BY_REPLY, at=LATER)
        assert not hearing.heard(clearance)

    assert hearing.heard(clearance)


async def test_another_topic_or_person_is_not_concerned(database: Database) -> None:
    """Leaving one topic stops that topic's mail only."""
    anna, bob = await given_subscribers(database, 2)
    about_deals, of_bob = await cleared(database, anna), await cleared(database, bob)
    hearing = Hearing()

    async with database.transaction() as session:
        await ledger.withdraw(session, anna, ["events"], source=BY_REPLY, at=LATER)

    assert not hearing.heard(about_deals)
    assert not hearing.heard(of_bob)


@pytest.mark.parametrize("purpose", [Purpose.THIRD_PARTY_SHARING, Purpose.REMINDER])
async def test_who_ends_another_purpose_alone_goes_on_getting_mail(database: Database, purpose: Purpose) -> None:
    """Neither this process nor one that reads the ledger holds a promotion back for it."""
    (anna,) = await given_subscribers(database, 1)
    clearance, told, reading = await cleared(database, anna), Hearing(), Hearing()
    async with database.reading() as session:
        await reading.start(session)

    async with database.transaction() as session:
        await ledger.withdraw(session, anna, (), source=BY_REPLY, at=LATER, purpose=purpose)
    async with database.reading() as session:
        assert await reading.catch_up(session) == 0

    assert not told.heard(clearance)
    assert not reading.heard(clearance)


async def test_a_later_clearance_is_not_held_back_by_an_older_withdrawal(database: Database) -> None:
    """Who left and came back is mailed again by the same worker."""
    (anna,) = await given_subscribers(database, 1)
    hearing = Hearing()
    async with database.transaction() as session:
        await ledger.withdraw_all(session, anna, source=BY_REPLY, at=LATER)
    async with database.transaction() as session:
        await ledger.subscribe(session, anna, ["deals"], source=BY_PAGE_AGAIN, at=LATER.replace(minute=1))
        await ledger.confirm(session, anna, ["deals"], source=BY_PAGE_AGAIN, at=LATER.replace(minute=2))

    assert not hearing.heard(await cleared(database, anna))


async def test_what_another_process_wrote_is_caught_up_with(database: Database) -> None:
    """From the end of the ledger, each event once."""
    (anna,) = await given_subscribers(database, 1)
    clearance = await cleared(database, anna)
    async with database.transaction() as session:
        await ledger.withdraw_all(session, anna, source=BY_REPLY, at=LATER)
    elsewhere = Hearing(seq=clearance.seq)  # made afterwards: it was told nothing

    async with database.reading() as session:
        first = await elsewhere.catch_up(session)
        second = await elsewhere.catch_up(session)

    assert (first, second) == (1, 0)
    assert elsewhere.heard(clearance)


@pytest.mark.parametrize(
    "notice",
    [
        "",
        "[",
        "7",
        '{"a": 1}',
        "[[1, 2]]",
        '[[1, 2, "vanish", []]]',
        '[["x", 2, "withdraw", ["deals"]]]',
        "[[1,2,3,4]]",
        '{"unread": 7}',
        '{"unread": ["x"]}',
    ],
)
def test_a_notice_that_does_not_say_who_left_changes_nothing(notice: str) -> None:
    """The ledger is read instead."""
    hearing = Hearing()

    assert not hearing.read(notice)
    assert hearing._left == {}


@pytest.mark.peer
async def test_every_process_gets_notice_of_who_left_with_the_commit(tmp_path: Path) -> None:
    """PostgreSQL only. It names them, or is empty where they are too many for one notice; a joining is no news."""
    async with fresh_database(tmp_path, kind="postgresql") as database:
        people = await given_subscribers(database, 300)
        anna, bob = people[:2]
        clearance = await cleared(database, anna)
        url = database.url.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(url, autocommit=True) as elsewhere:
            elsewhere.execute(f'LISTEN "{CHANNEL}"')
            async with database.transaction() as session, ledger.together(session, [anna, bob]):
                await ledger.withdraw(session, anna, ["deals"], source=BY_REPLY, at=LATER)
                await ledger.pause(session, bob, LATER, source=BY_REPLY, at=NOW)
                await ledger.subscribe(session, bob, ["events"], source=BY_PAGE_AGAIN, at=LATER)
            async with database.transaction() as session, ledger.together(session, people):
                for person in people:
                    await ledger.withdraw_all(session, person, source=BY_REPLY, at=LATER)
            heard = await asyncio.to_thread(lambda: [one.payload for one in elsewhere.notifies(timeout=1)])

    assert [entry[1:] for entry in json.loads(heard[0])] == [[anna, "withdraw", ["deals"]], [bob, "pause", []]]
    assert heard[1:] == [""]
    assert len(heard[0]) < MOST_OCTETS
    hearing = Hearing()
    assert hearing.read(heard[0])
    assert hearing.heard(clearance)


async def test_who_is_held_back_while_the_disk_is_read_stays_so(database: Database, tmp_path: Path) -> None:
    """An opt-out that comes to the disk just behind the reader is not forgotten by its end."""

    class Behind(Unwritten):
        def people(self) -> frozenset[SubscriberId]:
            found = super().people()
            hold_back(frozenset({SubscriberId(7)}))
            return found

    hearing = Hearing(unwritten=Behind(tmp_path))
    async with database.reading() as session:
        await hearing.catch_up(session)

    assert hearing.waiting == {7}
