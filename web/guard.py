"""What every answer carries and every request must keep to: no cookie, no cache, no referrer, nothing foreign.

A body is read up to a few kilobytes and no further; customers' forms are small. No header of a request decides where
a link of ours leads.
"""

from collections.abc import AsyncGenerator, Mapping
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

MOST_BODY_OCTETS = 4096  # bounds what a stranger can make us hold
MOST_FIELDS = 50

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # a token in the URL is never told to others
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Strict-Transport-Security": "max-age=31536000",
}


async def form_of(request: Request) -> dict[str, list[str]] | None:
    """Return the fields of a form, or None for what is too large or no form of ours.

    RFC 8058 3.1 wants both encodings: ``multipart/form-data`` and ``application/x-www-form-urlencoded``.
    """
    body = await _body(request)
    if body is None:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _urlencoded(body)
    if kind == "multipart/form-data":
        return await _multipart(request.headers, body)
    return None


async def _body(request: Request) -> bytes | None:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY_OCTETS:
            return None
    return bytes(body)


def _urlencoded(body: bytes) -> dict[str, list[str]] | None:
    try:
        return parse_qs(
            body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=MOST_FIELDS
        )
    except (UnicodeDecodeError, ValueError):
        return None


async def _multipart(headers: Headers, body: bytes) -> dict[str, list[str]] | None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(headers, pieces(), max_files=0, max_fields=MOST_FIELDS).parse()
    except (MultiPartException, KeyError, ValueError):
        return None
    fields: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        fields.setdefault(name, []).append(str(value))
    return fields
