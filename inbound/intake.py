"""The one path of every mail that comes in, by whatever channel: known already? read, decide, commit, then answer.

A 250 is given only after the commit is on disk: then either the mail is decided and what it asks for is done, or its
bytes are kept and a job decides it soon. Trouble of our own is answered 451, so that the sender's server tries
again; a mail is never refused for good because we failed, and never accepted and then lost.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from consent import unread
from inbound import deferred, dispatch, heads
from inbound.answers import Answer
from inbound.content import content_key
from inbound.dispatch import Decided, House, Paper
from inbound.model import Channel, Envelope, InboundMail, Origin, Reading, Verdict
from inbound.readers import Readers
from inbound.sign_ups import says
from inbound.traces import find_trace
from inbound.world import World
from kit.clock import Clock, utc_now
from kit.config_inbound import InboundSettings
from kit.db import Database
from kit.desk import Desk
from kit.log import logger
from mailer.tokens import Purpose

LARGE = 131_072  # octets: a larger mail is read in a lane of its own, one after the other, so that it holds up no other
LOOKERS = 16  # mails whose origin is looked up at one time: that is waiting for the DNS
QUEUE_SECONDS = 60.0  # how long a mail waits for a reader before its server is asked to come again
COMMIT_SECONDS = 90.0  # how long the database may take
ATTEMPTS = 3  # to decide a deferred mail; then a person must look at it
DEFERRED_BATCH = 20
TAKE_UP_SECONDS = 30.0  # between looks at deferred mail

log = logger("inbound.intake")


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer to whoever handed a mail over."""

    code: int
    enhanced: str
    text: str

    @property
    def is_ours(self) -> bool:
        """Whether the mail is on disk here, so that the other side may forget it."""
        return self.code == 250


ACCEPTED = Taken(250, "2.0.0", "taken and decided")
KNOWN = Taken(250, "2.0.0", "taken before")
KEPT = Taken(250, "2.0.0", "taken; it is decided in a moment")
LATER = Taken(451, "4.3.0", "local trouble, please try again")


class LookAt(Protocol):
    """Finds out where a mail comes from: bounded, never raising, in a thread (``inbound.origin.look.Look``)."""

    def __call__(self, raw: bytes, mail: InboundMail, envelope: Envelope, at: datetime) -> Origin:
        """Return what signatures and network say."""
        ...  # the body is the looker's


class WorldSource(Protocol):
    """Knows what we sent lately (``inbound.worlds.Worlds``)."""

    async def world(self) -> World:
        """Return the world as it is now."""
        ...  # the body is the source's


