"""Deliveries: claimed once, recorded by their own claim only, and always adding up."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from consent.ledger import pause, withdraw
from consent.model import SubscriberId
from consent.standing import mailable
from kit.db import Database
from mailer import delivery
from mailer.delivery import Counts, Shut, Slice
from mailer.outcomes import Outcome
from mailer.tables import DeliveryRow, MailingRow
from tests.database import BY_REPLY, LATER, NOW, given_subscribers

EVERYTHING = (0, 1 << 40)


async def given_mailing(database: Database, people: int, *, gate: str = "open") -> tuple[int, list[SubscriberId]]:
    """Make a mailing whose audience is snapshot already."""
    subscribers = await given_subscribers(database, people)
    async with database.transaction() as session:
        mailing = MailingRow(name="m", topic="deals", subject="s", gate=gate, created_at=NOW)
        session.add(mailing)
        await session.flush()
        assert await delivery.snapshot(session, mailing.id, mailable("deals", now=NOW)) == people
        return mailing.id, subscribers


async def claim(database: Database, mailing: int, limit: int = 100, worker: str = "w1", at: object = NOW) -> Slice:
    async with database.transaction() as session:
        first, last = EVERYTHING
        taken = await delivery.claim_slice(
            session, mailing, first=first, last=last, limit=limit, worker=worker, now=NOW if at is NOW else LATER
        )
    assert isinstance(taken, Slice)
    return taken


async def record(database: Database, taken: Slice, outcomes: Sequence[Outcome]) -> int:
    async with database.transaction() as session:
        return await delivery.record(session, taken.mailing_id, outcomes, claim=taken.claim, now=NOW)


async def counts(database: Database, mailing: int) -> Counts:
    async with database.reading() as session:
        return await delivery.count(session, mailing)


async def row(database: Database, id_: int) -> DeliveryRow:
    async with database.reading() as session:
        found = await session.get(DeliveryRow, id_)
        assert found is not None
        return found


def all_sent(taken: Slice) -> list[Outcome]:
    return [Outcome(claimed.id, "sent", code=250, response="2.0.0 ok") for claimed in taken.rows]


async def test_a_snapshot_waits_and_is_claimed_slice_by_slice_until_nothing_is_left(database: Database) -> None:
    """Each row is claimed once, and the sum is exact at each step."""
    mailing, people = await given_mailing(database, 25)

    seen: list[int] = []
    while not (taken := await claim(database, mailing, limit=10)).is_empty:
        assert (await counts(database, mailing)).snapshot == 25
        assert await record(database, taken, all_sent(taken)) == len(taken.rows)
        seen += [claimed.clearance.subscriber for claimed in taken.rows]
        assert (await counts(database, mailing)).sent == len(seen)

    assert sorted(seen) == sorted(people)
    assert await counts(database, mailing) == Counts(sent=25)


async def test_a_claimed_row_is_not_claimed_again(database: Database) -> None:
    """Two workers never hold the same row."""
    mailing, _ = await given_mailing(database, 15)

    first, second = await claim(database, mailing, 10, "w1"), await claim(database, mailing, 10, "w2")
    third = await claim(database, mailing, 10, "w3")

    ids = [claimed.id for taken in (first, second) for claimed in taken.rows]
    assert len(set(ids)) == len(ids) == 15
    assert third.is_empty
    assert (await counts(database, mailing)).waiting == 15


async def test_who_left_is_skipped_with_the_reason_at_the_claim(database: Database) -> None:
    """Consent is looked at in the transaction of the claim."""
    mailing, people = await given_mailing(database, 4)
    async with database.transaction() as session:
        await withdraw(session, people[1], ["deals"], source=BY_REPLY, at=NOW)
        await pause(session, people[2], NOW + timedelta(days=9), source=BY_REPLY, at=NOW)

    taken = await claim(database, mailing)

    assert [claimed.clearance.subscriber for claimed in taken.rows] == [people[0], people[3]]
    assert taken.refused == 2
    assert await counts(database, mailing) == Counts(waiting=2, skipped={"withdrawn": 1, "paused": 1})


async def test_a_mailing_that_is_held_gives_nothing_out(database: Database) -> None:
    """Only an open gate lets a slice be claimed."""
    mailing, _ = await given_mailing(database, 3, gate="held")

    async with database.transaction() as session:
        taken = await delivery.claim_slice(session, mailing, first=0, last=9, limit=5, worker="w", now=NOW)

    assert taken == Shut("held")


async def test_a_result_counts_once_and_only_for_its_claim(database: Database) -> None:
    """The token fences results of others and repetitions."""
    mailing, _ = await given_mailing(database, 2)
    taken = await claim(database, mailing)
    stranger = Slice(mailing, "0" * 32, taken.rows)

    assert await record(database, stranger, all_sent(stranger)) == 0
    assert await record(database, taken, all_sent(taken)) == 2
    assert await record(database, taken, [Outcome(taken.rows[0].id, "failed", "refused")]) == 0
    assert await counts(database, mailing) == Counts(sent=2)


async def test_a_deferred_row_waits_for_its_moment_and_counts_its_tries(database: Database) -> None:
    """Not before ``next_at``; the first try's moment stays."""
    mailing, _ = await given_mailing(database, 1)
    taken = await claim(database, mailing)
    outcome = Outcome(taken.rows[0].id, "waiting", "deferred", code=451, next_at=NOW + timedelta(minutes=5))
    await record(database, taken, [outcome])

    assert (await claim(database, mailing)).is_empty
    again = await claim(database, mailing, at=LATER)

    assert [(claimed.attempt, claimed.first_at) for claimed in again.rows] == [(2, NOW)]


