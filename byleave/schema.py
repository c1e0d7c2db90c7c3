"""The schema of the database: made, brought up to date, checked. Alembic is used here and in ``migrations/`` only."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from kit.db import Base, sync_url
from kit.errors import Permanent

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"


class SchemaTooNew(Permanent):
    """The database was made by a newer Byleave than this one; start that one instead."""


def upgrade(url: str, version: str = "head") -> str:
    """Bring the database to a version in one transaction; return the newest. Repeating it is harmless.

    Old workers may go on while a ``pre`` migration runs; ``post`` migrations wait until the new code runs everywhere.
    """
    from alembic import command  # slow to import, and most commands need no migration

    engine = _engine(url)
    try:
        with engine.begin() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, version)
    finally:
        engine.dispose()
    return newest()


def present(url: str) -> str | None:
    """Return the version of the database, or None for an empty one; :class:`SchemaTooNew` for one we don't know."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            version: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    finally:
        engine.dispose()
    if version is not None and version not in _versions():
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


def _versions() -> list[str]:
    """Return the versions in their order: the numbers that the files of ``migrations/versions`` begin with."""
    return sorted(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config
