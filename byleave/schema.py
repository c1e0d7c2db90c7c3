"""The schema of the database: made, brought up to date, checked. Alembic is used here and in ``migrations/`` only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from kit.db import Base, sync_url
from kit.errors import Permanent
from kit.tables import WorkerBeatRow

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
LIVES_SECONDS = 60  # a worker that beat within them may still run, whatever became of it


class SchemaTooNew(Permanent):
    """The database was made by a newer Byleave than this one; start that one instead."""


def upgrade(url: str, version: str = "head", migrations: Path = MIGRATIONS) -> str:
    """Bring the database to a version in one transaction; return the newest. Repeating it is harmless.

    Old workers may go on while a ``pre`` migration runs; ``post`` migrations wait until the new code runs everywhere.
    """
    from alembic import command  # slow to import, and most commands need no migration

    engine = _engine(url)
    try:
        with engine.begin() as connection:
            config = _config(migrations)
            config.attributes["connection"] = connection
            command.upgrade(config, version)
    finally:
        engine.dispose()
    return newest()


@dataclass(frozen=True, slots=True)
class Plan:
    """What of the migrations can be done now, and what has to wait until no older worker lives."""

    version: str  # the version to go to now
    left: tuple[str, ...] = ()  # names of migrations, from the first ``post`` one that would harm an older worker


def plan(names: Sequence[str], present: str | None, alive: Collection[str]) -> Plan:
    """Say how far a database can go; ``alive`` are the versions that living workers know. Pure.

    A ``pre`` migration is safe for older code. A ``post`` one comes only when every worker knows it, and so do those
    behind it, for the history is one line.
    """
    version = present or ""
    for place, name in enumerate(names):
        number, _, rest = name.partition("_")
        if number <= version:
            continue
        if rest.startswith("post") and any(known < number for known in alive):
            return Plan(version, tuple(names[place:]))
        version = number
    return Plan(version)


def bring_up(url: str, migrations: Path = MIGRATIONS) -> Plan:
    """Do the migrations that can be done while the workers live that do; return what was done and what is left."""
    made = plan(_names(migrations), present(url, migrations), alive(url))
    if made.version:
        upgrade(url, made.version, migrations)
    return made


def missing(url: str, migrations: Path = MIGRATIONS) -> list[str]:
    """Return the names of the migrations that the database does not have yet."""
    version = present(url, migrations) or ""
    return [name for name in _names(migrations) if name.partition("_")[0] > version]


def is_fit(url: str, migrations: Path = MIGRATIONS) -> bool:
    """Whether this code can run with the database: nothing is missing, or ``post`` migrations alone."""
    return all(name.partition("_")[2].startswith("post") for name in missing(url, migrations))


def alive(url: str) -> list[str]:
    """Return the versions that living workers know; the empty text for one from before they told."""
    engine = _engine(url)
    beats = WorkerBeatRow.__tablename__
    try:
        with engine.connect() as connection:
            inspected = sa.inspect(connection)
            if not inspected.has_table(beats):
                return []
            told = any(column["name"] == "schema_version" for column in inspected.get_columns(beats))
            known = WorkerBeatRow.schema_version if told else sa.literal("")
            now = datetime.now(UTC)
            if connection.dialect.name == "postgresql":
                now = connection.scalar(sa.select(sa.func.clock_timestamp())) or now
            since = now - timedelta(seconds=LIVES_SECONDS)
            return list(connection.scalars(sa.select(known).where(WorkerBeatRow.seen_at > since)))
    finally:
        engine.dispose()


def present(url: str, migrations: Path = MIGRATIONS) -> str | None:
    """Return the version of the database, or None for an empty one; :class:`SchemaTooNew` for one we don't know."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            version: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    finally:
        engine.dispose()
    if version is not None and version not in _versions(migrations):
        raise SchemaTooNew
    return version


def newest() -> str:
    """Return the version that this code wants."""
    return _versions()[-1]


def write_migration(url: str, name: str) -> None:
    """Write a migration from the difference between the database and the tables; for developers."""
    from alembic import command

    engine = _engine(url)
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        number = len(_versions()) + 1
        command.revision(config, message=name, autogenerate=True, rev_id=f"{number:04}")
    engine.dispose()


def tables() -> sa.MetaData:
    """Return all tables of all rooms."""
    import mailer.tables  # noqa: F401 - each registers its tables when it is read

    return Base.metadata


def _engine(url: str) -> sa.Engine:
    plain = sync_url(url)
    file = plain.partition(":///")[2] if plain.startswith("sqlite") else ""
    if file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(plain)
    if file:
        sa.event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA journal_mode = WAL"))
    return engine


def _names(migrations: Path = MIGRATIONS) -> list[str]:
    """Return the names of the migrations in their order."""
    return sorted(file.stem for file in (migrations / "versions").glob("[0-9]*.py"))


def _versions(migrations: Path = MIGRATIONS) -> list[str]:
    """Return the versions in their order: the numbers that the files of ``migrations/versions`` begin with."""
    return [name.partition("_")[0] for name in _names(migrations)]


def _config(migrations: Path = MIGRATIONS) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config
