"""The migrations make exactly the tables that the code knows, on both databases, and lose nothing on the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from byleave import schema
from byleave.schema import SchemaTooNew
from kit.db import sync_url
from tests.database import KIND


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


def test_migrating_from_nothing_gives_the_tables_of_the_code(database_url: str, engine: sa.Engine) -> None:
    """Neither more nor less: columns, types, keys, indexes."""
    assert schema.present(database_url) is None

    schema.upgrade(database_url)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, schema.tables())
    assert differences == []
    assert schema.present(database_url) == schema.newest()


def test_migrating_twice_changes_nothing(database_url: str, engine: sa.Engine) -> None:
    """``byleave init`` may be run at every start; what is kept stays."""
    schema.upgrade(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO topic (key, name, about, position) VALUES ('deals', 'Deals', '', 0)"))

    schema.upgrade(database_url)

    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM topic")) == 1


def test_the_migrated_ledger_refuses_to_change_the_past(database_url: str, engine: sa.Engine) -> None:
    """The triggers come with the table, on both databases."""
    schema.upgrade(database_url)
    values = "1, 1, 'confirm', 'promotion', '[]', '2026-01-01', 'import', 'evidence', '{}', '', '', ''"
    names = "seq, subscriber_id, act, purpose, topics, at, door, proof, evidence, wording_sha256, policy_version, hash"
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO subscriber (id, name, language, time_zone, country, phone, age_band, guardian_agreed, "
                "attributes, created_at) VALUES (1, '', '', '', '', '', 'unknown', false, '{}', '2026-01-01')"
            )
        )
        connection.execute(sa.text(f"INSERT INTO consent_event ({names}) VALUES ({values})"))

    for statement in ("UPDATE consent_event SET act = 'withdraw'", "DELETE FROM consent_event"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(sa.text(statement))


def test_a_database_of_a_newer_program_is_left_alone(database_url: str, engine: sa.Engine) -> None:
    """An old program must not guess at what it does not know."""
    schema.upgrade(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaTooNew):
        schema.present(database_url)


def test_who_was_there_before_is_known_by_their_mailbox(database_url: str, engine: sa.Engine) -> None:
    """0002 fills the new column for everybody who has an address."""
    schema.upgrade(database_url, "0001")
    people = [("Anna.Smith+x@gmail.com", "anna.smith+x@gmail.com"), (None, None), ("bob@x.example", "bob@x.example")]
    with engine.begin() as connection:
        for address, key in people:
            connection.execute(
                sa.text(
                    "INSERT INTO subscriber (address, address_key, name, language, time_zone, country, phone, age_band,"
                    " guardian_agreed, attributes, created_at) VALUES (:address, :key, '', '', '', '', '', 'unknown',"
                    " :no, '{}', '2026-01-01')"
                ),
                {"address": address, "key": key, "no": False},
            )

    schema.upgrade(database_url)

    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT mailbox_key FROM subscriber ORDER BY id")).scalars().all()
    assert found == ["annasmith@gmail.com", None, "bob@x.example"]
