"""The DKIM signatures of a mail, each judged by itself (RFC 6376, 8301, 8463).

dkimpy hashes the header and verifies. What it is given is bounded and checked here first: its patterns take the square
of the length of a stranger's white space, it looks at the clock by itself, and it leaves much of a key record unread.
"""

import base64
import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import dkim
from dkim.crypto import parse_public_key
from dkim.util import parse_tag_value

from kit.addresses import domain_to_ascii
from kit.dns import Dns, DnsTrouble

MOST_MAIL = 10 * 1024 * 1024  # octets
MOST_HEADER = 256 * 1024  # octets of the whole header block
MOST_FIELDS = 1_000
MOST_SIGNATURES = 5
MOST_FIELD = 8 * 1024  # octets of one signature field
MOST_NAMES = 128  # in h=
MOST_RECORD = 4 * 1024  # octets of a key record
KEY_BITS = range(1024, 4097)  # RFC 8301 3.2
EARLY = 3600  # seconds by which a signer's clock may be ahead

#: The algorithms that count, each with the kind of its key (RFC 8301 3.1, RFC 8463 4).
ALGORITHMS = {b"rsa-sha256": b"rsa", b"ed25519-sha256": b"ed25519"}

_FIELD = re.compile(rb"([!-9;-~]+):(.*)", re.DOTALL)
_CONTROL = re.compile(rb"[\0\v\f\r]")  # readers differ on what they are; dkimpy takes some for white space
_LONG_GAP = re.compile(rb"\s{65}")
_SELECTOR = re.compile(r"[\w.-]{1,128}", re.ASCII)
_SILENT = logging.Logger("dkimpy", logging.CRITICAL)  # noqa: LOG001 - dkimpy would log a stranger's words

Field = tuple[bytes, bytes]  # the name, and the value with its folds and its line end
Tags = dict[bytes, bytes]


class SignatureResult(StrEnum):
    """The results of RFC 8601 2.7.1; policy is a signature that may well hold, but that we don't trust."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    POLICY = "policy"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed (lower-case A-labels; empty where that can't be read), what came out, and why."""

    domain: str
    selector: str
    result: SignatureResult
    reason: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail taken apart: its header fields, and its body in the two canonical forms of RFC 6376 3.4.3 and 3.4.4."""

    fields: tuple[Field, ...]
    simple: bytes
    relaxed: bytes


class Refused(Exception):
    """A signature does not count: why, and the result."""


def check_signatures(raw: bytes, *, dns: Dns, now: float) -> tuple[Signature, ...]:
    """Check the topmost signatures of a received mail, at ``now`` (seconds since 1970). It never raises.

    There are none in a mail beyond the limits, or with a header that two readers might read differently.
    """
    letter = take_apart(raw)
    if letter is None:
        return ()
    found = [field for field in letter.fields if field[0].lower() == b"dkim-signature"]
    return tuple(_check(letter, field, dns, now) for field in found[:MOST_SIGNATURES])


def _check(letter: Letter, field: Field, dns: Dns, now: float) -> Signature:
    domain = selector = ""

    def steps() -> None:
        nonlocal domain, selector
        tags = read_tags(field)
        domain, selector = signer(tags)
        insist(tags.get(b"v") == b"1", "its version is not 1")
        _, at, place = tags.get(b"i", b"@" + domain.encode()).decode().rpartition("@")
        identity = domain_to_ascii(place)
        insist(at and f".{identity}".endswith(f".{domain}"), "i= is not within d=")
        check_message(letter, field, tags, dns=dns, identity=identity, now=now)

    result, reason = outcome(steps)
    return Signature(domain, selector, result, reason)


def outcome(steps: Callable[[], None]) -> tuple[SignatureResult, str]:
    """Take the steps of a check, and say what came out and why, in words of our own."""
    try:
        steps()
    except Refused as refused:
        result, reason = refused.args
        return result, reason
    except DnsTrouble:
        return SignatureResult.TEMPERROR, "the DNS did not say what its key is"
    except Exception as trouble:  # noqa: BLE001 - a stranger's octets may find a fault of a library, never stop us
        return SignatureResult.PERMERROR, f"it can't be read ({type(trouble).__name__})"
    return SignatureResult.PASS, "it holds"


def insist(holds: object, otherwise: str, result: SignatureResult = SignatureResult.PERMERROR) -> None:
    """Refuse a signature that breaks a rule."""
    if not holds:
        raise Refused(result, otherwise)


def take_apart(raw: bytes) -> Letter | None:
    """Take a mail apart as dkimpy does, LF counting as CRLF, but in linear time; None where that can't be done."""
    text = raw.replace(b"\r\n", b"\n") if len(raw) <= MOST_MAIL else b""
    head, _, body = text.partition(b"\n\n")
    if len(head) > MOST_HEADER or _CONTROL.search(head):
        return None
    lines = re.split(rb"\n(?![ \t])", head.removesuffix(b"\n"), maxsplit=MOST_FIELDS)
    found = [field for line in lines if (field := _FIELD.fullmatch(line))]
    if len(found) < len(lines) or len(lines) > MOST_FIELDS:
        return None
    relaxed = body.replace(b"\t", b" ")
    while b"  " in relaxed:  # halves each run
        relaxed = relaxed.replace(b"  ", b" ")
    simple, relaxed = body.rstrip(b"\n"), relaxed.replace(b" \n", b"\n").rstrip(b"\n")
    return Letter(
        tuple((field[1], field[2].replace(b"\n", b"\r\n") + b"\r\n") for field in found),
        simple.replace(b"\n", b"\r\n") + b"\r\n",
        relaxed.replace(b"\n", b"\r\n") + b"\r\n" if relaxed else b"",
    )


