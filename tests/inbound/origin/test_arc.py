"""ARC chains of one to fifty sets, and what is done to them on the way."""

import functools
import re
import time
from collections.abc import Callable, Collection
from typing import Any

import dkim
import pytest
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import HASH_ALGORITHMS
from hypothesis import given
from hypothesis import strategies as st

from inbound.origin.arc import MOST_SETS, Chain, ChainResult, check_chain
from inbound.origin.results import MethodResult
from kit.dns import DnsTrouble
from tests.fakes.zone import Zone
from tests.inbound.origin.signing import MAIL, NAMES, NOW, ed25519, rsa, signature

PASS, FAIL, TEMPERROR = ChainResult.PASS, ChainResult.FAIL, ChainResult.TEMPERROR
LIST = "lists.example"
SECONDS = 1.0  # five times the aim of 200 ms, for a busy machine


def sealed(mail: bytes, instance: int, *, domain: str = LIST, message: Any = None, **changed: Any) -> bytes:
    """Put one more set on a mail, hashed by dkimpy; ``message`` and ``changed`` are tags of its two signatures."""
    noted = b"ARC-Authentication-Results: i=%d; mx.%s;\r\n dmarc=pass header.from=customer.example\r\n" % (
        instance, domain.encode(),
    )  # fmt: skip
    how: dict[str, Any] = {"v": None, "i": instance, "d": domain, **(message or {})}
    noted_and_signed = signature(mail, name=b"ARC-Message-Signature", **how) + noted + mail
    sealer = dkim.DKIM(noted_and_signed)
    sealer.hasher = HASH_ALGORITHMS[b"rsa-sha256"]
    kinds = [b"arc-authentication-results", b"arc-message-signature", b"arc-seal"]
    tags = {"i": instance, "a": b"rsa-sha256", "t": NOW, "cv": b"pass" if instance > 1 else b"none", "d": domain,
            "s": "k1", **changed, "b": b"0" * 60}  # fmt: skip
    fields = [(tag.encode(), value if isinstance(value, bytes) else str(value).encode()) for tag, value in tags.items()]
    relaxed = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
    seal: bytes = sealer.gen_header(fields, (kinds * instance)[:-1], relaxed, b"ARC-Seal", rsa().private)
    return b"ARC-Seal: " + seal + noted_and_signed


@functools.cache
def chained(sets: int) -> bytes:
    """Return a mail that went through so many forwarders, the last of them the list."""
    mail = MAIL
    for instance in range(1, sets + 1):
        mail = sealed(mail, instance, domain=LIST if instance == sets else f"hop{instance}.example")
    return mail


def zone(**others: object) -> Zone:
    places = [LIST, *(f"hop{n}.example" for n in range(1, MOST_SETS + 2))]
    keys = {(f"k1._domainkey.{place}", "TXT"): [others.get(place.partition(".")[0], rsa().record)] for place in places}
    return Zone(keys)


def check(raw: bytes, dns: Zone | None = None, sealers: Collection[str] = (LIST,)) -> Chain:
    chain = check_chain(raw, dns=dns or zone(), sealers=sealers)
    assert chain is not None
    return chain


@pytest.mark.parametrize("sets", [1, 2, 3])
def test_a_whole_chain_passes(sets: int) -> None:
    """And says what its newest sealer found."""
    chain = check(chained(sets))

    assert (chain.result, chain.sealer, chain.trusted) == (PASS, LIST, True)
    assert chain.results.server == f"mx.{LIST}"
    assert chain.results.found == (MethodResult("dmarc", "pass", {"header.from": "customer.example"}),)


@pytest.mark.parametrize("sealers", [(), ("hop1.example",), ("example",), (f"a.{LIST}",), (LIST[1:],)])
def test_only_named_sealers_are_trusted(sealers: tuple[str, ...]) -> None:
    """Anybody can seal anything; a chain that holds shows only who did."""
    chain = check(chained(2), sealers=sealers)

    assert (chain.result, chain.sealer, chain.trusted) == (PASS, LIST, False)


def test_a_mail_without_a_set_has_no_chain() -> None:
    """Nor has one that can't be read."""
    assert check_chain(MAIL, dns=zone(), sealers=[LIST]) is None
    assert check_chain(b"", dns=zone(), sealers=[LIST]) is None
    assert check_chain(b"a\rb: c\r\n" + chained(1), dns=zone(), sealers=[LIST]) is None


def test_an_older_forwarder_may_have_changed_the_body() -> None:
    """Only the newest message signature has to hold (RFC 8617 5.2): a list adds its footer."""
    mail = sealed(sealed(MAIL, 1, domain="hop1.example") + b"-- \r\nthe list\r\n", 2)

    assert check(mail).trusted


