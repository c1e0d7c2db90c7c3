"""A mark outside the database, which tells when the database was put back to an earlier state: a restored backup.

Every few seconds a number goes up in the database, and after that commit in a file of the folder ``var``. So the
database is never behind its file, unless it is older than the world: then it holds people who have left since, and
letters that were sent since. The file also keeps the highest numbers given out, for they must not be given out twice.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from kit.db import insert, is_sqlite
from kit.errors import InvalidSettings
from kit.tables import InstallationRow

LEAD = 1 << 40  # after a restore all numbers in the database jump so far ahead, and no file is ahead of them


@dataclass(frozen=True, slots=True)
class Mark:
    """What the file says."""

    installation: str
    count: int = 0
    #: the highest numbers given out, by table
    highest: Mapping[str, int] = field(default_factory=dict)


def new() -> Mark:
    """Return the mark of an installation that begins."""
    return Mark(secrets.token_hex(16))


def read(file: Path) -> Mark | None:
    """Return the mark, or None where there is none yet; one that can't be read is never taken for none."""
    try:
        raw = json.loads(file.read_text("ascii"))
        return Mark(str(raw["installation"]), int(raw["count"]), {str(k): int(v) for k, v in raw["highest"].items()})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise InvalidSettings(
            f"the mark {file} can't be read. Where the database was restored, remove the file and run 'byleave restore'"
        ) from cause


def write(file: Path, mark: Mark) -> None:
    """Put the mark on disk in one step."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    content = {"installation": mark.installation, "count": mark.count, "highest": dict(mark.highest)}
    with draft.open("w", encoding="ascii") as stream:
        json.dump(content, stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


async def advance(session: AsyncSession, installation: str) -> int:
    """Let the number in the database go up by one; return it. The file follows after the commit, never before."""
    statement = insert(session, InstallationRow).values(id=installation, count=1)
    statement = statement.on_conflict_do_update(index_elements=["id"], set_={"count": InstallationRow.count + 1})
    number = await session.scalar(statement.returning(InstallationRow.count))
    return int(number or 0)


async def is_behind(session: AsyncSession, mark: Mark) -> bool:
    """Whether the database is older than the file: it has lost a commit that the file saw."""
    number = await session.scalar(sa.select(InstallationRow.count).where(InstallationRow.id == mark.installation))
    return (number or 0) < mark.count


async def lead(session: AsyncSession) -> None:
    """Say that the restore was seen to, for all installations of this database."""
    await session.execute(
        sa.update(InstallationRow)
        .values(count=InstallationRow.count + LEAD)
        .execution_options(synchronize_session=False)
    )


async def reserve(session: AsyncSession, table: sa.Table, highest: int, **placeholder: object) -> None:
    """Give out no number of a table up to ``highest`` again: letters of the lost time name them in their tokens.

    PostgreSQL's sequence is moved on; SQLite counts from the highest row, so it gets one that stands for nothing.
    """
    if (await session.scalar(sa.select(sa.func.max(table.c.id))) or 0) > highest:
        return
    if is_sqlite(session):
        await session.execute(sa.insert(table).values(id=highest + 1, **placeholder))
        return
    sequence = sa.func.pg_get_serial_sequence(table.name, "id")
    last = sa.func.greatest(highest + 1, sa.func.nextval(sequence))
    await session.execute(sa.select(sa.func.setval(sequence, last)))
