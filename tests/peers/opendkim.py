"""OpenDKIM as an independent judge of our signatures, RSA and Ed25519, without DNS.

OpenDKIM evaluates one signature of a mail, so each is put before it alone. Signs nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.peers.process import run, workspace
from tests.peers.require import need

_SIGNATURE = re.compile(rb"(?im)^DKIM-Signature:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n")
_VERDICT = re.compile(r"verification \(s=(?P<selector>[^ ,]+),? d=(?P<domain>[^ ,]+),[^)]*\) (?P<outcome>.*)")


@dataclass(frozen=True, slots=True)
class DkimVerdict:
    """What OpenDKIM says of one signature; `said` are its own words."""

    selector: str
    domain: str
    ok: bool
    said: str


def verify(raw: bytes, public_keys: Mapping[str, str]) -> list[DkimVerdict]:
    """Judge every DKIM-Signature of a mail, top to bottom; no signature gives an empty list.

    `public_keys` maps the DNS name (`selector._domainkey.domain`) to its TXT record (`v=DKIM1; k=rsa; p=…`).
    """
    opendkim = need("opendkim", "opendkim")
    header, blank, body = raw.partition(b"\r\n\r\n")
    block = header + b"\r\n"
    signatures = _SIGNATURE.findall(block)
    unsigned = _SIGNATURE.sub(b"", block)
    verdicts = []
    with workspace() as folder:
        keys, settings, letter = folder / "keys", folder / "conf", folder / "mail.eml"
        keys.write_text("".join(f"{name} {record}\n" for name, record in public_keys.items()))
        settings.write_text(f"Mode v\nTestPublicKeys {keys}\n")
        for signature in signatures:
            letter.write_bytes(signature + unsigned + blank.removeprefix(b"\r\n") + body)
            verdicts.append(_judge(signature, run([opendkim, "-f", "-v", "-x", settings, "-t", letter])))
    return verdicts


def _judge(signature: bytes, said: str) -> DkimVerdict:
    verdict = _VERDICT.search(said)
    if verdict is None:
        return DkimVerdict(_tag(signature, b"s"), _tag(signature, b"d"), ok=False, said=said)
    return DkimVerdict(verdict["selector"], verdict["domain"], ok=verdict["outcome"].startswith("succeeded"), said=said)


def _tag(signature: bytes, name: bytes) -> str:
    found = re.search(rb"[;:\s]" + name + rb"\s*=\s*([^;\s]+)", signature)
    return found[1].decode("ascii", "replace") if found else ""
