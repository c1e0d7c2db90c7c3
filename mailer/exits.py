"""The way out by a link: opt-outs decided in groups, one commit for many; kept on disk where the database takes none.

When :meth:`Exits.leave` returns the wish is on disk (promise 1), in the ledger or, for as long as the database is
read-only, locked or away, in the folder of :mod:`consent.unwritten`, from which it is written into the ledger later.
A one-click is thereby answered 200 and not 5xx for trouble of the database (RFC 8058 3.2 wants it done).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from consent import hearing, ledger, subscribers
from consent.ledger import Source, withdraw, withdraw_all
from consent.model import Proof
from consent.unwritten import Unwritten, Wish
from kit.db import Database, Session
from kit.desk import MOST_TOGETHER, Desk
from kit.log import logger
from kit.processes import lasting_seconds
from mailer import mailings

COMMIT_SECONDS = 3.0  # how long a person waits for the database before their wish is kept beside it
KEEP_SECONDS = 30.0  # how long the disk may take; beyond it we have nothing left but to say 503
SPARED_SECONDS = 2.0  # after trouble the database is not tried for so long: nobody else waits for it
RETRY_SECONDS = 1.0  # between looks for what can be written now

log = logger("mailer.exits")


class Exits:
    """Takes wishes to leave. One for each process."""

    def __init__(self, database: Database, unwritten: Unwritten, *, commit_seconds: float = COMMIT_SECONDS) -> None:
        """Take where wishes go, and where they go instead."""
        self._database = database
        self._unwritten = unwritten
        self._ledger = Desk(self._write, seconds=commit_seconds)
        self._disk = Desk(self._keep, seconds=KEEP_SECONDS)
        self._spare_until = float("-inf")

    async def leave(self, wish: Wish) -> bool:
        """Carry a wish out, or keep it; return whether the ledger holds it. Raises only where neither can be done.

        A caller who hangs up cancels only its own wait: the work goes on to the commit.
        """
        return await asyncio.shield(asyncio.create_task(self._leave(wish)))

    async def run(self) -> None:
        """Write down what was kept, as soon as the database takes it. Ends by cancellation only."""
        while True:
            try:
                await self.catch_up()
            except Exception as error:  # noqa: BLE001 - the next look may succeed; until then senders hold back
                log.warning("opt_outs.still_unwritten", why=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def catch_up(self) -> int:
        """Write kept wishes into the ledger and return how many; one that can't be written harms no other."""
        kept = await asyncio.to_thread(self._unwritten.wishes)
        names, written = list(kept), 0
        for start in range(0, len(names), MOST_TOGETHER):
            some = names[start : start + MOST_TOGETHER]
            wishes = [replace(kept[name], evidence={**kept[name].evidence, "kept": "on disk first"}) for name in some]
            answers = await asyncio.gather(*map(self._ledger.bring, wishes), return_exceptions=True)
            for name, answer in zip(some, answers, strict=True):
                if not isinstance(answer, BaseException):
                    self._unwritten.forget(name)
                    written += 1
            if failed := [answer for answer in answers if isinstance(answer, BaseException)]:
                log.warning("opt_outs.still_unwritten", count=len(failed), why=type(failed[0]).__name__)
                break
        if written:
            log.info("opt_outs.written", count=written)
        return written

    async def _leave(self, wish: Wish) -> bool:
        if lasting_seconds() >= self._spare_until:
            try:
                return await self._ledger.bring(wish)
            except Exception as error:  # noqa: BLE001 - whatever it was, the wish must not be lost
                self._spare_until = lasting_seconds() + SPARED_SECONDS
                log.warning("opt_out.kept_on_disk", why=type(error).__name__)
        await self._disk.bring(wish)
        return False

    async def _write(self, wishes: Sequence[Wish]) -> list[bool]:
        """Carry out wishes in one transaction; the wish of somebody who is not there changes nothing."""
        await self._database.at_once(partial(_carry_out, wishes))
        return [True] * len(wishes)

    async def _keep(self, wishes: Sequence[Wish]) -> list[bool]:
        await asyncio.to_thread(self._unwritten.keep, wishes)
        hearing.hold_back(frozenset(wish.person for wish in wishes))
        return [True] * len(wishes)


async def _carry_out(wishes: Sequence[Wish], session: Session) -> None:
    known = await subscribers.known(session, [wish.person for wish in wishes])
    topics = await mailings.topics(session, {wish.mailing for wish in wishes})
    async with ledger.together(session, known):
        for wish in wishes:
            if wish.person not in known:
                continue
            source = Source(wish.door, Proof.TOKEN, wish.evidence, policy_version=wish.policy_version)
            topic = topics.get(wish.mailing)
            if wish.everything or topic is None:  # the mailing is not known any more: leave no doubt
                await withdraw_all(session, wish.person, source=source, at=wish.at)
            else:
                await withdraw(session, wish.person, [topic], source=source, at=wish.at)
