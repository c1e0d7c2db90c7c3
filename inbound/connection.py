"""One connection of a mail server to ours: aiosmtpd's protocol with its faults mended. It knows lines, not mails.

What differs from aiosmtpd 1.4.6: only CRLF ends a line; trouble of ours is 451 and never 500; a peer that closed
its own direction still reads its answers; silence and slow dripping end with 421; the number of connections is
bounded. The commands are in :mod:`inbound.session`.
"""

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from aiosmtpd.proxy_protocol import get_proxy
from aiosmtpd.smtp import SMTP, TLSSetupException

from inbound.intake import Taken
from inbound.model import Envelope
from kit.clock import Clock
from kit.log import logger

LINE_OCTETS = 65_536  # RFC 5321 4.5.3.1.6 allows 1,000; a sloppy client's opt-out is not lost for a long line
COMMAND_OCTETS = 2048  # RFC 5321 4.5.3.1.4 has 512; parameters and UTF-8 addresses need more
PROXY_SECONDS = 5.0
PATIENCE = 100  # what a peer may say without bringing a mail; then it is no mail server
REFUSED, IDLE = 5, 1  # what a command costs of it that is refused, or that leads nowhere
IDLE_COMMANDS = frozenset({"NOOP", "RSET", "VRFY", "EXPN", "HELO", "EHLO", "LHLO"})

log = logger("inbound.connection")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Command = Callable[[str], Awaitable[None]]


