"""The pace over real sockets: limits hold at the wire, whoever sends, and what is slowed down recovers."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from consent import gate
from kit.db import Database
from mailer import leases
from mailer.outcomes import Claimed, Outcome
from mailer.pace import Pace
from mailer.relays import Result, Sent, Withheld, parse_relays
from mailer.sandbox import SandboxRelay, read_store
from mailer.smtp import RelayPool
from mailer.speeds import Speeds, of_domain, of_relay, speeds_of
from mailer.throttle import Limit, Manners
from tests.database import NOW, given_subscribers
from tests.fakes.recording_relay import RecordingRelay
from tests.fakes.scripted_smtp import Peer, ScriptedServer
from tests.mailer.pooling import QUICK, Mail, unused_port, yes

QUIET = Manners(settle_seconds=0.2, quiet_seconds=0.4, step=2.0, slowest=5.0)


@contextlib.asynccontextmanager
async def pacing(
    database: Database, speeds: Speeds, *urls: str, worker: str = "w1"
) -> AsyncIterator[tuple[RelayPool, Pace]]:
    """Run a pool with its pace, as one worker has them."""
    relays = [replace(relay, name=f"r{place}") for place, relay in enumerate(parse_relays(list(urls)))]
    pace = Pace(database, speeds, worker=worker, clock=lambda: NOW)
    running = asyncio.create_task(pace.run())
    try:
        async with RelayPool(relays, connections=4, helo="us.example", timeouts=QUICK, pace=pace) as pool:
            yield pool, pace
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def to(number: int, domain: str = "there.example", start: int = 0) -> list[Mail]:
    return [Mail(f"u{place}@{domain}") for place in range(start, start + number)]


async def until(true: Callable[[], bool], *, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - the pace looks by itself, and tells nobody
            await asyncio.sleep(0.05)


async def deliver(pool: RelayPool, mails: list[Mail]) -> Counter[str]:
    """Send, and those whose turn it was not again, until all have an end; return how often each result came."""
    results: Counter[str] = Counter()
    left = mails
    async with asyncio.timeout(60):
        while left:
            again: list[Mail] = []

            def note(mail: Mail, result: Result, _relay: str, again: list[Mail] = again) -> None:
                results[type(result).__name__] += 1
                if not isinstance(result, Sent):
                    again.append(mail)

            await pool.send_many(left, yes, note)
            left = again
    return results


def most_in_any(seconds: float, moments: list[float]) -> int:
    moments = sorted(moments)
    return max(sum(first <= at < first + seconds for at in moments) for first in moments)


async def test_two_workers_together_never_send_more_than_the_limit_in_any_second(database: Database) -> None:
    """Measured at the relay, by when each MAIL FROM came; both workers get their share, and the limit is used."""
    speeds, begun = Speeds({"all": Limit(20, 1.0)}), time.monotonic()

    with RecordingRelay() as relay:
        url = f"smtp://127.0.0.1:{relay.port}"
        async with (
            pacing(database, speeds, url, worker="w1") as (first, _),
            pacing(database, speeds, url, worker="w2") as (second, _),
        ):
            await asyncio.gather(deliver(first, to(30, "a.example")), deliver(second, to(30, "b.example")))
        moments = [letter.begun_at for letter in relay.record.begun]

    assert len(moments) == 60
    assert most_in_any(0.95, moments) <= 20  # the way to the relay takes some of a second
    assert time.monotonic() - begun > 2.0
    half = sorted(relay.record.begun, key=lambda letter: letter.begun_at)[:40]
    assert min(Counter(letter.rcpt_to.partition("@")[2] for letter in half).values()) >= 10


async def test_a_slow_domain_holds_nobody_else_up(database: Database) -> None:
    speeds = speeds_of((), domains=["slow.example?rate=5/s"])

    with RecordingRelay() as relay:
        async with pacing(database, speeds, f"smtp://127.0.0.1:{relay.port}") as (pool, _):
            await deliver(pool, [*to(12, "slow.example"), *to(100, "quick.example")])
        quick = [letter.begun_at for letter in relay.record.begun if letter.rcpt_to.endswith("@quick.example")]
        slow = [letter.begun_at for letter in relay.record.begun if letter.rcpt_to.endswith("@slow.example")]

    assert len(quick) == 100
    assert max(quick) < min(slow) + 1.0
    assert most_in_any(0.95, slow) <= 5


async def test_what_answers_a_person_waits_for_no_limit(database: Database) -> None:
    """A receipt goes before the promotions that wait for their turn."""
    speeds = Speeds({"all": Limit(1, 5.0)})

    with RecordingRelay() as relay:
        async with pacing(database, speeds, f"smtp://127.0.0.1:{relay.port}") as (pool, _):
            promotions = asyncio.create_task(deliver(pool, to(20)))
            await asyncio.sleep(0.3)
            async with asyncio.timeout(2):
                assert isinstance(await pool.send(Mail("ann@person.example"), may_start=yes), Sent)
            promotions.cancel()
        begun = [letter.rcpt_to for letter in relay.record.begun]

    assert "ann@person.example" in begun
    assert len(begun) <= 3


async def test_a_relay_that_throttles_is_slowed_down_recovers_and_gets_everything(database: Database) -> None:
    """421 4.7.0: the rate falls, no letter is lost or sent twice, and when it has been quiet all limits are gone."""
    taken: list[float] = []
    refusals = 0

    async def play(peer: Peer) -> None:
        nonlocal refusals
        await peer.greet()
        while (line := await peer.line()) != "QUIT":
            if line.startswith("MAIL") and sum(at > time.monotonic() - 1 for at in taken) >= 40:
                refusals += 1
                await peer.say("421 4.7.0 too many messages, try again later")
                return
            if line == "DATA":
                await peer.say("354 go")
                await peer.message()
                taken.append(time.monotonic())
                await peer.say("250 2.0.0 ok")
            else:
                await peer.say("250 ok")

    speeds = Speeds(manners=QUIET)
    async with ScriptedServer(play) as server, pacing(database, speeds, server.url) as (pool, pace):
        pace.sent(["there.example"] * 200)
        results = await deliver(pool, to(90))
        seen = refusals
        await until(lambda: pace.is_free, seconds=30)

    assert results["Sent"] == len(taken) == 90
    assert seen > 0
    assert server.errors == []


async def test_nobody_is_slowed_down_where_that_is_turned_off(database: Database) -> None:
    async with pacing(database, Speeds(slows_down=False), f"smtp://127.0.0.1:{unused_port()}") as (_, pace):
        pace.refused("r0", "there.example", Outcome(1, "waiting", "deferred", 421, "4.7.0", "less"))
        await pace.exchange()
        assert pace.is_free


async def test_what_one_worker_is_told_the_others_keep_within_a_second(database: Database) -> None:
    url = f"smtp://127.0.0.1:{unused_port()}"
    async with (
        pacing(database, Speeds(), url, worker="w1") as (_, first),
        pacing(database, Speeds(), url, worker="w2") as (_, second),
    ):
        first.sent(["mail.example"] * 400)
        first.refused("r0", "mail.example", Outcome(1, "waiting", "deferred", 451, "4.7.1", "too many messages"))
        await until(lambda: not second.is_free, seconds=3)

        assert set(second.in_force()) == {of_domain("mail.example")}
        assert second.in_force()[of_domain("mail.example")] <= 200.0


async def test_a_drained_relay_gets_nothing_more_and_the_others_all(database: Database, tmp_path: Path) -> None:
    """Its connections end when their mails are done; the other way round it is the same."""
    async with (
        SandboxRelay(tmp_path / "r0") as first,
        SandboxRelay(tmp_path / "r1") as second,
        pacing(database, Speeds(), first.url, second.url) as (pool, pace),
    ):
        for number, (away, there) in enumerate((("r0", "r1"), ("r1", "r0")), 1):
            async with database.transaction() as session:
                await leases.drain(session, away, is_drained=True)
                await leases.drain(session, there, is_drained=False)
            await until(lambda away=away: pace.drained == {away})  # type: ignore[misc]  # bound at once
            await deliver(pool, to(40, start=100 * number))
            assert [len(read_store(tmp_path / name)) for name in ("r0", "r1")] == [40 * (number - 1), 40]


async def test_with_all_relays_drained_nothing_goes_and_the_reason_is_said(database: Database) -> None:
    async with database.transaction() as session:
        await leases.drain(session, "r0", is_drained=True)
    async with pacing(database, Speeds(), f"smtp://127.0.0.1:{unused_port()}") as (pool, pace):
        await pace.exchange()

        assert pool.outage == "r0: drained by staff"


async def test_a_used_up_day_stands_still_until_tomorrow(database: Database) -> None:
    """A warm-up of three: three letters go, the others come back, and the courier is told why."""
    speeds = Speeds(relay_plans={"r0": (3, 10)})

    with RecordingRelay() as relay:
        async with pacing(database, speeds, f"smtp://127.0.0.1:{relay.port}") as (pool, pace):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    await pool.send_many(to(9), yes, lambda *_: None)
            assert len(relay.record.begun) == 3
            assert "warm-up" in pace.standstill()


async def test_the_courier_is_told_who_goes_now_and_when_the_others_do(database: Database) -> None:
    """Of a slow domain as many as go within moments; the others at moments that follow its rate, one by one."""
    people = await given_subscribers(database, 30)
    async with database.transaction() as session:
        cleared = await gate.clear(session, people, "deals", now=NOW)
    rows = [Claimed(place, 1, NOW, cleared[person]) for place, person in enumerate(people)]  # type: ignore[arg-type]  # all are cleared
    speeds = speeds_of((), domains=["example.com?rate=5/s"])

    async with pacing(database, speeds, f"smtp://127.0.0.1:{unused_port()}") as (_, pace):
        go, later = pace.part(rows)

    assert 9 <= len(go) <= 12
    assert len(go) + len(later) == 30
    moments = [(outcome.next_at - NOW).total_seconds() for outcome in later if outcome.next_at]
    assert moments == sorted(moments)
    assert 5.0 < moments[-1] < 6.5
    assert {(outcome.state, outcome.reason, outcome.was_started) for outcome in later} == {("waiting", "paced", False)}


async def test_no_more_is_claimed_than_can_go_soon(database: Database) -> None:
    async with pacing(database, Speeds({"all": Limit(10, 1.0)}), f"smtp://127.0.0.1:{unused_port()}") as (_, pace):
        claimed, begun = 0, time.monotonic()
        while time.monotonic() - begun < 1.5:
            claimed += await pace.room(100)

    assert 20 <= claimed <= 45


async def test_a_relay_of_its_own_rate_leaves_the_rest_to_the_others(database: Database) -> None:
    speeds = Speeds({of_relay("r0"): Limit(2, 1.0)})

    with RecordingRelay() as slow, RecordingRelay() as quick:
        urls = [f"smtp://127.0.0.1:{relay.port}" for relay in (slow, quick)]
        async with pacing(database, speeds, *urls) as (pool, _):
            await deliver(pool, to(200))

    assert len(slow.record.begun) + len(quick.record.begun) == 200
    assert len(slow.record.begun) <= 4


async def test_who_waits_too_long_in_the_pool_comes_back(database: Database, tmp_path: Path) -> None:
    """With the time after which asking again makes sense; it was never begun."""
    results: list[Result] = []

    async with (
        SandboxRelay(tmp_path) as relay,
        pacing(database, Speeds({"all": Limit(1, 60.0)}), relay.url) as (pool, _),
    ):
        sending = asyncio.create_task(pool.send_many(to(3), yes, lambda _, result, __: results.append(result)))
        await asyncio.sleep(0.05)
        pool.go_on(late_after=0.0)
        await asyncio.sleep(0.01)
        pool.go_on(late_after=0.0)
        await asyncio.wait([sending], timeout=5)

    withheld = [result for result in results if not isinstance(result, Sent)]
    assert len(results) == 3
    assert len(withheld) >= 2
    assert all(isinstance(result, Withheld) and result.again_seconds >= 1 for result in withheld)


async def test_whoever_is_put_off_has_a_turn_in_the_end(database: Database) -> None:
    """Sixty letters at five a second take some twelve seconds, however often some of them are put off on the way."""
    people = await given_subscribers(database, 60)
    async with database.transaction() as session:
        cleared = await gate.clear(session, people, "deals", now=NOW)
    rows = {place: Claimed(place, 1, NOW, cleared[person]) for place, person in enumerate(people)}  # type: ignore[arg-type]  # all are cleared
    speeds, passed = speeds_of((), domains=["example.com?rate=5/s"]), 0.0
    pace = Pace(
        database, speeds, worker="w", clock=lambda: NOW + timedelta(seconds=passed), lasting=lambda: 1000.0 + passed
    )
    due = dict.fromkeys(rows, 0.0)

    while due and passed < 60:
        go, later = pace.part([rows[place] for place, moment in due.items() if moment <= passed])
        for row in go:
            del due[row.id]
        due |= {outcome.id: (outcome.next_at - NOW).total_seconds() for outcome in later if outcome.next_at}
        passed += 0.1

    assert due == {}
    assert 9 < passed < 14


async def test_a_queue_of_hours_leaves_no_time_in_which_nobody_goes(database: Database) -> None:
    """Nobody is put off for more than an hour; whoever comes back too early by that is put off again, and all go."""
    (person,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        cleared = await gate.clear(session, [person], "deals", now=NOW)
    rows = [Claimed(place, 1, NOW, cleared[person]) for place in range(200)]  # type: ignore[arg-type]  # it is cleared
    speeds, passed = speeds_of((), domains=["example.com?rate=1/m"]), 0.0
    pace = Pace(
        database, speeds, worker="w", clock=lambda: NOW + timedelta(seconds=passed), lasting=lambda: 1000.0 + passed
    )
    due = dict.fromkeys(range(200), 0.0)

    while due and passed < 5 * 3600:
        go, later = pace.part([rows[place] for place, moment in due.items() if moment <= passed])
        for row in go:
            del due[row.id]
        moments = {outcome.id: (outcome.next_at - NOW).total_seconds() for outcome in later if outcome.next_at}
        assert max(moments.values(), default=0.0) <= passed + 3600
        due |= moments
        passed += 10

    assert due == {}
    assert 190 * 60 < passed < 220 * 60
