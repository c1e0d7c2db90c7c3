"""Gaps that mean nothing are closed; lines that a person ended stay."""

import pytest

from inbound.lexicon.spacing import mark_text, unwrapped


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("I have moved to another firm and would be very glad if you could take\nme off your list", True),
        ("Please take me off.\nAnn", False),
        ("I have moved to another firm and would be very glad if you could stop.\nme too", False),
        ("deals - off\nevents - on", False),
        ("x" * 78 + "\nhello", False),
    ],
)
def test_only_lines_that_a_program_broke_are_joined(text: str, joined: bool) -> None:
    assert ("\n" not in unwrapped(text)) is joined


def test_a_wording_is_found_across_a_wrapped_line() -> None:
    text = "I have moved to another firm and would be very glad if you could take\nme off your list"

    assert "unsub" in {hit.concept for hit in mark_text(text).hits}
