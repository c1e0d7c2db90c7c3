"""What makes two mails the same mail, by whatever channel they come, and the few headers needed before reading. Pure.

The key covers what nobody on the way changes: who wrote, when, under which Message-ID, and the body. Trace headers
(Received, Delivered-To, Return-Path) differ between SMTP, LMTP and IMAP and are left out.
"""

import hashlib
from datetime import datetime

HEADER_OCTETS = 262_144  # bounds the search for the end of the headers
_STEADY = (b"message-id", b"from", b"date")
_SPARE = (b"subject", b"to", b"in-reply-to")  # for mail without a Message-ID


def content_key(raw: bytes, *, at: datetime) -> str:
    """Return the SHA-256 that is equal for the same mail by every channel.

    Without a Message-ID the subject and the recipients count too; without a Date as well, the day of arrival does, or
    a bare "unsubscribe" of next year would be taken for today's.
    """
    raw_headers, body = _split(raw)
    headers = _unfolded(raw_headers)
    steady = [_first(headers, name) for name in _STEADY]
    if not steady[0]:
        steady += [_first(headers, name) for name in _SPARE]
        if not steady[2]:
            steady.append(at.date().isoformat().encode())
    digest = hashlib.sha256()
    for value in steady:
        digest.update(len(value).to_bytes(4, "big") + value)
    digest.update(body.replace(b"\r\n", b"\n").rstrip(b"\n \t"))
    return digest.hexdigest()


def header_values(raw: bytes, name: str) -> tuple[str, ...]:
    """Return the values of a header as they stand, unfolded, in order; undecodable octets are replaced."""
    wanted = name.lower().encode()
    headers = _unfolded(_split(raw)[0])
    return tuple(value.decode("utf-8", "replace") for key, value in headers if key == wanted)


def count_hops(raw: bytes) -> int:
    """Return how many servers a mail has passed (RFC 5321 6.3: loops are seen by counting Received headers)."""
    return sum(key == b"received" for key, _ in _unfolded(_split(raw)[0]))


def _split(raw: bytes) -> tuple[bytes, bytes]:
    window = raw[:HEADER_OCTETS]
    ends = [(found, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (found := window.find(mark)) >= 0]
    if not ends:
        return window, raw[HEADER_OCTETS:]
    end, length = min(ends)
    return raw[:end], raw[end + length :]


def _unfolded(block: bytes) -> list[tuple[bytes, bytes]]:
    fields: list[tuple[bytes, list[bytes]]] = []
    for line in block.replace(b"\r\n", b"\n").split(b"\n"):
        if line[:1] in {b" ", b"\t"}:
            if fields:
                fields[-1][1].append(line)
            continue
        name, colon, value = line.partition(b":")
        if colon:
            fields.append((name.strip().lower(), [value]))
    return [(name, b" ".join(b"".join(pieces).split())) for name, pieces in fields]


def _first(headers: list[tuple[bytes, bytes]], name: bytes) -> bytes:
    return next((value for key, value in headers if key == name), b"")
