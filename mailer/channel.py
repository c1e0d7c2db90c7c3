"""One connection to a relay: carries the bytes of ``mailer.wire``, keeps its time limits, speaks TLS where it must.

It takes mails from its pool as soon as the conversation wants one and reports each fate to the mail's job. It does not
choose relays or decide what is tried again (``mailer.smtp`` does).
"""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Protocol, cast

from kit.errors import InvalidSettings
from mailer.envelope import Letter
from mailer.relays import Relay, Result, Withheld
from mailer.steps import Answered, Event, NotSent, Over, Ready, StartTls, Step, Terms
from mailer.wire import Dialogue

ONE_WRITE_OCTETS = 65_536  # what a socket takes at once; more is let go before another mail is begun behind it

RECEIVED_OCTETS = 4096  # at a time; the four replies of a mail have some 150
WITHHELD = Withheld()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that each step may take; the defaults are those of RFC 5321 4.5.3.2, which are lower bounds."""

    connect: float = 30.0
    """Opening the connection, and apart from that each TLS handshake."""
    greeting: float = 300.0
    command: float = 300.0
    """The answer to EHLO, STARTTLS, AUTH, MAIL, RCPT and RSET."""
    data: float = 120.0
    block: float = 180.0
    """No byte of a message accepted by the other side."""
    dot: float = 600.0
    """The answer to the final dot; after it the mail's fate is unknown, so this must not be short."""
    idle: float = 20.0
    """How long a connection without mail is kept."""
    quit: float = 5.0

    def of(self, step: Step | None) -> float:
        """Return the seconds that the answer to a step may take; None is an idle connection."""
        match step:
            case None:
                return self.idle
            case Step.DOT | Step.LONE_DOT:
                return self.dot
            case Step.DATA:
                return self.data
            case Step.GREETING:
                return self.greeting
            case Step.QUIT:
                return self.quit
            case _:
                return self.command


