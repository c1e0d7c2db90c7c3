"""What wants a warning never goes without one that was given in time; the rest goes by the day."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kit.retention import Warned, clearable_before, due_before, to_warn_of
from tests.database import NOW

DAYS, WARN = 30, 7


def day(number: float) -> datetime:
    return NOW + timedelta(days=number)


def test_without_a_warning_nothing_of_that_kind_goes() -> None:
    """However old it is."""
    assert clearable_before(day(1000), DAYS, warned=[], warn_days=WARN) is None


def test_a_warning_covers_what_it_spoke_of_and_nothing_younger() -> None:
    """And only when its days are over."""
    warned = [Warned(day(0), day(-23))]

    assert clearable_before(day(6.9), DAYS, warned=warned, warn_days=WARN) is None
    assert clearable_before(day(7), DAYS, warned=warned, warn_days=WARN) == day(-23)
    assert clearable_before(day(500), DAYS, warned=warned, warn_days=WARN) == day(-23)


def test_a_warning_is_not_repeated_before_a_day_of_new_things() -> None:
    """A worker looks every few hours; the log says it once a day at most."""
    up_to = to_warn_of(day(0), DAYS, warned=[], warn_days=WARN)
    assert up_to == day(-23)

    warned = [Warned(day(0), up_to)]

    assert to_warn_of(day(0.5), DAYS, warned=warned, warn_days=WARN) is None
    assert to_warn_of(day(1), DAYS, warned=warned, warn_days=WARN) == day(-22)


@given(looks=st.lists(st.floats(0.01, 90), min_size=1, max_size=40), age=st.floats(0, 400))
def test_nothing_goes_too_early_or_unannounced(looks: list[float], age: float) -> None:
    """Whenever the worker happens to run: old enough, and warned of at least a week before."""
    received, now = day(-age), day(0)
    warned: list[Warned] = []
    for gap in looks:
        now += timedelta(days=gap)
        before = clearable_before(now, DAYS, warned=warned, warn_days=WARN)
        if before is not None and received < before:
            assert received < due_before(now, DAYS)
            assert any(one.at <= now - timedelta(days=WARN) and received < one.up_to for one in warned)
            return
        up_to = to_warn_of(now, DAYS, warned=warned, warn_days=WARN)
        if up_to is not None:
            warned.append(Warned(now, up_to))


def test_with_a_worker_that_runs_it_goes_on_its_day() -> None:
    """Not later: the warning comes in time for it."""
    received, now, warned = day(0), day(0), list[Warned]()
    while True:
        now += timedelta(hours=6)
        before = clearable_before(now, DAYS, warned=warned, warn_days=WARN)
        if before is not None and received < before:
            break
        if (up_to := to_warn_of(now, DAYS, warned=warned, warn_days=WARN)) is not None:
            warned.append(Warned(now, up_to))

    assert day(DAYS) <= now <= day(DAYS + 2)
