"""Carries out the rules of retention, in small transactions, and notes what was deleted: never what it was.

Several workers may do it at once; each row goes once. A rule that fails leaves the others to go on, and is tried again
at the next round.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kit.clock import Clock, utc_now
from kit.config_records import RetentionSettings
from kit.db import Database
from kit.log import logger
from kit.retention import Batch, Rule, Warned, clearable_before, due_before, to_warn_of
from kit.tables import RetentionNoteRow

MOST = 500  # rows in one transaction: a few milliseconds, so that an opt-out never waits for it
BETWEEN_SECONDS = 0.02  # between two transactions, for those who wait

_log = logger("kit.retention")


@dataclass(frozen=True, slots=True)
class Finding:
    """How one rule stands at a moment."""

    rule: Rule
    days: int
    before: datetime | None  # None: not before a warning
    due: int
    last_warning: Warned | None


class Retention:
    """All rules of an installation; :meth:`run` looks for what is due again and again."""

    def __init__(
        self, database: Database, settings: RetentionSettings, rules: Sequence[Rule], *, clock: Clock = utc_now
    ) -> None:
        """Take the rules; nothing is deleted before :meth:`clear_due`."""
        self._database = database
        self._settings = settings
        self._rules = tuple(rules)
        self._clock = clock

    async def run(self) -> None:
        """Delete what is due every few hours, until cancelled."""
        while True:
            await self.clear_due()
            await asyncio.sleep(self._settings.every_hours * 3600)

    async def clear_due(self) -> dict[str, int]:
        """Warn of what goes soon, delete what is due, and return how many of each."""
        cleared: dict[str, int] = {}
        for rule in self._rules:
            try:
                cleared[rule.setting] = cleared.get(rule.setting, 0) + await self._carry_out(rule)
            except Exception as error:  # noqa: BLE001 - whatever it was, the other rules go on
                _log.warning("retention.failed", rule=rule.setting, error=type(error).__name__, exc_info=True)
        return cleared

    async def findings(self) -> list[Finding]:
        """Return how each rule stands; nothing is changed."""
        now = self._clock()
        found = []
        for rule in self._rules:
            warned = await self._warnings(rule)
            before = self._before(rule, now, warned)
            due = await rule.count(due_before(now, self._days(rule)))
            found.append(Finding(rule, self._days(rule), before, due, warned[-1] if warned else None))
        return found

    async def _carry_out(self, rule: Rule) -> int:
        now = self._clock()
        warned = await self._warnings(rule)
        if rule.warns:
            await self._warn(rule, now, warned)
        before = self._before(rule, now, warned)
        if before is None:
            return 0
        cleared, after = 0, 0
        while True:
            batch = await rule.clear(before, after, MOST)
            cleared += batch.cleared
            if batch.after is None:
                break
            after = batch.after
            await asyncio.sleep(BETWEEN_SECONDS)
        if cleared:
            await self._note(rule, "cleared", at=now, up_to=before, count=cleared)
            _log.info("retention.cleared", rule=rule.setting, count=cleared)
        return cleared

    async def _warn(self, rule: Rule, now: datetime, warned: Sequence[Warned]) -> None:
        up_to = to_warn_of(now, self._days(rule), warned=warned, warn_days=self._settings.warn_days)
        if up_to is None or not (count := await rule.count(up_to)):
            return
        await self._note(rule, "warned", at=now, up_to=up_to, count=count)
        _log.warning("retention.warned", rule=rule.setting, count=count, days_left=self._settings.warn_days)

    def _days(self, rule: Rule) -> int:
        days = getattr(self._settings, rule.setting)
        assert isinstance(days, int), rule.setting  # noqa: S101 - a rule names a setting in days
        return days

    def _before(self, rule: Rule, now: datetime, warned: Sequence[Warned]) -> datetime | None:
        if not rule.warns:
            return due_before(now, self._days(rule))
        return clearable_before(now, self._days(rule), warned=warned, warn_days=self._settings.warn_days)

    async def _warnings(self, rule: Rule) -> list[Warned]:
        if not rule.warns:
            return []
        async with self._database.reading() as session:
            rows = await session.execute(
                sa.select(RetentionNoteRow.at, RetentionNoteRow.up_to)
                .where(RetentionNoteRow.rule == rule.setting, RetentionNoteRow.act == "warned")
                .order_by(RetentionNoteRow.id.desc())
                .limit(1000)
            )
            return [Warned(at, up_to) for at, up_to in reversed(rows.all())]

    async def _note(self, rule: Rule, act: str, *, at: datetime, up_to: datetime, count: int) -> None:
        async with self._database.transaction() as session:
            session.add(RetentionNoteRow(rule=rule.setting, act=act, at=at, up_to=up_to, count=count))


OlderThan = Callable[[datetime], Sequence[sa.ColumnElement[bool]]]


def table_rule(
    database: Database,
    setting: str,
    key: Any,
    older_than: OlderThan,
    *,
    what: str,
    why: str,
    emptied: Mapping[str, Any] | None = None,
    warns: bool = False,
) -> Rule:
    """Return a rule over rows of one table: ``key`` is its numeric primary key, ``older_than(before)`` the conditions.

    The rows are deleted, or, with ``emptied``, these columns of them are set; the conditions must then leave out what
    is empty already.
    """
    rows = _Rows(database, key, older_than, emptied)
    return Rule(setting, what, why, clear=rows.clear, count=rows.count, warns=warns)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one table that a rule covers."""

    database: Database
    key: Any
    older_than: OlderThan
    emptied: Mapping[str, Any] | None

    async def clear(self, before: datetime, after: int, most: int) -> Batch:
        """Delete or empty what is due among the next rows."""
        due = sa.select(self.key).where(self.key > after, *self.older_than(before)).order_by(self.key).limit(most)
        async with self.database.reading() as session:  # the search may be long; only the deletion holds others up
            found = list(await session.scalars(due))
        if not found:
            return Batch(0)
        still = (self.key.in_(found), *self.older_than(before))
        change: Any = sa.delete(self.key.class_).where(*still)
        if self.emptied is not None:
            change = sa.update(self.key.class_).where(*still).values(**self.emptied)
        async with self.database.transaction() as session:
            done = await session.scalars(change.returning(self.key).execution_options(synchronize_session=False))
            cleared = len(done.all())
        return Batch(cleared, found[-1] if len(found) == most else None)

    async def count(self, before: datetime) -> int:
        """Count what is due."""
        async with self.database.reading() as session:
            return await session.scalar(sa.select(sa.func.count(self.key)).where(*self.older_than(before))) or 0


def rules_of_notes(database: Database) -> list[Rule]:
    """Return the rule of what this module itself notes down."""
    row = RetentionNoteRow
    return [
        table_rule(
            database, "note_days", row.id, lambda before: [row.at < before],
            what="notes of what was deleted", why="to show that it was, for as long as somebody may ask",
        )
    ]  # fmt: skip
