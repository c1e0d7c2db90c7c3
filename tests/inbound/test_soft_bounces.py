"""Soft bounces add up, and are forgotten."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound.model import Bounce
from inbound.soft_bounces import counts, say_dead, weight

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def every(days: float, times: int) -> list[datetime]:
    return [NOW - timedelta(days=days * n) for n in range(times)]


@pytest.mark.parametrize(
    ("moments", "dead"),
    [
        pytest.param([], False, id="none"),
        pytest.param(every(1, 6), False, id="a bad week"),
        pytest.param(every(0.01, 500), False, id="a storm of one day"),
        pytest.param(every(7, 8), False, id="eight weeks"),
        pytest.param(every(7, 10), True, id="ten weeks"),
        pytest.param(every(1, 15), True, id="fifteen days on end"),
        pytest.param(every(30, 60), False, id="once a month for years"),
    ],
)
def test_only_what_lasts_adds_up(moments: list[datetime], dead: bool) -> None:
    assert say_dead(moments, NOW) is dead


@pytest.mark.parametrize(
    ("bounce", "counted"),
    [
        (Bounce((), "soft", "4.2.2"), True),
        (Bounce((), "soft", "5.2.2"), True),
        (Bounce((), "soft", ""), True),
        (Bounce((), "soft", "5.7.1"), False),
        (Bounce((), "soft", "4.7.0"), False),
        (Bounce((), "soft", "5.6.0"), False),
        (Bounce((), "soft", "4.4.1", given_up=False), False),
    ],
)
def test_refusals_of_content_and_policy_say_nothing_about_the_address(bounce: Bounce, counted: bool) -> None:
    """RFC 3463 3.7, 3.8; RFC 3464 2.3.3."""
    assert counts(bounce) is counted


@given(st.lists(st.floats(0, 400), max_size=50), st.floats(0.5, 200))
def test_the_weight_fades(ages: list[float], later: float) -> None:
    """Without news an address gets better, never worse."""
    moments = [NOW - timedelta(days=age) for age in ages]

    assert weight(moments, NOW + timedelta(days=later)) <= weight(moments, NOW)
