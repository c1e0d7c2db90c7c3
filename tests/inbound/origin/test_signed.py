"""DKIM signatures: RFC 8463's own mail, each rule broken alone beside a twin that keeps it, and no surprises."""

import base64
import functools
import hashlib
import re
import time
from collections.abc import Callable
from typing import Any

import dkim
import pytest
from dkim.canonicalization import Relaxed, Simple
from hypothesis import given
from hypothesis import strategies as st

from inbound.origin.signed import (
    MOST_FIELDS,
    MOST_MAIL,
    MOST_NAMES,
    Signature,
    SignatureResult,
    check_signatures,
    take_apart,
)
from mailer.keys import public_text
from mailer.signing import Signer
from tests.fakes.zone import Zone
from tests.inbound.origin.signing import (
    DOMAIN,
    FAIL,
    MAIL,
    NAMES,
    NOW,
    PASS,
    PERMERROR,
    POLICY,
    Key,
    check,
    ed25519,
    rsa,
    signature,
    signed,
    zone,
)
from tests.mailer import letters_at_hand

SECONDS = 1.0  # five times the aim of 200 ms, for a busy machine


@pytest.mark.parametrize("form", [b"simple", b"relaxed", b"simple/relaxed", b"relaxed/simple", b"relaxed/relaxed"])
@pytest.mark.parametrize("key", [rsa, functools.partial(rsa, 2048), ed25519])
def test_a_signed_mail_passes(key: Callable[[], Key], form: bytes) -> None:
    """In each canonical form, with each algorithm."""
    found = check(signature(key=key(), c=form) + MAIL, key().record)

    assert found == Signature(DOMAIN, "k1", PASS, "it holds")


