"""The outbox: claimed by one, fenced, emptied after sending, taken over from the dead."""

from datetime import timedelta

from kit.addresses import parse_address
from kit.db import Database
from mailer import outbox
from mailer.letters import KINDS
from mailer.outbox import LEASE, Claimed, Kind, Letter, kind_of
from mailer.tables import OutboxRow
from tests.database import NOW, database

__all__ = ["database"]

ANNA = parse_address("anna@example.org")


def a_letter(kind: Kind = Kind.RECEIPT, **details: object) -> Letter:
    return Letter(kind, ANNA, "a" * 64, details={"topics": ["deals"], "in_reply_to": "1@x", **details}, raw=b"x")


async def queue(database: Database, *letters: Letter) -> list[int]:
    async with database.transaction() as session:
        numbers = [await outbox.enqueue(session, letter, at=NOW, once_in=None) for letter in letters]
    return [number for number in numbers if number is not None]


async def claim(database: Database, worker: str = "a", token: str = "t", **later: int) -> list[Claimed]:
    async with database.transaction() as session:
        return await outbox.claim(session, worker=worker, token=token, at=NOW + timedelta(**later), most=10)


async def row(database: Database, number: int) -> OutboxRow:
    async with database.reading() as session:
        found = await session.get(OutboxRow, number)
        assert found is not None
        return found


async def test_a_letter_is_claimed_once(database: Database) -> None:
    """Two workers never hold the same letter."""
    (number,) = await queue(database, a_letter())

    first, second = await claim(database, "a"), await claim(database, "b")

    assert [one.id for one in first] == [number]
    assert second == []
    assert (first[0].attempt, first[0].letter.address) == (1, ANNA)


async def test_what_is_personal_is_emptied_after_sending(database: Database) -> None:
    """What remains says that something was sent, of what kind, about which topics, and to which hash."""
    (number,) = await queue(database, a_letter(language="en"))
    (claimed,) = await claim(database)

    async with database.transaction() as session:
        assert await outbox.record_done(session, claimed, "sent", at=NOW, response="250 ok")

    sent = await row(database, number)
    assert (sent.state, sent.address, sent.raw, sent.details) == ("sent", "", None, {"topics": ["deals"]})
    assert sent.address_hash == "a" * 64


async def test_a_stale_worker_records_nothing(database: Database) -> None:
    """A worker that was taken for dead comes back: its claim is void."""
    await queue(database, a_letter(Kind.HAND_ON))
    (stale,) = await claim(database, "a", "first")
    async with database.transaction() as session:
        assert await outbox.release(session, at=NOW, dead=["a"]) == 1
    (fresh,) = await claim(database, "b", "second")

    async with database.transaction() as session:
        assert not await outbox.record_done(session, stale, "failed", at=NOW)
        assert await outbox.record_done(session, fresh, "sent", at=NOW)


async def test_a_dead_worker_s_letters_are_settled_by_their_kind(database: Database) -> None:
    """At most once for service letters, at least once for what a customer wrote."""
    receipt, letter = await queue(database, a_letter(), a_letter(Kind.HAND_ON))
    await claim(database, "a")

    async with database.transaction() as session:
        assert await outbox.release(session, at=NOW + timedelta(minutes=1)) == 0
        assert await outbox.release(session, at=NOW + LEASE) == 2

    settled, waiting = await row(database, receipt), await row(database, letter)
    assert (settled.state, settled.address, settled.raw) == ("unknown", "", None)
    assert (waiting.state, waiting.address, waiting.raw) == ("waiting", str(ANNA), b"x")


async def test_a_customer_s_letter_that_failed_keeps_everything(database: Database) -> None:
    """Never lost: staff can still read and save it."""
    (number,) = await queue(database, a_letter(Kind.HAND_ON))
    (claimed,) = await claim(database)

    async with database.transaction() as session:
        await outbox.record_done(session, claimed, "failed", at=NOW)

    assert (await row(database, number)).raw == b"x"


async def test_a_deferred_letter_waits_for_its_time(database: Database) -> None:
    """Not before ``next_at``, and then with a higher attempt."""
    await queue(database, a_letter())
    (claimed,) = await claim(database)
    async with database.transaction() as session:
        await outbox.record_waiting(session, claimed, next_at=NOW + timedelta(minutes=5))

    assert await claim(database, minutes=4) == []
    (again,) = await claim(database, minutes=5)
    assert again.attempt == 2


async def test_one_of_a_kind_in_the_given_time(database: Database) -> None:
    """RFC 3834 2; another kind and another address are not concerned."""
    week = timedelta(days=7)
    async with database.transaction() as session:
        first = await outbox.enqueue(session, a_letter(), at=NOW, once_in=week)
        again = await outbox.enqueue(session, a_letter(), at=NOW + timedelta(days=6, hours=23), once_in=week)
        other = await outbox.enqueue(session, a_letter(Kind.QUESTION), at=NOW, once_in=week)
        after = await outbox.enqueue(session, a_letter(), at=NOW + week, once_in=week)

    assert [number is not None for number in (first, again, other, after)] == [True, False, True, True]


def test_the_kinds_are_numbered_as_the_letters_number_them() -> None:
    """The Message-ID of a service letter tells its kind; a promotion's tells none."""
    assert [kind_of((place << 28) + 1) for place in range(len(KINDS))] == [Kind(kind) for kind in KINDS]
    assert kind_of(0) is None
    assert kind_of(len(KINDS) << 28) is None
