"""The seal of a form: comes back as it was, or not at all."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.admission import Form
from kit.secrets import Secrets
from web.seals import Seals

SECRETS = Secrets({1: b"t" * 32, 2: b"u" * 32}, 2, b"a" * 32)
SHOWN = Form("Ja, schicken Sie mir E-Mails.", "2026-11-01", "de", datetime(2026, 3, 2, 9, tzinfo=UTC), "footer")


@given(st.text(max_size=300), st.sampled_from(["en", "ja"]), st.integers(0, 4_000_000_000))
def test_a_seal_comes_back_as_it_was(wording: str, language: str, second: int) -> None:
    """Whatever was shown, in every script."""
    shown = replace(SHOWN, wording=wording, language=language, shown_at=datetime.fromtimestamp(second, UTC))

    assert Seals(SECRETS).read(Seals(SECRETS).seal(shown)) == shown


def test_old_keys_read_and_lost_ones_do_not() -> None:
    """As with tokens."""
    old = Seals(Secrets({1: b"t" * 32}, 1, b"a" * 32)).seal(SHOWN)

    assert Seals(SECRETS).read(old) == SHOWN
    assert Seals(Secrets({2: b"u" * 32}, 2, b"a" * 32)).read(old) is None


@given(st.integers(0, 200), st.integers(1, 255))
def test_one_changed_character_breaks_it(place: int, change: int) -> None:
    """Wherever it is."""
    seal = Seals(SECRETS).seal(SHOWN)
    place %= len(seal)
    broken = seal[:place] + chr(33 + (ord(seal[place]) - 33 + change % 93 + 1) % 94) + seal[place + 1 :]

    # a change in the spare bits at the end of base64 leaves the octets as they are
    assert broken == seal or Seals(SECRETS).read(broken) in {None, SHOWN}


@pytest.mark.parametrize("text", ["", "2", "2.", "2..", "9.e30.AAAA", "2.e30.AAAA", "٢.e30.AAAA", "2.é.ü", "x" * 9000])
def test_what_strangers_send_is_no_seal(text: str) -> None:
    """And raises nothing."""
    assert Seals(SECRETS).read(text) is None