FOOTBALL = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""
FOOTBALL_KEYS = Zone(
    {
        ("brisbane._domainkey.football.example.com", "TXT"): [
            "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        ],
        ("test._domainkey.football.example.com", "TXT"): [
            (
                "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdO"
                "Kb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
                "Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
            )
        ],
    }
)


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_the_mail_of_rfc_8463_passes(ends: bytes) -> None:
    """Appendix A.3: both its signatures hold with the keys of A.2, and none once the score is another."""
    mail = FOOTBALL.replace(b"\n", ends)

    found = check_signatures(mail, dns=FOOTBALL_KEYS, now=1528637909)
    forged = check_signatures(mail.replace(b"lost", b"won"), dns=FOOTBALL_KEYS, now=1528637909)

    assert [(one.selector, one.result) for one in found] == [("brisbane", PASS), ("test", PASS)]
    assert [one.result for one in forged] == [FAIL, FAIL]


def test_letters_that_we_sign_ourselves_pass() -> None:
    """Our signer is written on OpenSSL, without dkimpy: two that agree."""
    at = letters_at_hand.NOW
    keys = letters_at_hand.dkim_keys()
    dns = Zone({(f"{key.selector}._domainkey.{key.domain}", "TXT"): [public_text(key)] for key in keys})
    letter = Signer(keys).sign(MAIL, at)

    assert [one.result for one in check_signatures(letter, dns=dns, now=at.timestamp())] == [PASS, PASS]


WHOLE = len(Relaxed.canonicalize_body(MAIL.partition(b"\r\n\r\n")[2]))


@pytest.mark.parametrize(
    ("good", "bad", "result", "why"),
    [
        pytest.param({}, {"names": NAMES[1:]}, PERMERROR, "cover From", id="From is not covered"),
        pytest.param({}, {"v": b"2"}, PERMERROR, "version", id="v="),
        pytest.param({}, {"v": None}, PERMERROR, "version", id="no v="),
        pytest.param({}, {"a": b"rsa-sha1"}, POLICY, "algorithm", id="SHA-1"),
        pytest.param({"length": WHOLE}, {"length": WHOLE - 1}, POLICY, "end of the body", id="l="),
        pytest.param({"length": WHOLE}, {"length": 0}, POLICY, "end of the body", id="l=0"),
        pytest.param({"x": NOW}, {"x": NOW - 1}, POLICY, "expired", id="x="),
        pytest.param({"t": NOW + 3600}, {"t": NOW + 3601}, POLICY, "future", id="t="),
        pytest.param({"t": None}, {"t": b"soon"}, PERMERROR, "read", id="t= is a word"),
        pytest.param({"x": NOW}, {"x": b"9" * 5000}, PERMERROR, "read", id="x= is endless"),
        pytest.param({"i": f"jo@{DOMAIN}"}, {"i": "jo@evil.example"}, PERMERROR, "within d=", id="i= is another"),
        pytest.param({"i": f"@eu.{DOMAIN}"}, {"i": f"@not{DOMAIN}"}, PERMERROR, "within d=", id="i= looks alike"),
        pytest.param({"i": f"@{DOMAIN}"}, {"i": DOMAIN}, PERMERROR, "within d=", id="i= has no @"),
        pytest.param({}, {"bh": None}, PERMERROR, "lacks", id="no bh="),
        pytest.param({}, {"d": None}, PERMERROR, "name its signer", id="no d="),
        pytest.param({}, {"s": None}, PERMERROR, "name its signer", id="no s="),
        pytest.param({}, {"s": "k 1;"}, PERMERROR, "read", id="two tags in one"),
        pytest.param({}, {"s": "k1/x"}, PERMERROR, "name its signer", id="s= is no name"),
        pytest.param({}, {"d": "customer..example"}, PERMERROR, "read", id="d= is no name"),
        pytest.param({}, {"d": "example"}, PERMERROR, "no key", id="d= is above"),
        pytest.param(
            {"names": (*NAMES, *[b"x"] * (MOST_NAMES - 5))}, {"names": (*NAMES, *[b"x"] * (MOST_NAMES - 4))},
            PERMERROR, "more fields", id="h= is long",
        ),
        pytest.param({"z": b"x" * 7000}, {"z": b"x" * 8192}, PERMERROR, "honest", id="the field is long"),
    ],
)  # fmt: skip
def test_a_signature_has_to_keep_each_rule(
    good: dict[str, Any], bad: dict[str, Any], result: SignatureResult, why: str
) -> None:
    """The broken one is signed with the same key, and breaks this rule only."""
    assert check(signed(**good)).result is PASS
    found = check(signed(**bad))
    assert found.result is result
    assert why in found.reason


def test_the_domain_comes_as_lower_case_labels() -> None:
    """RFC 8616 3 lets d= be Unicode; the DNS and DMARC know A-labels."""
    dns = Zone({("k1._domainkey.xn--bcher-kva.example", "TXT"): [rsa().record]})
    (found,) = check_signatures(signed(d="Bücher.Example"), dns=dns, now=NOW)

    assert (found.domain, found.result) == ("xn--bcher-kva.example", PASS)
    assert check(signed(d=DOMAIN.upper())) == Signature(DOMAIN, "k1", PASS, "it holds")


@pytest.mark.parametrize("place", [0, len(MAIL.partition(b"\r\n\r\n")[0]) + 2])
def test_a_second_from_spoils_all(place: int) -> None:
    """Nobody knows which of them a reader would show (RFC 6376 8.15)."""
    mail = MAIL[:place] + b"FROM: chef@customer.example\r\n" + MAIL[place:]
    found = check(signature() + mail)

    assert (found.result, "one From" in found.reason) == (POLICY, True)
    assert "one From" in check(signature(mail, names=(b"from", b"from")) + mail).reason


def test_what_is_added_to_a_counted_body_is_not_signed() -> None:
    """The danger of l= (RFC 6376 8.2)."""
    assert check(signed(length=WHOLE)).result is PASS
    assert check(signed(length=WHOLE) + b"And subscribe me to all else.\r\n").result is POLICY


@pytest.mark.parametrize("form", [b"simple/simple", b"relaxed/relaxed"])
def test_line_ends_are_taken_as_dkimpy_does(form: bytes) -> None:
    """LF counts as CRLF, also mixed, in header and body."""
    mail = signed(c=form)
    mixed = b"".join(part + (b"\r\n" if n % 2 else b"\n") for n, part in enumerate(mail.split(b"\r\n")[:-1]))

    assert check(mail.replace(b"\r\n", b"\n")).result is PASS
    assert check(mixed).result is PASS


@pytest.mark.parametrize("form", [b"simple/simple", b"relaxed/relaxed"])
def test_no_octet_can_be_changed(form: bytes) -> None:
    """Of the whole mail, signature and all; only spare bits at the end of its base64 mean nothing."""
    mail = signed(c=form)
    spare = (found := re.search(rb"b=[^;]*?(.=*)\r\n(?=From)", mail, re.DOTALL)) and range(*found.span(1))
    assert spare
    assert check(mail).result is PASS
    dns = zone(rsa().record)

    for at in set(range(len(mail))) - set(spare):
        for flip in (0x01, 0x80):
            changed = mail[:at] + bytes([mail[at] ^ flip]) + mail[at + 1 :]
            found_out = check_signatures(changed, dns=dns, now=NOW)
            assert all(one.result is not PASS for one in found_out), (at, changed[at - 9 : at + 9])


def test_only_the_topmost_signatures_are_looked_at() -> None:
    """A stranger decides how many there are, not how much work that makes."""
    found = check_signatures(signature() * 9 + MAIL, dns=zone(rsa().record), now=NOW)

    assert [one.result for one in found] == [PASS] * 5


def test_each_signature_is_judged_by_itself() -> None:
    """A broken one spoils no other."""
    mail = b"DKIM-Signature: nonsense\r\n" + signature(s="k2") + signature() + MAIL
    found = check_signatures(mail, dns=zone(rsa().record), now=NOW)

    assert [(one.domain, one.selector, one.result) for one in found] == [
        ("", "", PERMERROR), (DOMAIN, "k2", PERMERROR), (DOMAIN, "k1", PASS),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(MAIL, id="no signature"),
        pytest.param(signature() + b"X: a\rFrom: chef@customer.example\r\n" + MAIL, id="a bare CR"),
        pytest.param(signature() + b"X: a\0\r\n" + MAIL, id="a NUL"),
        pytest.param(signature() + b"X : a\r\n" + MAIL, id="a gap before the colon"),
        pytest.param(signature() + b"no field\r\n" + MAIL, id="a line that is no field"),
        pytest.param(b" folded\r\n" + signature() + MAIL, id="a fold of nothing"),
        pytest.param(signature() + b"X: a\r\n" * MOST_FIELDS + MAIL, id="too many fields"),
        pytest.param(signature() + b"X: " + b"a" * 256 * 1024 + b"\r\n" + MAIL, id="a header too long"),
        pytest.param(signature() + MAIL + b"a" * MOST_MAIL, id="a mail too long"),
    ],
)
def test_no_signature_counts_in_such_a_mail(mail: bytes) -> None:
    """Whatever two readers might read differently, or costs too much."""
    assert check_signatures(mail, dns=zone(rsa().record), now=NOW) == ()


