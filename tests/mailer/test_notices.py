"""Reminders and news of the policy: to whom, how often, never twice, and not to those who leave meanwhile."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from consent import ledger, policy, rights
from consent.ledger import Source
from consent.model import Door, Proof, Purpose
from consent.tables import StandingRow, SubscriberRow
from kit.addresses import parse_address
from kit.config_service_mail import ServiceMailSettings
from kit.db import Database
from mailer import outbox
from mailer.account_letters import still_wanted
from mailer.notices import Notices
from mailer.outbox import Kind, Letter
from mailer.tables import OutboxRow
from tests.database import NOW, SECRETS, given_subscribers

BY_PAGE = Source(Door.PAGE, Proof.TOKEN)
EVERY = timedelta(days=180)
DUE = NOW + EVERY


def the_notices(database: Database, clock: Callable[[], datetime] = lambda: DUE, **settings: int) -> Notices:
    return Notices(database, SECRETS, ServiceMailSettings.model_validate(settings), clock=clock)


def later_by(hours: int) -> datetime:
    return DUE + timedelta(hours=hours, seconds=hours)


async def letters(database: Database) -> list[tuple[str, int | None]]:
    async with database.reading() as session:
        rows = await session.execute(sa.select(OutboxRow.kind, OutboxRow.subscriber_id).order_by(OutboxRow.id))
        return [(kind, person) for kind, person in rows]


async def test_everybody_is_reminded_after_the_interval_and_then_again(database: Database) -> None:
    """P6: counted from the joining, later from the last one; looking more often doubles nothing."""
    anna, bob = await given_subscribers(database, 2)
    early = the_notices(database, lambda: DUE - timedelta(seconds=1))

    assert await early.tick() == 0
    assert [await the_notices(database).tick() for _ in range(3)] == [2, 0, 0]
    assert await the_notices(database, lambda: DUE + EVERY - timedelta(seconds=1)).tick() == 0
    assert await the_notices(database, lambda: DUE + EVERY).tick() == 2
    assert await letters(database) == [("reminder", anna), ("reminder", bob)] * 2


@pytest.mark.parametrize("why", ["left", "left all", "suppressed", "paused", "under age", "erased", "no reminders"])
async def test_who_left_or_may_not_be_mailed_is_not_reminded(database: Database, why: str) -> None:
    """P6, P8; the others are, in the same step."""
    anna, bob = await given_subscribers(database, 2)
    async with database.transaction() as session:
        match why:
            case "left":
                await ledger.withdraw(session, anna, ["deals"], source=BY_PAGE, at=NOW)
            case "left all":
                await ledger.withdraw_all(session, anna, source=BY_PAGE, at=NOW)
            case "suppressed":
                await ledger.suppress(session, anna, reason="complaint", source=BY_PAGE, at=NOW)
            case "paused":
                await ledger.pause(session, anna, DUE + timedelta(days=1), source=BY_PAGE, at=NOW)
            case "under age":
                young = sa.update(SubscriberRow).where(SubscriberRow.id == anna).values(age_band="under_13")
                await session.execute(young)
            case "erased":
                await rights.erase(session, anna, secrets=SECRETS, source=BY_PAGE, at=NOW)
            case "no reminders":
                await ledger.withdraw(session, anna, [], source=BY_PAGE, at=NOW, purpose=Purpose.REMINDER)

    assert await the_notices(database).tick() == 1
    assert await letters(database) == [("reminder", bob)]


async def test_who_was_paused_is_looked_at_again_in_some_days(database: Database) -> None:
    """They are not forgotten for another half year."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await ledger.pause(session, anna, DUE + timedelta(days=2), source=BY_PAGE, at=NOW)

    assert await the_notices(database).tick() == 0
    assert await the_notices(database, lambda: DUE + timedelta(days=6)).tick() == 0
    assert await the_notices(database, lambda: DUE + timedelta(days=7)).tick() == 1


async def test_an_hour_has_its_bound_and_nobody_is_left_out(database: Database) -> None:
    """The rest follows in the next hours."""
    people = await given_subscribers(database, 5)

    assert [await the_notices(database, reminders_an_hour=2).tick() for _ in range(2)] == [2, 0]
    for hour in (1, 2):
        await the_notices(database, partial(later_by, hour), reminders_an_hour=2).tick()
    assert sorted(person or 0 for _, person in await letters(database)) == people


