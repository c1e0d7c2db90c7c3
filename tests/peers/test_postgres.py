"""The private PostgreSQL creates, copies, drops and recovers."""

import psycopg
import pytest

from tests.peers.postgres import Postgres, installed_binaries

pytestmark = pytest.mark.peer


def _libpq(url: str) -> str:
    return url.replace("+psycopg", "")


def test_a_database_comes_and_goes(postgres: Postgres) -> None:
    """Dropping throws out whoever is still connected."""
    url = postgres.create_database()
    with psycopg.connect(_libpq(url), autocommit=True) as session:
        session.execute("CREATE TABLE t (n int)")

        postgres.drop_database(url)

        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(_libpq(url))


def test_a_template_carries_its_tables_into_each_copy(postgres: Postgres) -> None:
    """What `fill` made is in every copy, and copies do not see each other."""

    def fill(url: str) -> None:
        with psycopg.connect(_libpq(url)) as session:
            session.execute("CREATE TABLE t (n int)")

    postgres.create_template("with_tables", fill)
    first, second = (postgres.create_database(template="with_tables") for _ in range(2))
    with psycopg.connect(_libpq(first)) as session:
        session.execute("INSERT INTO t VALUES (1)")
    with psycopg.connect(_libpq(second)) as session:
        rows = session.execute("SELECT count(*) FROM t").fetchone()

    assert rows == (0,)
    postgres.drop_database(first)
    postgres.drop_database(second)


def test_what_was_confirmed_survives_a_crash() -> None:
    """All processes killed at once, then recovery: the committed row is there."""
    with Postgres(durable=True) as server:
        url = server.create_database()
        with psycopg.connect(_libpq(url)) as session:
            session.execute("CREATE TABLE t AS SELECT 7 AS n")

        server.crash()
        server.start()

        with psycopg.connect(_libpq(url)) as session:
            assert session.execute("SELECT n FROM t").fetchone() == (7,)


def test_the_url_fixture_is_an_empty_database(postgres_url: str) -> None:
    """Each test may ask for one of its own."""
    with psycopg.connect(_libpq(postgres_url)) as session:
        tables = session.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()

    assert postgres_url.startswith("postgresql+psycopg://")
    assert tables == (0,)


def test_binaries_are_found_where_any_are() -> None:
    """Debian's come first, since they are what an operator runs."""
    found = installed_binaries()

    assert found is None or (found / "postgres").is_file()
