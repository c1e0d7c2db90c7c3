"""The one place where an e-mail address is parsed, normalised and compared.

Strict on purpose: no comments, routes, groups, quoted local parts, encoded-words or white space (they are where address
parsers disagree, and a disagreement is an attack). What this refuses is never mailed. Reading the many addresses of a
header of somebody else's mail, forgivingly and within limits, is :func:`harvest`.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import idna

from kit.errors import InvalidAddress

LOCAL_PART_OCTETS = 64  # RFC 5321 4.5.3.1.1
DOMAIN_OCTETS = 255  # RFC 5321 4.5.3.1.2
HARVEST_CHARACTERS = 16_384  # bounds the work on a header with endless addresses
HARVEST_ADDRESSES = 100  # bounds what is done with each of them

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
_ASCII_LOCAL = re.compile(rf"[{_ATEXT}]+(?:\.[{_ATEXT}]+)*\Z")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\Z")
_LOOSE = re.compile(r"[^\s<>,;:\"()\[\]@\\]{1,64}@[^\s<>,;:\"()\[\]@\\]{1,255}")
_ANY_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")

GOOGLE = frozenset({"gmail.com", "googlemail.com"})  # one mailbox under both


@dataclass(frozen=True, slots=True, order=True)
class EmailAddress:
    """An address that mail can be sent to: the local part as written, the domain as A-labels in lower case."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def key(self) -> str:
        """The form in which two spellings of one address compare equal.

        RFC 5321 2.4 lets a host tell cases of a local part apart; hardly any does, and a customer who types an address
        in another case must still be found. Plus-tags and dots stay: whether they mean the same mailbox is proof work.
        """
        return f"{unicodedata.normalize('NFC', self.local).casefold()}@{self.domain}"

    @property
    def mailbox(self) -> str:
        """The form in which the spellings of one mailbox are equal: no plus-tag (RFC 5233); Google knows no dots."""
        local, _, domain = self.key.rpartition("@")
        local = local.partition("+")[0] or local
        if domain in GOOGLE:
            local, domain = local.replace(".", "") or local, "gmail.com"
        return f"{local}@{domain}"

    @property
    def is_ascii(self) -> bool:
        """Whether the address can travel without SMTPUTF8 (RFC 6531)."""
        return self.local.isascii()


def parse_address(text: str) -> EmailAddress:
    """Parse one bare address, or raise :class:`InvalidAddress` saying what is wrong with it."""
    text = text.strip()
    if len(text) > LOCAL_PART_OCTETS + DOMAIN_OCTETS + 1:
        raise InvalidAddress("the address is too long")
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise InvalidAddress("an address needs a name, an @ and a domain")
    return EmailAddress(_checked_local(local), domain_to_ascii(domain))


def try_address(text: str) -> EmailAddress | None:
    """Parse one bare address, or return None where that can't be done."""
    try:
        return parse_address(text)
    except InvalidAddress:
        return None


@lru_cache(maxsize=4096)  # most people are at few domains
def domain_to_ascii(domain: str) -> str:
    """Return a domain as lower-case A-labels (IDNA2008), or raise :class:`InvalidAddress`."""
    domain = domain.rstrip(".").lower()
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as cause:
            raise InvalidAddress("the domain is not a valid name") from cause
    labels = domain.split(".")
    if len(domain) > DOMAIN_OCTETS or not all(_LABEL.match(label) for label in labels):
        raise InvalidAddress("the domain is not a valid name")
    return domain


def harvest(header: str) -> tuple[EmailAddress, ...]:
    """Return the addresses that stand in a header of somebody else's mail, in order, each once.

    Forgiving and linear: display names, comments and broken syntax are passed over, and at most
    ``HARVEST_ADDRESSES`` are returned. An address in angle brackets goes before one in a display name.
    """
    found: dict[EmailAddress, None] = {}
    header = header[:HARVEST_CHARACTERS]
    for candidate in (
        *re.findall(r"<([^<>]{3,320})>", header),
        *_LOOSE.findall(re.sub(r"<[^<>]{0,320}>", ",", header)),
    ):
        address = try_address(candidate)
        if address is not None:
            found.setdefault(address)
        if len(found) >= HARVEST_ADDRESSES:
            break
    return tuple(found)


def without_addresses(text: str) -> str:
    """Return a text with a mark for each address in it, for what is kept longer than the person it names."""
    return _ANY_ADDRESS.sub("(an address)", text)


def _checked_local(local: str) -> str:
    """Return the local part, or raise: dot-atom of RFC 5322 3.2.3, or its UTF-8 form of RFC 6531 3.3."""
    if len(local.encode("utf-8", "surrogatepass")) > LOCAL_PART_OCTETS:
        raise InvalidAddress("the part before the @ is longer than 64 octets")
    if local.isascii():
        if not _ASCII_LOCAL.match(local):
            raise InvalidAddress("the part before the @ holds characters that are not allowed there")
        return local
    plain = "".join("x" if ord(letter) > 127 else letter for letter in local)
    if not _ASCII_LOCAL.match(plain) or any(unicodedata.category(letter)[0] in "CZ" for letter in local):
        raise InvalidAddress("the part before the @ holds characters that are not allowed there")
    return unicodedata.normalize("NFC", local)