def hostile(body: bytes = b"", *, head: bytes = b"", names: bytes = b"from:subject", form: bytes = b"relaxed") -> bytes:
    """Return a mail with five signatures that keep all rules up to the last and dearest."""
    letter = take_apart(b"From: a@b.example\n\n" + body)
    assert letter is not None
    digest = base64.b64encode(hashlib.sha256(letter.relaxed if form == b"relaxed" else letter.simple).digest())
    field = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/%s; d=%s; s=k1; h=%s; bh=%s; b=AAAA\r\n"
    return field % (form, DOMAIN.encode(), names, digest) * 5 + head + b"From: a@b.example\r\n\r\n" + body


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(signature() * 1500 + MAIL, id="many signatures"),
        pytest.param(signature() * 900 + MAIL, id="nearly as many"),
        pytest.param(b"DKIM-Signature: b=" + b"A" * 1_000_000 + b"\r\n" + MAIL, id="a giant b="),
        pytest.param(b"DKIM-Signature: h=" + b"a:" * 120_000 + b"\r\n" + MAIL, id="a giant h="),
        pytest.param(b"DKIM-Signature: b=" + b"\r\n " * 80_000 + b"\r\n" + MAIL, id="a storm of folds in a signature"),
        pytest.param((b"DKIM-Signature: v=1;" + b" b" + b" " * 62) * 5 + MAIL, id="gaps"),
        pytest.param(
            b"DKIM-Signature: v=1; a=rsa-sha256; d=a.b; s=k1; b=AAAA; z="
            + (b" b" + b"\r\n " * 20) * 100
            + b"\r\n"
            + MAIL,
            id="folds in tags",
        ),
        pytest.param(hostile(head=b"Subject:" + b"\r\n " * 80_000 + b"x\r\n"), id="a storm of folds"),
        pytest.param(hostile(head=b"Subject:" + b"\r\n a" * 60_000 + b"\r\n"), id="a storm of folded words"),
        pytest.param(hostile(head=b"Subject:" + b" a" * 120_000 + b"\r\n"), id="a covered field of words"),
        pytest.param(
            hostile(head=b"x1: a\r\n" * 900, names=b"from:" + b":".join(b"x%d" % n for n in range(125))),
            id="many names",
        ),
        pytest.param(b"a:\n" * 330_000, id="a million octets of fields"),
        pytest.param(hostile(b" " * 1_000_000 + b"x"), id="a body of spaces"),
        pytest.param(hostile(b"\r\n" * 500_000 + b"x"), id="a body of line ends"),
        pytest.param(hostile(b"\n" * 1_000_000), id="a body of line feeds"),
        pytest.param(hostile(b"a \t" * 330_000), id="a body of words"),
        pytest.param(hostile(b"\r" * 1_000_000, form=b"simple"), id="a body of CR"),
    ],
)
def test_no_mail_takes_long(mail: bytes) -> None:
    """Time grows with the octets, not with their square."""
    start = time.thread_time()
    check_signatures(mail, dns=zone(rsa().record), now=NOW)
    assert time.thread_time() - start < SECONDS


