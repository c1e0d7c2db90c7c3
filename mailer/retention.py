"""What of outgoing mail is kept for a time only: answers of servers, receipts, letters that could not be handed on."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from kit.clearing import table_rule
from kit.db import Database
from kit.retention import Batch, Rule
from mailer.outbox import Kind
from mailer.tables import DeliveryRow, OutboxRow

_OVER = ("sent", "failed", "unknown")


def rules(database: Database) -> list[Rule]:
    """Return the rules over the tables of this room."""
    delivery, letter = DeliveryRow, OutboxRow

    def unsent(before: datetime) -> list[sa.ColumnElement[bool]]:
        return [letter.kind == Kind.HAND_ON.value, letter.state == "failed", letter.address != "",
                letter.done_at < before]  # fmt: skip

    def answered(before: datetime) -> list[sa.ColumnElement[bool]]:
        return [delivery.state.in_(_OVER), delivery.done_at < before, delivery.response != ""]

    def over(before: datetime) -> list[sa.ColumnElement[bool]]:
        return [letter.state.in_(_OVER), letter.done_at < before, letter.address == ""]

    return [
        table_rule(
            database, "unsent_letter_days", letter.id, unsent, warns=True,
            emptied={"address": "", "raw": None, "details": {}},
            what="letters of customers that could not be handed on", why="staff may still find and save them (P9, P17)",
        ),
        table_rule(
            database, "response_days", delivery.id, answered, emptied={"response": ""},
            what="answers of mail servers to letters", why="to find out why a letter did not arrive",
        ),
        table_rule(
            database, "response_days", letter.id, lambda before: [*over(before), letter.response != ""],
            emptied={"response": ""},
            what="answers of mail servers to service mails", why="to find out why a letter did not arrive",
        ),
        table_rule(
            database, "outbox_days", letter.id, over,
            what="that a service mail was sent", why="one of a kind a week, and answers to it are understood",
        ),
    ]  # fmt: skip


def journal_rule(folder: Path, known_workers: Callable[[], Awaitable[set[str]]]) -> Rule:
    """Return the rule over journals of workers that no database knows any more: they prove nothing (another boot)."""
    return Rule(
        "journal_days", "journals of workers that nobody knows", "a crash may still be settled by them",
        clear=partial(_clear_journals, folder, known_workers), count=partial(_count_journals, folder, known_workers),
    )  # fmt: skip


async def _clear_journals(
    folder: Path, known_workers: Callable[[], Awaitable[set[str]]], before: datetime, _after: int, _most: int
) -> Batch:
    old = await _old_journals(folder, known_workers, before)
    for home in old:
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
    return Batch(len(old))


async def _count_journals(folder: Path, known_workers: Callable[[], Awaitable[set[str]]], before: datetime) -> int:
    return len(await _old_journals(folder, known_workers, before))


async def _old_journals(folder: Path, known_workers: Callable[[], Awaitable[set[str]]], before: datetime) -> list[Path]:
    homes = await asyncio.to_thread(_untouched, folder, before.timestamp())
    known = await known_workers() if homes else set()  # looked up second: a worker is known before it has a folder
    return [home for home in homes if home.name not in known]


def _untouched(folder: Path, since: float) -> list[Path]:
    """Return the workers' folders in which nothing was written since."""
    if not folder.is_dir():
        return []
    homes = (home for home in folder.iterdir() if home.is_dir() and not home.is_symlink())
    return sorted(home for home in homes if max(file.stat().st_mtime for file in (home, *home.iterdir())) < since)
