"""When a deferred mail is tried again."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidSettings
from mailer.retry import PROMOTIONS, SPREAD, RetryPlan, next_attempt

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)


def times(seed: int | str, plan: RetryPlan = PROMOTIONS) -> list[datetime]:
    """All tries of a delivery that is deferred each time."""
    tries = [FIRST]
    while (then := next_attempt(len(tries), FIRST, tries[-1], seed=seed, plan=plan)) is not None:
        tries.append(then)
    return tries


@given(st.integers() | st.text())
def test_tries_grow_apart_and_end_within_a_day(seed: int | str) -> None:
    tries = times(seed)
    waits = [then - before for before, then in itertools.pairwise(tries)]

    assert timedelta(minutes=5) <= waits[0] <= timedelta(minutes=7)
    assert waits == sorted(waits)
    assert waits[-1] <= timedelta(hours=4) * (1 + SPREAD)
    assert tries[-1] <= FIRST + timedelta(hours=24)
    assert 8 <= len(tries) <= 15


plans = st.builds(
    lambda first, factor, longer, end: RetryPlan(first, factor, first + longer, end),
    st.floats(0.001, 1e5),
    st.floats(1, 100),
    st.floats(0, 1e6),
    st.floats(0.001, 1e6),
)


@given(plans, st.integers(1, 10_000), st.integers(0, 10**7), st.integers())
def test_the_next_try_is_later_than_now_and_not_past_the_end(
    plan: RetryPlan, attempt: int, age: int, seed: int
) -> None:
    now = FIRST + timedelta(seconds=age)

    then = next_attempt(attempt, FIRST, now, seed=seed, plan=plan)

    assert then == next_attempt(attempt, FIRST, now, seed=seed, plan=plan)
    if then is not None:
        assert now + timedelta(seconds=plan.first_seconds) <= then
        assert then <= FIRST + timedelta(seconds=plan.give_up_after_seconds)


def test_deliveries_deferred_together_come_back_apart() -> None:
    assert len({next_attempt(1, FIRST, FIRST, seed=seed) for seed in range(100)}) > 90


@pytest.mark.parametrize(
    "plan",
    [
        (0, 2, 10, 10),
        (1, 0.5, 10, 10),
        (10, 2, 5, 10),
        (1, 2, 10, -1),
        (1, 2, float("inf"), 10),
        (1, 2, float("nan"), 10),
    ],
)
def test_a_plan_that_hammers_shrinks_or_never_ends_is_refused(plan: tuple[float, float, float, float]) -> None:
    with pytest.raises(InvalidSettings):
        RetryPlan(*plan)


def test_attempts_count_from_one() -> None:
    with pytest.raises(ValueError, match="number 1"):
        next_attempt(0, FIRST, FIRST, seed=1)
