"""The rules of all rooms over a real database: what is due goes, what is not stays, and the counts are told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from byleave.retaining import retention_of, rules_of
from byleave.wiring import Ground
from inbound.tables import DecisionRow, InboundMailRow
from kit import clearing
from kit.config import Settings
from kit.config_records import RetentionSettings
from kit.db import Database
from kit.jobs import Jobs
from kit.tables import RetentionNoteRow
from mailer.tables import DeliveryRow, MailingRow, OutboxRow
from tests.database import NOW, SECRETS, given_subscribers
from tests.scenarios.installation import Installation


def day(number: float) -> datetime:
    return NOW + timedelta(days=number)


class Keeper:
    """An installation whose clock the test turns."""

    def __init__(self, database: Database, folder: Path, jobs: Jobs) -> None:
        self.now = NOW
        self.database = database
        self.ground = Ground(Settings(root=folder), SECRETS, database, lambda: self.now)
        self.retention = retention_of(self.ground, jobs)

    async def clear(self, at: datetime) -> dict[str, int]:
        self.now = at
        return {setting: count for setting, count in (await self.retention.clear_due()).items() if count}

    async def put(self, *rows: Any) -> None:
        async with self.database.transaction() as session:
            for row in rows:
                session.add(row)
                await session.flush()

    async def all(self, column: Any) -> list[Any]:
        async with self.database.reading() as session:
            return list(await session.scalars(sa.select(column).order_by(column.class_.id)))


@asynccontextmanager
async def _jobs(database: Database) -> AsyncIterator[Jobs]:
    jobs = Jobs(database)
    await jobs.prepare()
    yield jobs
    jobs.close()


@pytest.fixture
async def keeper(database: Database, tmp_path: Path) -> AsyncIterator[Keeper]:
    async with _jobs(database) as jobs:
        yield Keeper(database, tmp_path, jobs)


def mail(number: int, state: str, raw: bytes | None = None, *, at: datetime = NOW) -> InboundMailRow:
    return InboundMailRow(id=number, content_key=f"{number}", channel="smtp", received_at=at, state=state, raw=raw)


def decision(number: int, *, review: bool = False, at: datetime = NOW) -> DecisionRow:
    return DecisionRow(
        id=number, inbound_id=number, at=at, verdict="human", confidence=1.0, reasons=["said so"], counted=["stop"],
        ignored=["hello"], actions=["hand on"], review=review,
    )  # fmt: skip


async def test_what_nobody_could_read_goes_only_after_a_warning(keeper: Keeper) -> None:
    """And stays, whole, while nobody was warned: even when no worker ran for a year."""
    await keeper.put(mail(1, "quarantined", b"secret"), mail(2, "deferred", b"waits"))

    assert await keeper.clear(day(365)) == {}
    assert await keeper.all(InboundMailRow.raw) == [b"secret", b"waits"]
    assert await keeper.all(RetentionNoteRow.act) == ["warned"]
    assert await keeper.clear(day(371)) == {}
    assert await keeper.clear(day(372)) == {"quarantined_mail_days": 1}
    assert await keeper.all(InboundMailRow.raw) == [None, b"waits"]
    assert await keeper.clear(day(373)) == {}


async def test_the_words_of_a_decision_go_before_the_decision(keeper: Keeper) -> None:
    """What waits for a person keeps them; in the end all goes, the mail's row last."""
    await keeper.put(mail(1, "decided"), mail(2, "decided"), decision(1), decision(2, review=True))

    assert await keeper.clear(day(90)) == {}
    assert await keeper.clear(day(91)) == {"decision_details_days": 1}
    assert await keeper.all(DecisionRow.reasons) == [[], ["said so"]]
    assert await keeper.all(DecisionRow.counted) == [[], ["stop"]]
    assert await keeper.all(DecisionRow.actions) == [["hand on"]] * 2
    assert await keeper.clear(day(731)) == {"decision_days": 4}
    assert await keeper.all(InboundMailRow.id) == []


