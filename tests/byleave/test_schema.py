"""What harms an older worker waits until none lives; what does not is done at once."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from byleave import schema
from byleave.schema import MIGRATIONS, Plan
from kit.db import sync_url
from kit.tables import WorkerBeatRow
from tests.database import KIND

NAMES = ["0001_pre_all", "0002_pre_more", "0003_post_drop", "0004_pre_again"]
POST = '''"""Drops something that older code uses."""

import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{newest}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_delivery_held", "delivery")
'''


@pytest.mark.parametrize(
    ("present", "alive", "expected"),
    [
        (None, [], Plan("0004")),
        ("0001", ["0004"], Plan("0004")),
        ("0001", ["0003"], Plan("0004")),
        ("0001", ["0002"], Plan("0002", ("0003_post_drop", "0004_pre_again"))),
        ("0001", ["0004", ""], Plan("0002", ("0003_post_drop", "0004_pre_again"))),
        ("0002", ["0001"], Plan("0002", ("0003_post_drop", "0004_pre_again"))),
        ("0003", ["0001"], Plan("0004")),
        ("0004", [""], Plan("0004")),
    ],
)
def test_a_post_migration_waits_for_the_oldest_worker(present: str | None, alive: list[str], expected: Plan) -> None:
    """And everything behind it waits too; the history is one line."""
    assert schema.plan(NAMES, present, alive) == expected


@pytest.fixture
def database_url(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if KIND == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite+aiosqlite:///{tmp_path}/x.db"


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(sync_url(database_url))
    yield engine
    engine.dispose()


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations of a program that is one ``post`` migration ahead."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9000_post_drop_index.py").write_text(POST.format(newest=schema.newest()))
    return folder


def beat(engine: sa.Engine, name: str, version: str, *, seconds_ago: float = 0) -> None:
    seen = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    row = {"id": name, "host": "h", "pid": 1, "place": "", "began": 0, "started_at": seen, "seen_at": seen}
    with engine.begin() as connection:
        connection.execute(sa.insert(WorkerBeatRow).values(**row, schema_version=version))


def test_init_does_what_it_can_and_says_what_is_left(database_url: str, engine: sa.Engine, newer: Path) -> None:
    """The new code runs meanwhile; once the old worker is gone the rest is done."""
    schema.upgrade(database_url)
    beat(engine, "old", schema.newest())

    made = schema.bring_up(database_url, newer)

    assert made == Plan(schema.newest(), ("9000_post_drop_index",))
    assert schema.is_fit(database_url, newer)
    assert schema.missing(database_url, newer) == ["9000_post_drop_index"]
    assert "ix_delivery_held" in {index["name"] for index in sa.inspect(engine).get_indexes("delivery")}

    with engine.begin() as connection:
        connection.execute(sa.delete(WorkerBeatRow))
    beat(engine, "old", schema.newest(), seconds_ago=3600)
    beat(engine, "new", "9000")

    assert schema.bring_up(database_url, newer) == Plan("9000")
    assert schema.missing(database_url, newer) == []
    assert "ix_delivery_held" not in {index["name"] for index in sa.inspect(engine).get_indexes("delivery")}


def test_a_worker_from_before_it_told_is_older_than_anything(database_url: str, engine: sa.Engine) -> None:
    """Its row has no such column yet."""
    assert schema.alive(database_url) == []
    schema.upgrade(database_url, "0012")
    columns = "id, host, pid, place, began, started_at, seen_at"
    insert = sa.text(f"INSERT INTO worker_beat ({columns}) VALUES ('w', 'h', 1, '', 0, :now, :now)")
    with engine.begin() as connection:
        now = sa.bindparam("now", datetime.now(UTC), type_=WorkerBeatRow.seen_at.type)
        connection.execute(insert.bindparams(now))

    assert schema.alive(database_url) == [""]
