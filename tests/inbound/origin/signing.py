"""Mails that others sign with DKIM: keys, signatures made by dkimpy with any tag changed, and how we judge them."""

import base64
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import dkim
import nacl.encoding
import nacl.signing
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import HASH_ALGORITHMS, parse_pem_private_key

from inbound.origin.signed import Signature, SignatureResult, check_signatures
from tests.fakes.zone import Zone

PASS, FAIL, POLICY = SignatureResult.PASS, SignatureResult.FAIL, SignatureResult.POLICY
TEMPERROR, PERMERROR = SignatureResult.TEMPERROR, SignatureResult.PERMERROR
NOW = 1_780_000_000
DOMAIN = "customer.example"
NAMES = (b"from", b"to", b"subject", b"date", b"message-id")
MAIL = (
    b"From: Jo <jo@customer.example>\r\nTo: reply@shop.example\r\nSubject: No  more\r\n of this\r\n"
    b"Date: Fri, 29 May 2026 10:00:00 +0000\r\nMessage-ID: <1@customer.example>\r\n\r\n"
    b"Please  stop. \r\n\r\nJo\r\n\r\n\r\n"
)
WEAK_KEY = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBOQIBAAJBAK9V0alB87pSoTC9RBJI0YAde8jtE9I5GHAAOnnnQSlRDfmmtonM
XfWomcitxeqFTS8TCR2DUkZKKRdqb/aFzLMCAwEAAQJAcjzsGeeKsX9c3rCyRWeE
eIC9QjCVlYb10SOU9hAieJPubUOHCw5Jez1pBoDbWpgV7ZRx5pG+RV4LBzQo6SoT
IQIhAOHpkb3kmNldhdBD4Ol99fEeXqRCvUNgsg0Fu/IgJRPlAiEAxq/VWN3cai6H
b1mG2Tzje5czi7XL89nv+YEs5WeRBLcCIF6q6QbhL2gO988xUqOlxBU5e8FrsjH0
6EfqujqZW9A9AiAVk5C6ptVB3q2shO9k9fzKNiBN4r80Sw2JbeK/QuD3vwIgOUVQ
3Io6rA5RwVEZNw1mF/VyuX6u37MxcvQPls0owXQ=
-----END RSA PRIVATE KEY-----
"""  # of 512 bits; nobody makes them any more
WEAK_PUBLIC = (
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK9V0alB87pSoTC9RBJI0YAde8jtE9I5GHAAOnnnQSlRDfmmtonMXfWomcitxeqFTS8TCR2DUkZKKRdqb/"
    "aFzLMCAwEAAQ=="
)


class Key(NamedTuple):
    """A key of the tests: as dkimpy signs with it, and what of it is published."""

    algorithm: bytes
    private: Any
    public: str

    @property
    def record(self) -> str:
        return f"v=DKIM1; k={self.algorithm.decode().partition('-')[0]}; p={self.public}"


@functools.cache
def rsa(bits: int = 1024) -> Key:
    if bits == 512:
        return Key(b"rsa-sha256", parse_pem_private_key(WEAK_KEY), WEAK_PUBLIC)
    key = generate_private_key(65537, bits)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Key(b"rsa-sha256", parse_pem_private_key(pem), base64.b64encode(public).decode())


@functools.cache
def ed25519() -> Key:
    key = nacl.signing.SigningKey.generate()
    return Key(b"ed25519-sha256", key, key.verify_key.encode(nacl.encoding.Base64Encoder).decode())


def signature(
    mail: bytes = MAIL,
    key: Key | None = None,
    *,
    name: bytes = b"DKIM-Signature",
    names: Sequence[bytes] = NAMES,
    length: int | None = None,
    **changed: object,
) -> bytes:
    """Return the field that dkimpy makes for a mail, with some tags changed, or (None) left out."""
    key = key or rsa()
    algorithm = changed.get("a", key.algorithm)
    form = changed.get("c", b"relaxed/relaxed")
    signer = dkim.DKIM(mail, signature_algorithm=algorithm)
    signer.hasher = HASH_ALGORITHMS[algorithm]
    policy = CanonicalizationPolicy.from_c_value(form)
    digest = signer.hasher(policy.canonicalize_body(signer.body)[:length]).digest()
    tags: dict[str, object] = {
        "v": b"1", "i": None, "a": algorithm, "c": form, "d": DOMAIN, "s": "k1", "t": NOW, "l": length,
        "h": b":".join(names), "bh": base64.b64encode(digest), **changed, "b": b"0" * 60,
    }  # fmt: skip
    fields = [(t.encode(), v if isinstance(v, bytes) else str(v).encode()) for t, v in tags.items() if v is not None]
    field: bytes = signer.gen_header(fields, names, policy, name, key.private)
    return name + b": " + field


def zone(*records: object) -> Zone:
    return Zone({(f"k1._domainkey.{DOMAIN}", "TXT"): list(records)})


def check(raw: bytes, *records: object, now: float = NOW) -> Signature:
    """Check the one signature of a mail, by default with the key of ``rsa()``."""
    (found,) = check_signatures(raw, dns=zone(*(records or (rsa().record,))), now=now)
    return found


def signed(**how: Any) -> bytes:
    return signature(**how) + MAIL
