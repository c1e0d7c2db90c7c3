"""Deliveries under any order of claims, results, crashes, pauses and withdrawals: sums exact, nobody twice."""

import asyncio
import contextlib
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consent.ledger import withdraw
from consent.model import SubscriberId
from consent.standing import mailable
from kit.db import Database
from mailer import delivery
from mailer.delivery import Shut, Slice
from mailer.outcomes import Claimed, Outcome
from mailer.tables import MailingRow
from tests.database import BY_REPLY, NOW, fresh_database, given_subscribers

PEOPLE = 8
ENDS = ("none", "sent", "sent", "deferred", "failed", "lost")


@dataclass
class Hands:
    """What one worker has claimed, and what it has begun of it."""

    taken: Slice
    begun: set[int] = field(default_factory=set)
    results: dict[int, Outcome] = field(default_factory=dict)
    is_dead: bool = False


class DeliveryMachine(RuleBasedStateMachine):
    """Workers that claim, begin, answer, die and come back, over one mailing."""

    @initialize()
    def begin(self) -> None:
        self.stack = contextlib.AsyncExitStack()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.hands: dict[str, Hands] = {}
        self.letters: Counter[int] = Counter()  # MAIL FROMs that may have ended in a mailbox, by person
        self.left: set[int] = set()
        self.now = NOW
        self.workers = 0
        self.database: Database = self.go(self.stack.enter_async_context(fresh_database(Path(self.folder.name))))
        self.people: list[SubscriberId] = self.go(given_subscribers(self.database, PEOPLE))
        self.mailing: int = self.go(self.make())

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.go(self.stack.aclose())
            self.runner.close()
            self.folder.cleanup()

    def go(self, work: Any) -> Any:
        return self.runner.run(work)

    async def make(self) -> int:
        async with self.database.transaction() as session:
            mailing = MailingRow(name="m", topic="deals", subject="s", gate="open", created_at=NOW)
            session.add(mailing)
            await session.flush()
            await delivery.snapshot(session, mailing.id, mailable("deals", now=NOW))
            return mailing.id

    async def do(self, verb: Any, *args: Any, **options: Any) -> Any:
        async with self.database.transaction() as session:
            return await verb(session, *args, **options)

    def pick(self, number: int, *, dead: bool) -> tuple[str, Hands] | None:
        found = [(name, hands) for name, hands in self.hands.items() if hands.is_dead is dead]
        return found[number % len(found)] if found else None

    @rule(limit=st.integers(1, 5))
    def claim(self, limit: int) -> None:
        self.workers += 1
        worker = f"w{self.workers}"
        options = {"first": 0, "last": 1 << 40, "limit": limit, "worker": worker, "now": self.now}
        taken = self.go(self.do(delivery.claim_slice, self.mailing, **options))
        if isinstance(taken, Slice) and taken.rows:
            assert not {row.clearance.subscriber for row in taken.rows} & self.left
            self.hands[worker] = Hands(taken)

    @rule(number=st.integers(0, 9), ends=st.lists(st.sampled_from(ENDS), min_size=1, max_size=5))
    def letters_go(self, number: int, ends: list[str]) -> None:
        """A worker that lives begins letters and perhaps hears what became of them."""
        if (found := self.pick(number, dead=False)) is not None:
            hands = found[1]
            fresh = [row for row in hands.taken.rows if row.id not in hands.begun]
            for claimed, end in zip(fresh, ends, strict=False):
                self.letter(hands, claimed, end)

    def letter(self, hands: Hands, claimed: Claimed, end: str) -> None:
        hands.begun.add(claimed.id)
        self.letters[claimed.clearance.subscriber] += 1
        outcomes = {
            "sent": Outcome(claimed.id, "sent"),
            "failed": Outcome(claimed.id, "failed", "refused"),
            "lost": Outcome(claimed.id, "unknown", "answer_lost"),
            "deferred": Outcome(claimed.id, "waiting", "deferred", next_at=self.now + timedelta(minutes=5)),
        }
        if end in outcomes:
            hands.results[claimed.id] = outcomes[end]
        if end in {"deferred", "failed"}:
            self.letters[claimed.clearance.subscriber] -= 1  # refused: it surely is in no mailbox

    @rule(number=st.integers(0, 9), dead=st.booleans())
    def record(self, number: int, dead: bool) -> None:
        """A worker, perhaps one that was thought dead, records what it knows; what never began goes back."""
        if (found := self.pick(number, dead=dead)) is None:
            return
        worker, hands = found
        outcomes = [self.outcome(hands, row.id) for row in hands.taken.rows]
        self.go(self.do(delivery.record, self.mailing, outcomes, claim=hands.taken.claim, now=self.now))
        del self.hands[worker]

    def outcome(self, hands: Hands, id_: int) -> Outcome:
        if id_ in hands.begun:
            return hands.results.get(id_) or Outcome(id_, "unknown", "answer_lost")
        return Outcome(id_, "waiting", was_started=False)

    @rule(number=st.integers(0, 9))
    def thought_dead(self, number: int) -> None:
        """Nothing is proven, and the worker may come back as a zombie: it begins nothing more, but may record."""
        if (found := self.pick(number, dead=False)) is not None:
            found[1].is_dead = True
            self.go(self.do(delivery.settle_dead, [found[0]], proof=None, now=self.now))

    @rule(number=st.integers(0, 9), times=st.integers(1, 2))
    def killed(self, number: int, times: int) -> None:
        """The process is gone, and its journal tells what had begun."""
        if (found := self.pick(number, dead=False)) is None:
            return
        worker, hands = found
        begun = {id_: self.outcome(hands, id_) for id_ in hands.begun}
        proof = {hands.taken.claim: begun} if begun else {}
        for _ in range(times):
            self.go(self.do(delivery.settle_dead, [worker], proof=proof, now=self.now))
        del self.hands[worker]

    @rule()
    def pause_and_resume(self) -> None:
        if self.go(self.do(delivery.gates, [self.mailing]))[self.mailing] == "open":
            self.go(self.do(delivery.set_gate, self.mailing, "held"))
            options = {"first": 0, "last": 1 << 40, "limit": 9, "worker": "nobody", "now": self.now}
            assert self.go(self.do(delivery.claim_slice, self.mailing, **options)) == Shut("held")
            self.go(self.do(delivery.set_gate, self.mailing, "open"))

    @precondition(lambda self: self.workers > 8)
    @rule(sure=st.sampled_from([False, False, False, True]))
    def cancel(self, sure: bool) -> None:
        if sure:
            self.go(self.do(delivery.set_gate, self.mailing, "cancelled"))
            self.go(self.do(delivery.skip_waiting, self.mailing, reason="cancelled", now=self.now))

    @rule(number=st.integers(PEOPLE - 4, PEOPLE - 1))
    def leave(self, number: int) -> None:
        person = self.people[number]
        self.left.add(person)
        self.go(self.do(withdraw, person, ["deals"], source=BY_REPLY, at=self.now))

    @rule(minutes=st.integers(1, 20))
    def later(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.go(self.do(delivery.adopt_due, self.mailing, size=3, now=self.now))

    @invariant()
    def the_sum_is_exact(self) -> None:
        if hasattr(self, "mailing"):
            assert self.go(self.do(delivery.count, self.mailing)).snapshot == PEOPLE

    @invariant()
    def nobody_has_two_letters(self) -> None:
        if hasattr(self, "mailing"):
            assert max(self.letters.values(), default=0) <= 1


TestDeliveries = DeliveryMachine.TestCase
TestDeliveries.settings = settings(stateful_step_count=40)
