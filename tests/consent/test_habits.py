"""How often at most: kept where letters are claimed, for every topic together, and never by sending too much."""

import asyncio
from datetime import timedelta

import pytest

from consent import gate
from consent.habits import FREQUENCIES, frequency_name, habits_of, keep_habits
from consent.model import Clearance, Refusal, Refused, SubscriberId
from kit.db import Database
from tests.database import NOW, given_subscribers


async def clear(database: Database, people: list[SubscriberId], mailing: int, days: float) -> list[Refusal | None]:
    """Look at the gate some days later; None is leave."""
    async with database.transaction() as session:
        now = NOW + timedelta(days=days)
        answers = await gate.clear(session, people, "deals", now=now, mailing=mailing)
    found: list[Refusal | None] = []
    for person in people:
        match answers[person]:
            case Clearance():
                found.append(None)
            case Refused(reason=reason):
                found.append(reason)
    return found


async def sparing(database: Database, frequency: str) -> list[SubscriberId]:
    """Give three people, of whom the second wants little mail."""
    people = await given_subscribers(database, 3)
    async with database.transaction() as session:
        await keep_habits(
            session, people[1], frequency_days=FREQUENCIES[frequency], language="de", time_zone="Europe/Berlin"
        )
    return people


@pytest.mark.parametrize(("frequency", "days"), [("weekly", 7), ("monthly", 30)])
async def test_no_second_promotion_within_the_days(database: Database, frequency: str, days: int) -> None:
    """The others are not touched; after the days it is somebody's turn again."""
    people = await sparing(database, frequency)

    assert await clear(database, people, 1, 0) == [None, None, None]
    assert await clear(database, people, 2, days - 0.001) == [None, Refusal.FREQUENCY, None]
    assert await clear(database, people, 3, days) == [None, None, None]
    assert await clear(database, people, 4, days + 1) == [None, Refusal.FREQUENCY, None]


async def test_the_next_try_of_a_letter_keeps_the_turn_and_its_day(database: Database) -> None:
    """A letter that the relay put off is no second promotion, and does not push the next one away."""
    people = await sparing(database, "weekly")

    assert await clear(database, people, 1, 0) == [None, None, None]
    assert await clear(database, people, 1, 0.5) == [None, None, None]
    assert await clear(database, people, 2, 7) == [None, None, None]


async def test_of_two_campaigns_at_once_one_has_the_turn(database: Database) -> None:
    """Whoever claims first; the other skips with the reason."""
    people = await sparing(database, "monthly")

    found = await asyncio.gather(*(clear(database, people, mailing, 0) for mailing in range(1, 6)))

    assert sorted((answers[1] for answers in found), key=str).count(None) == 1
    assert all(answers[0] is None for answers in found)


async def test_no_limit_is_no_limit(database: Database) -> None:
    """Every mail, as it comes; and who lifts the limit gets the next one."""
    people = await sparing(database, "weekly")
    await clear(database, people, 1, 0)
    async with database.transaction() as session:
        await keep_habits(session, people[1], frequency_days=0, language="", time_zone="")

    assert await clear(database, people, 2, 0.1) == [None, None, None]


async def test_wishes_are_read_in_one_look(database: Database) -> None:
    """With where each topic stands; nobody has none."""
    people = await sparing(database, "weekly")
    async with database.reading() as session:
        known, nobody = await habits_of(session, people[1]), await habits_of(session, SubscriberId(99))

    assert nobody is None
    assert known is not None
    assert (known.person.language, known.person.time_zone, known.frequency_days) == ("de", "Europe/Berlin", 7)
    assert known.is_held("deals")
    assert not known.is_held("events")


def test_every_number_of_days_has_a_name() -> None:
    """One that is none of ours is shown as the rarer choice."""
    assert [frequency_name(days) for days in (0, 7, 10, 30, 90)] == ["all", "weekly", "monthly", "monthly", "monthly"]