class Intake:
    """Takes mails. One for each process; every listener calls the same one."""

    def __init__(
        self,
        database: Database,
        *,
        readers: Readers,
        worlds: WorldSource,
        house: House,
        settings: InboundSettings,
        look: LookAt | None = None,
        wake_postman: Callable[[], None] = lambda: None,
        clock: Clock = utc_now,
    ) -> None:
        """Take what is needed; nothing is opened yet. ``wake_postman`` is called when letters wait in the outbox.

        Without ``look`` no mail's origin is known, and only a token tells its sender.
        """
        self._database = database
        self._worlds = worlds
        self._house = house
        self._settings = settings
        self._wake_postman = wake_postman
        self._clock = clock
        self._readers = readers
        self._small, self._large = asyncio.Semaphore(readers.at_once), asyncio.Semaphore(1)
        self._look = look
        self._lookers = asyncio.Semaphore(LOOKERS)
        self._look_threads = ThreadPoolExecutor(LOOKERS, thread_name_prefix="looker")
        self._desk = Desk(self._commit, seconds=COMMIT_SECONDS)
        self._open: set[asyncio.Task[Taken]] = set()

    async def take(self, raw: bytes, envelope: Envelope, at: datetime) -> Taken:
        """Take one mail and return the answer for whoever brought it. Never raises for trouble of our own.

        A peer that hangs up after the final dot cancels only its own wait: the work goes on to the commit.
        """
        task = asyncio.create_task(self._take(raw, envelope, at))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        # aiosmtpd cancels the handler when the peer closes after the dot; what the customer asked is done all the same
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait until every mail that is being taken is decided; called before the database is closed."""
        while self._open:
            await asyncio.wait(set(self._open))

    def close(self) -> None:
        """Let go of readers and lookers."""
        self._readers.close()
        self._look_threads.shutdown(wait=False, cancel_futures=True)

    async def run(self) -> None:
        """Take up deferred mail from time to time. Ends by cancellation only."""
        while True:
            await self.take_up_deferred()
            await asyncio.sleep(TAKE_UP_SECONDS)

    async def take_up_deferred(self) -> int:
        """Decide mails that were put off; return how many are no longer deferred.

        Each attempt is on disk before it is made. After ``ATTEMPTS`` a mail is parked for a person, and others pass.
        """
        async with self._database.reading() as session:
            rows = await deferred.waiting(session, DEFERRED_BATCH)
            held_for_nothing = await deferred.held_for_nothing(session)
        if held_for_nothing:
            async with self._database.transaction() as session:
                await unread.free(session, held_for_nothing)
        ended = 0
        for row in rows:
            async with self._database.transaction() as session:
                if row.attempts >= ATTEMPTS:
                    why = f"it could not be read in {ATTEMPTS} attempts"
                    await deferred.quarantine(session, row.id, at=self._clock(), why=why)
                    log.warning("mail.quarantined", inbound_id=row.id)
                    ended += 1
                    continue
                if not await deferred.begin_attempt(session, row):
                    continue
            ended += await self._try_again(row.id, row.raw or b"", row.envelope, attempt=row.attempts + 1)
        return ended

    async def _take(self, raw: bytes, envelope: Envelope, at: datetime) -> Taken:
        key = content_key(raw, at=at)
        try:
            reading = await self._reading(raw, envelope)
            origin = await self._origin(raw, reading, envelope, at)
            decided = await self._desk.bring(Paper(key, reading, envelope, raw, at, origin))
        except Exception as error:  # noqa: BLE001 - whatever failed, the mail is kept or asked for again
            if dispatch.is_database_trouble(error) and not isinstance(error, ReadingTooLong):
                log.warning("mail.put_off", why=type(error).__name__)
                return LATER
            log.warning("mail.deferred", why=type(error).__name__)
            return await self._keep(key, raw, envelope, at)
        if decided is None:
            log.info("mail.seen_again", channel=envelope.channel.value)
            return KNOWN
        log.info("mail.decided", inbound_id=decided.inbound_id, verdict=reading.verdict.value, actions=decided.actions)
        if decided.queued:
            self._wake_postman()
        return ACCEPTED

    async def _reading(self, raw: bytes, envelope: Envelope) -> Reading:
        """Read the mail beside the event loop, within the time that one mail may take."""
        lane = self._large if len(raw) > LARGE else self._small
        async with asyncio.timeout(QUEUE_SECONDS):
            await lane.acquire()
        try:
            if self._readers.are_stuck:
                raise TimeoutError  # every place hangs; the database isn't touched either, so the sender comes again
            world = await self._worlds.world()
            reading = asyncio.ensure_future(self._readers.read(raw, world=world, envelope=envelope))
            done, _ = await asyncio.wait({reading}, timeout=self._settings.decide_seconds)
            if not done:
                self._readers.give_up(reading)
                raise ReadingTooLong
            return reading.result()
        finally:
            lane.release()

    async def _origin(self, raw: bytes, reading: Reading, envelope: Envelope, at: datetime) -> Origin | None:
        """Look where a mail comes from, if what it asks for depends on that.

        Other mail never waits for the DNS. Where too many wait already, the mail is kept and decided later.
        """
        if self._look is None or reading.mail.sender is None or not self._matters_who_wrote(reading, envelope):
            return None
        async with asyncio.timeout(QUEUE_SECONDS):
            await self._lookers.acquire()
        try:
            looking = self._look_threads.submit(self._look, raw, reading.mail, envelope, at)
            return await asyncio.wrap_future(looking)
        finally:
            self._lookers.release()

    def _matters_who_wrote(self, reading: Reading, envelope: Envelope) -> bool:
        """Whether more than a token is asked of a mail: a wish without one, or a guardian's yes (P8)."""
        if reading.verdict in {Verdict.AUTO, Verdict.BOUNCE, Verdict.COMPLAINT}:
            return False
        trace = find_trace(reading, envelope, self._house.tokens)
        if trace is None:
            return reading.verdict.is_wish
        return trace.token.purpose is Purpose.GUARDIAN and says(reading) is Answer.YES

    async def _commit(self, papers: Sequence[Paper]) -> list[Decided | None]:
        """Decide mails in one transaction; None for those that were taken before."""
        async with self._database.transaction() as session:
            taken = await dispatch.take_in(session, papers)
            decided = await dispatch.decide(session, taken, house=self._house) if taken else {}
        numbers = {id(paper): number for number, paper in taken.items()}
        return [decided[numbers[id(paper)]] if id(paper) in numbers else None for paper in papers]

    async def _keep(self, key: str, raw: bytes, envelope: Envelope, at: datetime) -> Taken:
        """Store the bytes, to be decided later; or ask the sender's server to come again.

        Promise 2 holds from the 250 on: who may have written is sent no promotion until the mail is decided.
        """
        try:
            head, stored = await asyncio.to_thread(heads.read_head, raw), _envelope_out(envelope)
            async with asyncio.timeout(COMMIT_SECONDS), self._database.transaction() as session:
                await deferred.keep(
                    session, key, envelope.channel.value, at=at, raw=raw, envelope=stored,
                    writers=await heads.writers(session, head, envelope, self._house),
                )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - promise 7: our own trouble is a temporary answer
            log.warning("mail.put_off", why=type(error).__name__)
            return LATER
        return KEPT

    async def _try_again(self, number: int, raw: bytes, stored: dict[str, Any], *, attempt: int) -> int:
        envelope = _envelope_in(stored)
        try:
            reading, now = await self._reading(raw, envelope), self._clock()
            origin = await self._origin(raw, reading, envelope, now)
            async with self._database.transaction() as session:
                if not await deferred.end_attempt(session, number):
                    return 0
                paper = Paper("", reading, envelope, raw, now, origin)
                decided = (await dispatch.decide(session, {number: paper}, house=self._house))[number]
        except Exception as error:  # noqa: BLE001 - one mail that can't be decided holds up no other
            log.warning("mail.attempt_failed", inbound_id=number, attempt=attempt, why=type(error).__name__)
            return 0
        if decided.queued:
            self._wake_postman()
        log.info("mail.decided", inbound_id=number, verdict=reading.verdict.value, actions=decided.actions)
        return 1


class ReadingTooLong(Exception):
    """The mail took longer to read than one mail may."""


def _envelope_out(envelope: Envelope) -> dict[str, Any]:
    return {**asdict(envelope), "rcpt_to": list(envelope.rcpt_to), "channel": envelope.channel.value}


def _envelope_in(stored: dict[str, Any]) -> Envelope:
    return Envelope(
        mail_from=str(stored.get("mail_from", "")),
        rcpt_to=tuple(stored.get("rcpt_to", ())),
        peer=str(stored.get("peer", "")),
        helo=str(stored.get("helo", "")),
        channel=Channel(stored.get("channel", Channel.FILE.value)),
    )
