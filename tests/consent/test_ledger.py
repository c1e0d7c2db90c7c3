"""The verbs over a real database: idempotent, append-only, chained, and no way round an opt-out."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from consent import ledger, policy, subscribers
from consent.chain import first_misfit
from consent.gate import clear
from consent.ledger import Done, Nothing, Source
from consent.model import Act, AgeBand, Clearance, Door, Event, Proof, Purpose, Refusal, Refused, State, SubscriberId
from consent.rejoin import confirm_pending, undo
from consent.standing import event_from, events_of, granted_topics, mailable
from consent.tables import ConsentEventRow
from kit.addresses import parse_address
from kit.db import Database
from tests.database import BY_IMPORT, BY_REPLY, NOW, SECRETS

BY_PAGE = Source(Door.PAGE, Proof.TOKEN, wording="Yes, send me offers.", policy_version="2026-11-01")
BY_COMPLAINT = Source(Door.COMPLAINT, Proof.TOKEN)


def later(hours: int) -> datetime:
    return NOW + timedelta(hours=hours)


@dataclass
class People:
    database: Database
    anna: SubscriberId
    bob: SubscriberId

    async def granted(self, person: SubscriberId) -> tuple[str, ...]:
        async with self.database.reading() as session:
            return await granted_topics(session, person)

    async def gate(self, person: SubscriberId, *, at: datetime = NOW, require_age: bool = False) -> Clearance | Refused:
        async with self.database.transaction() as session:
            return (await clear(session, [person], "deals", now=at, require_age=require_age))[person]


@pytest.fixture
async def people(database: Database) -> People:
    async with database.transaction() as session:
        await policy.keep_topics(session, [policy.TopicValue("deals", "Deals"), policy.TopicValue("events", "Events")])
        profiles = [subscribers.Profile(parse_address(f"{name}@example.org"), name=name) for name in ("anna", "bob")]
        numbers = await subscribers.add(session, profiles, secrets=SECRETS, at=NOW)
        for number in numbers.values():
            await ledger.confirm(session, number, ["deals", "events"], source=BY_IMPORT, at=NOW)
    return People(database, *numbers.values())


async def test_leaving_twice_is_one_event(people: People) -> None:
    """The second time nothing is written, and it says so."""
    async with people.database.transaction() as session:
        first = await ledger.withdraw(session, people.anna, ["deals"], source=BY_REPLY, at=later(1))
        second = await ledger.withdraw(session, people.anna, ["deals"], source=BY_REPLY, at=later(2))
        events = await events_of(session, people.anna)

    assert isinstance(first, Done)
    assert isinstance(second, Nothing)
    assert [event.act for event in events] == [Act.CONFIRM, Act.WITHDRAW]
    assert await people.granted(people.anna) == ("events",)


async def test_leaving_everything_ends_sharing_and_reminders_too(people: People) -> None:
    """Whoever leaves is asked nothing more and shared with nobody."""
    async with people.database.transaction() as session:
        for purpose in (Purpose.REMINDER, Purpose.THIRD_PARTY_SHARING):
            await ledger.confirm(session, people.anna, [], source=BY_IMPORT, at=NOW, purpose=purpose)
        before = await ledger.standing_of(session, people.anna)
        outcome = await ledger.withdraw_all(session, people.anna, source=BY_REPLY, at=later(1))

    assert before.state(Purpose.THIRD_PARTY_SHARING) is State.GRANTED
    assert outcome.standing.state(Purpose.THIRD_PARTY_SHARING) is State.WITHDRAWN
    assert outcome.standing.state(Purpose.REMINDER) is State.WITHDRAWN
    assert await people.granted(people.anna) == ()
    assert await people.granted(people.bob) == ("deals", "events")


async def test_no_import_brings_anybody_back(people: People) -> None:
    """Promise 6: only a newer act of the person does."""
    async with people.database.transaction() as session:
        await ledger.withdraw_all(session, people.anna, source=BY_REPLY, at=later(1))
        imported = await ledger.confirm(session, people.anna, ["deals"], source=BY_IMPORT, at=later(2))

    assert isinstance(imported, Nothing)
    assert imported.why == "an earlier opt-out stands"
    assert await people.granted(people.anna) == ()


async def test_coming_back_in_person_takes_two_acts(people: People) -> None:
    """Asked is not yet confirmed, and what was shown is kept with the event."""
    async with people.database.transaction() as session:
        await ledger.withdraw_all(session, people.anna, source=BY_REPLY, at=later(1))
        await ledger.subscribe(session, people.anna, ["deals"], source=BY_PAGE, at=later(2))
    assert await people.granted(people.anna) == ()
    assert await people.gate(people.anna, at=later(2)) == Refused(people.anna, Refusal.PENDING)

    async with people.database.transaction() as session:
        await confirm_pending(session, people.anna, source=BY_PAGE, at=later(3))

    assert await people.granted(people.anna) == ("deals",)
    assert isinstance(await people.gate(people.anna, at=later(3)), Clearance)


async def test_an_undo_brings_back_what_that_opt_out_ended(people: People) -> None:
    """But nothing after the person has left anew."""
    async with people.database.transaction() as session:
        left = await ledger.withdraw_all(session, people.anna, source=BY_REPLY, at=later(1))
        assert isinstance(left, Done)
        await undo(session, people.anna, left.seq, source=BY_PAGE, at=later(2))
    assert await people.granted(people.anna) == ("deals", "events")

    async with people.database.transaction() as session:
        await ledger.withdraw_all(session, people.anna, source=BY_REPLY, at=later(3))
        again = await undo(session, people.anna, left.seq, source=BY_PAGE, at=later(4))
    assert isinstance(again, Nothing)
    assert await people.granted(people.anna) == ()


async def test_the_gate_says_why_not(people: People) -> None:
    """Each reason by its own name, and a clearance only where nothing stands against it."""
    cleared = await people.gate(people.anna)
    assert isinstance(cleared, Clearance)
    assert (str(cleared.address), cleared.topic, cleared.name) == ("anna@example.org", "deals", "anna")

    async with people.database.transaction() as session:
        await ledger.pause(session, people.anna, later(24), source=BY_PAGE, at=later(1))
    assert await people.gate(people.anna, at=later(2)) == Refused(people.anna, Refusal.PAUSED)
    assert isinstance(await people.gate(people.anna, at=later(25)), Clearance)

    async with people.database.transaction() as session:
        await ledger.suppress(session, people.anna, reason="complaint", source=BY_COMPLAINT, at=later(26))
    assert await people.gate(people.anna, at=later(27)) == Refused(people.anna, Refusal.SUPPRESSED)

    async with people.database.transaction() as session:
        await ledger.lift(session, people.anna, source=BY_PAGE, at=later(28))
        await ledger.withdraw(session, people.anna, ["deals"], source=BY_PAGE, at=later(29))
    assert await people.gate(people.anna, at=later(30)) == Refused(people.anna, Refusal.WITHDRAWN)
    assert await people.gate(SubscriberId(999)) == Refused(SubscriberId(999), Refusal.ERASED)


async def test_a_child_is_not_mailed_without_a_guardian(people: People) -> None:
    """P8: by date of birth and by stated age band, until the guardian agrees, and not after the guardian's no."""
    async with people.database.transaction() as session:
        child = subscribers.Profile(parse_address("kid@example.org"), birth_date=NOW.date().replace(year=NOW.year - 10))
        stated = subscribers.Profile(parse_address("kid2@example.org"), age_band=AgeBand.UNDER_13)
        numbers = list((await subscribers.add(session, [child, stated], secrets=SECRETS, at=NOW)).values())
        for number in numbers:
            await ledger.confirm(session, number, ["deals"], source=BY_IMPORT, at=NOW)
    for number in numbers:
        assert await people.gate(number) == Refused(number, Refusal.UNDER_AGE)

    async with people.database.transaction() as session:
        await ledger.guardian(session, numbers[0], agreed=True, source=BY_PAGE, at=later(1))
    assert isinstance(await people.gate(numbers[0], at=later(1)), Clearance)

    async with people.database.transaction() as session:
        await ledger.guardian(session, numbers[0], agreed=False, source=BY_REPLY, at=later(2))
    assert await people.gate(numbers[0], at=later(2)) == Refused(numbers[0], Refusal.UNDER_AGE)


