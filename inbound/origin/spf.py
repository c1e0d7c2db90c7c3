"""Whether a client may send in the name of a domain: SPF (RFC 7208).

The records are read by pyspf, which keeps the limits of RFC 7208 4.6.4 (10 terms that ask, 2 that find nothing); the
questions go to our own :class:`Dns`. Internationalized names and local parts are treated as RFC 8616 4 says.
"""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import spf

from kit.addresses import domain_to_ascii
from kit.dns import MOST_NAME, Dns, DnsTrouble
from kit.errors import InvalidAddress

MOST_RECORD = 4096  # octets; RFC 7208 3.4 wants 450, and pyspf's work on a macro grows with the square of its length
MOST_REASON = 200


class SpfResult(StrEnum):
    """The results of RFC 7208 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Spf:
    """What came out, the domain that was asked about (lower-case A-labels), and why, maybe in a stranger's words."""

    result: SpfResult
    domain: str
    reason: str


def check_spf(*, client: str, mail_from: str, helo: str, dns: Dns) -> Spf:
    """Check one client, or, where MAIL FROM is empty, ``postmaster`` at its HELO (RFC 7208 2.4). It never raises."""
    local, _, domain = (mail_from.strip("<> ") or f"postmaster@{helo}").rpartition("@")
    domain = _ascii(domain)
    if not _is_name(domain) or "." not in domain:  # RFC 7208 4.3
        return _said("none", domain, "the domain is not a name that can be looked up")
    try:
        peer = str(ipaddress.ip_address(client))
        result, _, reason = _Query(dns, peer, local or "postmaster", domain, _ascii(helo)).check()
        return _said(result, domain, reason)
    except Exception as trouble:  # noqa: BLE001 - a stranger's record may find a fault of the library, never stop us
        return _said("permerror", domain, f"{type(trouble).__name__}: {trouble}")


class _Query(spf.query):  # type: ignore[misc]  # the library has no types
    """What pyspf asks goes to our DNS. The names of one letter are those of the macros (RFC 7208 7.2)."""

    def __init__(self, dns: Dns, client: str, local: str, domain: str, helo: str) -> None:
        super().__init__(client, f"{local}@{domain}", helo)
        self.l, self.o, self.d = local, domain, domain  # the library takes the first @, which may be a quoted one
        self._dns = dns

    def dns(self, name: str, qtype: str, *, ignore_void: bool = False) -> list[Any]:
        """Return the records, or raise what the library calls trouble; the resolver has followed the CNAMEs."""
        name = name.rstrip(".").lower()
        if len(name) > MOST_NAME:
            name = name[-MOST_NAME - 1 :].partition(".")[2]  # whole labels, from the left (RFC 7208 7.3)
        if not _is_name(name):
            return []
        try:
            found = self._records(name, qtype)
        except DnsTrouble as trouble:
            raise spf.TempError(str(trouble)) from trouble
        self.void_lookups += not (found or ignore_void)
        if self.void_lookups > spf.MAX_VOID_LOOKUPS:
            raise spf.PermError("it asks for more than two names that are not there")
        return found

    def validated_ptrs(self) -> list[str]:
        """Return the client's names that lead back to it; those that can't be looked up don't count (RFC 7208 5.5)."""
        try:
            return [name for name in self.dns_ptr(self.i)[: spf.MAX_PTR] if self._leads_back(name)]
        except spf.TempError:
            return []

    def _leads_back(self, name: str) -> bool:
        try:
            return bool(self.cidrmatch(self.dns_a(name, self.A), self.cidrmax))
        except spf.TempError:
            return False

    def _records(self, name: str, kind: str) -> list[Any]:
        match kind:
            case "TXT":
                return [(text,) for text in self._dns.texts(name) if len(text) <= MOST_RECORD]
            case "MX":
                return list(self._dns.exchangers(name))
            case "PTR":
                return list(self._dns.pointers(str(self.ipaddr)))
            case _:
                return list(self._dns.addresses(name, 6 if kind == "AAAA" else 4))


def _ascii(name: str) -> str:
    name = name.removesuffix(".")
    try:
        return name if name.isascii() else domain_to_ascii(name)
    except InvalidAddress:
        return name


def _is_name(name: str) -> bool:
    return name.isascii() and len(name) <= MOST_NAME and all(0 < len(label) < 64 for label in name.split("."))


def _said(result: str, domain: str, reason: str) -> Spf:
    reason = "".join(char if char.isprintable() else "?" for char in reason[:MOST_REASON])
    return Spf(SpfResult(result), domain[:MOST_NAME].lower(), reason)
