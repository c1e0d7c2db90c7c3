"""The desk of sign-ups: takes each its next step, and deletes in time what nobody confirmed.

A part of the worker. The page only notes a sign-up, so that it answers all alike; what the address calls for is found
out here (:mod:`mailer.invitations`).
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from byleave.wiring import Ground
from consent.admission import Rules
from consent.signup import is_time
from kit.clock import Clock, utc_now
from kit.config_signup import SignUpSettings
from kit.db import Database
from kit.log import logger
from mailer.invitations import Invitations

LOOK_SECONDS = 1.0  # people wait for the letter with the mail program open
FORGET_SECONDS = 30.0

log = logger("byleave.joining")


def invitations_of(ground: Ground) -> Invitations:
    """Return the rules of joining from the settings."""
    settings = ground.settings.signup
    return Invitations(
        ground.secrets, rules_of(settings), timedelta(days=settings.letter_every_days), settings.letters_an_hour
    )


def rules_of(settings: SignUpSettings) -> Rules:
    """Return how long what is kept."""
    return Rules(
        keep=timedelta(days=settings.keep_days), guardian_keep=timedelta(days=settings.guardian_keep_days),
        guardian_delay=timedelta(hours=settings.guardian_delay_hours),
        remember_not_me=timedelta(days=settings.not_me_days), most_waiting=settings.most_waiting,
    )  # fmt: skip


class Joining:
    """Looks again and again; ``run`` ends by cancellation only."""

    def __init__(
        self,
        database: Database,
        invitations: Invitations,
        *,
        wake_postman: Callable[[], None],
        clock: Clock = utc_now,
    ) -> None:
        """Take what is needed."""
        self._database, self._invitations = database, invitations
        self._wake_postman, self._clock = wake_postman, clock

    async def run(self) -> None:
        """Take all steps that are due, and forget what is over its time."""
        loop = asyncio.get_running_loop()
        forget_at = loop.time()
        while True:
            if await self._is_time():
                while await self.look():
                    pass  # as long as there is something
            if loop.time() >= forget_at:
                forget_at = loop.time() + FORGET_SECONDS
                await self.forget()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> int:
        """Take the steps that are due, some at a time; return how many sign-ups were looked at."""
        async with self._database.transaction() as session:
            looked_at = await self._invitations.look(session, at=self._clock())
        if looked_at:
            self._wake_postman()
        return looked_at

    async def _is_time(self) -> bool:
        """Look with a snapshot, which keeps no writer waiting."""
        async with self._database.reading() as session:
            return await is_time(session, at=self._clock())

    async def forget(self) -> None:
        """Delete what nobody confirmed in time."""
        forgotten = 0
        while True:
            async with self._database.transaction() as session:
                some = await self._invitations.forget(session, at=self._clock())
            forgotten += some
            if not some:
                break
        if forgotten:
            log.info("sign_ups.forgotten", count=forgotten)
