"""Rows that come as one value are the rows that would have come one by one."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from kit.db import Database, Json, UtcDateTime, is_sqlite
from kit.rows import Gathered, among, listing

NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
TABLE = sa.Table(
    "kept", sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("name", sa.Text),
    sa.Column("at", UtcDateTime), sa.Column("facts", Json), sa.Column("is_new", sa.Boolean),
)  # fmt: skip
ROWS: list[tuple[int, str | None, datetime | None, object]] = [
    (1, 'quotes " and \\ and ü \u2028', NOON, {"a": ["b", 1], "c": None}),
    (2**62, None, None, []),
    (3, "", NOON.replace(microsecond=0), {}),
    (4, "not asked for", None, {}),
]


async def test_each_row_comes_with_its_values(database: Database) -> None:
    """Numbers, text, moments, JSON and nothing; who is not asked for stays out."""
    async with database.transaction() as session:
        await session.run_sync(lambda plain: TABLE.create(plain.connection()))
        await session.execute(
            sa.insert(TABLE), [dict(zip(("id", "name", "at", "facts"), row, strict=True)) for row in ROWS]
        )
        of_sqlite = is_sqlite(session)
        columns = TABLE.c
        wanted = sa.select(columns.id, columns.name, columns.at, columns.facts)
        gathered = Gathered(wanted.where(among(columns.id, "ids", of_sqlite=of_sqlite)), of_sqlite=of_sqlite)

        found = await gathered.rows(session, {"ids": listing([1, 3, 2**62, 99], of_sqlite=of_sqlite)})
        nobody = await gathered.rows(session, {"ids": listing([], of_sqlite=of_sqlite)})

    assert sorted(map(tuple, found), key=lambda row: row[0]) == [ROWS[0], ROWS[2], ROWS[1]]
    assert list(nobody) == []


def test_what_json_would_tell_otherwise_is_refused() -> None:
    """A truth value comes back as a number, and so on: nobody has to find that out by a wrong letter."""
    with pytest.raises(TypeError, match="is_new"):
        Gathered(sa.select(TABLE.c.id, TABLE.c.is_new), of_sqlite=True)
