"""Who is a child, to the day."""

from datetime import date

import pytest

from consent.age import age_band, is_plausible, youngest_birth_date
from consent.model import AgeBand


@pytest.mark.parametrize(
    ("born", "today", "band"),
    [
        (date(2013, 3, 2), date(2026, 3, 1), AgeBand.UNDER_13),
        (date(2013, 3, 2), date(2026, 3, 2), AgeBand.OVER_13),
        (date(2012, 2, 29), date(2025, 2, 28), AgeBand.UNDER_13),
        (date(2012, 2, 29), date(2025, 3, 1), AgeBand.OVER_13),
        (date(2015, 3, 1), date(2028, 2, 29), AgeBand.UNDER_13),
        (date(1950, 1, 1), date(2026, 1, 1), AgeBand.OVER_13),
    ],
)
def test_the_thirteenth_birthday_is_the_border(born: date, today: date, band: AgeBand) -> None:
    """A day before it one is a child, on it no more; leap days count a day late, never early."""
    assert age_band(born, stated_over_13=True, today=today) is band


def test_without_a_date_the_sources_word_counts() -> None:
    """A date of birth goes before the word of the source."""
    today = date(2026, 3, 1)

    assert age_band(None, stated_over_13=True, today=today) is AgeBand.OVER_13
    assert age_band(None, stated_over_13=False, today=today) is AgeBand.UNKNOWN
    assert age_band(date(2020, 1, 1), stated_over_13=True, today=today) is AgeBand.UNDER_13


def test_nobody_is_born_tomorrow_or_in_another_age() -> None:
    """Such dates are slips of the pen."""
    today = date(2026, 3, 1)

    assert not is_plausible(date(2026, 3, 2), today)
    assert not is_plausible(date(1890, 1, 1), today)
    assert is_plausible(date(1930, 1, 1), today)
    assert youngest_birth_date(date(2028, 2, 29)) == date(2015, 2, 28)
