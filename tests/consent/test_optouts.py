"""Opt-outs in a second copy: nothing of the address in it, and brought back only where the ledger has lost them."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from consent import ledger, optouts
from consent.ledger import Source, confirm, pause, standing_of, subscribe, suppress, withdraw, withdraw_all
from consent.model import Door, Proof, SubscriberId
from consent.optouts import OptOut, Replayed
from consent.rights import erase
from consent.subscribers import suppression
from consent.tables import ConsentEventRow, SubscriberRow, SuppressionRow
from kit.db import Database
from tests.database import BY_REPLY, LATER, NOW, SECRETS, given_subscribers

OLD = Source(Door.PAGE, Proof.TOKEN)


async def lines(database: Database) -> list[str]:
    async with database.reading() as session:
        found, upto = await optouts.lines_after(session, 0)
        assert upto == await optouts.head(session)
    return found


def lost(line: str) -> str:
    """Return the line as of an event that this ledger does not have."""
    one = optouts.read(line)
    assert isinstance(one, OptOut)
    return line.replace(one.hash, "f" * 64)


async def replayed(database: Database, *given: str) -> list[Replayed]:
    async with database.transaction() as session:
        return [await optouts.replay(session, line) for line in given]


async def test_each_act_that_ends_mail_is_a_line_without_the_address(database: Database) -> None:
    """Withdrawals, suppressions and pauses; no consent, no address."""
    people = await given_subscribers(database, 4)
    async with database.transaction() as session:
        await withdraw(session, people[0], ["deals"], source=BY_REPLY, at=NOW)
        await withdraw_all(session, people[1], source=BY_REPLY, at=NOW)
        await suppress(session, people[2], reason="hard bounce", source=OLD, at=NOW)
        await pause(session, people[3], LATER, source=OLD, at=NOW)

    found = await lines(database)

    assert [one.act.value for line in found if isinstance(one := optouts.read(line), OptOut)] == [
        "withdraw", "withdraw_all", "suppress", "pause",
    ]  # fmt: skip
    assert not any("example.com" in line for line in found)


async def test_what_the_ledger_has_is_left_alone(database: Database) -> None:
    """Whoever left and joined again before the backup stays: promise 6 knows the newer act."""
    (person,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await withdraw(session, person, ["deals"], source=BY_REPLY, at=NOW)
        await subscribe(session, person, ["deals"], source=OLD, at=LATER)
        await confirm(session, person, ["deals"], source=OLD, at=LATER)

    assert await replayed(database, *await lines(database)) == [Replayed.KNOWN]

    async with database.reading() as session:
        assert (await standing_of(session, person)).granted() == ("deals",)


@pytest.mark.parametrize("act", ["topic", "all", "suppress"])
async def test_what_the_ledger_lost_comes_back_once(database: Database, act: str) -> None:
    """At its own moment; a second time changes nothing."""
    people = await given_subscribers(database, 2)
    async with database.transaction() as session:
        match act:
            case "topic":
                await withdraw(session, people[1], ["deals"], source=BY_REPLY, at=LATER)
            case "all":
                await withdraw_all(session, people[1], source=BY_REPLY, at=LATER)
            case _:
                await suppress(session, people[1], reason="hard bounce", source=OLD, at=LATER)
    (line,) = await lines(database)
    hashes = {people[0]: "", people[1]: ""}
    async with database.reading() as session:
        for number, address_hash in await session.execute(sa.select(SubscriberRow.id, SubscriberRow.address_hash)):
            hashes[SubscriberId(number)] = str(address_hash)
    of_the_other = lost(line).replace(hashes[people[1]], hashes[people[0]])

    assert await replayed(database, of_the_other, of_the_other) == [Replayed.APPLIED, Replayed.UNCHANGED]

    async with database.reading() as session:
        last = (await session.scalars(sa.select(ConsentEventRow).order_by(ConsentEventRow.seq.desc()).limit(1))).one()
        assert (last.subscriber_id, last.at, last.act) == (people[0], LATER, optouts.read(line).act.value)  # type: ignore[union-attr]


async def test_who_joined_again_after_the_lost_opt_out_stays(database: Database) -> None:
    """The opt-out comes back at its own moment, before the joining: the newer act of the person counts."""
    people = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await withdraw(session, people[0], ["deals"], source=BY_REPLY, at=NOW)
        at = LATER + timedelta(hours=1)
        await subscribe(session, people[0], ["deals"], source=OLD, at=at)
        await confirm(session, people[0], ["deals"], source=OLD, at=at)
    (line,) = await lines(database)

    await replayed(database, lost(line))

    async with database.reading() as session:
        assert (await standing_of(session, people[0])).granted() == ("deals",)


async def test_a_person_whom_the_backup_does_not_know_is_never_mailed(database: Database) -> None:
    """Their address is suppressed by its hash, and an import of an old list does not bring them back."""
    people = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await withdraw_all(session, people[0], source=BY_REPLY, at=NOW)
    (line,) = await lines(database)
    one = optouts.read(line)
    assert isinstance(one, OptOut)
    stranger = lost(line).replace(one.address_hash, "a" * 64)

    assert await replayed(database, stranger) == [Replayed.SUPPRESSED]

    async with database.reading() as session:
        assert await suppression(session, "a" * 64) == optouts.LOST_PERSON


async def test_who_was_erased_since_the_backup_is_not_mailed_again(database: Database) -> None:
    """Their events name no address any more; the suppression that outlives them does."""
    people = await given_subscribers(database, 2)
    async with database.reading() as session:
        code = await session.scalar(sa.select(SubscriberRow.address_hash).where(SubscriberRow.id == people[0]))
    async with database.transaction() as session:
        await erase(session, people[0], source=OLD, secrets=SECRETS, at=NOW)
    found = await lines(database)
    async with database.transaction() as session:  # as in a backup from before
        await session.execute(sa.delete(SuppressionRow))
        await session.execute(sa.update(SubscriberRow).where(SubscriberRow.id == people[0]).values(address_hash=code))

    answers = await replayed(database, *found, *found)

    assert Replayed.SUPPRESSED in answers
    async with database.reading() as session:
        assert await suppression(session, str(code)) == "erased"


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "null", '{"seq": 1}', '{"seq": "x"}', "\x00" * 9, "7", '{"seq":1,' + " " * 30_000 + "}"]
)
async def test_a_line_that_is_none_changes_nothing(database: Database, line: str) -> None:
    """Cut short by a crash, or of another file."""
    assert await replayed(database, line) == [Replayed.UNREADABLE]


async def test_many_opt_outs_come_in_steps(database: Database) -> None:
    """Each step is short, and none is left out or comes twice."""
    people = await given_subscribers(database, optouts.MOST_LINES + 50)
    async with database.transaction() as session, ledger.together(session, people):
        for person in people:
            await withdraw_all(session, person, source=BY_REPLY, at=NOW)

    steps, upto = [], 0
    async with database.reading() as session:
        while True:
            some, end = await optouts.lines_after(session, upto)
            if end == upto:
                break
            steps.append(some)
            upto = end

    assert [len(step) for step in steps] == [optouts.MOST_LINES, 50]
    assert len({line for step in steps for line in step}) == len(people)
    assert upto == await _head(database)


async def _head(database: Database) -> int:
    async with database.reading() as session:
        return await optouts.head(session)