async def test_no_reminders_where_the_operator_wants_none(database: Database) -> None:
    """0 days is never."""
    await given_subscribers(database, 1)

    assert await the_notices(database, reminder_every_days=0).tick() == 0


@pytest.mark.parametrize("act", ["leaves", "moves", "stays"])
async def test_a_letter_that_waits_is_stopped_when_the_person_leaves(database: Database, act: str) -> None:
    """At the claim it is looked once more; it keeps no address then."""
    (anna,) = await given_subscribers(database, 1)
    await the_notices(database).tick()
    async with database.transaction() as session:
        if act == "leaves":
            await ledger.withdraw_all(session, anna, source=BY_PAGE, at=DUE)
        if act == "moves":
            moved = sa.update(SubscriberRow).values(address="new@x.example", address_key="new@x.example")
            await session.execute(moved)

    async with database.transaction() as session:
        batch = await outbox.claim(session, worker="w", token="t", at=DUE, most=5)
        wanted = await still_wanted(session, batch, require_age=False, at=DUE)

    assert (len(batch), len(wanted)) == (1, 1 if act == "stays" else 0)
    async with database.reading() as session:
        (row,) = await session.scalars(sa.select(OutboxRow))
    assert (row.state, bool(row.address)) == (("claimed", True) if act == "stays" else ("failed", False))


async def a_new_version(database: Database, *asks: str) -> None:
    async with database.transaction() as session:
        await policy.keep_policy(session, "1", "old", effective_at=NOW - timedelta(days=1))
        await session.execute(sa.update(StandingRow).values(policy_version="1"))
        await policy.publish(session, "2", "new", effective_at=NOW + timedelta(days=30), asks=asks)


@pytest.mark.parametrize(("asks", "scope", "topics"), [(("*",), "topics", ["deals"]), (("events",), "all", [])])
async def test_everybody_is_told_of_a_new_version_once(
    database: Database, asks: tuple[str, ...], scope: str, topics: list[str]
) -> None:
    """P15: in steps that go on where the last one ended, whoever makes them; then nothing more."""
    people = await given_subscribers(database, 4)
    await a_new_version(database, *asks)

    told = [await the_notices(database, lambda: NOW, policy_notices_an_hour=1080).tick() for _ in range(4)]

    assert told == [3, 1, 0, 0]
    assert await letters(database) == [("policy", person) for person in people]
    async with database.reading() as session:
        details = (await session.scalars(sa.select(OutboxRow.details))).all()
    # the first agreed through the ledger, whose fold counts; the others are rows without events
    assert {one["scope"] for one in details} == {scope}
    assert [one["topics"] for one in details] == [topics] * 4
    assert {(one["version"], one["effective_on"]) for one in details} == {("2", "2026-12-20")}


async def test_the_paused_are_told_too_and_those_who_left_are_not(database: Database) -> None:
    """A pause is one from promotions; without the news they would not know why nothing comes after it."""
    anna, bob = await given_subscribers(database, 2)
    await a_new_version(database, "*")
    async with database.transaction() as session:
        await ledger.pause(session, bob, NOW + timedelta(days=9), source=BY_PAGE, at=NOW)
        await ledger.withdraw_all(session, anna, source=BY_PAGE, at=NOW)

    await the_notices(database, lambda: NOW).tick()

    assert await letters(database) == [("policy", bob)]


async def test_a_child_gets_no_question_to_confirm_whoever_queued_it(database: Database) -> None:
    """P8: the last look before sending holds where a door forgot; it keeps no address then."""
    child, other = await given_subscribers(database, 2)
    async with database.transaction() as session:
        await session.execute(sa.update(SubscriberRow).where(SubscriberRow.id == child).values(age_band="under_13"))
        for person in (child, other):
            letter = Letter(Kind.CONFIRMATION, parse_address(f"{person}@example.com"), "a" * 64, person)
            await outbox.enqueue(session, letter, at=NOW, once_in=None)

    async with database.transaction() as session:
        batch = await outbox.claim(session, worker="w", token="t", at=NOW, most=5)
        wanted = await still_wanted(session, batch, require_age=False, at=NOW)

    assert [one.letter.subscriber_id for one in wanted] == [other]
    async with database.reading() as session:
        rows = (await session.execute(sa.select(OutboxRow.state, OutboxRow.address).order_by(OutboxRow.id))).all()
    assert rows == [("failed", ""), ("claimed", f"{other}@example.com")]
