"""What every answer carries and every request must keep to: no cookie, no cache, no referrer, nothing foreign.

A body is read up to a few kilobytes, for a few seconds, and no further; customers' forms are small. No header of a
request decides where a link of ours leads.
"""

import asyncio
from collections.abc import Mapping

from starlette.requests import ClientDisconnect, Request

MOST_BODY_OCTETS = 8192  # bounds what a stranger can make us hold
BODY_SECONDS = 10.0  # bounds how long a stranger can keep a place

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # a token in the URL is never told to others
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Strict-Transport-Security": "max-age=31536000",
}


async def body_of(request: Request) -> bytes | None:
    """Return the body of a request, or None for what is too large or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BODY_OCTETS:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    return bytes(body)
