"""A session that breaks at any octet, in either direction: what is recorded is what happened, and nobody has two.

Between the pool and a server stands a proxy that cuts. A letter is sent when the server took it and we read so; unknown
exactly when its dot may have gone and its answer was not read; else it was not sent and goes another way or waits. One
server answers in groups (PIPELINING), the other one word by word. BYLEAVE_FAULT_STEP=1 cuts at every octet.
"""

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.channel import Timeouts
from mailer.relays import Deferred, Failed, Result, Sent, Unknown
from tests.fakes.fault_proxy import FaultProxy, Harm, Way
from tests.fakes.recording_relay import RecordingRelay
from tests.mailer.pooling import Mail, mails, pool, send, yes

STEP = int(os.environ.get("BYLEAVE_FAULT_STEP") or 9)  # from a first octet by chance to the last
LETTERS = 3
SHORT = Timeouts(connect=2, greeting=0.15, command=0.15, data=0.15, block=0.15, dot=0.15, idle=2, quit=0.15)
TAKEN = b"250 2.0.0 Ok: taken\r\n"


class Server:
    """Something that takes letters, and what it took."""

    def __init__(self, port: int, taken: Callable[[], list[str]], settle: Callable[[], Awaitable[None]]) -> None:
        self.port, self._taken, self.settle = port, taken, settle
        self._seen = 0

    def taken(self) -> Counter[str]:
        """Return who got letters since the last time."""
        everybody = self._taken()
        new, self._seen = everybody[self._seen :], len(everybody)
        return Counter(new)


@contextlib.asynccontextmanager
async def pipelined() -> AsyncIterator[Server]:
    """Offer PIPELINING: answers come in groups."""
    with RecordingRelay() as relay:

        async def settle() -> None:
            while relay.sessions:  # noqa: ASYNC110 - it lives in a thread
                await asyncio.sleep(0.001)

        yield Server(relay.port, lambda: [letter.rcpt_to for letter in list(relay.record.taken)], settle)


@contextlib.asynccontextmanager
async def word_by_word() -> AsyncIterator[Server]:
    """Let aiosmtpd, which offers no PIPELINING, be the server."""
    taken: list[str] = []
    open_: set[SMTP] = set()

    class Handler:
        async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
            taken.extend(envelope.rcpt_tos)
            return TAKEN.decode().strip()

    class Counting(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            open_.add(self)
            super().connection_made(transport)

        def connection_lost(self, error: Exception | None) -> None:
            open_.discard(self)
            super().connection_lost(error)

    async def settle() -> None:
        while open_:  # noqa: ASYNC110 - the library tells it no other way
            await asyncio.sleep(0.001)

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Counting(Handler(), hostname="there.example"), "127.0.0.1", 0)
    yield Server(listening.sockets[0].getsockname()[1], lambda: taken, settle)
    listening.close()


SERVERS = pytest.mark.parametrize("server", [pipelined, word_by_word], ids=["groups", "words"])
OpenServer = Callable[[], contextlib.AbstractAsyncContextManager[Server]]


async def play(server: Server, harm: Harm, *, timeouts: Timeouts = SHORT) -> tuple[dict[str, Result], bytes, bytes]:
    """Send some letters over a harmed connection; return their fates and what passed down and up of it."""
    async with FaultProxy(server.port, [harm]) as proxy, pool(proxy.url, timeouts=timeouts) as open_pool:
        results = await send(open_pool, mails(LETTERS))
    await server.settle()
    return results, bytes(proxy.lines[0].down), bytes(proxy.lines[0].up)


def judge(results: dict[str, Result], taken: Counter[str], told: bytes) -> None:
    """Hold the fates against what the server took and what the client had been told over the harmed connection."""
    lines = [line for line in told.split(b"\r\n")[:-1] if line[3:4] != b"-"]
    went = sum(line.startswith(b"354") for line in lines)  # so many letters had their dot written,
    answered = sum(line + b"\r\n" == TAKEN for line in lines)  # and so many of these were answered
    assert went - answered in {0, 1}
    for place, (to, result) in enumerate(sorted(results.items())):
        assert taken[to] <= 1, to
        assert isinstance(result, Unknown) == (answered <= place < went), (to, result, told)
        assert not isinstance(result, Sent) or taken[to] == 1, (to, result)
        assert not isinstance(result, Deferred) or taken[to] == 0, (to, result)
        assert not isinstance(result, Failed), (to, result)
        assert place >= answered or isinstance(result, Sent), (to, result)


