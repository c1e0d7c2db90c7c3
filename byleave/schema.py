"""The schema of the database: made, brought up to date, checked. Alembic is used here and in ``migrations/`` only."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from kit.db import Base, sync_url
from kit.errors import Permanent

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"


class SchemaTooNew(Permanent):
    """The database was made by a newer Byleave than this one; start that one instead."""


def upgrade(url: str) -> str:
    """Bring the database to the newest version, in one transaction; return the version. Repeating it is harmless.

    Old workers may go on while a ``pre`` migration runs; ``post`` migrations wait until the new code runs everywhere.
    """
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
    return newest()


def present(url: str) -> str | None:
    """Return the version of the database, or None for an empty one; :class:`SchemaTooNew` for one we don't know."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            version = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if version is not None and version not in known:
        raise SchemaTooNew
    return version


def newest() -> str:
    """Return the version that this code wants."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def write_migration(url: str, name: str) -> None:
    """Write a migration from the difference between the database and the tables; for developers."""
    engine = _engine(url)
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        number = len(list((MIGRATIONS / "versions").glob("[0-9]*.py"))) + 1
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


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config