def test_the_order_of_the_fields_means_nothing() -> None:
    """Their numbers do; some servers sort them otherwise."""
    fields = re.findall(rb"ARC-[^:]+:.*?\r\n(?=\S)", chained(3), re.DOTALL)
    assert len(fields) == 9

    assert check(b"".join(reversed(fields)) + MAIL).trusted
    assert check(b"".join(sorted(fields)).replace(b"ARC-Seal:", b"Arc-seal:") + MAIL).trusted


def without(kind: bytes, instance: int) -> Callable[[bytes], bytes]:
    return lambda mail: re.sub(rb"ARC-%s: i=%d;.*?\r\n(?=\S)" % (kind, instance), b"", mail, flags=re.DOTALL)


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda mail: mail.replace(old, new, 1)


def resealed(mail: bytes) -> bytes:
    return re.sub(rb"(ARC-Seal: i=1;.*?\bb=)", rb"\1AAAA", mail, flags=re.DOTALL)


def on_top(field: bytes) -> Callable[[bytes], bytes]:
    return lambda mail: field + mail


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(replaced(b"Please", b"Please  don't"), "body", id="the body"),
        pytest.param(replaced(b"Subject: No", b"Subject: Know"), "changed", id="the subject"),
        pytest.param(replaced(b"header.from=customer", b"header.from=bank"), "changed", id="results"),
        pytest.param(replaced(b"i=1; mx.hop1.example", b"i=1; mx.hop2.example"), "changed", id="old results"),
        pytest.param(resealed, "changed", id="an old seal"),
        pytest.param(replaced(b"cv=pass", b"cv=none"), "broken", id="cv=none"),
        pytest.param(replaced(b"cv=pass", b"cv=fail"), "broken", id="cv=fail"),
        pytest.param(replaced(b"cv=none", b"cv=pass"), "broken", id="cv=pass at the start"),
        pytest.param(replaced(b"cv=pass", b"cx=pass"), "broken", id="no cv="),
        *(pytest.param(without(kind, n), "lacks|read", id=f"no {kind.decode()} {n}")
          for n in (1, 2, 3) for kind in (b"Seal", b"Message-Signature", b"Authentication-Results")),
        pytest.param(on_top(b"ARC-Seal: i=3; cv=pass\r\n"), "twice", id="a seal twice"),
        pytest.param(on_top(b"ARC-Authentication-Results: i=3; mx.lists.example\r\n"), "twice", id="results twice"),
        pytest.param(on_top(b"ARC-Authentication-Results: mx.lists.example; dmarc=pass\r\n"), "number", id="no number"),
        pytest.param(on_top(b"ARC-Authentication-Results: i=0; mx.lists.example\r\n"), "number", id="i=0"),
        pytest.param(on_top(b"ARC-Seal: i=51; cv=pass\r\n"), "number", id="i=51"),
        pytest.param(on_top(b"ARC-Seal: i=9999999999; cv=pass\r\n"), "number", id="i= is long"),
        pytest.param(on_top(b"ARC-Seal: i=5; cv=pass\r\n"), "lacks", id="a gap"),
        pytest.param(on_top(b"ARC-Seal: nonsense\r\n"), "read", id="no tags"),
        pytest.param(on_top(b"From: chef@bank.example\r\n"), "one From", id="a second From"),
        pytest.param(on_top(b"ARC-Seal: i=4; z=" + b"x" * 9000 + b"\r\n"), "honest", id="a long field"),
        pytest.param(on_top(b"ARC-Authentication-Results: i=4;" + b"x" * 65536 + b"\r\n"), "honest", id="a long chain"),
    ],
)  # fmt: skip
def test_a_chain_that_was_touched_fails(change: Callable[[bytes], bytes], why: str) -> None:
    """And what it says is not handed on."""
    changed = change(chained(3))
    chain = check(changed)

    assert changed != chained(3)
    assert (chain.result, chain.trusted, chain.results.found) == (FAIL, False, ())
    assert re.search(why, chain.reason)


