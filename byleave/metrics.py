"""``/metrics``: numbers for monitoring, on a port of its own that each process may have.

What a process knows itself (its relays, its limits) it tells for itself; numbers from the database are those of the
whole installation, and the same from each. On loopback nobody is asked for a password; elsewhere a bearer token is
needed. No address, no letter, no recipient domain.
"""

import asyncio
import contextlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from byleave.wiring import Ground
from inbound import numbers as inbound_numbers
from kit.config_sending import MetricsSettings
from kit.errors import InvalidSettings
from kit.log import logger
from kit.processes import lasting_seconds
from mailer import fates
from mailer import numbers as mailer_numbers
from mailer.pace import Pace
from mailer.relays import is_loopback
from mailer.smtp import RelayPool

REQUEST_OCTETS = 8192  # bounds memory on an endless request
REQUEST_SECONDS = 5.0
LATENCY_SECONDS = (1.0, 5.0, 30.0, 300.0, 3600.0, 21_600.0, 86_400.0)  # bounds of the histogram
KEPT_SECONDS = 10.0  # the database is asked no more often, whoever asks us

_log = logger("byleave.metrics")


class Metrics:
    """The port. ``run`` ends by cancellation only; ``ready`` once it listens on ``port``."""

    def __init__(self, ground: Ground, *, pool: RelayPool | None = None, pace: Pace | None = None) -> None:
        """Take what there is to tell of; a host that strangers reach needs a token."""
        settings = ground.settings.metrics
        if not is_loopback(settings.host) and not settings.token:
            raise InvalidSettings("metrics.token is needed where metrics.host is not loopback")
        self._ground, self._settings, self._pool, self._pace = ground, settings, pool, pace
        self._told, self._told_at = b"", float("-inf")
        self._one_at_a_time = asyncio.Lock()
        self.port = settings.port
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Answer until cancelled."""
        server = await asyncio.start_server(self._answer, self._settings.host, self.port, limit=REQUEST_OCTETS)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        async with server:
            await server.serve_forever()

    async def tell(self) -> bytes:
        """Return all numbers as text, at most some seconds old."""
        async with self._one_at_a_time:
            if lasting_seconds() - self._told_at > KEPT_SECONDS:
                registry = CollectorRegistry()
                registry.register(_Found([*self._of_process(), *await self._of_all()]))
                self._told, self._told_at = generate_latest(registry), lasting_seconds()
            return self._told

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
            status, body = await self._respond(request)
            writer.write(
                b"HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: %d\r\n"
                b"Cache-Control: no-store\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)
            )
            await writer.drain()
        writer.close()

    async def _respond(self, request: bytes) -> tuple[bytes, bytes]:
        first, *lines = request.split(b"\r\n")
        if not is_allowed(lines, self._settings):
            return b"401 Unauthorized\r\nWWW-Authenticate: Bearer", b"a bearer token is needed\n"
        if first.split(b" ")[:2] != [b"GET", b"/metrics"]:
            return b"404 Not Found", b"there is only GET /metrics\n"
        try:
            return b"200 OK", await self.tell()
        except Exception as error:  # noqa: BLE001 - monitoring has to hear of any trouble
            _log.warning("metrics.failed", error=type(error).__name__, exc_info=True)
            return b"503 Service Unavailable", b"the numbers can't be read now\n"

    def _of_process(self) -> Iterable[Metric]:
        if self._pool is not None:
            up = GaugeMetricFamily("byleave_relay_up", "Whether a relay can be used now.", labels=["relay"])
            busy = GaugeMetricFamily("byleave_relay_connections", "Connections of this process.", labels=["relay"])
            failures = GaugeMetricFamily("byleave_relay_failures", "Failures in a row.", labels=["relay"])
            for name, is_up, connections, failed in self._pool.healths():
                up.add_metric([name], is_up)
                busy.add_metric([name], connections)
                failures.add_metric([name], failed)
            yield from (up, busy, failures)
        if self._pace is not None:
            limits = GaugeMetricFamily(
                "byleave_pace_limit", "Messages a second in force; of domains the slowest.", labels=["scope"]
            )
            slowest: dict[str, float] = {}
            for scope, rate in self._pace.in_force().items():
                shown = "domain" if scope.startswith("domain ") else scope
                slowest[shown] = min(rate, slowest.get(shown, rate))
            for scope, rate in slowest.items():
                limits.add_metric([scope], rate)
            yield limits

    async def _of_all(self) -> list[Metric]:
        by = ["campaign", "state", "reason", "status"]  # the status by class and subject, such as 4.7
        since = self._ground.clock() - timedelta(days=1)
        async with self._ground.database.reading() as session:
            deliveries = await mailer_numbers.deliveries(session)
            unknown = await fates.unknown_by_mailing(session)
            retries = await mailer_numbers.retries(session)
            within, total = await mailer_numbers.latencies(session, LATENCY_SECONDS)
            drained = await mailer_numbers.drained(session)
            outbox = await mailer_numbers.outbox(session)
            decisions = await inbound_numbers.decisions(session, since)
        return [
            _gauge("byleave_deliveries", "Letters of campaigns under way.", by, deliveries),
            _gauge("byleave_unknown", "Letters that may have arrived.", ["campaign"], list(unknown.items())),
            _gauge("byleave_retries", "Tries after the first, of campaigns under way.", ["campaign", "class"], retries),
            HistogramMetricFamily(
                "byleave_delivery_seconds",
                "From the first claim to the relay's yes, of campaigns under way.",
                buckets=[(str(bound), count) for bound, count in zip([*LATENCY_SECONDS, "+Inf"], within, strict=True)],
                sum_value=total,
            ),
            _gauge("byleave_relay_drained", "Relays that staff want nothing given to.", ["relay"], drained),
            _gauge("byleave_outbox", "Letters outside campaigns.", ["kind", "state"], outbox),
            _gauge("byleave_decisions_of_a_day", "Mails decided in the last 24 hours.", ["verdict"], decisions),
        ]


def is_allowed(lines: Iterable[bytes], settings: MetricsSettings) -> bool:
    """Whether the header lines of a request carry the token; without one in the settings nobody is asked."""
    if not settings.token:
        return True
    given = [
        value.strip() for name, _, value in (line.partition(b":") for line in lines) if name.lower() == b"authorization"
    ]
    return len(given) == 1 and hmac.compare_digest(given[0], b"Bearer " + settings.token.encode())


class _Found(Collector):
    """Numbers that were collected before."""

    def __init__(self, found: Sequence[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._found


def _gauge(name: str, what: str, labels: list[str], rows: Iterable[tuple[object, ...]]) -> Metric:
    """Return a gauge; the last of each row is its number, and the others its labels."""
    gauge = GaugeMetricFamily(name, what, labels=labels)
    for *values, number in rows:
        gauge.add_metric([str(value) for value in values], float(str(number)))
    return gauge
