"""Many values in one parameter, many rows in one value: statements of the hot path that stay the same for any number.

SQLAlchemy compiles a statement once if its text never changes; a list that is spelt out changes it with each length.
And SQLite's driver lets go of the interpreter for every row that it reads: where other threads are busy each row is a
wait for them, and a claim of a hundred rows took three times as long as it worked.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from kit.db import Session, UtcDateTime, stored_moment


def among(column: Any, name: str, *, of_sqlite: bool) -> sa.ColumnElement[bool]:
    """Return "column is one of the numbers given as ``name``": one parameter, so that the statement is always the same.

    :func:`listing` makes the parameter.
    """
    found: sa.ColumnElement[bool]
    if of_sqlite:
        numbers = sa.func.json_each(sa.bindparam(name, type_=sa.Text)).table_valued("value")
        found = column.in_(sa.select(numbers.c.value))
    else:
        found = column == sa.any_(sa.bindparam(name, type_=postgresql.ARRAY(sa.BigInteger)))
    return found


def listing(numbers: Iterable[int], *, of_sqlite: bool) -> str | list[int]:
    """Return numbers as the parameter of :func:`among`."""
    return f"[{','.join(map(str, numbers))}]" if of_sqlite else list(numbers)


def given_rows(name: str, columns: Mapping[str, Any], *, of_sqlite: bool) -> sa.Subquery:
    """Return rows that are given as one parameter as something to join: many rows in one statement, always the same.

    :func:`packed_rows` makes the parameter.
    """
    found: list[sa.ColumnElement[Any]]
    if of_sqlite:
        one = sa.func.json_each(sa.bindparam(name, type_=sa.Text)).table_valued("value").c.value
        found = [sa.func.json_extract(one, f"$[{at}]", type_=kind) for at, kind in enumerate(columns.values())]
    else:
        given = sa.cast(sa.bindparam(name, type_=sa.Text), postgresql.JSONB)
        one = sa.func.jsonb_array_elements(given).table_valued("value").c.value
        found = [sa.cast(one.op("->>")(at), kind) for at, kind in enumerate(columns.values())]
    return sa.select(*(value.label(key) for key, value in zip(columns, found, strict=True))).subquery()


def packed_rows(rows: Sequence[Sequence[Any]], *, of_sqlite: bool) -> str:
    """Return rows as the parameter of :func:`given_rows`; moments in the form in which the database keeps them."""

    @cache  # mostly it is one moment for all rows
    def moment(value: datetime) -> str:
        stored = stored_moment(value)
        return (stored.replace(tzinfo=None) if of_sqlite else stored).isoformat(" ", "microseconds")

    return json.dumps(rows, default=moment)


class Gathered:
    """A SELECT whose rows come as one value on SQLite: JSON, made and read in C. On PostgreSQL it is what it was.

    Columns may hold numbers, text, moments (``UtcDateTime``) and JSON; anything else raises ``TypeError`` at once.
    """

    def __init__(self, statement: sa.Select[Any], *, of_sqlite: bool) -> None:
        """Take the SELECT, and for which database; to be made once and kept."""
        self._statement, self._is_gathered = statement, of_sqlite
        self._moments: list[int] = []
        if of_sqlite:
            columns = list(statement.subquery().c)
            values = [_spelt(column) for column in columns]
            self._statement = sa.select(sa.func.json_group_array(sa.func.json_array(*values)))
            self._moments = [at for at, column in enumerate(columns) if isinstance(column.type, UtcDateTime)]

    async def rows(self, session: Session, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Return the rows, each as its values in the order of the columns; on SQLite in any order."""
        if not self._is_gathered:
            plain: Sequence[Sequence[Any]] = (await session.execute(self._statement, parameters)).all()
            return plain
        found: list[list[Any]] = json.loads(await session.scalar(self._statement, parameters) or "[]")
        for at in self._moments:
            for row in found:
                if row[at] is not None:
                    row[at] = datetime.fromisoformat(row[at]).replace(tzinfo=UTC)
        return found


def _spelt(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if isinstance(column.type, sa.JSON):
        return sa.func.json(column)
    if isinstance(column.type, sa.Integer | sa.String | UtcDateTime):
        return column
    message = f"{column} can't be gathered: neither number, text, moment nor JSON"
    raise TypeError(message)
