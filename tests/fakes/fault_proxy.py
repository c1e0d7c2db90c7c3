"""A TCP proxy that does harm: cuts a connection behind any octet of either direction, swallows, dribbles, resets.

It stands between a client and a real server on loopback. The first connections get the harms given, in their order; all
later ones pass unharmed. What really passed is kept, so that a test can say what the client was told.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time at all: closing sends RST


class Way(Enum):
    """What happens once so many octets have passed."""

    CLOSE = "close"  # both ends are closed in good order
    RESET = "reset"  # both ends get a RST
    HOLD = "hold"  # nothing more passes this way, and the connection stays


@dataclass(frozen=True, slots=True)
class Harm:
    """What is done to one connection; a direction without a number passes everything."""

    up: int | None = None
    """Octets of the client that pass."""
    down: int | None = None
    """Octets of the server that pass."""
    way: Way = Way.CLOSE
    is_dribbled: bool = False
    """Whether every octet travels in a packet of its own."""


@dataclass(eq=False)
class Line:
    """One connection: what passed in each direction."""

    harm: Harm
    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def cut(self) -> None:
        """End both sides."""
        for writer in self.writers:
            if self.harm.way is Way.RESET:
                with contextlib.suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()
            else:
                writer.close()


class FaultProxy:
    """``async with FaultProxy(port, [Harm(down=17)]) as proxy`` listens at ``proxy.url``."""

    def __init__(self, port: int, harms: Iterable[Harm] = ()) -> None:
        self._target, self._harms = port, list(harms)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.lines: list[Line] = []
        self.port = 0

    @property
    def url(self) -> str:
        """The proxy as a relay."""
        return f"smtp://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for line in self.lines:
            line.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        line = Line(self._harms[len(self.lines)] if len(self.lines) < len(self._harms) else Harm())
        self.lines.append(line)
        line.writers.append(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            onward_reader, onward = await asyncio.open_connection("127.0.0.1", self._target)
            line.writers.append(onward)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass(line, reader, onward, line.up, line.harm.up))
                both.create_task(_pass(line, onward_reader, writer, line.down, line.harm.down))
        self._tasks.discard(task)


async def _pass(
    line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passed: bytearray, most: int | None
) -> None:
    """Carry one direction up to its harm or its end, whichever is first."""
    left = 1 << 40 if most is None else most
    with contextlib.suppress(OSError):
        while left:
            received = await reader.read(min(left, 1 if line.harm.is_dribbled else 65_536))
            if not received:
                break
            left -= len(received)
            passed += received
            writer.write(received)
            await writer.drain()
    if not left and line.harm.way is Way.HOLD:
        await asyncio.Event().wait()
    line.cut()
