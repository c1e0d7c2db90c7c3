"""Relay URLs and the meaning of replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidSettings
from mailer.relays import (
    Deferred,
    Failed,
    Relay,
    Sent,
    asks_for_less,
    classify,
    enhanced_code,
    judged,
    parse_relay,
    parse_relays,
)
from mailer.throttle import Limit


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        ("smtp://relay.example", Relay("relay.example", 25, "starttls", name="relay.example:25")),
        ("smtp://relay.example:587/", Relay("relay.example", 587, "starttls", name="relay.example:587")),
        ("smtps://relay.example", Relay("relay.example", 465, "implicit", name="relay.example:465")),
        ("smtp://u%40x:p%3A%2F@h.example", Relay("h.example", 25, "starttls", "u@x", "p:/", 1, "h.example:25")),
        ("smtp://h.example?starttls=off", Relay("h.example", 25, "none", name="h.example:25")),
        ("smtp://h?ca=/etc/ca.pem&weight=3&name=one", Relay("h", 25, "starttls", None, None, 3, "one", "/etc/ca.pem")),
        ("smtp://[::1]:2525", Relay("::1", 2525, "starttls", name="::1:2525")),
        ("sandbox:", Relay("127.0.0.1", 0, "none", name="sandbox", is_sandbox=True)),
        ("sandbox:2525", Relay("127.0.0.1", 2525, "none", name="sandbox", is_sandbox=True)),
    ],
)
def test_a_url_says_where_and_on_what_terms(url: str, relay: Relay) -> None:
    assert parse_relay(url) == relay


@pytest.mark.parametrize(
    "url",
    [
        "",
        "relay.example",
        "http://relay.example",
        "lmtp://relay.example",
        "smtp://",
        "smtp://relay.example:99999",
        "smtp://relay.example/path",
        "smtp://a b.example",
        "smtp://relay.example?tls=off",
        "smtp://relay.example?starttls=maybe",
        "smtps://relay.example?starttls=off",
        "smtp://relay.example?weight=0",
        "smtp://relay.example?weight=x",
        "smtp://relay.example?weight",
        "smtp://secret@relay.example",
        "smtp://:secret@relay.example",
        "smtp://u:secret%00@relay.example",
        "smtp://u:secret@relay.example?starttls=off",
        "smtp://relay.example?connections=0",
        "smtp://relay.example?rate=fast",
        "smtp://relay.example?warmup=100,50",
        "smtp://relay.example?name=" + "x" * 81,
        "sandbox:relay.example",
        "sandbox:?starttls=off",
    ],
)
def test_a_url_that_can_not_be_meant_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parse_relay(url)

    assert "secret" not in caught.value.public


def test_a_url_says_how_much_a_relay_may_be_given() -> None:
    relay = parse_relay("smtp://h.example?connections=2&rate=600/m&warmup=50,100")

    assert (relay.connections, relay.rate, relay.warmup) == (2, Limit(10, 1.0), (50, 100))


@pytest.mark.parametrize(
    ("code", "text", "who"),
    [
        (421, "4.7.0 try again later", "relay"),
        (421, "", "relay"),
        (450, "4.3.2 system not accepting messages", "relay"),
        (451, "4.4.5 congested", "relay"),
        (450, "4.7.1 too much mail from you", "domain"),
        (451, "4.7.500 server busy", "domain"),
        (450, "4.2.1 the user receives mail at a rate that is too high", "domain"),
        (451, "too many messages, slow down", "domain"),
        (451, "4.7.1 Greylisted, come back in 300 seconds", ""),
        (450, "4.2.0 Recipient address rejected: gray-listed", ""),
        (452, "4.2.2 mailbox over its limit", ""),
        (450, "4.2.0 corporate mailbox busy", ""),
        (550, "5.7.1 too many messages", ""),
        (250, "2.0.0 rate", ""),
        (0, "4.4.1 nobody there", ""),
    ],
)
def test_a_reply_that_defers_says_who_has_enough_of_us(code: int, text: str, who: str) -> None:
    assert asks_for_less(code, enhanced_code(code, text), text) == who


def test_a_password_is_not_shown() -> None:
    assert "hush" not in repr(parse_relay("smtp://u:hush@h.example"))


@pytest.mark.parametrize(
    ("url", "is_required", "is_verified"),
    [
        ("smtp://h.example", True, True),
        ("smtp://h.example?starttls=off", False, True),
        ("smtps://h.example", True, True),
        ("smtp://127.0.0.1", False, False),
        ("smtp://localhost", False, False),
        ("smtp://[::1]", False, False),
        ("smtp://127.0.0.1?ca=/x", False, True),
        ("smtp://127.0.0.1.example.com", True, True),
    ],
)
def test_tls_is_needed_everywhere_but_on_loopback(url: str, is_required: bool, is_verified: bool) -> None:
    relay = parse_relay(url)

    assert (relay.requires_tls, relay.verifies_tls) == (is_required, is_verified)


def test_relays_need_names_of_their_own() -> None:
    assert len(parse_relays(["smtp://a", "smtp://b"])) == 2
    for urls in ([], ["smtp://a", "smtp://a"]):
        with pytest.raises(InvalidSettings):
            parse_relays(urls)


@pytest.mark.parametrize(
    ("code", "text", "kind", "is_hard", "is_policy"),
    [
        (250, "2.0.0 ok", Sent, False, False),
        (299, "", Sent, False, False),
        (421, "4.7.0 later", Deferred, False, False),
        (450, "4.2.0 greylisted", Deferred, False, False),
        (452, "4.2.2 full", Deferred, False, False),
        (499, "", Deferred, False, False),
        (530, "5.7.0 authentication needed", Deferred, False, False),
        (535, "5.7.8 no", Deferred, False, False),
        (550, "5.1.1 <x@y>: user unknown in relay recipient table", Failed, True, False),
        (550, "5.1.2 no such domain", Failed, True, False),
        (550, "5.1.6 moved", Failed, True, False),
        (556, "5.1.10 null MX", Failed, True, False),
        (550, "5.2.1 account disabled", Failed, True, False),
        (550, "5.2.1 receives mail at a rate that prevents more", Failed, False, False),
        (552, "5.2.2 full", Failed, False, False),
        (550, "5.1.8 bad sender", Failed, False, False),
        (550, "5.7.1 user unknown to our policy", Failed, False, True),
        (550, "5.7.515 access denied, DMARC", Failed, False, True),
        (554, "5.6.0 content", Failed, False, True),
        (550, "No such user here", Failed, True, False),
        (550, "Recipient address rejected: User unknown", Failed, True, False),
        (550, "mailbox ann@x.example does not exist", Failed, True, False),
        (550, "blocked: spam from unknown user", Failed, False, True),
        (550, "relay not permitted", Failed, False, True),
        (550, "something", Failed, False, False),
        (599, "no such user", Failed, False, False),
        (550, "4.1.1 contradiction: no such user", Failed, True, False),
    ],
)
def test_a_reply_blames_the_address_only_where_it_says_so(
    code: int, text: str, kind: type, is_hard: bool, is_policy: bool
) -> None:
    result = judged(code, text)

    assert isinstance(result, kind)
    if isinstance(result, Failed):
        assert (result.hard_bounce, result.policy) == (is_hard, is_policy)
        assert not judged(code, text, may_blame_recipient=False).hard_bounce  # type: ignore[union-attr]  # it is Failed


@given(st.integers(200, 599), st.text(max_size=80))
def test_the_first_digit_rules_whatever_the_words(code: int, text: str) -> None:
    verdict = classify(code, enhanced_code(code, text), text)

    assert (verdict.kind == "sent") == (code < 300)
    assert verdict.kind != "failed" or code >= 500
    assert not verdict.hard_bounce or verdict.kind == "failed"


@given(st.sampled_from(["5.7.", "5.6."]), st.integers(0, 999), st.text(max_size=40))
def test_policy_and_content_never_suppress_the_person(kind: str, detail: int, text: str) -> None:
    verdict = classify(550, f"{kind}{detail}", text)

    assert verdict.policy
    assert not verdict.hard_bounce
