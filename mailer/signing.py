"""DKIM: two signatures over the finished bytes, RSA for everybody and Ed25519 for those who know it.

Our own, on OpenSSL, which is some thirty times faster than a pure Python one and lets other threads work. It
never looks at what a letter says, never writes ``l=`` (RFC 6376 8.2: text could be appended) and never signs with SHA-1
or a weak key (RFC 8301). Verifying other people's mail is done in inbound.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from kit.errors import InvalidSettings
from mailer.headers import relaxed_field
from mailer.keys import DkimKey, packed, refuse_weak, unpacked
from mailer.mime import InvalidLetter

VALID_FOR = timedelta(days=14)  # x=: longer than any queue, short against replay (RFC 6376 3.5)

#: Signed once more than they occur, also where they don't, so that none can be added (RFC 6376 5.4.2, 8.15).
OVERSIGNED = (
    b"from", b"sender", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"in-reply-to", b"references",
    b"mime-version", b"content-type", b"content-transfer-encoding", b"auto-submitted",
    b"list-id", b"list-unsubscribe", b"list-unsubscribe-post",  # RFC 8058 4: both have to be covered
    b"cfbl-address", b"cfbl-feedback-id",  # RFC 9477 3.1
)  # fmt: skip
#: Signed where they occur.
SIGNED = (b"list-help", b"list-owner", b"list-post", b"feedback-id", b"x-auto-response-suppress")

SIGNATURES_READ = 5
HEADER_READ = 65_536  # octets
NAMES_READ = 100  # of the h= tag

_SIGNED_VALUE = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")
_WHITE = re.compile(rb"[ \t]{2,}|\t")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:((?:[^\r\n]|\r\n(?=[ \t]))*)\r\n")


@dataclass(frozen=True, slots=True)
class _Lock:
    """A key with what its signatures always begin with."""

    key: DkimKey
    start: bytes  # v=, a=, c=, d=, s=


class Signer:
    """Signs letters with all its keys. It holds no state besides, so many threads may share one."""

    def __init__(self, keys: Sequence[DkimKey], *, using: Collection[str] | None = None) -> None:
        """Take the keys, in the order in which their signatures shall stand; refuse weak ones.

        ``using`` names the algorithms that sign, all by default; with none of them letters leave as they are, for a
        relay that signs. What any of the keys has signed is known all the same.
        """
        if not keys:
            raise InvalidSettings("there is no DKIM key to sign with")
        for key in keys:
            refuse_weak(key)
        self._locks = [
            _Lock(
                key,
                f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed;\r\n"
                f" d={key.domain}; s={key.selector};\r\n".encode("ascii"),
            )
            for key in keys
        ]
        self._made_of = tuple(keys), using
        self._signing = [lock for lock in self._locks if using is None or lock.key.algorithm in using]

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to a process of ours as the keys."""
        keys, using = self._made_of
        return _signer, ([(key.domain, key.selector, packed(key.private)) for key in keys], using)

    def sign(self, content: bytes, now: datetime) -> bytes:
        """Return the letter with one DKIM-Signature field in front for each key.

        The bytes have to be final: with CRLF line ends, to be sent as they are.
        """
        if not self._signing:
            return content
        head, gap, body = content.partition(b"\r\n\r\n")
        if not gap or content.count(b"\r") != content.count(b"\r\n") or content.count(b"\n") != content.count(b"\r\n"):
            raise InvalidLetter("only a letter with CRLF line ends can be signed")
        covered, names = _covered(head + b"\r\n")
        digest = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest())
        signed_at = int(now.timestamp())
        rest = b" t=%d; x=%d;\r\n h=%b;\r\n bh=%b;\r\n b=" % (
            signed_at,
            signed_at + int(VALID_FOR.total_seconds()),
            _folded(names),
            digest,
        )
        shared = hashlib.sha256(covered)
        fields = []
        for lock in self._signing:
            unsigned = lock.start + rest
            hashed = shared.copy()
            hashed.update(relaxed_field(b"dkim-signature", unsigned.partition(b":")[2]))  # RFC 6376 3.7: without CRLF
            fields.append(unsigned + _folded_base64(_signature(lock.key, hashed.digest())) + b"\r\n")
        return b"".join(fields) + content

    def seal(self, *, fixed: Mapping[bytes, bytes], personal: Collection[bytes]) -> "Seal":
        """Return what signs letters that share some header fields (lower-case name to value) and differ in others."""
        return Seal(self._signing, fixed, personal)

    def has_signed(self, head: bytes) -> bool:
        """Say whether a letter's header (with CRLF line ends) bears a signature of one of these keys.

        The body isn't looked at: who returns a letter often keeps the header alone. It never raises on a stranger's
        input; at most :data:`SIGNATURES_READ` signatures are checked.
        """
        fields = [(found[1].lower(), found[2]) for found in _FIELD.finditer(head[:HEADER_READ])]
        signatures = [value for name, value in fields if name == b"dkim-signature"][:SIGNATURES_READ]
        return any(_is_signed(fields, value, lock.key) for value in signatures for lock in self._locks)


