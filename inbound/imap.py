"""Watches a mailbox by IMAP IDLE, for installations whose MX can't point to us.

IDLE is a hint only: the truth is what ``UID SEARCH`` finds beyond the last UID that was decided. The order is always
fetch, commit, then the Seen flag or MOVE, so that a crash between leads to the same result once more, never to a loss.
It decides nothing about mail.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from aioimaplib import IMAP4, IMAP4_SSL, AioImapException
from sqlalchemy.ext.asyncio import AsyncSession

from inbound.connection import Take
from inbound.content import header_values
from inbound.model import Channel, Envelope
from inbound.tables import ImapCursorRow
from kit.addresses import harvest
from kit.clock import Clock, utc_now
from kit.config_inbound import ImapSettings, InboundSettings
from kit.db import Database, insert
from kit.errors import InvalidSettings, Temporary
from kit.log import logger
from mailer.relays import is_loopback

CURSOR_EVERY = 25  # mails between notes of how far we are; what a crash makes us look at again

_UID_VALIDITY = re.compile(rb"UIDVALIDITY (\d+)")
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")

log = logger("inbound.imap")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long we wait for what, in seconds."""

    command: float = 30.0  # for the server to answer one command
    fetch: float = 300.0  # and to hand out a whole mail
    first_pause: float = 1.0  # before a new connection after trouble, doubled each time,
    longest_pause: float = 60.0  # up to this
    poll: float = 30.0  # between looks where the server knows no IDLE


ORDINARY = Pace()


class MailboxTrouble(Temporary):
    """The mailbox can't be read at this moment."""


class Refused(MailboxTrouble):
    """The server says no."""


