"""Published keys of DKIM: each rule of RFC 6376 3.6, 8301 and 8463 broken alone beside a twin that keeps it."""

import base64

import pytest

from inbound.origin.signed import SignatureResult, check_signatures
from kit.dns import DnsTrouble
from tests.inbound.origin.signing import (
    DOMAIN,
    NOW,
    PASS,
    PERMERROR,
    POLICY,
    TEMPERROR,
    check,
    ed25519,
    rsa,
    signed,
    zone,
)

KEY = rsa().public


@pytest.mark.parametrize(
    ("good", "bad", "result", "why"),
    [
        pytest.param(f"p={KEY}", "p=", PERMERROR, "revoked", id="revoked"),
        pytest.param(f"p={KEY}", "v=DKIM1; k=rsa", PERMERROR, "read", id="no p="),
        pytest.param(f"v=DKIM1; p={KEY}", f"v=DKIM2; p={KEY}", PERMERROR, "version", id="v="),
        pytest.param(f"t=s; p={KEY}", f"t=s:y; p={KEY}", POLICY, "trial", id="t=y"),
        pytest.param(f"k=rsa; p={KEY}", f"k=ed25519; p={KEY}", PERMERROR, "another algorithm", id="k="),
        pytest.param(f"s=tlsrpt : email; p={KEY}", f"s=tlsrpt; p={KEY}", PERMERROR, "mail", id="s="),
        pytest.param(f"s=*; p={KEY}", f"s=; p={KEY}", PERMERROR, "mail", id="s= is empty"),
        pytest.param(f"h=sha1 : sha256; p={KEY}", f"h=sha1; p={KEY}", PERMERROR, "hash", id="h="),
        pytest.param(f"p={KEY[:99]} {KEY[99:]}", f"p={KEY[:99]}\\{KEY[99:]}", PERMERROR, "read", id="p= is broken"),
        pytest.param(f"p={KEY}", f"p={KEY[:80]}", PERMERROR, "read", id="p= is cut off"),
        pytest.param(f"p={KEY}", "v=spf1 -all", PERMERROR, "read", id="no key at all"),
        pytest.param(f"p={KEY}; n={'x' * 3000}", f"p={KEY}; n={'x' * 5000}", PERMERROR, "no key", id="long record"),
        pytest.param(f"p={KEY}", f"p={KEY}; p={KEY}", PERMERROR, "read", id="p= twice"),
        pytest.param(f"p={KEY}", DnsTrouble("timeout"), TEMPERROR, "DNS", id="no answer"),
    ],
)
def test_a_key_has_to_keep_each_rule(good: str, bad: object, result: SignatureResult, why: str) -> None:
    """The mail is the same; only what is published differs."""
    assert check(signed(), good).result is PASS
    found = check(signed(), bad)
    assert found.result is result
    assert why in found.reason
    assert (found.domain, found.selector) == (DOMAIN, "k1")


def test_a_key_stands_there_once() -> None:
    """RFC 6376 3.6.2.2 leaves it open which of two would count."""
    assert [one.result for one in check_signatures(signed(), dns=zone(), now=NOW)] == [PERMERROR]
    assert check(signed(), rsa().record, rsa().record).result is PERMERROR


def test_a_key_for_no_subdomains_signs_for_none() -> None:
    """t=s (RFC 6376 3.6.1)."""
    subdomain, itself = (signed(i=f"@{place}{DOMAIN}") for place in ("eu.", ""))

    assert check(subdomain).result is PASS
    assert check(itself, f"t=s; p={KEY}").result is PASS
    assert "subdomains" in check(subdomain, f"t=s; p={KEY}").reason


@pytest.mark.parametrize(("bits", "result"), [(512, POLICY), (1024, PASS), (2048, PASS), (4224, POLICY)])
def test_a_key_is_neither_weak_nor_a_burden(bits: int, result: SignatureResult) -> None:
    """RFC 8301 3.2."""
    assert check(signed(key=rsa(bits)), rsa(bits).record).result is result


def test_an_exponent_is_no_burden_either() -> None:
    """A power with an exponent of thousands of bits takes long."""
    numbers = bytes.fromhex("02818100") + b"\xff" * 128 + bytes.fromhex("028180") + b"\x7f" * 128
    record = "p=" + base64.b64encode(bytes.fromhex("308201") + bytes([len(numbers) - 256]) + numbers).decode()

    assert check(signed(), record).result is POLICY


def test_an_ed25519_key_has_its_length() -> None:
    """RFC 8463 4.2."""
    key = ed25519()
    assert check(signed(key=key), key.record).result is PASS
    assert check(signed(key=key), "k=ed25519; p=AAAA").result is PERMERROR
    assert check(signed(key=key), f"k=ed25519; p={base64.b64encode(bytes(32)).decode()}").result is not PASS
