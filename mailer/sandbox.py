"""The built-in relay: an SMTP server on loopback that takes every mail and lets none leave this machine.

It stores each message under a folder before it answers 250, so that tests and the demo can prove what was sent and to
whom. It never forwards, never binds to an address that others can reach, and does not promise to survive a power cut.
"""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from kit.clock import Clock, utc_now
from kit.errors import InvalidSettings
from mailer.relays import is_loopback

COMMAND_OCTETS = 4096  # bounds memory on an endless command line
MESSAGE_OCTETS = 32 * 1024 * 1024  # bounds memory on an endless message
RECIPIENTS = 100  # RFC 5321 4.5.3.1.8: at least so many
CONNECTIONS = 200  # bounds memory
IDLE_SECONDS = 300.0  # RFC 5321 4.5.3.2.7

_MAIL = re.compile(r"MAIL FROM: ?<([^<>\s]*)>((?: [^\s<>]+)*)", re.IGNORECASE)
_RCPT = re.compile(r"RCPT TO: ?<([^<>\s]+)>((?: [^\s<>]+)*)", re.IGNORECASE)
_END = b"\r\n.\r\n"


@dataclass(frozen=True, slots=True)
class StoredMail:
    """One message to one recipient that the sandbox has taken."""

    file: str
    """Its name below ``mail/``."""
    mail_from: str
    rcpt_to: str
    at: datetime
    content: bytes


def read_store(folder: Path) -> list[StoredMail]:
    """Return all that the sandbox has stored in a folder, in the order of its index; an empty list where none is."""
    return list(_read(folder))


def _read(folder: Path) -> Iterator[StoredMail]:
    index = folder / "index.jsonl"
    for line in index.read_bytes().split(b"\n") if index.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the last line of a process that was killed: its message was never answered
        at = datetime.fromisoformat(entry["at"])
        content = (folder / "mail" / entry["file"]).read_bytes()
        yield StoredMail(entry["file"], entry["mail_from"], entry["rcpt_to"], at, content)