pieces = st.sampled_from([
    b"DKIM-Signature:", b"From:", b"v=1;", b"a=rsa-sha256;", b"c=relaxed/relaxed;", b"d=customer.example;", b"s=k1;",
    b"h=from:to;", b"bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;", b"b=AAAA;", b"l=", b"t=", b"i=@", b"\r\n",
    b"\n", b"\r\n ", b"\t", b"\xff", b"\0", b"=", b";", b"9", b"x",
])  # fmt: skip
PUBLIC = rsa().public.encode()
records = st.binary() | st.lists(
    st.sampled_from([b"v=DKIM1;", b"k=rsa;", b"k=ed25519;", b"p=", PUBLIC, b"p=MAA=;", b"p=MAMCAQA=;", b"t=y;"])
).map(b"".join)  # fmt: skip


@given(st.binary(max_size=500) | st.lists(pieces, max_size=60).map(b"".join), records)
def test_any_octets_are_survived(raw: bytes, record: bytes) -> None:
    """In the mail and in the key record; and what is said about them can be shown."""
    for mail in (raw, b"DKIM-Signature: " + raw + b"\r\n" + MAIL, signature() + MAIL):
        for one in check_signatures(mail, dns=zone(record), now=NOW):
            assert len(one.reason) <= 200
            assert (one.reason + one.domain + one.selector).isprintable()


@given(st.text("ab:\t \r\n;=", max_size=60).map(str.encode))
def test_a_mail_is_taken_apart_as_dkimpy_does(raw: bytes) -> None:
    """Where we take it apart at all; of its ways we keep all but the slow ones."""
    letter = take_apart(raw)
    if letter is not None:
        fields, body = dkim.rfc822_parse(raw)
        assert [tuple(field) for field in fields] == list(letter.fields)
        assert letter.simple == Simple.canonicalize_body(body)
        assert letter.relaxed == Relaxed.canonicalize_body(body)


@given(st.text("a \t\r\n", max_size=60).map(str.encode))
def test_bodies_become_canonical_as_with_dkimpy(body: bytes) -> None:
    """RFC 6376 3.4.3 and 3.4.4."""
    letter = take_apart(b"a: b\n\n" + body)
    assert letter is not None
    assert letter.simple == Simple.canonicalize_body(re.sub(rb"\r?\n", b"\r\n", body))
    assert letter.relaxed == Relaxed.canonicalize_body(re.sub(rb"\r?\n", b"\r\n", body))