async def test_unknown_age_is_a_matter_of_the_settings(people: People) -> None:
    """``consent.require_age`` refuses those of whom nothing is known."""
    assert isinstance(await people.gate(people.anna), Clearance)
    assert await people.gate(people.anna, require_age=True) == Refused(people.anna, Refusal.UNDER_AGE)


async def test_mailable_lists_exactly_the_cleared(people: People) -> None:
    """The SELECT that campaigns join and the gate never disagree."""
    async with people.database.transaction() as session:
        await ledger.withdraw(session, people.bob, ["deals"], source=BY_REPLY, at=later(1))
        deals = list(await session.scalars(mailable("deals", now=later(2))))
        events = list(await session.scalars(mailable("events", now=later(2)).order_by(sa.text("1"))))

    assert deals == [people.anna]
    assert events == [people.anna, people.bob]


@pytest.mark.parametrize("statement", ["UPDATE consent_event SET door = 'page'", "DELETE FROM consent_event"])
async def test_the_database_itself_refuses_to_change_the_past(people: People, statement: str) -> None:
    """Not by convention: by trigger."""
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        async with people.database.transaction() as session:
            await session.execute(sa.text(statement))


async def test_the_chain_names_the_first_event_that_was_tampered_with(people: People) -> None:
    """Whatever of an event is altered; removing or swapping events shows as well."""
    async with people.database.transaction() as session:
        await ledger.subscribe(session, people.anna, ["news"], source=BY_PAGE, at=later(1))
        await ledger.withdraw_all(session, people.bob, source=BY_REPLY, at=later(2))
        rows = list(await session.scalars(sa.select(ConsentEventRow).order_by(ConsentEventRow.seq)))
    links = [(event_from(row), row.wording_sha256, row.hash) for row in rows]

    def forged(place: int, event: Event) -> list[tuple[Event, str, str]]:
        return [*links[:place], (event, *links[place][1:]), *links[place + 1 :]]

    assert first_misfit(links) is None
    assert first_misfit(forged(1, replace(links[1][0], topics=("deals",)))) == 2
    assert first_misfit(forged(3, replace(links[3][0], at=later(9)))) == 4
    assert first_misfit(forged(2, replace(links[2][0], evidence={"a": "b"}))) == 3
    assert first_misfit([*links[:1], *links[2:]]) == 2
    assert first_misfit([links[1], links[0], *links[2:]]) == 1


async def test_a_rolled_back_act_leaves_nothing(people: People) -> None:
    """Neither event nor standing, and the chain goes on without a gap."""

    async def fail_after_leaving() -> None:
        async with people.database.transaction() as session:
            await ledger.withdraw_all(session, people.anna, source=BY_REPLY, at=later(1))
            message = "by hand"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="by hand"):
        await fail_after_leaving()
    assert await people.granted(people.anna) == ("deals", "events")

    async with people.database.transaction() as session:
        done = await ledger.withdraw_all(session, people.anna, source=BY_REPLY, at=later(2))
    assert isinstance(done, Done)
    assert done.seq == 3
