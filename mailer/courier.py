"""The courier: takes a chunk of a mailing slice by slice from the claim to the recorded result.

Claim and consent are one transaction; composing and signing run in threads, a slice ahead of the sending; before each
MAIL FROM there is a last look, which must not wait; results are recorded with the claim's token. When in doubt nothing
begins. It never sends to anybody without the gate's clearance, never sends again what may have arrived, and it ends
nothing: what a crash leaves behind is settled by :meth:`Courier.settle`.
"""

import asyncio
import contextlib
import itertools
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from consent.hearing import Hearing
from consent.model import SubscriberId
from kit.clock import Clock, utc_now
from kit.db import Database, Session
from kit.errors import Permanent, Temporary
from kit.jobs import Interrupted
from kit.log import logger
from mailer import delivery, fates, journal
from mailer.attention import DEAF_SECONDS, Attention
from mailer.delivery import Shut, Slice
from mailer.journal import ClaimJournal, Journal
from mailer.outcomes import Claimed, Hindrance, Outcome, decisions, judge
from mailer.pace import UNLIMITED, Turns
from mailer.presses import Presses, ThreadPresses
from mailer.relays import Result
from mailer.retry import PROMOTIONS, RetryPlan
from mailer.written import Compose, Ready, unanswered, untouched

COMPILED_KEPT = 8  # mailings whose compiled form is kept at a time
RECORD_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)  # and then each five, until the database is back

STRANGERS_EACH_SECONDS = 30.0
HOOK_TRIES = 3  # a hook that goes on failing must not keep results from being recorded
_TROUBLE = {Hindrance.NO_LEASE, Hindrance.DEAF, Hindrance.UNWRITTEN, Hindrance.NO_JOURNAL}  # ours, and likely over soon

_log = logger("mailer.courier")

#: Compiles a mailing, once. :class:`~kit.errors.Permanent` means that nobody can get it as it is.
Prepare = Callable[[int], Awaitable[Compose]]
#: Told of a dead address in the transaction that records it: person, the relay's words.
OnHardBounce = Callable[[Session, SubscriberId, str], Awaitable[None]]
#: Told that a mailing can't be compiled, and why.
OnBroken = Callable[[int, str], Awaitable[None]]
#: Names the workers that live or are still to be settled; :meth:`kit.jobs.Jobs.known_workers` does.
KnownWorkers = Callable[[], Awaitable[Collection[str]]]


class Post(Protocol):
    """What takes letters to the relays; :class:`mailer.smtp.RelayPool` does."""

    @property
    def outage(self) -> str | None:
        """Why nothing can be sent now, or None."""

    async def send_many(
        self,
        mails: Iterable[Ready],
        may_start: Callable[[Ready], bool],
        on_result: Callable[[Ready, Result, str], None],
    ) -> None:
        """Send letters, asking ``may_start`` when the MAIL FROM of each is written, and tell the fate of each."""


@dataclass(slots=True)
class _Batch:
    """A claimed slice, composed."""

    mailing_id: int
    claim: str
    ready: list[Ready]
    outcomes: list[Outcome] = field(default_factory=list)
    lease: int | None = None  # that it was claimed under; under another one nothing of it may begin


