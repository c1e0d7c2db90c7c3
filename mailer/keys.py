"""The DKIM keys: made, kept as files that only we can read, and told to the world as DNS records.

It never sends a key anywhere and never asks the DNS; signing is in :mod:`mailer.signing`.
"""

import base64
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from kit.addresses import EmailAddress
from kit.errors import InvalidSettings

RSA_BITS = 2048  # RFC 8301 3.2 recommends it, and every verifier takes it; larger ones don't fit one UDP answer
TXT_OCTETS = 255  # RFC 1035 3.3: the most one character-string of a TXT record holds
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9\-]{0,50}[a-z0-9])?\Z")

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class DkimKey:
    """One key to sign with: ``selector._domainkey.domain`` is where its public half is published."""

    domain: str  # the d= tag: the domain of From
    selector: str  # the s= tag, and the name of the file
    private: PrivateKey

    @property
    def algorithm(self) -> str:
        """The a= tag: rsa-sha256 (RFC 6376 3.3.1) or ed25519-sha256 (RFC 8463)."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"


class DnsRecord(NamedTuple):
    """One record to publish: its name, its type, and its value as a zone file spells it."""

    name: str
    type: str
    value: str


def new_keys(folder: Path, selector_prefix: str) -> tuple[Path, Path]:
    """Make an RSA and an Ed25519 key and return their files, ``<prefix>-rsa.pem`` and ``<prefix>-ed25519.pem``.

    The files are readable by their owner alone from the first moment. A file that exists is never overwritten: mail
    under way is still to be verified with it. Raises :class:`InvalidSettings`.
    """
    if not _SELECTOR.match(selector_prefix):
        raise InvalidSettings("a selector is made of a-z, 0-9 and hyphens")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    rsa, ed25519 = _files(folder, selector_prefix)
    if rsa.exists() or ed25519.exists():
        raise InvalidSettings(f"there are keys named {selector_prefix} already; take a new name to rotate them")
    _write(rsa, generate_private_key(public_exponent=65537, key_size=RSA_BITS))
    _write(ed25519, Ed25519PrivateKey.generate())
    return rsa, ed25519


def load_keys(folder: Path, selector_prefix: str, domain: str) -> tuple[DkimKey, DkimKey]:
    """Return the RSA and the Ed25519 key of one selector prefix, or raise :class:`InvalidSettings`.

    Refuses RSA keys below 2048 bits and files that others than their owner's group can read.
    """
    rsa, ed25519 = (DkimKey(domain, path.stem, _read(path)) for path in _files(folder, selector_prefix))
    for key in (rsa, ed25519):
        refuse_weak(key)
    if not isinstance(rsa.private, RSAPrivateKey) or not isinstance(ed25519.private, Ed25519PrivateKey):
        raise InvalidSettings("a DKIM key file holds a key of another kind than its name says")
    return rsa, ed25519


def refuse_weak(key: DkimKey) -> None:
    """Raise :class:`InvalidSettings` for an RSA key below 2048 bits (RFC 8301 3.2 should, for us a must)."""
    if isinstance(key.private, RSAPrivateKey) and key.private.key_size < RSA_BITS:
        raise InvalidSettings(f"the DKIM key {key.selector} has fewer than {RSA_BITS} bits")


def public_text(key: DkimKey) -> str:
    """Return the value of the key's TXT record in one piece (RFC 6376 3.6.1, RFC 8463 4.2)."""
    public = key.private.public_key()
    if isinstance(key.private, RSAPrivateKey):
        octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        kind = "rsa"
    else:
        octets = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        kind = "ed25519"
    return f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode('ascii')}"


def dns_records(
    keys: Sequence[DkimKey],
    *,
    from_domain: str,
    reply_domain: str,
    bounce_domain: str,
    mail_host: str,
    spf: str = "mx",
    dmarc_reports: EmailAddress | None = None,
) -> list[DnsRecord]:
    """Return the records to publish, without doubles: DKIM keys, SPF, DMARC, and the MX of the domains we listen for.

    ``spf`` holds the mechanisms that name the relays (``include:spf.relay.example ip4:192.0.2.1``). SPF stands
    at the domain of the return path, where it is looked up (RFC 7208 2.4), and at that of From, which
    nobody else shall use.
    """
    records = [
        DnsRecord(f"{key.selector}._domainkey.{key.domain}.", "TXT", txt_value(public_text(key))) for key in keys
    ]
    records += [
        DnsRecord(f"{domain}.", "TXT", txt_value(f"v=spf1 {spf} -all")) for domain in (bounce_domain, from_domain)
    ]
    reports = f"; rua=mailto:{dmarc_reports}" if dmarc_reports else ""
    records.append(DnsRecord(f"_dmarc.{from_domain}.", "TXT", txt_value(f"v=DMARC1; p=quarantine{reports}")))
    records += [DnsRecord(f"{domain}.", "MX", f"10 {mail_host}.") for domain in (reply_domain, bounce_domain)]
    return list(dict.fromkeys(records))


def txt_value(text: str) -> str:
    """Return a text as the quoted character-strings of a TXT record, none longer than 255 octets (RFC 1035 3.3.14)."""
    pieces = [text[at : at + TXT_OCTETS] for at in range(0, len(text), TXT_OCTETS)]
    return " ".join('"' + piece.replace("\\", r"\\").replace('"', r"\"") + '"' for piece in pieces)


def _files(folder: Path, selector_prefix: str) -> tuple[Path, Path]:
    return folder / f"{selector_prefix}-rsa.pem", folder / f"{selector_prefix}-ed25519.pem"


def packed(key: PrivateKey) -> bytes:
    """Return a key as it travels to a process of ours, and nowhere else."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def unpacked(der: bytes) -> PrivateKey:
    """Return the key that :func:`packed` packed."""
    key = serialization.load_der_private_key(der, password=None)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise InvalidSettings("a DKIM key is neither RSA nor Ed25519")
    return key


def _write(path: Path, key: PrivateKey) -> None:
    """Write a new file that only its owner can read; ``O_EXCL``: never through a link, never over another file."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> PrivateKey:
    """Return the private key in a PEM file, or raise :class:`InvalidSettings`; the error never shows its content."""
    try:
        if path.stat().st_mode & 0o007:
            raise InvalidSettings(
                f"everybody on this machine can read {path.name}; chmod 600 it, and better make new keys"
            )
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as cause:
        raise InvalidSettings(f"the DKIM key {path.name} can't be read; `byleave keys new` makes keys") from cause
    except (ValueError, TypeError) as cause:
        raise InvalidSettings(f"the DKIM key {path.name} is no PEM file of a private key") from cause
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise InvalidSettings(f"the DKIM key {path.name} is neither RSA nor Ed25519")
    return key
