"""Senders, mailings and keys that the tests of the letters share."""

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from kit.addresses import EmailAddress, parse_address
from mailer.keys import DkimKey, public_text
from mailer.model import MailingInfo, Recipient, Sender
from mailer.tokens import Tokens

NOW = datetime(2026, 3, 29, 0, 59, 58, tzinfo=UTC)
TOKENS = Tokens({3: b"a secret for the tests, 32 octets"}, current=3)
SENDER = Sender(
    from_address=EmailAddress("promotions", "shop.example"),
    from_name="Pro Engineer Portal",
    reply_domain="reply.shop.example",
    bounce_domain="bounce.shop.example",
    link_base="https://mail.shop.example",
    list_domain="lists.shop.example",
    company="Pro Engineer Portal Inc.",
    postal_address="1 Bridge Street, Springfield, ST 00000, USA",
    policy_url="https://shop.example/privacy",
    customer_service=EmailAddress("service", "shop.example"),
    help_url="https://shop.example/help",
    owner_url="mailto:owner@shop.example",
    feedback_address=EmailAddress("complaints", "shop.example"),
)
MAILING = MailingInfo(
    id=42, topic_key="deals", topic_name="Deals", list_id_label="deals", subject="Spring sale", name="Spring"
)


def a_recipient(
    address: str = "jo@customer.example", *, name: str = "Jo Doe", language: str = "en", **attributes: str | float
) -> Recipient:
    """Return the subscriber 17."""
    return Recipient(17, parse_address(address), name, language, attributes)


@functools.cache
def dkim_keys() -> tuple[DkimKey, DkimKey]:
    """Return an RSA and an Ed25519 key, made once."""
    return (
        DkimKey("shop.example", "k1-rsa", generate_private_key(public_exponent=65537, key_size=2048)),
        DkimKey("shop.example", "k1-ed25519", Ed25519PrivateKey.generate()),
    )


def dns_of_keys() -> Callable[..., bytes | None]:
    """Return a look-up for dkimpy that knows the keys of :func:`dkim_keys` only."""
    zone = {f"{key.selector}._domainkey.{key.domain}.": public_text(key).encode() for key in dkim_keys()}
    return lambda name, **_: zone.get(name.decode() if isinstance(name, bytes) else name)


def unfolded(content: bytes) -> dict[str, str]:
    """Return the header fields of a letter, unfolded, by name; each may be there once."""
    head = content.partition(b"\r\n\r\n")[0].decode()
    fields = [line.partition(":") for line in re.sub(r"\r\n(?=[ \t])", "", head).split("\r\n")]
    names = [name for name, _, _ in fields if name != "DKIM-Signature"]
    assert len(set(names)) == len(names)
    return {name: value.strip() for name, _, value in fields}
