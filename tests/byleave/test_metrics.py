"""The numbers for monitoring: true, for those who may see them, and without anybody's address."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from byleave.metrics import Metrics
from byleave.wiring import Ground
from kit.config import Settings
from kit.config_sending import MetricsSettings
from kit.db import Database
from kit.errors import InvalidSettings
from mailer.pace import Pace
from mailer.relays import parse_relays
from mailer.smtp import RelayPool
from mailer.speeds import speeds_of
from mailer.tables import DeliveryRow, PaceRow
from tests.campaigns.test_unknowns import given_unknowns
from tests.database import NOW, SECRETS


def ground(database: Database, **metrics: object) -> Ground:
    return Ground(Settings(metrics=MetricsSettings(**metrics)), SECRETS, database, lambda: NOW)  # type: ignore[arg-type]  # the fields of the section


@contextlib.asynccontextmanager
async def listening(metrics: Metrics) -> AsyncIterator[int]:
    running = asyncio.create_task(metrics.run())
    await metrics.ready.wait()
    yield metrics.port
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


async def test_what_is_told_is_what_the_database_and_the_process_hold(database: Database, tmp_path: Path) -> None:
    campaign, _ = await given_unknowns(database)
    relays = parse_relays(["smtp://127.0.0.1:1?name=one"])
    pace = Pace(database, speeds_of(relays, rate="7/s", domains=["mail.example?rate=2/s"]), worker="w")
    pool = RelayPool(relays, connections=2, helo="x", pace=pace)

    async with pool, listening(Metrics(ground(database), pool=pool, pace=pace)) as port:
        answer = await ask(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }
    assert samples["byleave_unknown", str(campaign)] == 3
    assert samples["byleave_deliveries", str(campaign), "", "sent", ""] == 1  # labels by name
    assert samples["byleave_relay_up", "one"] == 1
    assert samples["byleave_pace_limit", "all"] == 7
    assert samples["byleave_pace_limit", "domain"] == 2
    assert b"@" not in body
    assert b"mail.example" not in body


async def test_retries_are_told_by_class_and_drained_relays_by_name(database: Database) -> None:
    """A first try is no retry, whatever it came to."""
    campaign, claimed = await given_unknowns(database)
    async with database.transaction() as session:
        await session.execute(
            sa.update(DeliveryRow)
            .where(DeliveryRow.id == claimed.rows[0].id)
            .values(state="waiting", attempt=3, code=451)
        )
        session.add(PaceRow(scope="relay one", is_drained=True))
        session.add(PaceRow(scope="relay two"))

    told = (await Metrics(ground(database)).tell()).decode()

    retries = [line for line in told.splitlines() if line.startswith("byleave_retries{")]
    assert retries == [f'byleave_retries{{campaign="{campaign}",class="4"}} 2.0']
    drained = [line for line in told.splitlines() if line.startswith("byleave_relay_drained{")]
    assert drained == ['byleave_relay_drained{relay="one"} 1.0']


async def test_how_long_letters_took_is_told_as_a_histogram(database: Database) -> None:
    """Only what was sent counts; each bucket holds those below it."""
    _, claimed = await given_unknowns(database, people=4, unknown=1)
    async with database.transaction() as session:
        for row, seconds in zip(claimed.rows[1:], (5, 40, 90_000), strict=True):
            values = {"first_at": NOW, "done_at": NOW + timedelta(seconds=seconds)}
            await session.execute(sa.update(DeliveryRow).where(DeliveryRow.id == row.id).values(**values))

    told = (await Metrics(ground(database)).tell()).decode()

    found = [float(line.split()[1]) for line in told.splitlines() if line.startswith("byleave_delivery_seconds_")]
    assert found == pytest.approx([0, 1, 1, 2, 2, 2, 2, 3, 3, 90_045], abs=0.1)  # seven bounds, +Inf, count, sum


async def test_with_a_token_only_who_has_it_is_told(database: Database) -> None:
    async with listening(Metrics(ground(database, token="s3cret"))) as port:
        for header, status in (
            (b"", b"401"),
            (b"Authorization: Bearer wrong\r\n", b"401"),
            (b"Authorization: Bearer s3cret\r\nAuthorization: Bearer s3cret\r\n", b"401"),
            (b"Authorization: Bearer s3cret\r\n", b"200"),
        ):
            answer = await ask(port, b"GET /metrics HTTP/1.1\r\n" + header + b"\r\n")
            assert answer.split()[1] == status
        assert (await ask(port, b"GET /else HTTP/1.1\r\nAuthorization: Bearer s3cret\r\n\r\n")).split()[1] == b"404"
        assert await ask(port, b"x" * 20_000) == b""


def test_strangers_are_never_answered_without_a_token(database: Database) -> None:
    with pytest.raises(InvalidSettings):
        Metrics(ground(database, host="0.0.0.0"))
    Metrics(ground(database, host="0.0.0.0", token="x"))