class Store:
    """The folder; several processes may write to one at the same time."""

    def __init__(self, folder: Path, clock: Clock = utc_now) -> None:
        self._mail = folder / "mail"
        self._mail.mkdir(parents=True, exist_ok=True)
        self._path = f"{self._mail}{os.sep}"  # joining paths costs more than writing the index
        numbers = (int(entry.name[:-4]) for entry in os.scandir(self._mail) if re.fullmatch(r"\d+\.eml", entry.name))
        self._next = max(numbers, default=0) + 1
        self._clock = clock
        self._index = os.open(folder / "index.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        index = folder / "index.jsonl"
        if index.stat().st_size and not index.read_bytes().endswith(b"\n"):
            os.write(self._index, b"\n")  # a process killed in mid-line leaves a torn line; the next starts afresh

    def close(self) -> None:
        """Let go of the index."""
        os.close(self._index)

    def add(self, mail_from: str, recipients: list[str], content: bytes | bytearray) -> str:
        """Write a message and then its index lines; return its file's name. Raises OSError when there is no room."""
        name, descriptor = self._new_file()
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
        at = self._clock().isoformat()
        lines = "".join(
            json.dumps({"file": name, "mail_from": mail_from, "rcpt_to": recipient, "at": at}) + "\n"
            for recipient in recipients
        ).encode()
        if os.write(self._index, lines) != len(lines):
            raise OSError("the index could not be written whole")
        return name

    def _new_file(self) -> tuple[str, int]:
        while True:
            name = f"{self._next:08d}.eml"
            self._next += 1
            try:
                return name, os.open(self._path + name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue  # another process was first


class SandboxRelay:
    """The server. ``async with SandboxRelay(folder) as relay`` serves until the block ends, at ``relay.port``."""

    def __init__(self, folder: Path, host: str = "127.0.0.1", port: int = 0) -> None:
        if not is_loopback(host):
            raise InvalidSettings("the built-in relay listens on loopback only: it takes mail from anybody")
        self.folder = folder
        self.host = host
        self.port = port
        """The port given, or the one found once the server is up."""
        self.connections: set[_Session] = set()
        self._server: asyncio.Server | None = None
        self._store: Store | None = None

    @property
    def url(self) -> str:
        """The relay's URL for the settings."""
        return f"smtp://[{self.host}]:{self.port}" if ":" in self.host else f"smtp://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        store = self._store = await asyncio.to_thread(Store, self.folder)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Session(self, store), self.host, self.port, backlog=100)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            for session in tuple(self.connections):
                session.stop()
            await asyncio.sleep(0)  # lets the closed sockets go
        if self._store is not None:
            self._store.close()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with self:
            await asyncio.Event().wait()


class _Session(asyncio.Protocol):
    """One client."""

    def __init__(self, relay: SandboxRelay, store: Store) -> None:
        self._relay = relay
        self._store = store
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._searched = 0
        self._replies: list[bytes] = []
        self._has_greeted = False
        self._mail_from: str | None = None
        self._is_international = False
        self._recipients: list[str] = []
        self._is_in_data = False
        self._is_too_long = False
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._relay.connections.add(self)
        self._watch()
        if len(self._relay.connections) > CONNECTIONS:
            self._transport.write(b"421 4.3.2 Too many connections\r\n")
            self._transport.close()
            return
        self._transport.write(b"220 sandbox.invalid ESMTP\r\n")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name for it
        self._relay.connections.discard(self)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._last = asyncio.get_running_loop().time()
        while self._has_read_message() if self._is_in_data else self._has_read_command():
            pass
        if self._replies and self._transport is not None:
            self._transport.write(b"".join(self._replies))
            self._replies.clear()

    def stop(self) -> None:
        """Say that the relay goes away, and go."""
        if self._transport is not None:
            self._transport.write(b"421 4.3.2 The sandbox is closing\r\n")
            self._transport.close()

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None and loop.time() - self._last >= IDLE_SECONDS and self._transport is not None:
            self._transport.abort()
            return
        self._timer = loop.call_later(IDLE_SECONDS, self._watch)

    def _has_read_command(self) -> bool:
        """Carry out one command; False where no whole one is here or the connection is closing."""
        end = self._buffer.find(b"\r\n")
        if end > COMMAND_OCTETS or (end < 0 and len(self._buffer) > COMMAND_OCTETS):
            self._buffer.clear()
            self._say("500 5.5.2 Line too long")
            self._close()
            return False
        if end < 0 or self._transport is None or self._transport.is_closing():
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        try:
            command = line.decode("utf-8")
        except UnicodeDecodeError:
            self._say("500 5.5.2 Not UTF-8")
            return True
        if "\r" in command or "\n" in command or "\0" in command:
            self._say("500 5.5.2 Only CR LF ends a line")
            return True
        self._carry_out(command)
        return True

    def _carry_out(self, command: str) -> None:
        match command[:4].upper():
            case "MAIL":
                self._take_sender(command)
            case "RCPT":
                self._take_recipient(command)
            case "DATA":
                self._begin_data(command)
            case "EHLO" | "HELO" as verb:
                self._greet(verb)
            case "RSET":
                self._reset()
                self._say("250 2.0.0 Ok")
            case "NOOP":
                self._say("250 2.0.0 Ok")
            case "VRFY":
                self._say("252 2.0.0 Send mail and see")
            case "QUIT":
                self._say("221 2.0.0 Bye")
                self._close()
            case _:
                self._say("500 5.5.2 Unknown command")

    def _greet(self, verb: str) -> None:
        self._has_greeted = True
        self._reset()
        if verb == "HELO":
            self._say("250 sandbox.invalid")
            return
        offers = ("PIPELINING", f"SIZE {MESSAGE_OCTETS}", "8BITMIME", "SMTPUTF8")
        lines = ["250-sandbox.invalid", *(f"250-{offer}" for offer in offers), "250 ENHANCEDSTATUSCODES"]
        self._say("\r\n".join(lines))

    def _take_sender(self, command: str) -> None:
        found = _MAIL.fullmatch(command)
        if not self._has_greeted or self._mail_from is not None:
            self._say("503 5.5.1 Not now")
        elif found is None:
            self._say("501 5.1.7 Bad sender address")
        else:
            options = found[2].upper().split()
            sizes = [option[5:] for option in options if option.startswith("SIZE=")]
            self._is_international = "SMTPUTF8" in options
            if not found[1].isascii() and not self._is_international:
                self._say("553 5.6.7 SMTPUTF8 is needed")
            elif sizes and (not sizes[0].isdigit() or len(sizes[0]) > 18 or int(sizes[0]) > MESSAGE_OCTETS):
                self._say("552 5.3.4 Message too big")
            else:
                self._mail_from = found[1]
                self._say("250 2.1.0 Ok")

    def _take_recipient(self, command: str) -> None:
        found = _RCPT.fullmatch(command)
        if self._mail_from is None:
            self._say("503 5.5.1 MAIL first")
        elif found is None:
            self._say("501 5.1.3 Bad recipient address")
        elif not found[1].isascii() and not self._is_international:
            self._say("553 5.6.7 SMTPUTF8 is needed")
        elif len(self._recipients) >= RECIPIENTS:
            self._say("452 4.5.3 Too many recipients")
        else:
            self._recipients.append(found[1])
            self._say("250 2.1.5 Ok")

    def _begin_data(self, command: str) -> None:
        if command.strip().upper() != "DATA":
            self._say("501 5.5.4 DATA stands alone")
        elif not self._recipients:
            self._say("554 5.5.1 No valid recipients" if self._mail_from is not None else "503 5.5.1 MAIL first")
        else:
            # The CR LF of the DATA line counts as the one before the dot, so an empty message ends with ".CRLF".
            self._buffer[:0] = b"\r\n"
            self._searched = 0
            self._is_in_data = True
            self._say("354 End data with <CR><LF>.<CR><LF>")

    def _has_read_message(self) -> bool:
        """Store one message; False where its end is not here yet. Nothing but CR LF . CR LF is an end."""
        end = self._buffer.find(_END, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(_END) + 1)
            if len(self._buffer) > MESSAGE_OCTETS + 4:
                self._is_too_long = True
                del self._buffer[: self._searched]
                self._searched = 0
            return False
        # RFC 5321 4.5.2: each line that begins with a dot loses it.
        content = self._buffer[: end + 2].replace(b"\r\n.", b"\r\n")
        del content[:2]
        del self._buffer[: end + len(_END)]
        self._is_in_data = False
        self._say(self._kept(content))
        self._reset()
        return True

    def _kept(self, content: bytes | bytearray) -> str:
        if self._is_too_long or len(content) > MESSAGE_OCTETS:
            return "552 5.3.4 Message too big"
        try:
            name = self._store.add(self._mail_from or "", self._recipients, content)
        except OSError:
            return "452 4.3.1 No room to store the message"
        return f"250 2.0.0 Ok: stored as {name}"

    def _reset(self) -> None:
        self._mail_from = None
        self._recipients = []
        self._is_too_long = False

    def _say(self, reply: str) -> None:
        self._replies.append(f"{reply}\r\n".encode())

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(self._replies))
            self._replies.clear()
            self._transport.close()