def _signer(keys: Sequence[tuple[str, str, bytes]], using: Collection[str] | None) -> Signer:
    return Signer([DkimKey(domain, selector, unpacked(der)) for domain, selector, der in keys], using=using)


class Seal:
    """Signs letters of one kind, whose fields are known beforehand: what all their signatures share is made once.

    The result is that of :meth:`Signer.sign` but for the order of the names in h=: shared fields come first, so that
    their part of the hash is carried over.
    """

    def __init__(self, locks: Sequence[_Lock], fixed: Mapping[bytes, bytes], personal: Collection[bytes]) -> None:
        """Take the keys, the shared fields, and the names of the others in the order in which they will be given."""
        shared = [name for name in (*OVERSIGNED, *SIGNED) if name in fixed]
        unsigned = {*fixed, *personal} - {*OVERSIGNED, *SIGNED} | ({b"from"} - {*fixed, *personal})
        if unsigned or len({*fixed, *personal}) != len(fixed) + len(personal):
            raise InvalidLetter("not each header would be signed once")
        self._names = _folded([*shared, *personal, *OVERSIGNED])
        self._hashed = hashlib.sha256(b"".join(relaxed_field(name, fixed[name]) + b"\r\n" for name in shared))
        self._locks = locks
        self._of_second: tuple[int, list[tuple[DkimKey, bytes, bytes]]] = (-1, [])

    def fields(self, personal: bytes, body: bytes, now: datetime) -> bytes:
        """Return the DKIM-Signature fields of a letter.

        ``personal`` holds its own fields in relaxed form, each with CRLF, and ``body`` is in relaxed form as it is
        (RFC 6376 3.4.4): no white space at a line's end, no two blanks together, no empty line at the end.
        """
        if not self._locks:
            return b""
        digest = binascii.b2a_base64(hashlib.sha256(body).digest(), newline=False)
        hashed = self._hashed.copy()
        hashed.update(personal)
        fields = []
        for key, start, relaxed_start in self._starts(int(now.timestamp())):
            complete = hashed.copy()
            complete.update(b"%b%b; b=" % (relaxed_start, digest))  # RFC 6376 3.7: without CRLF
            signature = _folded_base64(_signature(key, complete.digest()))
            fields.append(b"%b%b;\r\n b=%b\r\n" % (start, digest, signature))
        return b"".join(fields)

    def _starts(self, second: int) -> list[tuple[DkimKey, bytes, bytes]]:
        """Return for each key what its signatures of this second begin with, as it is written and in relaxed form."""
        known, starts = self._of_second
        if known != second:
            times = b" t=%d; x=%d;\r\n" % (second, second + int(VALID_FOR.total_seconds()))
            written = [lock.start + times + b" h=" + self._names + b";\r\n bh=" for lock in self._locks]
            starts = [
                (lock.key, start, relaxed_field(b"dkim-signature", start.partition(b":")[2]))
                for lock, start in zip(self._locks, written, strict=True)
            ]
            self._of_second = second, starts
        return starts


