"""The common log of limits: several workers together never get more than the limit, on both databases."""

import asyncio

from kit.db import Database
from mailer import leases
from mailer.leases import Answer, Ask
from mailer.relays import parse_relays
from mailer.speeds import Speeds, speeds_of

RELAYS = parse_relays(["smtp://relay.example?name=one&rate=100/s&warmup=8,20", "smtp://other.example?name=two"])
SPEEDS = speeds_of(RELAYS, rate="10/s", domain_rate="5/s", domains=["mail.example?rate=2/s&warmup=4"])
DAY = 86_400.0
NOW = 20_000 * DAY + 100


async def ask(
    database: Database, scope: str, wanted: int = 0, *, worker: str = "w1", now: float = NOW, **more: object
) -> Answer:
    async with database.transaction() as session:
        asks = {scope: Ask(wanted, **more)}  # type: ignore[arg-type]  # the fields of Ask
        return (await leases.exchange(session, asks, speeds=SPEEDS, worker=worker, now=now))[scope]


def test_each_letter_needs_leave_of_every_limit_that_holds_for_it() -> None:
    assert SPEEDS.scopes("one", "mail.example") == (
        "all", "domain mail.example", "relay one", "day one", "day one > mail.example",
    )  # fmt: skip
    assert SPEEDS.scopes("two", "other.example") == ("all", "domain other.example")
    assert SPEEDS.scopes("two", "x.example", ["relay two"]) == ("all", "domain x.example", "relay two")
    assert Speeds().scopes("one", "mail.example") == ()
    assert Speeds().are_free
    assert not SPEEDS.are_free


async def test_workers_that_lease_at_one_time_stay_below_the_limit_together(database: Database) -> None:
    """Each exchange locks its rows, so no two read the same log."""
    answers = await asyncio.gather(
        *(ask(database, "all", 100, worker=f"w{turn % 4}", now=NOW + turn / 1000) for turn in range(24))
    )

    assert sum(answer.count for answer in answers) == 10
    assert max(answer.sharers for answer in answers) == 4
    assert (await ask(database, "all", 100, now=NOW + 1.5)).count == 2


async def test_the_own_limit_of_a_domain_goes_before_that_of_all(database: Database) -> None:
    answers = [(await ask(database, f"domain {name}", 9)).limit for name in ("mail.example", "other.example")]

    assert [limit and limit.most for limit in answers] == [2, 5]


async def test_a_warm_up_counts_its_days_and_takes_back_what_was_not_sent(database: Database) -> None:
    """Eight on the first day, twenty on the second, then no limit; a day begins at midnight UTC."""
    first = [(await ask(database, "day one", 100)).count for _ in range(9)]
    assert sum(first) == 8
    assert first[0] == 2  # a quarter of what is left, so that others have some

    back = await ask(database, "day one", returned=3)
    assert (back.count, back.used, back.allowed) == (0, 5, 8)
    second = [(await ask(database, "day one", 100, now=NOW + DAY)) for _ in range(12)]
    assert sum(answer.count for answer in second) == 20
    assert second[-1].allowed == 20
    assert await ask(database, "day one", 100, now=NOW + 2 * DAY) == Answer(100)


async def test_a_refusal_slows_all_workers_down_until_it_has_been_quiet(database: Database) -> None:
    """Half the speed at once, the whole of it after some quiet minutes, and then the row says nothing more."""
    slowed = await ask(database, "relay two", 0, refused="421 4.7.0 too much", speed=40.0)
    assert slowed.slowed is not None
    assert slowed.slowed.rate == 20.0

    async with database.reading() as session:
        now = await leases.known(session, SPEEDS, now=NOW + 1)
        later = await leases.known(session, SPEEDS, now=NOW + 600)
    assert now.slowed["relay two"].why == "421 4.7.0 too much"
    assert later.slowed == {}
    limited = await ask(database, "relay two", 100, worker="w2", now=NOW + 1)
    assert limited.limit is not None
    assert (limited.limit.most, limited.count) == (20, 4)
    assert (await ask(database, "relay two", 100, now=NOW + 600)).limit is None

    async with database.transaction() as session:
        assert await leases.sweep(session, now=NOW + 1000) == 0
        assert await leases.sweep(session, now=NOW + 10_000) == 1


async def test_a_set_limit_is_never_exceeded_by_recovering(database: Database) -> None:
    """What was slowed below a set limit comes back up to it, and no further."""
    halved = await ask(database, "all", 1, refused="421", speed=500.0)

    assert halved.limit is not None
    assert halved.limit.most == 5
    recovered = await ask(database, "all", 1, now=NOW + 600)
    assert recovered.limit is not None
    assert recovered.limit.most == 10


async def test_staff_drain_a_relay_and_take_it_up_again(database: Database) -> None:
    for is_drained in (True, True, False):
        async with database.transaction() as session:
            await leases.drain(session, "one", is_drained=is_drained)
        async with database.reading() as session:
            known = await leases.known(session, SPEEDS, now=NOW)
            shown = await leases.everything(session, SPEEDS, now=NOW)
        assert known.drained == (frozenset({"one"}) if is_drained else frozenset())
        assert [(row["scope"], row["drained"]) for row in shown] == [("relay one", is_drained)]