async def test_what_was_given_back_waits_again_without_counting_a_try(database: Database) -> None:
    """A letter that never began is as if it had not been claimed."""
    mailing, _ = await given_mailing(database, 3)
    taken = await claim(database, mailing)

    async with database.transaction() as session:
        ids = [claimed.id for claimed in taken.rows]
        assert await delivery.give_back(session, mailing, ids, claim=taken.claim, now=NOW) == 3
    again = await claim(database, mailing, worker="w2")

    assert {claimed.attempt for claimed in again.rows} == {1}
    assert await record(database, taken, all_sent(taken)) == 0


async def test_without_proof_all_that_a_dead_worker_held_is_unknown_and_never_claimed(database: Database) -> None:
    """It may have been sent, so nobody gets it a second time."""
    mailing, _ = await given_mailing(database, 5)
    await claim(database, mailing, 3, "dead")

    async with database.transaction() as session:
        decided = await delivery.settle_dead(session, ["dead"], proof=None, now=NOW)
    async with database.transaction() as session:
        repeated = await delivery.settle_dead(session, ["dead"], proof=None, now=NOW)
    rest = await claim(database, mailing, worker="w2", at=LATER)

    assert (len(decided), repeated) == (3, [])
    assert len(rest.rows) == 2
    assert await counts(database, mailing) == Counts(unknown=3, waiting=2)


async def test_the_late_result_of_a_worker_thought_dead_puts_the_unknown_right(database: Database) -> None:
    """The claim is still its own, so its word is the truth."""
    mailing, _ = await given_mailing(database, 2)
    taken = await claim(database, mailing, worker="zombie")
    async with database.transaction() as session:
        await delivery.settle_dead(session, ["zombie"], proof=None, now=NOW)

    assert await record(database, taken, all_sent(taken)) == 2
    assert await counts(database, mailing) == Counts(sent=2)


async def test_with_proof_only_what_began_and_never_ended_is_unknown(database: Database) -> None:
    """What never began waits again, what ended has its result."""
    mailing, _ = await given_mailing(database, 3)
    taken = await claim(database, mailing, worker="dead")
    began, ended, never = (claimed.id for claimed in taken.rows)
    proof = {taken.claim: {began: Outcome(began, "unknown", "worker_lost"), ended: Outcome(ended, "sent", code=250)}}

    async with database.transaction() as session:
        await delivery.settle_dead(session, ["dead"], proof=proof, now=NOW)

    assert await counts(database, mailing) == Counts(sent=1, unknown=1, waiting=1)
    again = await claim(database, mailing, worker="w2")
    assert [(claimed.id, claimed.attempt) for claimed in again.rows] == [(never, 1)]
    assert await record(database, taken, [Outcome(never, "sent")]) == 0


async def test_an_answer_lost_by_a_living_worker_stays_unknown_when_the_worker_dies_later(database: Database) -> None:
    """A claim whose journal is gone was recorded; nothing in it is taken for never begun."""
    mailing, _ = await given_mailing(database, 2)
    taken = await claim(database, mailing, worker="dead")
    await record(database, taken, [Outcome(claimed.id, "unknown", "answer_lost") for claimed in taken.rows])

    async with database.transaction() as session:
        assert await delivery.settle_dead(session, ["dead"], proof={}, now=NOW) == []

    assert await counts(database, mailing) == Counts(unknown=2)


async def test_what_comes_back_to_a_cancelled_mailing_is_skipped(database: Database) -> None:
    """Nothing waits for ever in a mailing that is over."""
    mailing, _ = await given_mailing(database, 4)
    taken = await claim(database, mailing, 2)
    async with database.transaction() as session:
        await delivery.set_gate(session, mailing, "cancelled")
        assert await delivery.skip_waiting(session, mailing, reason="cancelled", now=NOW) == 2

    async with database.transaction() as session:
        await delivery.give_back(session, mailing, [taken.rows[0].id], claim=taken.claim, now=NOW)
    await record(database, taken, [Outcome(taken.rows[1].id, "sent")])

    assert await counts(database, mailing) == Counts(sent=1, skipped={"cancelled": 3})


async def test_due_rows_are_adopted_once(database: Database) -> None:
    """Of two runners one enqueues the job for a retry."""
    mailing, _ = await given_mailing(database, 5)
    taken = await claim(database, mailing)
    await record(database, taken, [Outcome(claimed.id, "waiting", next_at=NOW) for claimed in taken.rows])

    async with database.transaction() as session:
        assert await delivery.due_mailings(session, now=NOW) == [mailing]
        adopted = await delivery.adopt_due(session, mailing, size=2, now=NOW)
    async with database.transaction() as session:
        assert await delivery.due_mailings(session, now=NOW) == []
        assert await delivery.adopt_due(session, mailing, size=2, now=NOW) == []

    ids = [claimed.id for claimed in taken.rows]
    assert adopted == [(ids[0], ids[1]), (ids[2], ids[3]), (ids[4], ids[4])]


async def test_ranges_cover_all_who_wait_and_nobody_twice(database: Database) -> None:
    """Each id of a waiting row stands in exactly one range."""
    mailing, _ = await given_mailing(database, 11)

    async with database.reading() as session:
        found = await delivery.ranges(session, mailing, 4)
        ids = list(await session.scalars(sa.select(DeliveryRow.id).where(DeliveryRow.mailing_id == mailing)))

    assert len(found) == 3
    assert all(sum(first <= id_ <= last for first, last in found) == 1 for id_ in ids)
