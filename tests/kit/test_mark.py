"""The mark tells a database that was put back, and nothing else is taken for one."""

from pathlib import Path

import pytest

from kit import mark
from kit.db import Database
from kit.errors import InvalidSettings
from kit.mark import Mark


async def advanced(database: Database, installation: str) -> int:
    async with database.transaction() as session:
        return await mark.advance(session, installation)


async def is_behind(database: Database, known: Mark) -> bool:
    async with database.reading() as session:
        return await mark.is_behind(session, known)


async def test_a_database_is_never_behind_a_file_that_followed_it(database: Database) -> None:
    """Not at the beginning, not after a crash between the commit and the file."""
    known = mark.new()

    assert not await is_behind(database, known)
    for number in (1, 2, 3):
        assert await advanced(database, known.installation) == number
        assert not await is_behind(database, Mark(known.installation, number))
        assert not await is_behind(database, Mark(known.installation, number - 1))


async def test_a_database_that_lost_a_commit_is_behind_until_it_was_seen_to(database: Database) -> None:
    """Also one that does not know the installation at all."""
    assert await is_behind(database, Mark("other", 1))
    await advanced(database, "here")
    assert await is_behind(database, Mark("here", 2))

    async with database.transaction() as session:
        await mark.lead(session)

    assert not await is_behind(database, Mark("here", 1_000_000))


def test_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """And none is none."""
    file = tmp_path / "mark.json"
    assert mark.read(file) is None

    mark.write(file, Mark("here", 7, {"mailing": 3}))

    assert mark.read(file) == Mark("here", 7, {"mailing": 3})
    assert [one.name for one in tmp_path.iterdir()] == ["mark.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"installation": 1}', '{"count": "x"}'])
def test_a_broken_file_stops_the_start(tmp_path: Path, content: str) -> None:
    """It is never taken for a beginning: sending would go on in whatever database there is."""
    file = tmp_path / "mark.json"
    file.write_text(content)

    with pytest.raises(InvalidSettings, match="byleave restore"):
        mark.read(file)