class Take(Protocol):
    """Takes a whole mail (``Intake.take``)."""

    async def __call__(self, raw: bytes, envelope: Envelope, at: datetime) -> Taken:
        """Return the answer for the peer."""
        ...  # the body is the intake's


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a listener talks to its peers."""

    hostname: str
    domains: frozenset[str]  # that we take mail for
    max_bytes: int
    max_recipients: int
    idle_seconds: float
    session_seconds: float
    peers: tuple[Network, ...] = ()  # that may connect; none means everybody
    proxies: tuple[Network, ...] = ()  # that name the real peer in a PROXY header
    tls: ssl.SSLContext | None = None  # None offers no STARTTLS


class Floor(Protocol):
    """The listener that a connection belongs to: what all connections share."""

    terms: Terms
    take: Take
    clock: Clock
    is_stopping: bool

    def admit(self, connection: "Connection") -> bool:
        """Whether there is room for one more connection."""
        ...  # the body is the listener's

    def welcome(self, peer: str) -> None:
        """Note that an address brought a mail."""
        ...  # the body is the listener's

    def keeps_out(self, peer: str) -> bool:
        """Whether an address has knocked too often in vain."""
        ...  # the body is the listener's

    def leave(self, connection: "Connection") -> None:
        """Forget a connection."""
        ...  # the body is the listener's

    def hold(self, octets: int) -> bool:
        """Whether so many more octets of mail fit in memory; a negative number gives them back."""
        ...  # the body is the listener's


class Connection(SMTP):
    """Reads command lines and hands them to the commands of a subclass."""

    line_length_limit = LINE_OCTETS

    def __init__(self, floor: Floor) -> None:
        """Take the shared terms; the peer isn't there yet."""
        terms = floor.terms
        super().__init__(
            object(), data_size_limit=terms.max_bytes, enable_SMTPUTF8=True, hostname=terms.hostname,
            ident="Byleave", tls_context=terms.tls, timeout=terms.idle_seconds, loop=asyncio.get_running_loop(),
        )  # fmt: skip
        self.floor = floor
        self.peer = ""
        self.is_busy = False  # a command is being carried out
        self.is_spoilt = False  # what follows may not be meant as commands: none is obeyed any more
        self.is_deciding = False  # a mail is with the intake, whose own limits hold
        self.patience = PATIENCE
        self.has_brought_mail = False
        self.useful_at = self.loop.time()  # when it came, or brought its last mail
        self._end: asyncio.TimerHandle | None = None

    def commands(self) -> dict[str, Command]:
        """Return the commands by their verbs; each answers for itself."""
        raise NotImplementedError

    def forget(self) -> None:
        """Drop everything that the peer has said so far (RFC 3207 4.2); called at the start, and again under TLS."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start, or go on under TLS. The whole connection has an end, however slowly the peer drips."""
        if self._end is None:
            self._end = self.loop.call_later(self.floor.terms.session_seconds, self._expire)
        peer = transport.get_extra_info("peername")
        if not self.peer:  # under TLS a proxy's word about the peer still holds
            self.peer = str(peer[0]) if isinstance(peer, tuple) and peer else "local"
        if self.floor.keeps_out(self.peer) and isinstance(transport, asyncio.WriteTransport):
            transport.write(b"421 4.7.0 come again in a minute\r\n")
            transport.close()
        self.forget()
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Clean up. What is being decided is decided all the same (``Intake.take``)."""
        if self._end is not None:
            self._end.cancel()
        self.floor.leave(self)
        super().connection_lost(error)

    def eof_received(self) -> bool | None:
        """Let a peer that closed only its own direction read the answers; aiosmtpd would cancel in mid-work."""
        self._reader.feed_eof()
        return self._tls_protocol is None  # RFC 8446 6.1 would allow it under TLS too; asyncio does not

    def say_goodbye(self, text: str) -> None:
        """Send 421 and close: for limits, and when we stop (RFC 5321 3.8)."""
        transport: Any = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(f"421 {text}\r\n".encode("ascii"))
            transport.close()

    def _timeout_cb(self) -> None:
        """End a silent connection and say why (RFC 5321 4.5.3.2.7); aiosmtpd closes without a word."""
        self._expire()

    def _expire(self) -> None:
        if self.is_deciding:
            self._reset_timeout(1.0)
        else:
            self.say_goodbye("4.4.2 time is up")

    async def _handle_client(self) -> None:
        """Read commands until the peer leaves, is told to, or we stop."""
        if self.transport is None or self.transport.is_closing():
            return
        if not self.floor.admit(self) or self.floor.is_stopping:
            self.say_goodbye("4.3.2 too busy or stopping, please come again")
            return
        if not await self._is_welcome():
            self.say_goodbye("4.7.0 no mail is taken from there")
            return
        try:
            await self.push(f"220 {self.hostname} ESMTP {self.__ident__}")
            await self._converse()
        except (asyncio.IncompleteReadError, ConnectionError):
            log.debug("peer.left")
        finally:
            if self.transport is not None:
                self.transport.close()

    async def _is_welcome(self) -> bool:
        """Whether this peer may talk to us; a proxy first says for whom it speaks (HAProxy's PROXY, 1 or 2)."""
        terms = self.floor.terms
        if is_within(self.peer, terms.proxies):
            try:
                async with asyncio.timeout(PROXY_SECONDS):
                    told = await get_proxy(self._reader)
            except (TimeoutError, ConnectionError):
                return False
            if not told.valid:
                log.warning("peer.refused", why="no PROXY header")
                return False
            if told.src_addr:  # a health check of the proxy itself names nobody
                self.peer = str(told.src_addr)
        return not self.floor.keeps_out(self.peer) and (not terms.peers or is_within(self.peer, terms.peers))

    async def push(self, status: Any) -> None:
        """Send a reply; refusals for good tire us. ``status`` may have several lines."""
        if str(status).startswith("5"):
            self.patience -= REFUSED
        await super().push(status)

    async def _converse(self) -> None:
        known = self.commands()
        while self.transport is not None and not self.transport.is_closing():
            line = await self._command_line()
            self._reset_timeout()
            self.is_busy = True
            try:
                refusal = await self._obey(line, known)
            finally:
                self.is_busy = False
            if refusal:
                await self.push(refusal)
            if self.patience <= 0:
                self.say_goodbye("4.7.0 too many errors")
            elif self.floor.is_stopping:
                self.say_goodbye("4.3.2 stopping, please come again")

    async def _command_line(self) -> bytes | None:
        """Return the next line without its CRLF; None for one that is too long."""
        too_long = False
        while True:
            try:
                line: bytes = await self._reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as overrun:
                await self._reader.read(max(overrun.consumed, 1))
                too_long = True
                continue
            return None if too_long or len(line) > COMMAND_OCTETS else line[:-2]

    async def _obey(self, line: bytes | None, known: dict[str, Command]) -> str:
        """Carry out one command; return the refusal where the line is none."""
        if line is None:
            return "500 5.5.2 line too long"
        if any(octet in line for octet in (b"\0", b"\r", b"\n")):
            return "500 5.5.2 a line ends with CR LF and holds no other CR, LF or NUL"
        name, _, rest = line.partition(b" ")
        verb = name.decode("ascii", "replace").upper()
        self.patience -= IDLE if verb in IDLE_COMMANDS else 0
        if self.is_spoilt and verb != "QUIT":
            self.patience -= REFUSED
            return "421 4.7.0 nothing more is taken over this connection, please come again"
        command = known.get(verb)
        if command is None:
            return "500 5.5.1 command not known"
        try:
            argument = rest.decode("utf-8").strip(" ")
        except UnicodeDecodeError:
            return "553 5.6.7 this is not UTF-8"  # RFC 6531 3.5
        if any(letter < " " or letter == "\x7f" for letter in argument):
            return "501 5.5.2 control characters are not allowed here"
        try:
            await command(argument)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise
        except TLSSetupException:
            log.info("tls.failed")
            plain: Any = self._original_transport
            if plain is not None:
                plain.abort()
            self.connection_lost(None)  # asyncio tells nobody of a connection whose handshake failed
        except Exception as error:  # noqa: BLE001 - a fault of ours is a temporary answer; a 500 would lose the mail
            log.warning("command.failed", why=type(error).__name__)
            await self.push("451 4.3.0 local trouble, please try again")
        return ""


def is_within(peer: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address is in one of the networks; one that is none is in none."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
