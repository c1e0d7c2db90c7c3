"""Which language is spoken, and which plural is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.languages import categories, chosen, plural, wished

KNOWN = frozenset({"en", "de", "fr", "ja", "ar"})


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("nl, fr;q=0.5, ja;q=0.9", "ja"),
        ("pt-BR", None),
        ("de;q=0", None),
        ("de;q=2, fr;q=0.1", "fr"),
        ("DE_ch", "de"),
        ("*", None),
        ("", None),
        (",,;q=,de;q=x", None),
        (",".join(["nl"] * 25) + ",de", None),
    ],
    ids=["region", "ranks", "unknown", "refused", "no rank", "spelling", "any", "none", "nonsense", "endless"],
)
def test_the_browser_is_asked(header: str, language: str | None) -> None:
    """RFC 9110 12.5.4, with bounds."""
    assert wished(header, KNOWN) == language


@given(st.text(max_size=300))
def test_any_header_leads_to_a_language_we_know(header: str) -> None:
    """Whatever stands in it."""
    assert chosen(KNOWN, asked=header, person=header, accept_language=header, default="en") in KNOWN


@pytest.mark.parametrize(
    ("asked", "person", "header", "language"),
    [
        ("fr", "de", "ja", "fr"),
        ("", "de-DE", "ja", "de"),
        ("xx", "tlh", "ja", "ja"),
        ("", "", "", "en"),
    ],
    ids=["link", "person", "browser", "house"],
)
def test_the_order_of_wishes(asked: str, person: str, header: str, language: str) -> None:
    """A link that was pressed, then what we know, then what the browser says, then the house."""
    assert chosen(KNOWN, asked=asked, person=person, accept_language=header, default="en") == language


@pytest.mark.parametrize(
    ("language", "numbers"),
    [
        ("en", {0: "other", 1: "one", 2: "other"}),
        ("fr", {0: "one", 1: "one", 2: "other"}),
        ("ja", {0: "other", 1: "other"}),
        ("ar", {0: "zero", 1: "one", 2: "two", 3: "few", 10: "few", 11: "many", 99: "many", 100: "other", 103: "few"}),
    ],
    ids=["en", "fr", "ja", "ar"],
)
def test_plurals_follow_cldr(language: str, numbers: dict[int, str]) -> None:
    """Unicode CLDR, language plural rules."""
    assert {number: plural(language, number) for number in numbers} == numbers
    assert "other" in categories(language)