def _is_signed(fields: Sequence[tuple[bytes, bytes]], signature: bytes, key: DkimKey) -> bool:
    tags = {
        name.strip(): b"".join(value.split()) for name, _, value in (t.partition(b"=") for t in signature.split(b";"))
    }
    wanted = {b"a": key.algorithm, b"d": key.domain, b"s": key.selector, b"c": "relaxed/relaxed"}
    if any(tags.get(tag, b"").decode("ascii", "replace").lower() != value.lower() for tag, value in wanted.items()):
        return False
    left = list(fields)
    covered = b""
    for name in tags.get(b"h", b"").lower().split(b":")[:NAMES_READ]:  # RFC 6376 5.4.2: from the bottom up
        place = next((n for n in range(len(left) - 1, -1, -1) if left[n][0] == name), None)
        if place is not None:
            covered += relaxed_field(*left.pop(place)) + b"\r\n"
    emptied = _SIGNED_VALUE.sub(rb"\1", signature)
    hashed = hashlib.sha256(covered + relaxed_field(b"dkim-signature", emptied)).digest()
    try:
        octets = base64.b64decode(tags.get(b"b", b""), validate=True)
        if isinstance(key.private, Ed25519PrivateKey):
            key.private.public_key().verify(octets, hashed)
        else:
            key.private.public_key().verify(octets, hashed, PKCS1v15(), Prehashed(SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True


def relaxed_body(body: bytes) -> bytes:
    """Return a body in the relaxed form (RFC 6376 3.4.4): runs of white space single, none at line ends."""
    if b"  " in body or b"\t" in body:
        body = _WHITE.sub(b" ", body)
    body = body.replace(b" \r\n", b"\r\n").rstrip(b"\r\n")
    return body.removesuffix(b" ") + b"\r\n" if body else b""


def _covered(head: bytes) -> tuple[bytes, list[bytes]]:
    """Return the header fields to hash, in relaxed form, and their names in the order of the h= tag.

    A name that stands there more often than the field adds nothing to the hash (RFC 6376 5.4.2).
    """
    present: dict[bytes, bytes] = {}
    for found in _FIELD.finditer(head):
        name = found[1].lower()
        if name in present:
            raise InvalidLetter("a header that is to be signed is there twice")
        present[name] = found[2]
    signed = [name for name in (*OVERSIGNED, *SIGNED) if name in present]
    if b"from" not in present:  # RFC 6376 5.4
        raise InvalidLetter("a letter without From can't be signed")
    covered = b"".join(relaxed_field(name, present[name]) + b"\r\n" for name in signed)
    return covered, [*signed, *OVERSIGNED]


def _signature(key: DkimKey, digest: bytes) -> bytes:
    """Return the signature over a SHA-256 digest."""
    if isinstance(key.private, Ed25519PrivateKey):
        return key.private.sign(digest)  # RFC 8463 3: PureEdDSA over the hash
    return key.private.sign(digest, PKCS1v15(), Prehashed(SHA256()))


def _folded(names: list[bytes]) -> bytes:
    """Return the names joined by colons, folded behind some of them (RFC 6376 3.5: FWS is allowed there)."""
    lines, line = [], b""
    for name in names:
        if len(line) + len(name) > 70:  # the line stays within 78 characters
            lines.append(line)
            line = b""
        line += name + b":"
    return b"\r\n  ".join([*lines, line])[:-1]


def _folded_base64(octets: bytes) -> bytes:
    text = base64.b64encode(octets)
    return b"\r\n  ".join(text[at : at + 72] for at in range(0, len(text), 72))