class Job(Protocol):
    """A mail that waits for a channel, and who wants to know of it."""

    tries: int
    relay: str
    """The relay that has it, or had it last."""
    since: float
    """Since when it has been waiting for its turn; 0 where it has not."""

    @property
    def mail(self) -> Letter:
        """The mail."""

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody wants the mail sent any more."""

    @property
    def is_paced(self) -> bool:
        """Whether it waits for its turn where mail is limited."""

    def may_start(self) -> bool:
        """Take the last look; called immediately before MAIL FROM is written."""

    def settle(self, result: Result) -> None:
        """Hear what became of the mail."""


class Pool(Protocol):
    """Where a channel gets its mails."""

    def take(self, relay: Relay) -> Job | None:
        """Return the next mail for this relay, or None."""

    def give_back(self, job: Job, reason: str) -> None:
        """Take back a mail that was surely not sent."""

    def closed(self, channel: "Channel", reason: str, *, is_orderly: bool) -> None:
        """Hear that a channel is gone."""


class Channel(asyncio.BufferedProtocol):
    """One connection, from the greeting to its end."""

    def __init__(self, relay: Relay, wire: Dialogue, pool: Pool, *, timeouts: Timeouts, limit: int) -> None:
        self.relay = relay
        self.was_useful = False
        """Whether at least one mail was answered."""
        self._wire = wire
        self._pool = pool
        self._timeouts = timeouts
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._inbox = memoryview(bytearray(RECEIVED_OCTETS))
        self._transport: asyncio.Transport | None = None
        self._underway: deque[Job] = deque()
        self._turn: asyncio.Future[Event] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._unsent = 0
        self._is_paused = False
        self._is_retiring = False
        self._is_adopted = False

    async def set_up(self, context: ssl.SSLContext | None) -> None:
        """Wait until the session takes mail, going over to TLS where the conversation asks for it (RFC 3207).

        Raises OSError when it can't be set up. After it the channel counts as one of its pool's.
        """
        while isinstance(await self._next_turn(), StartTls):
            transport, limit = self._transport, self._timeouts.connect
            if transport is None or context is None:
                raise ConnectionError("the connection is closed or TLS is not set up for this relay")
            async with asyncio.timeout(limit):
                secure = await self._loop.start_tls(
                    transport, self, context, server_hostname=self.relay.host, ssl_handshake_timeout=limit
                )
            if secure is None or self._wire.is_over:
                raise ConnectionError("the connection was lost in the TLS handshake")
            self._use(secure)
            self._wire.secured()
            self._flush()
        if self._wire.is_over:
            raise ConnectionError("the relay closed the connection")
        self._is_adopted = True
        if self._wire.features.mail_max:
            self._limit = min(self._limit, self._wire.features.mail_max)  # RFC 9422 5.1

    def pump(self) -> None:
        """Begin mails as long as the conversation wants them, and write what there is to write."""
        wire = self._wire
        is_worn = self._is_retiring
        while wire.wants_mail and not self._is_paused:
            is_worn = self._is_retiring or wire.started >= self._limit
            if is_worn or not self._has_begun_next():
                break
        if is_worn and wire.is_idle:
            wire.quit()
        self._flush()

    def retire(self) -> None:
        """Begin no more mails; say good-bye when those under way are done."""
        self._is_retiring = True
        self.pump()

    def abort(self, reason: str) -> None:
        """Drop the connection now."""
        self._act(self._wire.lost(reason))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the greeting; nothing is said before it (RFC 5321 3.1)."""
        self._use(cast(asyncio.Transport, transport))
        self._arm()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  the protocol's own signature
        """Return where the next octets go: kept room for replies, where ``recv`` would ask for 256 kB each time."""
        return self._inbox

    def buffer_updated(self, nbytes: int) -> None:
        """Hand what came to the conversation and go on."""
        self._act(self._wire.receive(bytes(self._inbox[:nbytes])))
        if self._is_adopted:
            self.pump()
        else:
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the conversation where it stands."""
        self._transport = None
        self._act(self._wire.lost(f"the connection was lost: {exc}" if exc else "the relay closed the connection"))

    def pause_writing(self) -> None:
        """Note that not all that was written has left this process."""
        self._is_paused = True
        self._unsent = self._transport.get_write_buffer_size() if self._transport is not None else 0

    def resume_writing(self) -> None:
        """Note that all that was written has left this process."""
        self._is_paused = False
        self._wire.flushed()
        self._arm()
        if self._is_adopted:
            self.pump()

    def _use(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        # With no room at all the two calls above tell whether a dot can have left. The TLS layer counts "at least so
        # many octets" where the plain one counts "more", and with nought it would stop for ever.
        transport.set_write_buffer_limits(high=0 if transport.get_extra_info("sslcontext") is None else 1, low=0)

    def _has_begun_next(self) -> bool:
        """Begin the next mail; False where none waits or the connection is busy taking a large one."""
        if self._wire.pending_octets > ONE_WRITE_OCTETS:
            self._flush()
            if self._is_paused or self._wire.is_over:
                return False
        job = self._pool.take(self.relay)
        if job is None:
            return False
        if not job.may_start():
            job.settle(WITHHELD)
            return True
        refusal = self._wire.start(job.mail)
        if refusal is None:
            self._underway.append(job)
        else:
            job.settle(refusal)
        return True

    def _flush(self) -> None:
        output = self._wire.take_output()
        if self._transport is None:
            return
        if output:
            self._transport.write(output)
            if not self._is_paused:
                self._wire.flushed()
        self._arm()

    def _act(self, events: list[Event]) -> None:
        """Carry out what the conversation says; it tells the fates of mails in the order they were begun."""
        for event in events:
            if isinstance(event, Answered):
                self.was_useful = True
                self._underway.popleft().settle(event.result)
            elif isinstance(event, NotSent):
                self._pool.give_back(self._underway.popleft(), event.reason)
            elif isinstance(event, StartTls | Ready):
                if isinstance(event, StartTls) and self._transport is not None:
                    self._transport.pause_reading()  # what comes next is for the TLS layer alone
                self._take_turn(event)
            else:
                self._end(event)

    def _end(self, event: Over) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            if event.is_orderly:
                self._transport.close()
            else:
                self._transport.abort()
        self._take_turn(event)
        if self._is_adopted:
            self._pool.closed(self, event.reason, is_orderly=event.is_orderly)

    async def _next_turn(self) -> Event:
        event = await self._turn
        self._turn = self._loop.create_future()
        if isinstance(event, Over):
            raise ConnectionError(event.reason)
        return event

    def _take_turn(self, event: Event) -> None:
        if not self._turn.done():
            self._turn.set_result(event)

    def _arm(self) -> None:
        """Give the step that is now due its time. One timer is kept and moved only when it would ring too late."""
        if self._wire.is_over:
            return
        seconds = self._timeouts.block if self._is_paused else self._timeouts.of(self._wire.awaited)
        self._deadline = deadline = self._loop.time() + seconds
        if self._timer is None or deadline < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._ring)
        elif self._is_paused and self._transport is not None and self._moves(self._transport):
            self._arm()
        elif self._wire.is_idle and not self._is_paused:
            self._is_retiring = True
            self.pump()
        else:
            self.abort("the relay took too long to answer")

    def _moves(self, transport: asyncio.Transport) -> bool:
        """Whether the other side has taken bytes since the last look."""
        before, self._unsent = self._unsent, transport.get_write_buffer_size()
        return self._unsent < before


async def connect(
    relay: Relay, context: ssl.SSLContext | None, pool: Pool, *, helo: str, timeouts: Timeouts, limit: int
) -> Channel:
    """Open a channel to a relay and set its session up, or raise OSError (ssl.SSLError, TimeoutError among them)."""
    loop = asyncio.get_running_loop()
    terms = Terms(
        helo=helo,
        is_secure=relay.tls == "implicit",
        use_starttls=relay.tls == "starttls",
        require_tls=relay.requires_tls,
        is_loopback=relay.is_loopback,
        user=relay.user,
        password=relay.password or "",
    )
    channel = Channel(relay, Dialogue(terms), pool, timeouts=timeouts, limit=limit)
    try:
        async with asyncio.timeout(timeouts.connect):
            await loop.create_connection(
                lambda: channel,
                relay.host,
                relay.port,
                ssl=context if relay.tls == "implicit" else None,
                server_hostname=relay.host if relay.tls == "implicit" else None,
            )
        await channel.set_up(context)
    except BaseException:
        channel.abort("the session could not be set up")
        raise
    return channel


def tls_context(relay: Relay) -> ssl.SSLContext:
    """Return how to speak TLS with a relay: TLS 1.2 at least, the certificate verified unless it is loopback."""
    try:
        context = ssl.create_default_context(cafile=relay.ca)
    except OSError as cause:
        raise InvalidSettings(f"the certificates that relay {relay.name} is to be trusted by can't be read") from cause
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not relay.verifies_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