def read_tags(field: Field) -> Tags:
    """Read a list of tags (RFC 6376 3.2), without any white space: none of it means anything."""
    insist(len(field[1]) <= MOST_FIELD and not _LONG_GAP.search(field[1]), "it is longer than an honest one")
    tags: Tags = parse_tag_value(b"".join(field[1].split()))
    return tags


def signer(tags: Tags) -> tuple[str, str]:
    """Return the domain and the selector."""
    selector = tags.get(b"s", b"").decode()
    insist(b"d" in tags and _SELECTOR.fullmatch(selector), "it does not name its signer")
    return domain_to_ascii(tags[b"d"].decode()), selector


def check_message(
    letter: Letter, field: Field, tags: Tags, *, dns: Dns, identity: str, now: float | None = None
) -> None:
    """Check a signature over header and body, or refuse it; without ``now``, time is left out."""
    policy = SignatureResult.POLICY
    insist({b"a", b"b", b"bh", b"h"} <= tags.keys(), "it lacks a tag that it needs")
    insist(tags[b"a"] in ALGORITHMS, "its algorithm is none that we trust", policy)
    names = tags[b"h"].lower().split(b":")
    insist(len(names) <= MOST_NAMES, "it covers more fields than an honest one")
    insist(b"from" in names, "it does not cover From")  # RFC 6376 5.4
    insist([name.lower() for name, _ in letter.fields].count(b"from") == 1, "the mail has not one From", policy)
    signed, expires, length = (int(tags[tag]) if tag in tags else None for tag in (b"t", b"x", b"l"))
    if now is not None:
        insist(expires is None or now <= expires, "it has expired", policy)
        insist(signed is None or signed <= now + EARLY, "it was made in the future", policy)
    body = letter.relaxed if tags.get(b"c", b"").endswith(b"/relaxed") else letter.simple
    insist(length is None or length >= len(body), "it leaves out the end of the body", policy)  # RFC 6376 8.2
    digest = base64.b64decode(tags[b"bh"], validate=True)
    insist(digest == hashlib.sha256(body).digest(), "the body was changed", SignatureResult.FAIL)
    covered = [field for field in letter.fields if field[0].lower() in names]
    check_header(covered, names, field, tags, dns=dns, identity=identity)


def check_header(
    fields: Sequence[Field], names: Sequence[bytes], field: Field, tags: Tags, *, dns: Dns, identity: str
) -> None:
    """Check a signature over the fields that the names select from the bottom up (RFC 6376 5.4.2), or refuse it."""
    record = _key_record(tags, dns, identity)
    checker = dkim.DKIM(logger=_SILENT)
    checker.headers = list(fields)
    without_body = {tag: value for tag, value in tags.items() if tag != b"bh"}  # dkimpy would hash it once more
    holds = checker.verify_sig(without_body, list(names), field, lambda *_, **__: record)
    insist(holds, "a field that it covers was changed, or another key made it", SignatureResult.FAIL)


def _key_record(tags: Tags, dns: Dns, identity: str) -> bytes:
    """Return what dkimpy needs of the key record, or refuse a key that may not sign this (RFC 6376 3.6.1, 6.1.2)."""
    domain, selector = signer(tags)
    records = dns.texts(f"{selector}._domainkey.{domain}")
    insist(len(records) == 1 and len(records[0]) <= MOST_RECORD, "there is no key, or more than one")
    record: Tags = parse_tag_value(b"".join(records[0].split()))
    kind, key = record.get(b"k", b"rsa"), record[b"p"]
    flags = record.get(b"t", b"").split(b":")
    insist(record.get(b"v", b"DKIM1") == b"DKIM1", "its key is of another version")
    insist(key, "its key was revoked")
    insist(kind == ALGORITHMS.get(tags[b"a"]), "its key is for another algorithm")
    insist(b"sha256" in record.get(b"h", b"sha256").split(b":"), "its key is for another hash")
    insist({b"*", b"email"} & {*record.get(b"s", b"*").split(b":")}, "its key is not for mail")
    insist(b"s" not in flags or identity == domain, "its key is not for subdomains")
    insist(b"y" not in flags, "its key is on trial", SignatureResult.POLICY)
    octets = base64.b64decode(key, validate=True)
    if kind == b"rsa":
        numbers = parse_public_key(octets)
        fits = numbers["modulus"].bit_length() in KEY_BITS and numbers["publicExponent"] < 2**32
        insist(fits, "its key is too short or too long", SignatureResult.POLICY)
    insist(kind == b"rsa" or len(octets) == 32, "its key is broken")
    return b"v=DKIM1; k=" + kind + b"; p=" + key
