"""Buckets: what is let in, what has to wait, and that memory has an end."""

from hypothesis import given
from hypothesis import strategies as st

from web.limits import Buckets, Doorkeeper


def test_a_burst_is_let_in_and_then_one_after_the_other() -> None:
    """A minute's worth at once; after that as fast as the bucket fills."""
    buckets = Buckets(a_second=2.0, burst=3.0)

    assert [buckets.take("a", 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert buckets.take("a", 0.0) == 0.5
    assert buckets.take("b", 0.0) == 0.0
    assert buckets.take("a", 0.5) == 0.0
    assert buckets.take("a", 0.5) > 0


@given(st.lists(st.floats(0, 5), min_size=1, max_size=80), st.integers(1, 10), st.floats(0.1, 10))
def test_no_order_of_knocks_gets_in_more_often(gaps: list[float], burst: int, a_second: float) -> None:
    """Over any time: the burst and what has flowed in since, no more."""
    buckets, now, entered = Buckets(a_second, float(burst)), 0.0, 0
    for gap in gaps:
        now += gap
        entered += buckets.take("a", now) == 0

    assert entered <= burst + now * a_second + 1e-6


@given(st.floats(0, 100))
def test_who_waits_as_long_as_told_gets_in(start: float) -> None:
    """Retry-After is no lie."""
    buckets = Buckets(a_second=0.7, burst=1.0)
    buckets.take("a", start)
    wait = buckets.take("a", start)

    assert buckets.take("a", start + wait + 1e-6) == 0.0


def test_memory_is_bounded() -> None:
    """The one that knocked longest ago is forgotten first."""
    buckets = Buckets(a_second=0.001, burst=1.0, most=100)
    for place in range(1000):
        buckets.take(place, 0.0)

    assert len(buckets) == 100
    assert buckets.take(999, 0.0) > 0
    assert buckets.take(0, 0.0) == 0.0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    """No negative time fills a bucket or empties it."""
    buckets = Buckets(a_second=1.0, burst=1.0)
    assert buckets.take("a", 100.0) == 0.0
    assert buckets.take("a", 0.0) == 1.0


def test_who_holds_a_link_does_not_pay_for_the_neighbours() -> None:
    """A provider's one-click for thousands comes from a few addresses (RFC 8058)."""
    keeper = Doorkeeper(a_minute_per_network=2, a_minute_per_link=3, a_second=1000)

    assert [keeper.knock("192.0.2.0/24", f"link {place}", 0.0) for place in range(50)] == [0.0] * 50
    assert [bool(keeper.knock("192.0.2.0/24", "", 0.0)) for _ in range(3)] == [False, False, True]
    assert [bool(keeper.knock("192.0.2.0/24", "one link", 0.0)) for _ in range(4)] == [False, False, False, True]


def test_there_is_an_end_over_all() -> None:
    """However many networks and links take part."""
    keeper = Doorkeeper(a_minute_per_network=100, a_minute_per_link=100, a_second=10)

    assert sum(keeper.knock("", f"link {place}", 0.0) == 0 for place in range(50)) == 10
    assert keeper.knock("", "late", 1.0) == 0.0
