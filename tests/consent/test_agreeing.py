"""A new version of the policy that asks for consent: who does not answer is paused, and leaving works as ever (P15)."""

from datetime import timedelta

import pytest

from consent import gate, ledger, policy
from consent.agreeing import agree
from consent.ledger import Done, Nothing, Source, withdraw
from consent.model import Clearance, Door, Proof, Purpose, Refusal, State, SubscriberId
from consent.policy import PolicyChanged, PolicyOutOfOrder, in_force, publish, versions
from consent.standing import mailable
from kit.db import Database
from tests.database import NOW, given_subscribers

EFFECTIVE = NOW + timedelta(days=30)
BEFORE, AFTER = EFFECTIVE - timedelta(seconds=1), EFFECTIVE
BY_PAGE = Source(Door.PAGE, Proof.TOKEN)
BY_STAFF = Source(Door.STAFF, Proof.STAFF)


async def two_readers(database: Database, *asks: str) -> tuple[SubscriberId, SubscriberId]:
    """Return two who agreed under version 1, with a version 2 that comes in a month."""
    anna, bob = await given_subscribers(database, 2)
    source = Source(Door.PAGE, Proof.TOKEN, policy_version="1")
    async with database.transaction() as session:
        await policy.keep_policy(session, "1", "We write.", effective_at=NOW - timedelta(days=1))
        for person in (anna, bob):
            await withdraw(session, person, ["deals"], source=source, at=NOW)
            await ledger.subscribe(session, person, ["deals"], source=source, at=NOW + timedelta(seconds=1))
            await ledger.confirm(session, person, ["deals"], source=source, at=NOW + timedelta(seconds=2))
        await publish(session, "2", "We write more.", effective_at=EFFECTIVE, asks=asks)
    return anna, bob


async def mailed(database: Database, *, at: object) -> list[int]:
    async with database.reading() as session:
        return sorted(await session.scalars(mailable("deals", now=at)))  # type: ignore[arg-type]  # a moment


@pytest.mark.parametrize(
    ("asks", "is_paused"), [((), False), (("*",), True), (("deals",), True), (("events", "courses"), False)]
)
async def test_who_does_not_answer_is_paused_from_the_day_on(
    database: Database, asks: tuple[str, ...], *, is_paused: bool
) -> None:
    """Up to the last second before it nothing changes; nobody has to do anything at that moment."""
    anna, bob = await two_readers(database, *asks)

    assert await mailed(database, at=BEFORE) == [anna, bob]
    assert await mailed(database, at=AFTER) == ([] if is_paused else [anna, bob])
    async with database.reading() as session:
        answer = (await gate.clear(session, [anna], "deals", now=AFTER))[anna]
    if is_paused:
        assert not isinstance(answer, Clearance)
        assert answer.reason is Refusal.POLICY
    else:
        assert isinstance(answer, Clearance)


async def test_who_agrees_goes_on_and_agreeing_twice_is_one_event(database: Database) -> None:
    """Before the day or long after it."""
    anna, bob = await two_readers(database, "*")

    for at in (BEFORE, BEFORE + timedelta(days=90)):
        async with database.transaction() as session:
            outcome = await agree(session, anna, "2", source=BY_PAGE, at=at)
        assert isinstance(outcome, Done if at == BEFORE else Nothing)

    assert await mailed(database, at=AFTER) == [anna]
    async with database.transaction() as session:
        await agree(session, bob, "2", source=BY_PAGE, at=AFTER)
    assert await mailed(database, at=AFTER) == [anna, bob]


async def test_only_the_person_agrees(database: Database) -> None:
    """Staff and imports bring nobody over a change of the policy; nor does an old version's link."""
    anna, _ = await two_readers(database, "*")

    async with database.transaction() as session:
        await agree(session, anna, "2", source=BY_STAFF, at=BEFORE)
        again = Source(Door.IMPORT, Proof.EVIDENCE, policy_version="2")
        assert isinstance(await ledger.confirm(session, anna, ["deals"], source=again, at=BEFORE), Nothing)
        assert isinstance(await agree(session, anna, "1", source=BY_PAGE, at=BEFORE), Nothing)
        assert isinstance(await agree(session, anna, "3", source=BY_PAGE, at=BEFORE), Nothing)

    assert await mailed(database, at=AFTER) == []


async def test_agreeing_brings_nobody_back_who_left(database: Database) -> None:
    """It lets go on what is received, and grants nothing."""
    anna, _ = await two_readers(database, "*")

    async with database.transaction() as session:
        await withdraw(session, anna, ["deals"], source=BY_PAGE, at=BEFORE)
        assert isinstance(await agree(session, anna, "2", source=BY_PAGE, at=AFTER), Nothing)
        standing = await ledger.standing_of(session, anna)

    assert standing.state(Purpose.PROMOTION, "deals") is State.WITHDRAWN


async def test_who_joins_under_the_new_version_is_mailed(database: Database) -> None:
    """Their consent names it."""
    anna, bob = await two_readers(database, "*")
    source = Source(Door.PAGE, Proof.TOKEN, policy_version="2")

    async with database.transaction() as session:
        await withdraw(session, bob, ["deals"], source=source, at=AFTER)
        await ledger.subscribe(session, bob, ["deals"], source=source, at=AFTER + timedelta(seconds=1))
        await ledger.confirm(session, bob, ["deals"], source=source, at=AFTER + timedelta(seconds=2))

    assert await mailed(database, at=AFTER + timedelta(days=1)) == [bob]
    assert anna


async def test_a_version_never_changes_and_comes_after_the_others(database: Database) -> None:
    """So that what somebody agreed to can always be shown."""
    await two_readers(database, "deals")

    async with database.transaction() as session:
        with pytest.raises(PolicyChanged):
            await publish(session, "2", "Other words.", effective_at=EFFECTIVE + timedelta(days=1), asks=())
        with pytest.raises(PolicyOutOfOrder):
            await publish(session, "3", "Older words.", effective_at=EFFECTIVE, asks=())
        known = await versions(session)

    assert [(one.version, one.asks) for one in known] == [("1", ()), ("2", ("deals",))]
    assert in_force(known, BEFORE) == known[0]
    assert in_force(known, AFTER) == known[1]
