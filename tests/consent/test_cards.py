"""Card numbers are seen in whatever dress, and other numbers are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.cards import carries_card_number, luhn


@pytest.mark.parametrize(
    "text",
    ["4111111111111111", "4111 1111 1111 1111", "note: 5555-5555-5555-4444.", "378282246310005", "6011 1111 1111 1117"],
)
def test_card_numbers_are_seen(text: str) -> None:
    """The schemes' own published test numbers, in the usual spacings."""
    assert carries_card_number(text)


@pytest.mark.parametrize(
    "text",
    ["4111111111111112", "0000000000000000", "+49 151 234567890", "2026-11-22 10:15:00", "order 1234567890123456", ""],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    """A wrong check digit, a telephone, a date, a number of no scheme."""
    assert not carries_card_number(text)


@given(st.from_regex(r"\A4[0-9]{14}\Z"))
def test_exactly_one_check_digit_fits(start: str) -> None:
    """Luhn's sum has one solution for the last digit."""
    assert sum(luhn(start + str(digit)) for digit in range(10)) == 1