class Courier:
    """Carries the chunks of one worker. Made once a process; :meth:`run` has to run while chunks are carried."""

    def __init__(
        self,
        database: Database,
        post: Post,
        prepare: Prepare,
        *,
        hearing: Hearing,
        journal: Journal,
        lease: Callable[[], int | None],
        is_stopping: Callable[[], bool] = lambda: False,
        plan: RetryPlan = PROMOTIONS,
        slice_size: int = 100,
        require_age: bool = False,
        presses: Presses | None = None,
        deaf_seconds: float = DEAF_SECONDS,
        strangers_each_seconds: float = STRANGERS_EACH_SECONDS,
        on_hard_bounce: OnHardBounce | None = None,
        on_broken: OnBroken | None = None,
        known_workers: KnownWorkers | None = None,
        pace: Turns = UNLIMITED,
        clock: Clock = utc_now,
    ) -> None:
        """Join the parts; the name of the worker is that of its journal."""
        self._database, self._post, self._prepare = database, post, prepare
        self._attention = Attention(database, hearing, deaf_seconds=deaf_seconds)
        self._journal, self._clock, self._pace = journal, clock, pace
        self._lease, self._is_stopping = lease, is_stopping
        self._strangers_each_seconds = strangers_each_seconds
        self._plan, self._slice_size, self._require_age = plan, slice_size, require_age
        self._on_hard_bounce, self._on_broken, self._known_workers = on_hard_bounce, on_broken, known_workers
        self._presses = presses or ThreadPresses()
        self._compiled: OrderedDict[int, Compose] = OrderedDict()
        self._live: set[str] = set()
        self._strays: set[str] = set()  # claims that failed and may have been committed all the same

    # -- the job ------------------------------------------------------------------------------------------------------

    async def send_chunk(self, mailing_id: int, first: int, last: int) -> None:
        """Send to all who are due in a range of delivery ids. Safe to run twice, also at the same time.

        Ends when nobody is due any more or the mailing is not open. Raises :class:`kit.jobs.Interrupted` when the
        worker stops, and :class:`kit.errors.Temporary` when going on later makes sense.
        """
        with self._attention.to(mailing_id):
            await self._attention.listen(with_gates=True)
            try:
                compose = await self._compose_of(mailing_id)
                await self._carry(partial(self._next, mailing_id, first, last, compose))
            except Permanent as error:
                if self._on_broken is None:
                    raise
                await self._on_broken(mailing_id, error.public)
        if self._is_stopping():
            raise Interrupted

    async def run(self) -> None:
        """Settle what dead workers of this machine left, then hear of withdrawals and pauses, until cancelled."""
        await self.settle_leftovers()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._attention.run(), name="attention")
            while True:
                await asyncio.sleep(self._strangers_each_seconds)
                try:
                    if strays := frozenset(self._strays):
                        await self._give_back_strays()
                        self._strays -= strays
                    await self.settle_strangers()
                except Exception as error:  # noqa: BLE001 - the listening goes on, whatever it was
                    _log.warning("strangers.failed", error=type(error).__name__, exc_info=True)

    # -- after a crash ------------------------------------------------------------------------------------------------

    async def settle(self, worker: str) -> None:
        """Settle what a dead worker had in its hands, by its journal where that can be believed. Repeating is safe."""
        proof = await asyncio.to_thread(journal.read, self._journal.root, worker)
        async with self._database.transaction() as session:
            decided = await delivery.settle_dead(session, [worker], proof=proof, now=self._clock())
            people = await delivery.people_of(session, [outcome.id for outcome in decided if outcome.hard_bounce])
            lost = await fates.unknown_by_mailing(session, ids=[one.id for one in decided if one.state == "unknown"])
            if self._on_hard_bounce is not None:
                for outcome in decided:
                    if outcome.hard_bounce:
                        await self._on_hard_bounce(session, people[outcome.id], outcome.response)
        if decided:
            _log.warning(
                "worker.settled", worker=worker, has_proof=proof is not None, unknown_by_campaign=lost,
                decisions=decisions(decided),
            )  # fmt: skip
        if proof is not None:
            await asyncio.to_thread(journal.remove, self._journal.root, worker)

    async def settle_leftovers(self) -> None:
        """Settle by the journals that dead workers of this machine left behind."""
        for worker in await asyncio.to_thread(journal.leftovers, self._journal.root):
            await self.settle(worker)

    async def settle_strangers(self) -> None:
        """Settle for workers that nobody knows any more: a dying worker's last COMMIT can arrive after its burial."""
        if self._known_workers is None:
            return
        # First who holds, then who is known: a worker is known before it claims.
        async with self._database.reading() as session:
            holding = await delivery.strangers(session, [self._journal.worker])
        for worker in sorted(set(holding) - set(await self._known_workers()) if holding else ()):
            await self.settle(worker)

    def close(self) -> None:
        """Let go of the presses, and of an empty journal: while no claim may stand, that proves no beginning."""
        self._presses.close()
        if not (self._live or self._strays):
            with contextlib.suppress(OSError):
                self._journal.close()

    # -- a slice ------------------------------------------------------------------------------------------------------

    async def _carry(self, take: Callable[[], Coroutine[Any, Any, _Batch | None]]) -> None:
        """Hand over slice after slice; the next one is made ready while the present one is sent."""
        batch = await take()
        while batch is not None:
            coming = asyncio.create_task(take(), name="next slice")
            try:
                await self._hand_over(batch)
            except Exception:
                await self._let_go(await coming)
                raise
            except BaseException:
                coming.cancel()
                raise
            batch = await coming

    async def _next(self, mailing_id: int, first: int, last: int, compose: Compose) -> _Batch | None:
        """Claim the next slice that has somebody to send to, and compose its letters."""
        while not self._is_stopping():
            if trouble := self._post.outage:
                raise Temporary(f"no relay can be used: {trouble}", delay=5.0)
            if not (room := await self._pace.room(self._slice_size)):
                continue
            claim, lease = uuid.uuid4().hex, self._lease()
            self._live.add(claim)
            taken = await self._claim(mailing_id, first, last, claim, room)
            if isinstance(taken, Shut) or taken.is_empty:
                self._live.discard(claim)
                return None
            if not taken.rows:
                self._live.discard(claim)
                continue
            rows, put_off = self._pace.part(taken.rows)
            batch = _Batch(mailing_id, claim, [], put_off, lease)
            try:
                await self._fill(batch, rows, compose)
            except Exception:
                await self._let_go(_Batch(mailing_id, claim, [], [untouched(row) for row in taken.rows]))
                raise
            return batch
        return None

    async def _claim(self, mailing_id: int, first: int, last: int, claim: str, limit: int) -> Slice | Shut:
        try:
            return await self._database.at_once(
                partial(
                    delivery.claim_slice, mailing_id=mailing_id, first=first, last=last, limit=limit,
                    worker=self._journal.worker, now=self._clock(), claim=claim, require_age=self._require_age,
                )
            )  # fmt: skip
        except Exception:  # whether it was committed is not sure now
            self._strays.add(claim)
            self._live.discard(claim)
            with contextlib.suppress(Exception):  # looked for once more in a while: a COMMIT can arrive late
                await self._give_back_strays()
            raise

    async def _give_back_strays(self) -> None:
        """Give back what stands in our name and is not known here: nothing of it began."""
        async with self._database.transaction() as session:
            await delivery.give_back_strays(session, self._journal.worker, live=self._live, now=self._clock())

    async def _fill(self, batch: _Batch, rows: Sequence[Claimed], compose: Compose) -> None:
        """Compose; who can't be composed is skipped, and the others go on."""
        for one in await self._presses.letters(compose, rows):
            if isinstance(one, Ready):
                batch.ready.append(one)
            else:
                batch.outcomes.append(one)

    async def _hand_over(self, batch: _Batch) -> None:
        """Send a slice and record it. A cancellation leaves the rest to the journal and :meth:`settle`."""
        try:
            claim_journal = self._journal.open_claim(batch.claim)
        except OSError as cause:
            await self._let_go(batch)
            raise Temporary("the journal can't be written; is the disk full?", delay=5.0) from cause
        is_recorded = False
        try:
            outcomes = await self._send(batch, claim_journal)
            await self._record(batch, outcomes)
            is_recorded = True
        finally:
            claim_journal.close(is_recorded=is_recorded)
            self._live.discard(batch.claim)
        trouble = {ready.hindrance.value for ready in batch.ready if ready.hindrance in _TROUBLE}
        if trouble:
            raise Temporary(f"letters were withheld: {', '.join(sorted(trouble))}", delay=1.0)

    async def _send(self, batch: _Batch, claim_journal: ClaimJournal) -> list[Outcome]:
        outcomes = list(batch.outcomes)
        open_ = {ready.row.id: ready for ready in batch.ready}
        self._pace.sent(ready.clearance.address.domain for ready in batch.ready)

        def on_result(ready: Ready, result: Result, relay: str) -> None:
            outcome = judge(
                ready.row, result, hindrance=ready.hindrance, has_begun=ready.has_begun, now=self._clock(),
                plan=self._plan, relay=relay,
            )  # fmt: skip
            if ready.has_begun:
                claim_journal.ended(outcome)
            outcomes.append(outcome)
            del open_[ready.row.id]
            if outcome.code and outcome.state != "sent":
                self._pace.refused(relay, ready.clearance.address.domain, outcome)

        try:
            await self._post.send_many(batch.ready, partial(self._may_start, batch, claim_journal), on_result)
        except Exception as error:  # noqa: BLE001 - whatever it was, what is known of each letter has to be recorded
            _log.error("slice.broken", mailing_id=batch.mailing_id, error=type(error).__name__, exc_info=True)
        return [*outcomes, *map(unanswered, open_.values())]

    def _may_start(self, batch: _Batch, claim_journal: ClaimJournal, ready: Ready) -> bool:
        """Take the last look, immediately before MAIL FROM. When anything is in doubt, no."""
        hindrance = self._attention.hindrance(batch.mailing_id, ready.clearance)
        if hindrance is None:
            if self._is_stopping():
                hindrance = Hindrance.STOPPING
            elif batch.lease is None or self._lease() != batch.lease:
                hindrance = Hindrance.NO_LEASE
            elif not claim_journal.began(ready.row.id):
                hindrance = Hindrance.NO_JOURNAL
        ready.hindrance = hindrance
        ready.has_begun = ready.has_begun or hindrance is None
        return hindrance is None

    async def _let_go(self, batch: _Batch | None) -> None:
        """Give back a slice of which nothing began."""
        if batch is not None:
            await self._record(batch, [*batch.outcomes, *(untouched(ready.row) for ready in batch.ready)])
            self._live.discard(batch.claim)

    async def _record(self, batch: _Batch, outcomes: list[Outcome]) -> None:
        """Write the results down, however long the database is away: nobody else knows them."""
        clearances = {ready.row.id: ready.clearance for ready in batch.ready}
        for attempt in itertools.count():
            try:
                record = partial(
                    delivery.record, mailing_id=batch.mailing_id, outcomes=outcomes, claim=batch.claim,
                    now=self._clock(),
                )  # fmt: skip
                dead = [outcome for outcome in outcomes if outcome.hard_bounce]
                if not dead or self._on_hard_bounce is None or attempt >= HOOK_TRIES:
                    changed = await self._database.at_once(record)
                else:
                    async with self._database.transaction() as session:
                        changed = await record(session)
                        for outcome in dead:
                            person = clearances[outcome.id].subscriber
                            await self._on_hard_bounce(session, person, outcome.response)
            except Exception as error:  # noqa: BLE001 - the driver's errors are many, and none of them may lose results
                _log.warning("record.failed", mailing_id=batch.mailing_id, error=type(error).__name__, exc_info=True)
                await asyncio.sleep(RECORD_RETRY_SECONDS[min(attempt, len(RECORD_RETRY_SECONDS) - 1)])
            else:
                fenced = len(outcomes) - changed
                _log.info("slice.recorded", mailing_id=batch.mailing_id, fenced=fenced, decisions=decisions(outcomes))
                return

    async def _compose_of(self, mailing_id: int) -> Compose:
        compose = self._compiled.get(mailing_id)
        if compose is None:
            compose = self._compiled[mailing_id] = await self._prepare(mailing_id)
            while len(self._compiled) > COMPILED_KEPT:
                self._compiled.popitem(last=False)
        return compose