class Mailbox:
    """Watches one mailbox. ``run`` ends by cancellation only; ``ready`` is set after the first catching up."""

    def __init__(
        self,
        settings: ImapSettings,
        inbound: InboundSettings,
        *,
        database: Database,
        take: Take,
        clock: Clock = utc_now,
        pace: Pace = ORDINARY,
    ) -> None:
        """Take the settings; a password never goes over the net in clear, nor do line ends into a command."""
        if settings.tls == "none" and not is_loopback(settings.host):
            raise InvalidSettings("inbound.imap.tls: 'none' is for a server on this machine; use 'implicit'")
        for name in ("host", "user", "password", "folder", "done_folder"):  # attack A30
            if re.search(r"[\x00-\x1f\x7f]", getattr(settings, name)):
                raise InvalidSettings(f"inbound.imap.{name}: control characters are not allowed")
        if not (settings.host and settings.user and settings.folder):
            raise InvalidSettings("inbound.imap: host, user and folder are needed")
        self._settings = settings
        self._most_octets = inbound.max_bytes
        self._database = database
        self._take = take
        self._clock = clock
        self._name = f"{settings.user}@{settings.host}:{settings.port}/{settings.folder}"[:400]
        self._pace = pace
        self._pause = pace.first_pause
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Watch for ever: connect, catch up, wait for news; after any trouble connect anew and catch up in full."""
        while True:
            try:
                await self._watch()
            except (AioImapException, MailboxTrouble, OSError, TimeoutError, ValueError) as error:
                log.warning("mailbox.lost", why=type(error).__name__, detail=str(error)[:200], pause=self._pause)
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, self._pace.longest_pause)

    async def _watch(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            line = _Line(self._settings, self._pace)
            stack.push_async_callback(line.close)
            validity = await line.open()
            if self._settings.done_folder:
                await line.make_folder(self._settings.done_folder)
            last = await self._start_from(validity)
            log.info("mailbox.opened", uid_validity=validity, last_uid=last)
            while True:
                line.news.clear()
                last = await self._catch_up(line, validity, last)
                self._pause = self._pace.first_pause
                self.ready.set()
                if not line.news.is_set():
                    await line.wait_for_news(self._settings.idle_seconds)

    async def _start_from(self, validity: int) -> int:
        """Return the last UID that was decided; 0 under a new UIDVALIDITY, which voids all UIDs (RFC 3501 2.3.1.1)."""
        async with self._database.reading() as session:
            row = await session.get(ImapCursorRow, self._name)
        if row is not None and row.uid_validity != validity:
            log.warning("mailbox.renumbered", uid_validity=validity)
        return row.last_uid if row is not None and row.uid_validity == validity else 0

    async def _catch_up(self, line: "_Line", validity: int, last: int) -> int:
        """Take every mail beyond the last UID, in order; return the new last UID."""
        noted = last
        for count, uid in enumerate(await line.search(last), 1):
            raw, is_whole = await line.fetch(uid, self._most_octets)
            if raw is not None:  # None: somebody removed it meanwhile
                taken = await self._take(raw, _envelope(raw, self._settings.host), self._clock())
                if not taken.is_ours:
                    raise MailboxTrouble(f"a mail could not be decided now: {taken.enhanced}")
                if is_whole:
                    await line.mark(uid, self._settings.done_folder)
                else:
                    log.warning("mail.too_large", uid=uid)  # decided by its beginning; it stays for a person to see
            last = uid
            if count % CURSOR_EVERY == 0:
                noted = await self._note(validity, last)
        if noted != last:
            await self._note(validity, last)
        return last

    async def _note(self, validity: int, last: int) -> int:
        async with self._database.transaction() as session:
            await _keep_cursor(session, self._name, validity, last)
        return last


class _Line:
    """One connection to the server: the few commands that are needed, each with a deadline, none built from mail."""

    def __init__(self, settings: ImapSettings, pace: Pace) -> None:
        self._settings = settings
        self._pace = pace
        self.news = asyncio.Event()  # the server told of a mail, or the connection is gone
        self._lost = False
        self._client: Any = None

    async def open(self) -> int:
        """Connect, sign in and select the folder; return its UIDVALIDITY."""
        settings = self._settings
        if settings.tls == "implicit":
            context = await asyncio.to_thread(ssl.create_default_context, cafile=settings.ca_file or None)
            self._client = IMAP4_SSL(settings.host, settings.port, timeout=self._pace.command, ssl_context=context)
        else:
            self._client = IMAP4(settings.host, settings.port, timeout=self._pace.command)
        protocol = self._client.protocol
        protocol.conn_lost_cb = self._on_lost
        protocol._untagged_response = self._noticing(protocol._untagged_response)  # noqa: SLF001 - else EXISTS is dropped
        await self._client.wait_hello_from_server()
        _keep_alive(protocol.transport)
        await self._do(self._client.login(_quoted(settings.user), settings.password), "LOGIN")
        lines = await self._do(self._client.select(_quoted(settings.folder)), "SELECT")
        found = next((hit for text in lines if (hit := _UID_VALIDITY.search(bytes(text)))), None)
        if found is None:
            raise MailboxTrouble("the server names no UIDVALIDITY")
        return int(found.group(1))

    async def close(self) -> None:
        """Let go of the connection and of everything that waits on it."""
        if self._client is None:
            return
        client, protocol = self._client, self._client.protocol
        leftovers = {client._client_task, *client.tasks, *protocol.tasks}  # noqa: SLF001 - nothing else ends them
        if protocol.transport is not None:
            protocol.transport.abort()
        for task in leftovers:
            task.cancel()
        await asyncio.wait(leftovers)
        for task in leftovers:
            if not task.cancelled():
                task.exception()  # the trouble that brought us here is known already

    async def search(self, last: int) -> list[int]:
        """Return the UIDs beyond ``last``, in order; ``n:*`` always finds the last mail, too (RFC 3501 6.4.8)."""
        lines = await self._do(self._client.uid_search(f"UID {last + 1}:*", charset=None), "SEARCH")
        words = (word for text in lines[:-1] for word in bytes(text).split() if word.isdigit())
        return sorted({uid for uid in map(int, words) if uid > last})

    async def fetch(self, uid: int, most: int) -> tuple[bytes | None, bool]:
        """Return a mail and whether it is whole; None where it is gone. Sets no flag."""
        lines = await self._do(self._client.uid("fetch", str(uid), "(RFC822.SIZE)"), "FETCH")
        size = next((int(hit.group(1)) for text in lines if (hit := _SIZE.search(bytes(text)))), None)
        if size is None:
            return None, False
        part = f"<0.{most}>" if size > most else ""
        command = self._client.uid("fetch", str(uid), f"(BODY.PEEK[]{part})")
        lines = await self._do(command, "FETCH", self._pace.fetch)
        literal = next((bytes(text) for text in lines if isinstance(text, bytearray)), None)
        if literal is None and size:
            raise MailboxTrouble("the server gave no mail")
        return (literal or b"")[:most], size <= most

    async def mark(self, uid: int, done_folder: str) -> None:
        """Mark a decided mail as seen, or move it away. Should that fail, the mail is decided all the same."""
        number = str(uid)
        try:
            if not done_folder:
                await self._do(self._client.uid("store", number, "+FLAGS.SILENT", r"(\Seen)"), "STORE")
            elif "MOVE" in self._client.protocol.capabilities:
                await self._do(self._client.uid("move", number, _quoted(done_folder)), "MOVE")
            else:
                await self._do(self._client.uid("copy", number, _quoted(done_folder)), "COPY")
                await self._do(self._client.uid("store", number, "+FLAGS.SILENT", r"(\Seen \Deleted)"), "STORE")
                if "UIDPLUS" in self._client.protocol.capabilities:  # a plain EXPUNGE would remove others' mails, too
                    await self._do(self._client.uid("expunge", number), "EXPUNGE")
        except Refused as error:
            log.warning("mail.not_marked", uid=uid, why=str(error)[:200])

    async def make_folder(self, name: str) -> None:
        """Make the folder for decided mail where it is missing."""
        with contextlib.suppress(Refused):  # it is there already
            await self._do(self._client.create(_quoted(name)), "CREATE")

    async def wait_for_news(self, seconds: float) -> None:
        """Return when the server tells of a mail, or after a while; raise when the connection is gone."""
        if "IDLE" in self._client.protocol.capabilities:
            async with asyncio.timeout(self._pace.command):
                idling = await self._client.idle_start(timeout=seconds + self._pace.command)
            await self._rest(seconds)
            self._client.idle_done()  # RFC 2177: DONE before any other command
            async with asyncio.timeout(self._pace.command):
                await idling
            while not self._client.protocol.idle_queue.empty():
                self._client.protocol.idle_queue.get_nowait()
        else:
            await self._rest(min(seconds, self._pace.poll))
            await self._do(self._client.noop(), "NOOP")

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.news.wait()
        if self._lost:
            raise MailboxTrouble("the connection is gone")

    async def _do(self, command: Any, name: str, seconds: float = 0.0) -> list[Any]:
        """Wait for a command; return the lines of its answer, or raise where the server says no."""
        async with asyncio.timeout(seconds or self._pace.command):
            answer = await command
        if answer.result != "OK":
            raise Refused(f"{name} was refused: {b' '.join(map(bytes, answer.lines))[:200]!r}")
        lines: list[Any] = answer.lines  # bytes, and a bytearray for each literal
        return lines

    def _on_lost(self, _error: Exception | None) -> None:
        self._lost = True
        self.news.set()

    def _noticing(self, handle: Any) -> Any:
        """Return the library's reader of untagged lines with an ear for EXISTS.

        A mail that is told of during another command is not told of again by IDLE, and the library drops the line.
        """

        def notice(line: bytes) -> Any:
            if line.endswith(b" EXISTS"):
                self.news.set()
            return handle(line)

        return notice


async def _keep_cursor(session: AsyncSession, mailbox: str, validity: int, last: int) -> None:
    statement = insert(session, ImapCursorRow).values(mailbox=mailbox, uid_validity=validity, last_uid=last)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["mailbox"], set_={"uid_validity": validity, "last_uid": sa.literal(last)}
        )
    )


def _envelope(raw: bytes, host: str) -> Envelope:
    """Return what the mailbox still knows of the envelope: the return path, if the server wrote it down."""
    paths = header_values(raw, "return-path")
    found: Iterable[Any] = harvest(paths[0]) if paths else harvest(" ".join(header_values(raw, "from")))
    return Envelope(next((str(address) for address in found), ""), (), host, "", Channel.IMAP)


def _quoted(text: str) -> str:
    """Return a quoted string (RFC 3501 4.3); control characters were refused with the settings."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _keep_alive(transport: Any) -> None:
    """Have the kernel ask a silent server every few seconds, so that a dead line is seen within a minute."""
    connection = transport.get_extra_info("socket")
    if connection is None:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 50_000)):
        option = getattr(socket, name, None)
        if option is not None:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
