"""``byleave restore``, and the watch that tells by itself when a database was put back to an earlier state.

A restored backup sends nothing old: what would go on by itself is held, whoever waited is unknown, numbers that were
given out since are not given out again, and opt-outs come back from their second copy, all before anything is sent.
Each step can be repeated; only the last one says that it was seen to.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any

import typer

from byleave import console
from byleave.context import settings_of
from byleave.second_copy import SecondCopy, lines_of
from byleave.wiring import Ground, open_ground
from campaigns import restored as campaigns_restored
from consent import optouts, policy, subscribers
from kit import mark
from kit.config import Settings
from kit.db import Session
from kit.errors import Permanent
from kit.log import logger
from kit.mark import Mark
from mailer import mailings
from mailer import restored as mail_restored

TICK_SECONDS = 2.0  # a backup that is younger can't be told from the present
LINES_AT_ONCE = 200  # opt-outs brought back in one transaction

_log = logger("byleave.restoring")


class Watch:
    """Keeps the mark and the second copy of opt-outs up to date while parts run; of several processes one does."""

    def __init__(self, ground: Ground) -> None:
        """Take what it stands on; files are made by the first tick."""
        self._ground = ground
        self._copy = SecondCopy(optouts_folder(ground.settings))

    async def run(self) -> None:
        """Tick until cancelled."""
        try:
            while True:
                await self.tick()
                await asyncio.sleep(TICK_SECONDS)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the folder, for another process to write on."""
        self._copy.close()

    async def tick(self) -> None:
        """Copy new opt-outs, then let the mark go up: first in the database, then in the file."""
        if not await asyncio.to_thread(self._copy.hold):
            return
        database, file = self._ground.database, mark_file(self._ground.settings)
        known = mark.read(file) or mark.new()
        async with database.reading() as session:
            is_behind = await mark.is_behind(session, known)
            highest = {
                "ledger": min(known.highest.get("ledger", 0), await optouts.head(session)),
                "mailing": max(known.highest.get("mailing", 0), await mailings.highest(session)),
                "subscriber": max(known.highest.get("subscriber", 0), await subscribers.highest(session)),
            }
        if is_behind:  # somebody put the database back under running parts
            await restore(self._ground)
            return
        highest["ledger"] = await self._copy_optouts(highest["ledger"])
        count = await database.at_once(lambda session: mark.advance(session, known.installation))
        await asyncio.to_thread(mark.write, file, Mark(known.installation, count, highest))

    async def _copy_optouts(self, seq: int) -> int:
        while True:
            async with self._ground.database.reading() as session:
                lines, upto = await optouts.lines_after(session, seq)
            await asyncio.to_thread(self._copy.append, lines, now=self._ground.clock())
            if upto == seq:
                return seq
            seq = upto


async def look(ground: Ground) -> None:
    """Before any part runs: restore where the database is older than the mark says."""
    known = mark.read(mark_file(ground.settings))
    if known is None:
        return
    async with ground.database.reading() as session:
        is_behind = await mark.is_behind(session, known)
    if is_behind:
        await restore(ground)


async def restore(ground: Ground, copies: Sequence[Path] = ()) -> dict[str, Any]:
    """Hold what would go on, bring opt-outs back from the second copy (and other ones), and say what was done."""
    known = mark.read(mark_file(ground.settings)) or mark.new()
    now = ground.clock()
    async with ground.database.transaction() as session:
        held = await campaigns_restored.hold_all(session)
        unknown = await mail_restored.doubt(session, now=now)
        await _reserve(ground, session, known)
    places = [place for place in (optouts_folder(ground.settings), *copies) if place.exists()]
    counts = await _replay(ground, chain.from_iterable(map(lines_of, places)))
    async with ground.database.transaction() as session:
        await mark.advance(session, known.installation)
        await mark.lead(session)
    done: dict[str, Any] = {"held": held, "unknown": unknown, "optouts": counts}
    _log.warning("database.restored", held=len(held), unknown=unknown, **counts)
    return done


async def _reserve(ground: Ground, session: Session, known: Mark) -> None:
    """Keep the numbers apart that the file saw given out."""
    now = ground.clock()
    if number := known.highest.get("subscriber"):
        await subscribers.reserve(session, number, at=now)
    topics = await policy.all_topics(session)
    if topics and (number := known.highest.get("mailing")):
        await mail_restored.reserve_mailings(session, number, topics[0].key, now=now)


async def _replay(ground: Ground, lines: Iterator[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    while some := list(islice(lines, LINES_AT_ONCE)):
        async with ground.database.transaction() as session:
            for line in some:
                counts[(await optouts.replay(session, line)).value] += 1
    return dict(counts)


def command(
    context: typer.Context,
    *,
    optouts: Annotated[
        list[Path] | None, typer.Option("--optouts", help="Further copies of var/optouts: files or folders.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """After a database came from a backup: hold what it would send, bring opt-outs back. Repeating it is harmless."""
    with console.plain_errors():
        done = asyncio.run(_command(settings_of(context), optouts or []))
    if as_json:
        console.say_json(done)
        return
    back = done["optouts"]
    console.out.print(
        f"{len(done['held'])} campaigns are held, {done['unknown']} people in them are unknown; opt-outs: "
        f"{back.get('applied', 0)} brought back, {back.get('suppressed', 0)} of people the backup does not know, "
        f"{back.get('known', 0) + back.get('unchanged', 0)} there already, {back.get('unreadable', 0)} unreadable",
        markup=False,
    )


async def _command(settings: Settings, copies: list[Path]) -> dict[str, Any]:
    for place in copies:
        if not place.exists():
            raise Permanent(f"there is no {place}")
    async with open_ground(settings) as ground:
        return await restore(ground, copies)


def mark_file(settings: Settings) -> Path:
    """Return the file of the mark."""
    return settings.var_folder / "mark.json"


def optouts_folder(settings: Settings) -> Path:
    """Return the folder of the second copy of opt-outs."""
    return settings.var_folder / "optouts"
