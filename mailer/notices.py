"""Letters that nobody asked for and everybody is owed: the recurring reminder (P6), news of the policy (P15).

A step queues a bounded number of letters and notes how far it came in the same transaction, so that a crash doubles
none and forgets none; whoever leaves before a letter goes gets none (:mod:`mailer.account_letters`).
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from consent import moving, policy, reminding
from consent.ledger import standing_of
from consent.model import Purpose
from consent.policy import Version
from consent.reminding import Reached
from kit.clock import Clock, utc_now
from kit.config_service_mail import ServiceMailSettings
from kit.db import Database, Session, hold_alone
from kit.log import logger
from kit.secrets import Secrets
from mailer import outbox
from mailer.outbox import Kind, Letter

TICK_SECONDS = 10.0
MOST_IN_A_STEP = 500  # bounds how long an opt-out waits for the transaction
_REMINDERS = 7_104_201  # of the lock under which reminders are counted and queued

log = logger("mailer.notices")


class Notices:
    """Queues what is due, a little every few seconds. ``run`` ends by cancellation only."""

    def __init__(
        self,
        database: Database,
        secrets: Secrets,
        settings: ServiceMailSettings,
        *,
        require_age: bool = False,
        wake_postman: Callable[[], None] = lambda: None,
        clock: Clock = utc_now,
    ) -> None:
        """Take what is needed."""
        self._database, self._secrets, self._settings = database, secrets, settings
        self._require_age, self._wake, self._clock = require_age, wake_postman, clock

    async def run(self) -> None:
        """Do what is due, again and again."""
        while True:
            await self.tick()
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self) -> int:
        """Queue one step of each kind; return how many letters that were."""
        told = await self._database.at_once(lambda session: self._tell(session, self._clock()))
        reminded = await self._database.at_once(lambda session: self._remind(session, self._clock()))
        await self._database.at_once(lambda session: moving.close_old(session, at=self._clock()))
        if told or reminded:
            log.info("notices.queued", policy=told, reminders=reminded)
            self._wake()
        return told + reminded

    async def _remind(self, session: Session, at: datetime) -> int:
        """Remind those for whom it is time, as far as this hour has room."""
        days = self._settings.reminder_every_days
        if not days:
            return 0
        await hold_alone(session, _REMINDERS)  # two workers that count at the same moment would both use the room
        room = self._settings.reminders_an_hour - await reminding.count_since(session, at - timedelta(hours=1))
        every = timedelta(days=days)
        looked_at = await reminding.due(session, every=every, at=at, most=max(0, min(room, MOST_IN_A_STEP)))
        reached = await reminding.reachable(
            session, looked_at, purpose=Purpose.REMINDER, require_age=self._require_age, at=at
        )
        for one in reached.values():
            await self._queue(session, Kind.REMINDER, one, {"topics": list(one.topics)}, at)
        others = [person for person in looked_at if person not in reached]
        await reminding.put_off(session, list(reached), others, every=every, at=at)
        return len(reached)

    async def _tell(self, session: Session, at: datetime) -> int:
        """Tell the next people of a version of the policy that is new to them."""
        found = await policy.to_tell(session)
        if found is None:
            return 0
        name, up_to = found
        known = {one.version: one for one in await policy.versions(session)}
        most = max(1, min(MOST_IN_A_STEP, int(self._settings.policy_notices_an_hour * TICK_SECONDS / 3600)))
        people = await reminding.receiving(session, after=up_to, most=most)
        reached = await reminding.reachable(
            session, people, purpose=Purpose.PROMOTION, require_age=self._require_age, at=at
        )
        number = 0
        for one in reached.values():
            topics = await self._concerned(session, one, known[name])
            if topics is not None:
                effective_on = known[name].effective_at.date().isoformat()
                details = {"version": name, "effective_on": effective_on, "topics": topics,
                           "scope": "topics" if topics else "all"}  # fmt: skip
                await self._queue(session, Kind.POLICY, one, details, at)
                number += 1
        await policy.told(session, name, people[-1] if people else None)
        return number

    async def _concerned(self, session: Session, one: Reached, version: Version) -> list[str] | None:
        """Return the topics that a person has to agree to anew; None where they agreed under this version already."""
        agreed = (await standing_of(session, one.person)).versions
        news = [topic for topic in one.topics if agreed.get((Purpose.PROMOTION, topic)) != version.version]
        if not news:
            return None
        return news if version.asks_all else [topic for topic in news if topic in version.asks]

    async def _queue(
        self, session: Session, kind: Kind, to: Reached, details: Mapping[str, object], at: datetime
    ) -> None:
        hashed = self._secrets.address_hash(to.address)
        letter = Letter(kind, to.address, hashed, to.person, details={**details, "language": to.language})
        await outbox.enqueue(session, letter, at=at, once_in=None)
