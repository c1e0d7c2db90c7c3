"""Questions to the DNS, bounded: a stranger's mail must cost neither much time nor many of them.

The interface is synchronous, for the libraries that verify are; who is on the event loop asks in a thread.
"""

import time
from typing import Any, Protocol

import dns.exception
import dns.name
import dns.resolver
import dns.reversename

SECONDS = 3.0  # for one question
MOST_TEXT = 64  # TXT records of one name that are looked at
MOST_NAME = 253


class DnsTrouble(Exception):
    """The DNS gave no answer that can be relied on: a timeout, SERVFAIL, or more questions than are allowed."""


class Dns(Protocol):
    """What is asked. Nothing there (NXDOMAIN as well as no data) is an empty answer; trouble is :class:`DnsTrouble`."""

    def texts(self, name: str) -> tuple[bytes, ...]:
        """Return the TXT records of a name, the character-strings of each joined (RFC 7208 3.3, RFC 6376 3.6.2.2)."""

    def addresses(self, name: str, version: int) -> tuple[str, ...]:
        """Return the addresses of a name: A for version 4, AAAA for version 6."""

    def exchangers(self, name: str) -> tuple[tuple[int, str], ...]:
        """Return preference and host name of the MX records of a name."""

    def pointers(self, address: str) -> tuple[str, ...]:
        """Return the host names of an IPv4 or IPv6 address (PTR)."""


class SystemDns:
    """Asks the name servers of this machine, or those given (addresses)."""

    def __init__(self, servers: tuple[str, ...] = (), *, port: int = 53, seconds: float = SECONDS) -> None:
        try:
            self._resolver = dns.resolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration:  # a machine without a network: each question is trouble
            self._resolver = dns.resolver.Resolver(configure=False)
        if servers:
            self._resolver.nameservers = list(servers)
            self._resolver.port = port
        self._resolver.lifetime = seconds
        self._resolver.cache = dns.resolver.LRUCache(10_000)

    def texts(self, name: str) -> tuple[bytes, ...]:
        """See :class:`Dns`."""
        return tuple(b"".join(record.strings) for record in self._ask(name, "TXT")[:MOST_TEXT])

    def addresses(self, name: str, version: int) -> tuple[str, ...]:
        """See :class:`Dns`."""
        return tuple(record.address for record in self._ask(name, "A" if version == 4 else "AAAA"))

    def exchangers(self, name: str) -> tuple[tuple[int, str], ...]:
        """See :class:`Dns`."""
        return tuple((record.preference, _text(record.exchange)) for record in self._ask(name, "MX"))

    def pointers(self, address: str) -> tuple[str, ...]:
        """See :class:`Dns`."""
        try:
            name = dns.reversename.from_address(address).to_text()
        except (dns.exception.DNSException, ValueError):
            return ()
        return tuple(_text(record.target) for record in self._ask(name, "PTR"))

    def _ask(self, name: str, kind: str) -> list[Any]:
        if len(name) > MOST_NAME + 1:
            return []
        try:
            return list(self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.name.LabelTooLong, dns.name.EmptyLabel, dns.name.NameTooLong, UnicodeError):
            return []  # not a name, so nothing can be there
        except (dns.exception.DNSException, OSError) as trouble:
            raise DnsTrouble(f"{kind} of {name[:80]!r}: {type(trouble).__name__}") from trouble


class Bounded:
    """Asks another, but at most ``most`` questions, and none after ``seconds``: a new one for each mail."""

    def __init__(self, dns: Dns, *, most: int, seconds: float) -> None:
        self._dns = dns
        self._left = most
        self._until = time.monotonic() + seconds

    def texts(self, name: str) -> tuple[bytes, ...]:
        """See :class:`Dns`."""
        self._count()
        return self._dns.texts(name)

    def addresses(self, name: str, version: int) -> tuple[str, ...]:
        """See :class:`Dns`."""
        self._count()
        return self._dns.addresses(name, version)

    def exchangers(self, name: str) -> tuple[tuple[int, str], ...]:
        """See :class:`Dns`."""
        self._count()
        return self._dns.exchangers(name)

    def pointers(self, address: str) -> tuple[str, ...]:
        """See :class:`Dns`."""
        self._count()
        return self._dns.pointers(address)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise DnsTrouble("more questions to the DNS than one mail is worth")
        if time.monotonic() > self._until:
            raise DnsTrouble("the time for questions to the DNS is over")


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True)
