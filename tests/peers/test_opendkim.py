"""OpenDKIM judges each signature of a mail by itself, RSA and Ed25519 (RFC 8463)."""

import base64
from collections.abc import Callable

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from tests.peers.opendkim import DkimVerdict

pytestmark = pytest.mark.peer

Verify = Callable[[bytes, dict[str, str]], list[DkimVerdict]]

LETTER = (
    b"From: shop@shop.test\r\nTo: ann@inbox.test\r\nSubject: hello\r\nDate: Sun, 22 Nov 2026 21:34:14 +0000\r\n"
    b"Message-ID: <1@shop.test>\r\n\r\nhello\r\n"
)
HEADERS = [b"from", b"to", b"subject", b"date", b"message-id", b"from", b"subject"]


@pytest.fixture(scope="module")
def signed() -> tuple[bytes, dict[str, str]]:
    """Give a letter that dkimpy signed twice, and the two DNS records."""
    rsa_key = rsa.generate_private_key(65537, 2048)
    ed_key = ed25519.Ed25519PrivateKey.generate()
    raw, der = serialization.Encoding.Raw, serialization.Encoding.DER
    pem = rsa_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    seed = base64.b64encode(ed_key.private_bytes(raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()))
    letter = dkim.sign(LETTER, b"r", b"shop.test", pem, include_headers=HEADERS) + LETTER
    letter = (
        dkim.sign(letter, b"e", b"shop.test", seed, include_headers=HEADERS, signature_algorithm=b"ed25519-sha256")
        + letter
    )
    rsa_public = rsa_key.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo)
    ed_public = ed_key.public_key().public_bytes(raw, serialization.PublicFormat.Raw)
    records = {
        "r._domainkey.shop.test": f"v=DKIM1; k=rsa; p={base64.b64encode(rsa_public).decode()}",
        "e._domainkey.shop.test": f"v=DKIM1; k=ed25519; p={base64.b64encode(ed_public).decode()}",
    }
    return letter, records


def _outcomes(verdicts: list[DkimVerdict]) -> list[tuple[str, str, bool]]:
    return [(verdict.selector, verdict.domain, verdict.ok) for verdict in verdicts]


def test_both_signatures_hold(opendkim_verify: Verify, signed: tuple[bytes, dict[str, str]]) -> None:
    """Each signature is seen, top to bottom, and each one holds."""
    letter, records = signed

    verdicts = opendkim_verify(letter, records)

    assert _outcomes(verdicts) == [("e", "shop.test", True), ("r", "shop.test", True)]


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"\r\n\r\nhello", b"\r\n\r\nhallo"), (b"Subject: hello", b"Subject: hallo"), (b"To: ", b"Subject: two\r\nTo: ")],
    ids=["body", "header", "oversigned header added"],
)
def test_a_changed_letter_fails_twice(
    opendkim_verify: Verify, signed: tuple[bytes, dict[str, str]], old: bytes, new: bytes
) -> None:
    """RFC 6376 5.4.2: a header named once more than it is there cannot be added."""
    letter, records = signed

    verdicts = opendkim_verify(letter.replace(old, new), records)

    assert _outcomes(verdicts) == [("e", "shop.test", False), ("r", "shop.test", False)]


def test_a_key_that_is_not_published_proves_nothing(
    opendkim_verify: Verify, signed: tuple[bytes, dict[str, str]]
) -> None:
    """Only the signature whose key can be found holds."""
    letter, records = signed

    verdicts = opendkim_verify(letter, {"r._domainkey.shop.test": records["r._domainkey.shop.test"]})

    assert _outcomes(verdicts) == [("e", "shop.test", False), ("r", "shop.test", True)]


def test_an_unsigned_letter_has_no_verdicts(opendkim_verify: Verify) -> None:
    """No signature, no verdict; and no error."""
    assert opendkim_verify(LETTER, {}) == []
