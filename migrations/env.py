"""Where Alembic finds the tables and the database. The modules are listed, not searched for."""

import sqlalchemy as sa
from alembic import context

import campaigns.tables
import consent.tables
import inbound.tables
import kit.tables
import mailer.tables
from kit.db import Base

TABLES = (kit.tables, consent.tables, mailer.tables, campaigns.tables, inbound.tables)


def run(connection: sa.Connection) -> None:
    """Bring the database of an open connection to the wanted version."""
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True, render_as_batch=False)
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
