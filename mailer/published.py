"""Our DKIM keys as the world sees them: whether the records in the DNS fit the keys that we sign with.

It asks the DNS that it is given and changes nothing; what is to be published is in :mod:`mailer.keys`.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kit.dns import Dns, DnsTrouble
from mailer.keys import RSA_BITS, DkimKey

UNASKED = "could not be asked"  # how a fault ends that is one of the DNS, so that trying again can help


def faults(keys: Sequence[DkimKey], dns: Dns) -> tuple[str, ...]:
    """Return what is wrong with the published records of these keys, each fault in plain words; nothing if all fit."""
    return tuple(f"{_name(key)} {fault}" for key in keys for fault in _faults(key, dns))


def _name(key: DkimKey) -> str:
    """Return where a key is published (RFC 6376 3.6.2.1)."""
    return f"{key.selector}._domainkey.{key.domain}"


def _faults(key: DkimKey, dns: Dns) -> Iterator[str]:
    try:
        texts = dns.texts(_name(key))
    except DnsTrouble:
        yield UNASKED
        return
    if not texts:
        yield "is not published: it has no TXT record"
    elif len(texts) > 1:
        yield f"has {len(texts)} TXT records, and what verifiers make of more than one is undefined (RFC 6376 3.6.2.2)"
    elif (tags := _tags(texts[0])) is None:
        yield "is no list of tags that each stand once (RFC 6376 3.2)"
    else:
        yield from _unfit_tags(key, tags)
        yield from _unfit_key(key, tags.get("p"))


def _tags(record: bytes) -> dict[str, str] | None:
    """Return the tags of a record, or None where it is no tag-list (RFC 6376 3.2): one tag twice spoils it all."""
    tags: dict[str, str] = {}
    parts = record.decode("utf-8", "replace").split(";")
    for at, part in enumerate(parts):
        name, equals, value = (piece.strip(" \t\r\n") for piece in part.partition("="))
        if not name and not equals and at == len(parts) - 1:
            continue  # the semicolon at the end
        if not equals or name in tags or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            return None
        tags[name] = value
    return tags


def _unfit_tags(key: DkimKey, tags: dict[str, str]) -> Iterator[str]:
    """Yield what keeps verifiers from using the record for our signatures (RFC 6376 3.6.1)."""
    kind, _, hash_name = key.algorithm.partition("-")
    if tags.get("v", "DKIM1") != "DKIM1" or ("v" in tags and next(iter(tags)) != "v"):
        yield "does not begin with v=DKIM1, so it is no DKIM record"
    if (told := tags.get("k", "rsa")) != kind:
        yield f"says k={told[:20]}{'' if 'k' in tags else ' (by saying no k=)'}, and we sign with k={kind}"
    if "h" in tags and hash_name not in _items(tags["h"]):
        yield f"says h={tags['h'][:40]}, and we sign with {hash_name} (RFC 8301 3.1)"
    if not {"*", "email"} & _items(tags.get("s", "*")):
        yield f"says s={tags['s'][:40]}, so it is not for mail"
    if "y" in _items(tags.get("t", "")):
        yield "says t=y (testing): receivers treat the mail as unsigned"


def _unfit_key(key: DkimKey, written: str | None) -> Iterator[str]:
    """Yield what is wrong with p=, the public key."""
    if written is None:
        yield "has no p=, the public key"
        return
    if not (written := re.sub(r"[ \t\r\n]", "", written)):
        yield "has an empty p=: the key is revoked"
        return
    try:
        public = _public_key(key, base64.b64decode(written, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        public = None
    if public != key.private.public_key():
        yield "holds another public key than the one we sign with"
    if isinstance(public, RSAPublicKey) and public.key_size < RSA_BITS:
        yield f"holds a key of {public.key_size} bits; {RSA_BITS} are wanted (RFC 8301 3.2)"


def _public_key(key: DkimKey, octets: bytes) -> object:
    """Return the published key: DER for RSA (RFC 6376 3.6.1), the bare 32 octets for Ed25519 (RFC 8463 4.2)."""
    if key.algorithm == "ed25519-sha256":
        return Ed25519PublicKey.from_public_bytes(octets)
    return load_der_public_key(octets)


def _items(value: str) -> set[str]:
    return {item.strip() for item in value.split(":")}
