"""A mail server that says exactly what a test wants it to say, over a real socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

BEGIN = b"EHLO peer.example\r\nMAIL FROM:<Anna.Smith@gmail.com>\r\nRCPT TO:<promotions@shop.example>\r\nDATA\r\n"


class Peer:
    """A mail server that says exactly what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def reply(self) -> str:
        """Return the next reply, all its lines."""
        lines = []
        while True:
            async with asyncio.timeout(10):
                line = (await self.reader.readline()).decode()
            lines.append(line)
            if line[3:4] != "-":
                return "".join(lines).rstrip("\r\n")

    async def say(self, *commands: bytes | str) -> str:
        """Send commands in one write; return the reply to the last."""
        lines = [command if isinstance(command, bytes) else command.encode() for command in commands]
        self.writer.write(b"".join(line + b"\r\n" for line in lines))
        answer = ""
        for _ in lines:
            answer = await self.reply()
        return answer

    async def send(self, octets: bytes, *, one_by_one: bool = False) -> None:
        """Send octets as they are, in one write or byte by byte."""
        for piece in [octets[at : at + 1] for at in range(len(octets))] if one_by_one else [octets]:
            self.writer.write(piece)
            await self.writer.drain()
            if one_by_one:
                await asyncio.sleep(0)

    async def everything(self) -> str:
        """Return all that comes until the connection ends."""
        async with asyncio.timeout(10):
            return (await self.reader.read()).decode()


@contextlib.asynccontextmanager
async def a_peer(port: int) -> AsyncIterator[Peer]:
    """Connect and read the greeting."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    peer = Peer(reader, writer)
    try:
        assert (await peer.reply()).startswith("220 mx.shop.example ESMTP")
        yield peer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
