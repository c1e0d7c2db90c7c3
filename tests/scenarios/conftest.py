"""What the scenarios share: an empty database of the kind that the run asks for, and a house that letters come to."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kit.db import Database
from tests.database import KIND
from tests.database import _postgres as postgres_server
from tests.scenarios.correspondence import Post, open_post


@pytest.fixture
def database_url(tmp_path: Path) -> Iterator[str]:
    """The address of an empty database: SQLite, or PostgreSQL where BYLEAVE_TEST_DATABASE says so."""
    if KIND != "postgresql":
        yield f"sqlite+aiosqlite:///{tmp_path}/byleave.db"
        return
    server = postgres_server()
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest.fixture
async def post(database: Database) -> AsyncIterator[Post]:
    """The house whose letters people answer."""
    async with open_post(database) as made:
        yield made
