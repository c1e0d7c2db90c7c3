"""Limits hold in every window whoever leases and whenever it is spent; what was slowed down recovers."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidSettings
from mailer.throttle import (
    MANNERS,
    Lease,
    Limit,
    Slowed,
    allowance,
    grant,
    read_plan,
    read_rate,
    recover,
    sharers,
    slow_down,
)

limits = st.builds(Limit, st.integers(1, 50), st.floats(0.2, 20.0))


@pytest.mark.parametrize(
    ("text", "most", "seconds"),
    [
        ("20", 20, 1.0),
        ("20/s", 20, 1.0),
        ("20/", 20, 1.0),
        ("2.5/s", 3, 1.2),
        ("600/m", 10, 1.0),
        ("30/m", 1, 2.0),
        ("3600/h", 1, 1.0),
        ("12345/s", 12345, 1.0),
    ],
)
def test_a_rate_is_read_as_a_window(text: str, most: int, seconds: float) -> None:
    limit = read_rate(text)

    assert limit.most == most
    assert limit.seconds == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "nan", "inf", "1e99", "5/d", "0.01/h"])
def test_a_rate_that_nobody_can_mean_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings):
        read_rate(text)


@given(limits, st.data())
def test_no_window_ever_sees_more_than_the_limit(limit: Limit, data: st.DataObject) -> None:
    """Whoever asks, however often, and whenever within the life of a lease it is spent."""
    log: tuple[Lease, ...] = ()
    now, spent = 1000.0, []
    for _ in range(data.draw(st.integers(1, 60))):
        now += data.draw(st.floats(0, limit.seconds / 3))
        worker = data.draw(st.sampled_from("abc"))
        given_ = grant(limit, log, worker, data.draw(st.integers(0, 100)), now)
        log = given_.log
        late = data.draw(st.floats(0, 0.999)) * limit.lease_seconds
        spent += [now + late] * given_.count

    spent.sort()
    for place, first in enumerate(spent):
        assert sum(first <= at < first + limit.seconds for at in spent[place:]) <= limit.most


@given(limits, st.integers(1, 4))
def test_who_always_wants_gets_nearly_the_limit_and_each_its_share(limit: Limit, workers: int) -> None:
    """Over many windows the limit is used, and of several hungry workers none starves while others eat."""
    log: tuple[Lease, ...] = ()
    step, got = limit.lease_seconds, dict.fromkeys(range(workers), 0)
    windows = 20
    rounds = int(windows * limit.seconds / step)
    for turn in range(rounds):
        for worker in range(workers):
            given_ = grant(limit, log, str(worker), 1000, 100.0 + turn * step + worker * step / workers)
            log, got[worker] = given_.log, got[worker] + given_.count

    lasted = rounds * step
    possible = limit.most * lasted / (limit.seconds + 2 * limit.lease_seconds)
    assert sum(got.values()) >= 0.8 * possible - limit.most
    if limit.most >= 4 * workers:
        assert min(got.values()) > 0.5 * max(got.values())


def test_leases_lapse_and_a_clock_that_was_set_back_does_not_stop_a_limit() -> None:
    limit = Limit(10, 1.0)
    first = grant(limit, (), "a", 100, 50.0)

    assert first.count == limit.lease_size
    assert first.log[-1].is_hungry
    assert sharers(first.log, 50.5, limit) == 1
    assert grant(limit, first.log, "a", 2, 52.0).log == (Lease(52.0, "a", 2),)
    assert grant(limit, first.log, "a", 2, -86_400.0).count == 2


def test_the_log_stays_small() -> None:
    """Bounded by workers and leases a window, however often somebody asks in vain."""
    limit, log = Limit(3, 10.0), ()
    for turn in range(10_000):
        log = grant(limit, log, f"w{turn % 3}", 5, turn * 0.01).log  # type: ignore[assignment]  # a tuple of leases

    assert len(log) <= 3 + 3


@pytest.mark.parametrize("text", ["", "5,", "x", "0", "10,5", "1e3", ",".join(["7"] * 400)])
def test_a_plan_that_shrinks_or_has_no_numbers_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings):
        read_plan(text)


def test_a_plan_grows_by_day_and_ends() -> None:
    plan, first = read_plan("50, 100,500"), date(2026, 11, 1)

    days = [allowance(plan, first, first + timedelta(days=day)) for day in (-1, 0, 1, 2, 3, 900)]

    assert days == [50, 50, 100, 500, None, None]


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=40), st.floats(1, 1e4), st.floats(0.5, 1e4))
def test_refusals_never_make_it_faster_and_quiet_always_frees_it(
    acts: list[tuple[float, bool]], speed: float, ceiling: float
) -> None:
    now = 0.0
    slowed: Slowed | None = None
    for pause, is_refused in acts:
        now += pause
        before = recover(slowed, ceiling=ceiling, now=now) if slowed else None
        slowed = slow_down(before, speed=speed, now=now, why="421") if is_refused else before
        if is_refused:
            assert slowed is not None
            assert slowed.rate <= max(before.rate if before else speed, MANNERS.slowest)
            assert slowed.rate >= MANNERS.slowest

    if slowed is not None:
        rates = [
            then.rate if (then := recover(slowed, ceiling=ceiling, now=now + quiet)) else float("inf")
            for quiet in range(0, 3000, 30)
        ]
        assert rates == sorted(rates)
        assert rates[-1] == float("inf")


def test_one_burst_of_refusals_is_one_sign() -> None:
    """What was refused within moments was under way already."""
    slowed = slow_down(None, speed=100.0, now=0.0, why="a")
    for now in (0.1, 1.0, 9.9):
        slowed = slow_down(slowed, speed=100.0, now=now, why="a")
    assert slowed.rate == 50.0

    assert slow_down(slowed, speed=100.0, now=10.0, why="b") == Slowed(25.0, 100.0, 10.0, 10.0, "b")


def test_recovery_goes_the_same_way_however_often_one_looks() -> None:
    slowed = slow_down(None, speed=100.0, now=0.0, why="a")

    once = recover(slowed, ceiling=None, now=65.0)
    twice = recover(recover(slowed, ceiling=None, now=31.0) or slowed, ceiling=None, now=65.0)

    assert once == twice
    assert once is not None
    assert once.rate == pytest.approx(112.5)
