"""Tokens: made, read, hidden, unforgeable, bound to their purpose."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidSettings
from mailer.model import MAILING_IDS, SUBSCRIBER_IDS
from mailer.tokens import EXTRAS, TOKEN_CHARACTERS, Purpose, Token, Tokens, unwrap
from tests.mailer.letters_at_hand import SENDER

SECRETS = {1: b"one secret of the old days......", 7: b"another, of today, and longer than the first"}
TOKENS = Tokens(SECRETS, current=7)

subscriber_ids = st.integers(0, SUBSCRIBER_IDS - 1)
mailing_ids = st.integers(0, MAILING_IDS - 1)
extras = st.integers(0, EXTRAS - 1)
purposes = st.sampled_from(Purpose)


@given(purposes, subscriber_ids, mailing_ids, extras)
def test_reading_gives_back_what_was_made(purpose: Purpose, subscriber: int, mailing: int, extra: int) -> None:
    """Decode(encode(token)) == token, in any case of letters."""
    text = TOKENS.make(purpose, subscriber, mailing, extra)

    assert re.fullmatch(r"[a-z2-7]{50}", text)
    assert TOKENS.read(purpose, text) == Token(purpose, subscriber, mailing, extra, 7)
    assert TOKENS.read(purpose, text.upper()) == Token(purpose, subscriber, mailing, extra, 7)


@given(purposes, purposes, subscriber_ids)
def test_a_token_serves_its_own_purpose_only(made_for: Purpose, read_as: Purpose, subscriber: int) -> None:
    """A one-click token opens no preference page, and so on for each pair."""
    text = TOKENS.make(made_for, subscriber, 12)

    assert (TOKENS.read(read_as, text) is not None) == (made_for is read_as)


def test_every_flipped_bit_is_refused() -> None:
    """Each of the five bits of each character counts, the spare ones at the end too."""
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    text = TOKENS.make(Purpose.REPLY, 123456, 42, 3)

    for place, letter in enumerate(text):
        for bit in range(5):
            flipped = alphabet[alphabet.index(letter) ^ 1 << bit]
            assert TOKENS.read(Purpose.REPLY, text[:place] + flipped + text[place + 1 :]) is None


@given(st.text(max_size=80))
def test_any_other_text_is_no_token(text: str) -> None:
    """Reading never raises."""
    assert TOKENS.read(Purpose.REPLY, text) is None
    assert TOKENS.parse_local(text) is None
    assert TOKENS.parse_message_id(text) is None


@pytest.mark.parametrize("bad", ["", "a" * 50, "7" * 50, "ſ" * 50, "K" * 50, "=" * 50, " " * 50, "aa" * 30])
def test_text_that_looks_like_a_token_is_refused(bad: str) -> None:
    """Letters that fold to ASCII, padding and wrong lengths are no way in."""
    assert TOKENS.read(Purpose.ONE_CLICK, bad) is None


def test_surroundings_of_a_token_are_not_ignored() -> None:
    """One token, one spelling: no padding, no white space, nothing before or behind."""
    text = TOKENS.make(Purpose.REPLY, 5, 6)

    for other in (text + "======", " " + text, text + "\n", text + "a", text[:-1], "a" + text):
        assert TOKENS.read(Purpose.REPLY, other) is None


def test_an_old_key_still_reads_and_a_revoked_one_does_not() -> None:
    """Rotation never breaks the links of earlier mail; dropping a key does."""
    old = Tokens(SECRETS, current=1).make(Purpose.ONE_CLICK, 99, 4)

    assert TOKENS.read(Purpose.ONE_CLICK, old) == Token(Purpose.ONE_CLICK, 99, 4, 0, 1)
    assert Tokens({7: SECRETS[7]}, current=7).read(Purpose.ONE_CLICK, old) is None
    assert Tokens({1: SECRETS[7], 7: SECRETS[7]}, current=7).read(Purpose.ONE_CLICK, old) is None


def test_the_ids_do_not_show() -> None:
    """Neighbouring ids share nothing but the key id in front: nobody counts our customers by their links."""
    made = [TOKENS.make(Purpose.ONE_CLICK, number, 1) for number in range(200)]

    assert len({text[2:8] for text in made}) == 200
    assert len({text[-6:] for text in made}) == 200


@given(subscriber_ids, mailing_ids)
def test_addresses_fit_and_are_read_back(subscriber: int, mailing: int) -> None:
    """RFC 5321 4.5.3.1.1: at most 64 octets before the @; lower case, as some servers fold it."""
    for address, purpose in (
        (TOKENS.reply_address("reply.example", subscriber, mailing), Purpose.REPLY),
        (TOKENS.bounce_address("bounce.example", subscriber, mailing), Purpose.BOUNCE),
    ):
        local = address.partition("@")[0]
        assert len(local) <= 64
        assert local == local.lower()
        assert TOKENS.parse_local(local) == Token(purpose, subscriber, mailing, 0, 7)
        assert TOKENS.parse_local(local.upper()) == Token(purpose, subscriber, mailing, 0, 7)


WRAPPED = [
    "prvs=4711abcdef={}",
    "PRVS=4711ABCDEF={}",
    "prvs={}/4711abcdef",
    "btv1==4711abcdef=={}",
    "msprvs1=18934abcdefgh={}",
    "SRS0=HHH=TT=list.example={}",
    "srs0+hhh=tt=list.example={}",
    "SRS1=HHH=other.example==HHH=TT=list.example={}",
    "SRS0=HHH=TT=list.example=prvs=4711abcdef={}",
    "{}",
]


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_wrapped_return_paths_are_unwrapped(wrapping: str) -> None:
    """BATV and SRS are put round our VERP address by servers on the way; the token inside still counts."""
    local = TOKENS.bounce_address("b.example", 77, 8).partition("@")[0]

    assert unwrap(wrapping.format(local)) == local
    assert TOKENS.parse_local(wrapping.format(local)) == Token(Purpose.BOUNCE, 77, 8, 0, 7)


def test_the_mark_in_front_binds_the_purpose() -> None:
    """A reply token behind the mark of a bounce is no bounce."""
    reply = TOKENS.make(Purpose.REPLY, 1, 2)

    assert TOKENS.parse_local("b-" + reply) is None
    assert TOKENS.parse_local("u-" + TOKENS.make(Purpose.ONE_CLICK, 1, 2)) is None


def test_message_ids_are_deterministic_and_read_back() -> None:
    """The same delivery has the same Message-ID, and In-Reply-To alone names it."""
    message_id = TOKENS.message_id("shop.example", 31, 5)

    assert message_id == TOKENS.message_id("shop.example", 31, 5)
    assert message_id.startswith("<m.")
    for form in (message_id, message_id.strip("<>"), message_id.upper(), f" {message_id}\n"):
        assert TOKENS.parse_message_id(form) == Token(Purpose.MESSAGE, 31, 5, 0, 7)


def test_numbers_without_room_are_refused() -> None:
    """An id is never cut silently."""
    for ids in ((SUBSCRIBER_IDS, 0, 0), (0, MAILING_IDS, 0), (0, 0, EXTRAS), (-1, 0, 0)):
        with pytest.raises(ValueError, match="fit"):
            TOKENS.make(Purpose.REPLY, *ids)


def test_weak_or_missing_secrets_are_refused() -> None:
    """A short secret, a key id beyond an octet, or a current key that is not there."""
    for secrets, current in (({1: b"short"}, 1), ({1: b"x" * 32}, 2), ({300: b"x" * 32}, 300)):
        with pytest.raises(InvalidSettings):
            Tokens(secrets, current)


def test_the_length_is_fixed() -> None:
    """Others rely on it."""
    assert TOKEN_CHARACTERS == 50


@given(subscriber_ids, mailing_ids)
def test_the_links_of_a_letter_hold_the_tokens_that_are_made_one_by_one(subscriber: int, mailing: int) -> None:
    """The quick way for all of them at once spells what the plain way spells."""
    links = TOKENS.links(SENDER, subscriber, mailing)

    assert links.one_click == TOKENS.one_click_url(SENDER.link_base, subscriber, mailing)
    assert links.preferences == TOKENS.preferences_url(SENDER.link_base, subscriber, mailing)
    assert links.reply_address == TOKENS.reply_address(SENDER.reply_domain, subscriber, mailing)
    assert links.bounce_address == TOKENS.bounce_address(SENDER.bounce_domain, subscriber, mailing)
    assert links.message_id == TOKENS.message_id(SENDER.from_address.domain, subscriber, mailing)
    assert links.feedback_id == TOKENS.make(Purpose.FEEDBACK, subscriber, mailing)


@given(purposes, subscriber_ids, mailing_ids, extras)
def test_the_spelling_is_base32(purpose: Purpose, subscriber: int, mailing: int, extra: int) -> None:
    """RFC 4648 section 6, as the standard library spells it."""
    text = TOKENS.make(purpose, subscriber, mailing, extra)

    raw = base64.b32decode(text.upper() + "======")
    assert len(raw) == 31
    assert base64.b32encode(raw).decode().rstrip("=").lower() == text


@pytest.mark.parametrize(("subscriber", "mailing"), [(-1, 1), (SUBSCRIBER_IDS, 1), (1, -1), (1, MAILING_IDS)])
def test_numbers_without_room_make_no_links(subscriber: int, mailing: int) -> None:
    """A number cut short would be somebody else's."""
    with pytest.raises(ValueError, match="does not fit"):
        TOKENS.links(SENDER, subscriber, mailing)