async def test_answers_of_servers_go_and_that_a_letter_was_sent_stays(keeper: Keeper) -> None:
    """The numbers of a campaign are as before."""
    people = await given_subscribers(keeper.database, 3)
    await keeper.put(MailingRow(id=1, name="May", topic="deals", subject="s", created_at=NOW))
    states = ("sent", "failed", "waiting")
    await keeper.put(*(
        DeliveryRow(mailing_id=1, subscriber_id=person, state=state, done_at=NOW, response="550 ann@x.example")
        for person, state in zip(people, states, strict=True)
    ))  # fmt: skip

    assert await keeper.clear(day(91)) == {"response_days": 2}
    assert await keeper.all(DeliveryRow.response) == ["", "", "550 ann@x.example"]
    assert await keeper.all(DeliveryRow.state) == list(states)


async def test_service_mails_go_and_a_customer_s_letter_that_was_not_handed_on_waits(keeper: Keeper) -> None:
    """The letter is emptied after a warning, and then goes with the rest."""
    common = {"address_hash": "h", "created_at": NOW, "next_at": NOW, "done_at": NOW}
    await keeper.put(
        OutboxRow(kind="receipt", address="", state="sent", **common),
        OutboxRow(kind="hand_on", address="s@x.example", raw=b"Dear", state="failed", **common),
        OutboxRow(kind="question", address="a@x.example", state="waiting", **{**common, "done_at": None}),
    )

    assert await keeper.clear(day(401)) == {"outbox_days": 1}
    assert await keeper.all(OutboxRow.raw) == [b"Dear", None]
    assert await keeper.clear(day(408)) == {"unsent_letter_days": 1, "outbox_days": 1}
    assert await keeper.all(OutboxRow.kind) == ["question"]


async def test_finished_jobs_and_forgotten_journals_go(keeper: Keeper, database: Database, tmp_path: Path) -> None:
    """A job that still waits stays, and so does the journal of a worker that is known."""
    jobs = Jobs(database)
    async with database.transaction() as session:
        for name in ("old", "new"):
            await jobs.enqueue(session, "note", 1, job_id=name)
    await jobs.cancel(["old"])
    old = tmp_path / "var" / "journal" / "worker-of-another-boot"
    old.mkdir(parents=True)
    (old / "worker.json").write_text("{}")

    cleared = await keeper.clear(datetime.now(NOW.tzinfo) + timedelta(days=31))

    assert cleared == {"job_days": 1, "journal_days": 1}
    assert await jobs.alive("new") == 1
    assert not old.exists()
    jobs.close()


async def test_many_go_in_small_steps(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is left out between two steps, and one that may not go keeps none behind it."""
    monkeypatch.setattr(clearing, "MOST", 3)
    await keeper.put(*(mail(number, "decided") for number in range(1, 12)))
    await keeper.put(*(decision(number, review=number % 4 == 0) for number in range(1, 12)))

    assert await keeper.clear(day(91)) == {"decision_details_days": 9}


async def test_a_rule_that_fails_leaves_the_others(keeper: Keeper) -> None:
    """The next round tries it again."""
    async with keeper.database.engine.begin() as connection:
        await connection.execute(sa.text("DROP TABLE decision"))
    await keeper.put(RetentionNoteRow(rule="x", act="cleared", at=NOW, up_to=NOW, count=1))

    assert await keeper.clear(day(1096)) == {"note_days": 1}


async def test_every_setting_of_retention_has_its_rule(keeper: Keeper, database: Database) -> None:
    """And each says what it covers, and why it is kept so long."""
    rules = rules_of(keeper.ground, Jobs(database))

    settings = {name for name in RetentionSettings.model_fields if name.endswith("_days")} - {"warn_days"}
    assert {rule.setting for rule in rules} == settings
    assert all(rule.what and rule.why for rule in rules)


def test_show_and_run_by_command(here: Installation) -> None:
    """A dry run says what would go and deletes nothing."""
    shown = here.ask("retention", "show")

    assert {"setting", "days", "what", "why", "due", "clearable", "warns", "warned_at"} == set(shown[0])
    dry = here.ask("retention", "run", "--dry-run")
    assert dry == {"dry_run": True, "cleared": dict.fromkeys((one["setting"] for one in shown), 0)}
    assert here.ask("retention", "run") == {"dry_run": False, "cleared": dry["cleared"]}
    assert "decision_days" in here.byleave("retention", "show")