@pytest.mark.slow
@SERVERS
@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_connection_cut_at_any_octet(server: OpenServer, direction: str) -> None:
    """Rows 11 and 13 of the fault matrix: from the first octet to the last, in good order and by RST."""
    async with server() as serving:
        whole, told, said = await play(serving, Harm())
        judge(whole, serving.taken(), told)
        assert all(isinstance(result, Sent) for result in whole.values())
        unknown = 0
        for octets in range(random.randrange(STEP), len(told if direction == "down" else said), STEP):
            way = Way.RESET if octets % 5 == 4 else Way.CLOSE
            harm = Harm(down=octets, way=way) if direction == "down" else Harm(up=octets, way=way)
            results, told_now, _ = await play(serving, harm)
            judge(results, serving.taken(), told_now)
            unknown += sum(isinstance(result, Unknown) for result in results.values())

    assert unknown  # else nothing was cut where it hurts


@SERVERS
async def test_an_answer_that_never_comes(server: OpenServer) -> None:
    """Rows 9 and 10: silence behind each whole reply; behind a dot it leaves the letter unknown, elsewhere it waits."""
    async with server() as serving:
        _, told, _ = await play(serving, Harm())
        serving.taken()
        ends = [place + 2 for place in range(len(told)) if told.startswith(b"\r\n", place)]
        seen = set()
        for end in [0, *ends[:-1]]:
            results, told_now, _ = await play(serving, Harm(down=end, way=Way.HOLD))
            judge(results, serving.taken(), told_now)
            seen |= {type(result) for result in results.values()}

    assert seen == {Sent, Deferred, Unknown}


@SERVERS
async def test_octets_one_at_a_time(server: OpenServer) -> None:
    """However the stream is cut into packets, it is the same conversation."""
    async with server() as serving:
        results, told, _ = await play(serving, Harm(is_dribbled=True), timeouts=Timeouts())
        judge(results, serving.taken(), told)

    assert all(isinstance(result, Sent) for result in results.values())


SWAPPED = [b"421 4.3.2 closing", b"451 4.7.1 later", b"550 5.7.1 never", b"250 2.0.0 fine", b"354 more", b"999", b"250"]


@pytest.mark.parametrize("reply", SWAPPED, ids=lambda reply: reply.decode().replace(" ", "_"))
async def test_an_answer_that_nobody_expects(reply: bytes) -> None:
    """Row 12: another reply in the place of each one of a session; 421 anywhere, refusals out of order, nonsense."""
    for place in range(2 + 4 * LETTERS + 1):  # the greeting, EHLO, four for each letter, QUIT
        with RecordingRelay(swaps={place: reply}) as relay:
            async with pool(f"smtp://127.0.0.1:{relay.port}", timeouts=SHORT) as open_pool:
                results = await send(open_pool, mails(LETTERS))
            while relay.sessions:  # noqa: ASYNC110 - it lives in a thread
                await asyncio.sleep(0.001)
        taken = Counter(letter.rcpt_to for letter in relay.record.taken)
        for to, result in results.items():
            assert taken[to] <= 1, (place, to)
            assert not isinstance(result, Sent) or taken[to] == 1, (place, to, result)
            assert not isinstance(result, Deferred | Failed) or taken[to] == 0, (place, to, result)
            assert not isinstance(result, Unknown) or is_nonsense(reply), (place, to, result)
        assert sum(isinstance(result, Unknown) for result in results.values()) <= 1
        assert len(results) == LETTERS


def is_nonsense(reply: bytes) -> bool:
    """Whether a reply can't be the answer to a dot, so that the letter's fate can't be told."""
    return reply[:1] not in b"245"


async def test_a_letter_that_is_unknown_is_not_sent_over_another_connection() -> None:
    """The caller decides about it, and decides never to (promise 3)."""
    async with pipelined() as serving:
        told = (await play(serving, Harm()))[1]
        serving.taken()
        harm = Harm(down=told.index(TAKEN) + 5)
        async with FaultProxy(serving.port, [harm]) as proxy, pool(proxy.url) as open_pool:
            first = await send(open_pool, mails(1))
            again = await open_pool.send(Mail("other@there.example"), may_start=yes)
        await serving.settle()

    assert [type(result) for result in first.values()] == [Unknown]
    assert isinstance(again, Sent | Deferred)
    assert serving.taken()["u0@there.example"] == 1
