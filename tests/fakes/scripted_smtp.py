"""An SMTP server that does what a test's script says, word by word, and remembers what it was told."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self

OFFERS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 1000000", "ENHANCEDSTATUSCODES")


class Peer:
    """The server's end of one connection, as a script sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: bytearray) -> None:
        self._reader = reader
        self._writer = writer
        self._heard = heard

    async def say(self, *lines: str) -> None:
        """Write lines in one piece."""
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._writer.drain()

    async def line(self) -> str:
        """Read one line, without its end."""
        line = await self._reader.readuntil(b"\r\n")
        self._heard += line
        return line[:-2].decode()

    async def message(self) -> bytes:
        """Read a message up to its dot, as it travels."""
        content = await self._reader.readuntil(b"\r\n.\r\n")
        self._heard += content
        return content[:-3]

    async def greet(self, offers: Iterable[str] = OFFERS) -> None:
        """Give the banner and answer EHLO."""
        await self.say("220 fake.example ESMTP")
        await self.answer_ehlo(offers)

    async def answer_ehlo(self, offers: Iterable[str] = OFFERS) -> None:
        """Answer EHLO with what is offered."""
        assert (await self.line()).startswith("EHLO ")
        *first, last = ("fake.example", *offers)
        await self.say(*(f"250-{offer}" for offer in first), f"250 {last}")

    async def take(self, answer: str = "250 2.0.0 Ok") -> bytes:
        """Play one good transaction and answer its dot."""
        for _ in range(2):
            await self.line()
            await self.say("250 ok")
        assert await self.line() == "DATA"
        await self.say("354 go on")
        message = await self.message()
        await self.say(answer)
        return message

    async def upgrade(self, context: ssl.SSLContext) -> None:
        """Do the TLS handshake as server."""
        await self._writer.start_tls(context)

    def reset(self) -> None:
        """Cut the connection without a good-bye."""
        self._writer.transport.abort()


class ScriptedServer:
    """Plays one script for each connection; what breaks a script is kept in ``errors``, a cut client is no error."""

    def __init__(self, play: Callable[[Peer], Awaitable[None]], context: ssl.SSLContext | None = None) -> None:
        self._play = play
        self._context = context
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.heard: list[bytearray] = []
        """What each connection said, in the order of their coming."""
        self.errors: list[BaseException] = []

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        heard = bytearray()
        self.heard.append(heard)
        try:
            await self._play(Peer(reader, writer, heard))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        except Exception as error:  # noqa: BLE001 - shown by the test that looks at errors
            self.errors.append(error)
        finally:
            writer.close()
            self._tasks.discard(task)
