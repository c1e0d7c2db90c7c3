"""From which network a request comes: the peer's, or the one that a proxy of ours names. Pure.

A header is believed only when the peer stands in a named network, only the one header that this proxy writes, and only
from the right: each proxy appends whom it saw, and everything left of that is the client's own story.
"""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from kit.errors import InvalidSettings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ProxyHeader = Literal["x-forwarded-for", "forwarded"]

IPV4_PREFIX = 24  # neighbours are often one customer
IPV6_PREFIX = 56  # what a provider gives to one customer
MOST_HOPS = 20  # bounds the work on a long header
UNKNOWN = "unknown"  # a Unix socket, or a proxy that tells nothing

_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*(?:"([^"]*)"|([^;\s]*))', re.IGNORECASE)  # RFC 7239 4


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read the networks of the settings."""
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError as cause:
        raise InvalidSettings(f"web.proxies: {cause}") from cause


def network_of(peer: str, forwarded: Sequence[str], *, header: ProxyHeader, proxies: Sequence[Network]) -> str:
    """Return the network of the client. ``forwarded`` is each value of the header, in the order in which they came."""
    client = peer
    if proxies and _is_proxy(peer, proxies):
        for hop in reversed(_hops(forwarded, header)):
            client = hop
            if not _is_proxy(hop, proxies):
                break
    return prefix(client)


@lru_cache(maxsize=4096)
def prefix(address: str) -> str:
    """Return the network that an address counts for; one text for all that can't be read."""
    parsed = _address(address)
    if parsed is None:
        return UNKNOWN
    bits = IPV4_PREFIX if parsed.version == 4 else IPV6_PREFIX
    return str(ipaddress.ip_network((parsed, bits), strict=False))


def _hops(values: Sequence[str], header: ProxyHeader) -> list[str]:
    elements = ",".join(values).split(",")[-MOST_HOPS:] if values else []
    if header == "x-forwarded-for":
        return [element.strip() for element in elements]
    named = (_FOR.search(element.strip()) for element in elements)
    return [(found[1] or found[2] or "") if found else "" for found in named]


def _is_proxy(address: str, proxies: Sequence[Network]) -> bool:
    parsed = _address(address)
    return parsed is not None and any(parsed.version == network.version and parsed in network for network in proxies)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address as headers spell it: with or without brackets and port, IPv4 within IPv6 (RFC 4291 2.5.5.2)."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, ipaddress.IPv6Address) else parsed
