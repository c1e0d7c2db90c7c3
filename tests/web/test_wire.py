"""HTTP off the wire, byte by byte over real sockets: what is too long, what is two things at once, what is none."""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from byleave.serving import listening_on
from tests.web.browsing import served
from web.guard import body_of
from web.wire import BoundedHttp

MOST_OCTETS = BoundedHttp.most_octets
A_GET = b"GET /one HTTP/1.1\r\nHost: shop.test\r\n\r\n"
A_POST = b"POST /two HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\n\r\nhello"
PATIENCE = 20.0


class Echo:
    """An application that notes what it was asked."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a body as our pages do, and answer with it."""
        request = Request(scope, receive)
        body = await body_of(request)
        self.asked.append(f"{request.method} {request.url.path}")
        answer: Response = PlainTextResponse("too large", 413) if body is None else PlainTextResponse(body)
        await answer(scope, receive, send)


@contextlib.asynccontextmanager
async def connection(
    app: Echo, http: type[BoundedHttp] = BoundedHttp
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open one connection to the application."""
    async with served(app, http) as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", _port(address))
        try:
            yield reader, writer
        finally:
            writer.close()


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


async def said(app: Echo, data: bytes) -> list[int]:
    """Send bytes and the end of them; return the statuses of what comes back until they hang up."""
    async with connection(app) as (reader, writer):
        with contextlib.suppress(OSError):
            writer.write(data)
            await writer.drain()
            writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            return statuses(await rest(reader))


def statuses(answer: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


async def rest(reader: asyncio.StreamReader) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            found += piece
    return found


async def answered(reader: asyncio.StreamReader) -> bytes:
    """Return the body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length is not None
    return await reader.readexactly(int(length[1]))


async def test_requests_follow_one_another_however_they_are_cut() -> None:
    """Ten on one connection, in pieces of any size: each is answered in its turn, and none is counted with another."""
    app = Echo()
    async with connection(app) as (reader, writer), asyncio.timeout(PATIENCE):
        for size in (1, 7, 40, 1000):
            data = (A_GET + A_POST) * 2
            for start in range(0, len(data), size):
                writer.write(data[start : start + size])
                await writer.drain()
            assert [await answered(reader) for _ in range(4)] == [b"", b"hello"] * 2
    assert app.asked == ["GET /one", "POST /two"] * 8


async def test_many_requests_on_one_connection_are_not_too_long() -> None:
    """The bound is one request's, not the connection's."""
    app = Echo()
    number = MOST_OCTETS // len(A_POST) + 50
    async with connection(app) as (reader, writer), asyncio.timeout(PATIENCE):
        for _ in range(number):
            writer.write(A_POST)
            assert await answered(reader) == b"hello"
    assert len(app.asked) == number


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET /" + b"a" * 100, b"a" * 4096),
        (b"GET /one HTTP/1.1\r\nHost: shop.test\r\nX-Long: ", b"a" * 4096),
        (b"GET /one HTTP/1.1\r\nHost: shop.test\r\n", b"X-Many: " + b"a" * 4080 + b"\r\n"),
        (b"POST /one HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100000000\r\n\r\n", b"a" * 4096),
        (b"POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"a" * 4096 + b"\r\n"),
        (b"POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: ", b"a" * 4096),
        (b"POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 4096),
    ],
    ids=["target", "header", "headers", "body", "chunks", "trailer", "chunk extension"],
)
async def test_who_never_ends_is_hung_up_on(begin: bytes, more: bytes) -> None:
    """RFC 6585 5: whatever part of a request grows, it ends; and what was read of it is bounded."""
    sent = 0
    async with connection(Echo()) as (reader, writer):
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                writer.write(begin)
                while sent < 40 * MOST_OCTETS and not reader.at_eof():
                    writer.write(more)
                    sent += len(more)
                    await writer.drain()
                    await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE):
            answer = await rest(reader)
    assert set(statuses(answer)) <= {400, 413, 431}
    assert sent < 40 * MOST_OCTETS


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 0\r\n",
        b"Content-Length: 5, 0\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length : 5\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b" Content-Length: 5\r\n",
        b"X: a\x00b\r\nContent-Length: 5\r\n",
        b"X: a\r\n Content-Length: 5\r\n",
    ],
)
async def test_a_request_whose_end_is_in_doubt_is_refused(head: bytes) -> None:
    """A36, RFC 9112 6.1 and 6.3: what another server may part otherwise is not answered, and nothing after it is."""
    app = Echo()
    found = await said(app, b"POST /two HTTP/1.1\r\nHost: shop.test\r\n" + head + b"\r\n" + A_GET)
    assert found == [400]
    assert "GET /one" not in app.asked


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\x01", b"EHLO mx.test\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
async def test_what_is_no_http_1_is_told_so(data: bytes) -> None:
    """TLS, SMTP and HTTP/2 at this door."""
    app = Echo()
    assert await said(app, data) in ([400], [])
    assert app.asked == []


async def test_an_address_in_octets_of_no_script_harms_nobody() -> None:
    """RFC 3986 2: a target is ASCII; what is not is refused and not an error of ours."""
    app = Echo()
    assert await said(app, b"GET /\xff\xfe HTTP/1.1\r\nHost: shop.test\r\n\r\n") in ([400], [404], [200])


class Hurried(BoundedHttp):
    """Has little patience, and little room."""

    most_seconds = 0.5
    most_waiting = 20


@pytest.mark.parametrize(
    ("begin", "drop"),
    [(b"", b""), (b"GET /", b"a"), (b"GET /one HTTP/1.1\r\nX: ", b"a")],
    ids=["nothing", "a line", "a header"],
)
async def test_who_drips_is_hung_up_on(begin: bytes, drop: bytes) -> None:
    """Fault 46, RFC 9110 15.5.9: a byte now and then holds no place for ever, however it begins."""
    app = Echo()
    async with connection(app, Hurried) as (reader, writer), asyncio.timeout(PATIENCE):
        writer.write(begin)
        dripping = asyncio.create_task(_drip(writer, drop))
        assert statuses(await rest(reader)) == [408]
        dripping.cancel()
    assert app.asked == []


async def _drip(writer: asyncio.StreamWriter, drop: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(drop)
            await asyncio.sleep(0.05)


async def test_who_has_an_answer_and_asks_no_more_is_hung_up_on() -> None:
    """A body that goes on after its answer holds no place either."""
    async with connection(Echo(), Hurried) as (reader, writer), asyncio.timeout(PATIENCE):
        writer.write(b"POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + b"a" * 9000)
        dripping = asyncio.create_task(_drip(writer, b"a"))
        found = statuses(await rest(reader))
        dripping.cancel()
    assert found == [413, 408]


async def test_those_who_hang_make_room_for_those_who_ask() -> None:
    """Fault 46: hundreds of silent connections, and a customer is answered at once; who waited longest has gone."""
    async with served(Echo(), type("Roomy", (BoundedHttp,), {"most_waiting": 20})) as address:
        hanging = [await asyncio.open_connection("127.0.0.1", _port(address)) for _ in range(200)]
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", _port(address))
            writer.write(A_POST)
            assert await answered(reader) == b"hello"
            assert [await rest(silent) for silent, _ in hanging[:180]] == [b""] * 180
        for _, one in [*hanging, (reader, writer)]:
            one.close()


def test_no_answer_waits_for_an_acknowledgement() -> None:
    """RFC 9293 3.7.4: asyncio switches Nagle's algorithm off where a socket names its protocol, and only there."""
    with listening_on("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
