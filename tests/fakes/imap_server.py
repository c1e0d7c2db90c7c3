"""An IMAP server that does what a test tells it: one mailbox, IDLE or not, faults on demand."""

import asyncio
import contextlib
import re
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Box:
    """The mailbox, and how the server behaves."""

    mails: dict[int, bytes] = field(default_factory=dict)
    flags: dict[int, set[str]] = field(default_factory=dict)
    moved: dict[str, list[int]] = field(default_factory=dict)
    validity: int = 100
    capabilities: str = "IMAP4rev1 IDLE MOVE UIDPLUS"
    log: list[str] = field(default_factory=list)
    is_silent: bool = False  # takes commands and answers nothing: a half-open connection
    exists_during_search: bytes | None = None  # a mail that arrives while a SEARCH is answered
    connections: int = 0

    def add(self, raw: bytes) -> int:
        """Put a mail into the box and tell those who idle."""
        uid = max(self.mails, default=0) + 1
        self.mails[uid] = raw
        for idler in self._idlers:
            idler.set()
        return uid

    _idlers: list[asyncio.Event] = field(default_factory=list)


class FakeImap:
    """Serves one box on a loopback port."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break all connections."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.box.connections += 1
        try:
            writer.write(b"* OK ready\r\n")
            while line := await reader.readline():
                await self._obey(line.decode().rstrip("\r\n"), reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _obey(self, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        box = self.box
        tag, _, rest = line.partition(" ")
        box.log.append(re.sub(r"^LOGIN .*", "LOGIN", rest))
        if box.is_silent:
            return
        verb = rest.split(" ")[0].upper()
        sub = rest.split(" ")[1].upper() if verb == "UID" else ""
        answer = f"{tag} OK done"
        out: list[bytes] = []
        if verb == "CAPABILITY":
            out.append(f"* CAPABILITY {box.capabilities}".encode())
        elif verb == "SELECT":
            out += [
                f"* {len(box.mails)} EXISTS".encode(),
                f"* OK [UIDVALIDITY {box.validity}] valid".encode(),
            ]
        elif sub == "SEARCH":
            start = int(re.search(r"UID (\d+):\*", rest[4:]).group(1))  # type: ignore[union-attr]  # as sent
            uids = [uid for uid in sorted(box.mails) if uid >= start] or sorted(box.mails)[-1:]
            out.append(("* SEARCH " + " ".join(map(str, uids))).rstrip().encode())
            if box.exists_during_search is not None:
                box.mails[max(box.mails, default=0) + 1] = box.exists_during_search
                box.exists_during_search = None
                out.append(f"* {len(box.mails)} EXISTS".encode())
        elif sub == "FETCH":
            uid = int(rest.split(" ")[2])
            raw = box.mails.get(uid)
            if raw is not None and "RFC822.SIZE" in rest:
                out.append(f"* {uid} FETCH (UID {uid} RFC822.SIZE {len(raw)})".encode())
            elif raw is not None:
                part = re.search(r"<0\.(\d+)>", rest)
                body, mark = (raw[: int(part.group(1))], "<0>") if part else (raw, "")
                out.append(f"* {uid} FETCH (UID {uid} BODY[]{mark} {{{len(body)}}}\r\n".encode() + body + b")")
        elif sub == "STORE":
            box.flags.setdefault(int(rest.split(" ")[2]), set()).update(re.findall(r"\\\w+", rest))
        elif sub in {"MOVE", "COPY"}:
            uid, folder = int(rest.split(" ")[2]), rest.split('"')[1]
            box.moved.setdefault(folder, []).append(uid)
            if sub == "MOVE":
                del box.mails[uid]
        elif verb == "CREATE":
            answer = f"{tag} NO [ALREADYEXISTS] it is there"
        elif verb == "IDLE":
            await self._idle(reader, writer)
        writer.write(b"".join(piece + b"\r\n" for piece in [*out, answer.encode()]))
        await writer.drain()

    async def _idle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        news = asyncio.Event()
        self.box._idlers.append(news)
        writer.write(b"+ idling\r\n")
        done = asyncio.create_task(reader.readline())
        try:
            while not done.done():
                waiter = asyncio.create_task(news.wait())
                await asyncio.wait({done, waiter}, return_when=asyncio.FIRST_COMPLETED)
                waiter.cancel()
                if news.is_set():
                    news.clear()
                    writer.write(f"* {len(self.box.mails)} EXISTS\r\n".encode())
            self.box.log.append(done.result().decode().strip())
        finally:
            done.cancel()
            self.box._idlers.remove(news)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