@pytest.mark.parametrize(
    ("seal", "message"),
    [
        pytest.param({"cv": b"fail"}, {}, id="the sealer found it broken"),
        pytest.param({"cv": b"none"}, {}, id="the sealer began anew"),
        pytest.param({"h": b"from"}, {}, id="a seal with h="),
        pytest.param({"a": b"rsa-sha1"}, {}, id="a seal says SHA-1"),
        pytest.param({"s": "k2"}, {}, id="a seal with no key"),
        pytest.param({}, {"s": "k2"}, id="a message signature with no key"),
        pytest.param({}, {"names": (*NAMES, b"arc-seal")}, id="a message signature covers seals"),
        pytest.param({}, {"names": NAMES[1:]}, id="a message signature without From"),
        pytest.param({}, {"length": 0}, id="a message signature without the body"),
        pytest.param({}, {"a": b"rsa-sha1"}, id="a message signature with SHA-1"),
        pytest.param({}, {"key": ed25519()}, id="a message signature of another key"),
    ],
)
def test_a_set_has_to_keep_each_rule(seal: dict[str, Any], message: dict[str, Any]) -> None:
    """Sealed with the right key, and refused; the twin passes."""
    assert check(sealed(chained(1), 2)).trusted
    assert check(sealed(chained(1), 2, message=message, **seal)).result is FAIL


@pytest.mark.parametrize("hop", ["lists", "hop1"])
def test_the_keys_of_all_sealers_are_needed(hop: str) -> None:
    """Also of the oldest; and a DNS that is silent accuses nobody."""
    assert check(chained(2), zone(**{hop: "v=DKIM1; p="})).result is FAIL
    assert check(chained(2), zone(**{hop: DnsTrouble("timeout")})).result is TEMPERROR
    assert not check(chained(2), zone(**{hop: DnsTrouble("timeout")})).trusted


def test_a_stranger_cannot_seal_behind_a_trusted_one() -> None:
    """He may tell another story in a set of his own, but it is his."""
    chain = check(sealed(chained(1), 2, domain="hop2.example"))

    assert (chain.result, chain.sealer, chain.trusted) == (PASS, "hop2.example", False)
    assert check(sealed(chained(1), 2, d="hop2.example")).sealer == "hop2.example"


def test_a_chain_has_fifty_sets_at_most() -> None:
    """RFC 8617 4.2.1; and the longest takes no long time."""
    longest = chained(MOST_SETS)
    start = time.thread_time()
    assert check(longest).trusted
    assert time.thread_time() - start < SECONDS

    assert check(sealed(longest, MOST_SETS + 1)).result is FAIL


def test_no_octet_of_a_set_can_be_changed() -> None:
    """But for line ends and spare bits of base64, whatever is changed breaks the chain."""
    mail = chained(2)
    dns = zone()
    end = mail.index(b"From: Jo")
    spare = {
        at for found in re.finditer(rb"b=[^;]*?(.=*)\r\n(?=ARC|From)", mail, re.DOTALL) for at in range(*found.span(1))
    }
    assert check(mail, dns).trusted

    for at in set(range(end)) - spare:
        chain = check_chain(mail[:at] + bytes([mail[at] ^ 1]) + mail[at + 1 :], dns=dns, sealers=[LIST])
        assert chain is None or not chain.trusted, (at, mail[at - 9 : at + 9])


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(b"ARC-Seal: i=1\r\n" * 300 + chained(1), id="many seals"),
        pytest.param(b"ARC-Seal:" + b"\r\n " * 80_000 + b"\r\n" + chained(1), id="a storm of folds"),
        pytest.param(b"ARC-Authentication-Results:" + b" i" * 60_000 + b"\r\n" + chained(1), id="no number for long"),
        pytest.param(chained(50) + b" " * 1_000_000 + b"x", id="a body of spaces"),
        pytest.param(sealed(MAIL.replace(b"Jo <", b"Jo" + b" x" * 100_000 + b" <"), 1), id="a signed field of words"),
    ],
)
def test_no_chain_takes_long(mail: bytes) -> None:
    """Time grows with the octets, not with their square."""
    start = time.thread_time()
    check(mail)
    assert time.thread_time() - start < SECONDS


pieces = st.sampled_from([
    b"ARC-Seal:", b"ARC-Message-Signature:", b"ARC-Authentication-Results:", b" i=1;", b" i=2;", b"cv=none;",
    b"cv=pass;", b"a=rsa-sha256;", b"d=lists.example;", b"s=k1;", b"h=from;",
    b"bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;",
    b"b=AAAA;", b"From: a@b.example", b"\r\n", b"\n", b"\r\n ", b"\xff", b"=", b";", b"mx.example; dmarc=pass",
])  # fmt: skip


@given(st.binary(max_size=300) | st.lists(pieces, max_size=60).map(b"".join), st.binary(max_size=60))
def test_any_octets_are_survived(raw: bytes, record: bytes) -> None:
    """In the mail and in the key record; and nothing of it is trusted."""
    for mail in (raw, b"ARC-Seal: i=1;" + raw + b"\r\n" + chained(1), chained(1)):
        chain = check_chain(mail, dns=zone(lists=record), sealers=[LIST])
        assert chain is None or (not chain.trusted and chain.reason.isprintable())
