"""A fast relay that takes every mail and remembers when each MAIL FROM came; it runs in a thread of its own."""

import asyncio
import re
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, cast

_PATH = re.compile(rb"<([^>]*)>")
_SUBJECT = re.compile(rb"(?im)^subject:[ \t]*([^\r\n]*)")
_END = b"\r\n.\r\n"


@dataclass(slots=True)
class Letter:
    """One mail to one recipient; `begun_at` is when its MAIL FROM was read (time.monotonic)."""

    mail_from: str
    begun_at: float
    rcpt_to: str = ""
    subject: str = ""


@dataclass
class Record:
    """What the relay knows: transactions that began, and letters that it answered 250."""

    begun: list[Letter] = field(default_factory=list)
    taken: list[Letter] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    """Recipients of all that began."""


class RecordingRelay:
    """``with RecordingRelay() as relay`` serves at ``relay.url``; `pause` seconds go by before each answer to a dot.

    ``swaps`` puts other replies in the place of its own in the first connection, by number (the greeting is 0). It
    stands by what it says: what it refuses is not taken, and behind a 421 it closes.
    """

    def __init__(self, *, pause: float = 0.0, swaps: Mapping[int, bytes] | None = None) -> None:
        self.pause = pause
        self.swaps = dict(swaps or {})
        self.sessions: set[_Session] = set()
        self.port = 0
        self.record = Record()
        self._loop = asyncio.new_event_loop()
        self._up: Future[int] = Future()
        self._thread = threading.Thread(target=self._serve, name="recording relay", daemon=True)

    @property
    def url(self) -> str:
        """The relay's URL for the settings, as a list in TOML's and JSON's form."""
        return f'["smtp://127.0.0.1:{self.port}"]'

    def taken(self, subject: str) -> list[str]:
        """Return the recipients of all letters with a subject, in the order of their coming."""
        return [letter.rcpt_to for letter in list(self.record.taken) if letter.subject == subject]

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = self._up.result(timeout=10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        sessions = self.sessions

        def session() -> "_Session":
            made = _Session(self, sessions)
            sessions.add(made)
            return made

        server = self._loop.run_until_complete(self._loop.create_server(session, "127.0.0.1", 0, backlog=100))
        self._up.set_result(server.sockets[0].getsockname()[1])
        self._loop.run_forever()
        server.close()
        for open_ in tuple(sessions):
            open_.close()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()


class _Session(asyncio.Protocol):
    def __init__(self, relay: RecordingRelay, sessions: "set[_Session]") -> None:
        self._relay, self._sessions = relay, sessions
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._letter: Letter | None = None
        self._is_in_data = False
        self._is_waiting = False
        self._swaps, relay.swaps = relay.swaps, {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._say(b"220 recording.test ESMTP")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._sessions.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _go_on(self) -> None:
        while not self._is_waiting and (self._has_letter() if self._is_in_data else self._has_command()):
            pass

    def _has_command(self) -> bool:
        line, found, _ = self._buffer.partition(b"\r\n")
        if not found:
            return False
        del self._buffer[: len(line) + 2]
        match bytes(line[:4]).upper():
            case b"EHLO":
                self._say(b"250-recording.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 20000000")
            case b"MAIL":
                letter = Letter(_path(line), time.monotonic())
                self._relay.record.begun.append(letter)
                self._letter = letter if self._say(b"250 2.1.0 Ok") else None
            case b"RCPT" if self._letter is not None:
                if self._say(b"250 2.1.5 Ok"):
                    self._letter.rcpt_to = _path(line)
                    self._relay.record.reached.add(self._letter.rcpt_to)
            case b"DATA" if self._letter is not None and self._letter.rcpt_to:
                if self._say(b"354 go on"):
                    self._is_in_data = True
                    self._buffer[:0] = b"\r\n"
            case b"RCPT" | b"DATA":
                self._say(b"503 5.5.1 not now")
            case b"RSET":
                self._letter = None
                self._say(b"250 2.0.0 Ok")
            case b"QUIT":
                self._say(b"221 2.0.0 Bye")
                self.close_gently()
            case _:
                self._say(b"250 2.0.0 Ok")
        return True

    def _has_letter(self) -> bool:
        end = self._buffer.find(_END)
        if end < 0 or self._letter is None:
            return False
        subject = _SUBJECT.search(self._buffer, 0, end)
        self._letter.subject = subject[1].decode("utf-8", "replace") if subject else ""
        del self._buffer[: end + len(_END)]
        self._is_in_data = False
        letter, self._letter = self._letter, None
        if self._relay.pause:
            self._is_waiting = True
            asyncio.get_running_loop().call_later(self._relay.pause, self._answer, letter)
        else:
            self._answer(letter)
        return True

    def _answer(self, letter: Letter) -> None:
        # what is written to a socket that is still open counts as taken, whether the other side lives to read it or not
        if self._transport is not None and self._say(b"250 2.0.0 Ok: taken"):
            self._relay.record.taken.append(letter)
        if self._is_waiting:
            self._is_waiting = False
            self._go_on()

    def _say(self, reply: bytes) -> bool:
        """Answer, perhaps with another reply than this one; return whether it was a yes."""
        reply = self._swaps.pop(0, reply)
        self._swaps = {place - 1: other for place, other in self._swaps.items()}
        if self._transport is not None:
            self._transport.write(reply + b"\r\n")
            if reply.startswith(b"421"):
                self.close_gently()
        return reply < b"4"

    def close_gently(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _path(line: bytes | bytearray) -> str:
    found = _PATH.search(bytes(line))
    return found[1].decode("utf-8", "replace") if found else ""
