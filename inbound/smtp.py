"""The listeners: SMTP for mail that comes straight from the world, LMTP for mail from a server in front of us.

A listener owns its port and its connections, and what they share: their number, the memory that their mails may take,
and the end. On stopping, new peers are told 421 and open mails are finished.
"""

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from inbound.connection import Connection, Floor, Network, Take, Terms, is_within
from inbound.doorkeeper import Doorkeeper
from inbound.lmtp import LmtpSession
from inbound.session import Session
from kit.clock import Clock, utc_now
from kit.config import MailerSettings
from kit.config_inbound import InboundSettings, LmtpSettings, SmtpSettings
from kit.errors import InvalidSettings
from kit.log import logger

HELD_OCTETS = 134_217_728  # of mails that are being received, all connections together; bounds memory
STOP_SECONDS = 20.0  # for mails that are still coming in when we are told to stop; what came in whole is decided anyway
CERTIFICATE_SECONDS = 30.0  # between looks whether the certificate's file changed
PATIENCE_SECONDS = 10.0  # a peer that has brought nothing for so long may be sent away for a new one
BACKLOG = 512  # peers that wait to be greeted

log = logger("inbound.smtp")


class Listener:
    """Listens on one port. ``run`` ends by cancellation only; ``ready`` is set and ``port`` known once it listens."""

    def __init__(
        self,
        settings: SmtpSettings,
        inbound: InboundSettings,
        *,
        domains: Iterable[str],
        take: Take,
        hostname: str = "",
        clock: Clock = utc_now,
    ) -> None:
        """Take the settings; a certificate that can't be read is an error now, not at the first STARTTLS."""
        is_lmtp = isinstance(settings, LmtpSettings)
        if is_lmtp and settings.port == 25:  # RFC 2033 5
            raise InvalidSettings("inbound.lmtp.port: LMTP must not be offered on port 25")
        self.terms = Terms(
            hostname=hostname or socket.gethostname(),
            domains=frozenset(domain.lower() for domain in domains),
            max_bytes=inbound.max_bytes,
            max_recipients=inbound.max_recipients,
            idle_seconds=inbound.idle_seconds,
            session_seconds=inbound.session_seconds,
            peers=_networks(settings.peers),
            proxies=_networks(settings.proxies),
            tls=_tls_context(settings),
        )
        self.take = take
        self.clock = clock
        self.is_stopping = False
        self.ready = asyncio.Event()
        self.port = settings.port
        self._host = settings.host
        self._settings = settings
        self._certificate = _age_of(settings)
        self._most = inbound.max_connections
        self._open: set[Connection] = set()
        self._keeper = Doorkeeper(time.monotonic)
        self._held = 0
        self._all_left = asyncio.Event()
        self._make: Callable[[Floor], Connection] = LmtpSession if is_lmtp else Session

    async def run(self) -> None:
        """Listen until cancelled; then tell new peers 421, finish the open mails, and close."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: self._make(self), self._host, self.port, backlog=BACKLOG)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        log.info("listener.started", port=self.port)
        try:
            while True:
                await asyncio.sleep(CERTIFICATE_SECONDS)
                self.renew_certificate()
        finally:
            await self._stop()
            server.close()
            log.info("listener.stopped", port=self.port)

    def renew_certificate(self) -> bool:
        """Take up a certificate whose file changed; one that can't be read leaves the old one in use."""
        age = _age_of(self._settings)
        if self.terms.tls is None or age == self._certificate:
            return False
        self._certificate = age
        try:
            self.terms.tls.load_cert_chain(self._settings.tls_certificate, self._settings.tls_key or None)
        except (OSError, ssl.SSLError) as error:
            log.warning("listener.certificate_unreadable", why=type(error).__name__)
            return False
        log.info("listener.certificate_renewed")
        return True

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for one more connection.

        When all places are taken, the peer that has brought nothing for longest has to go: those who hang or drip make
        room for those who deliver.
        """
        if len(self._open) >= self._most and not self._send_one_away(connection.useful_at):
            log.warning("peer.refused", why="too many connections")
            return False
        self._open.add(connection)
        return True

    def _send_one_away(self, now: float) -> bool:
        useless = min((one for one in self._open if not one.is_deciding), key=lambda one: one.useful_at, default=None)
        if useless is None or now - useless.useful_at < PATIENCE_SECONDS:
            return False
        log.info("peer.sent_away", why="too many connections")
        useless.say_goodbye("4.3.2 too busy, please come again")
        self._open.discard(useless)
        return True

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        if not connection.has_brought_mail and not is_within(connection.peer, self.terms.peers):
            self._keeper.came_in_vain(connection.peer, was_tiresome=connection.patience <= 0)
        if not self._open:
            self._all_left.set()

    def keeps_out(self, peer: str) -> bool:
        """Whether an address has knocked too often in vain; a proxy is not who knocks."""
        return self._keeper.is_kept_out(peer) and not is_within(peer, self.terms.proxies)

    def welcome(self, peer: str) -> None:
        """Note that an address brought a mail."""
        self._keeper.brought_mail(peer)

    def hold(self, octets: int) -> bool:
        """Whether so many more octets of mail fit in memory; a negative number gives them back."""
        if octets > 0 and self._held + octets > HELD_OCTETS:
            return False
        self._held += octets
        return True

    async def _stop(self) -> None:
        self.is_stopping = True
        self._all_left.clear()
        for connection in tuple(self._open):
            if not connection.is_busy:
                connection.say_goodbye("4.3.2 stopping, please come again")
        if self._open:
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._all_left.wait()
            except TimeoutError:
                log.warning("listener.cut", connections=len(self._open))
                for connection in tuple(self._open):
                    connection.say_goodbye("4.3.2 stopping, please come again")


def domains_of(mailer: MailerSettings, inbound: InboundSettings) -> frozenset[str]:
    """Return the domains that mail is taken for: of From, replies and bounces, and those of the settings."""
    sender = mailer.from_address.rpartition("@")[2]
    return frozenset(name.lower() for name in (sender, mailer.reply_domain, mailer.bounce_domain, *inbound.domains))


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError as cause:
        raise InvalidSettings(f"inbound.smtp: {cause}; write networks as 192.0.2.0/24 or 2001:db8::/32") from cause


def _age_of(settings: SmtpSettings) -> tuple[int, ...]:
    """Return when the files of the certificate were changed last."""
    try:
        return tuple(Path(file).stat().st_mtime_ns for file in (settings.tls_certificate, settings.tls_key) if file)
    except OSError:
        return ()


def _tls_context(settings: SmtpSettings) -> ssl.SSLContext | None:
    if not settings.tls_certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key or None)
    except (OSError, ssl.SSLError) as cause:
        raise InvalidSettings(
            "the certificate of the listener can't be read; check tls_certificate and tls_key"
        ) from cause
    return context
