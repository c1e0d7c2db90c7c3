"""What became of one delivery, and what a relay's answer means for it. Pure.

The answer itself was judged by :mod:`mailer.relays`, the moment of the next try comes from :mod:`mailer.retry`; here
both are joined with what the worker knows: whether the letter began at all, and why it was withheld.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal, assert_never

from consent.model import Clearance
from mailer.relays import Deferred, Failed, Result, Sent, Unknown, Withheld
from mailer.retry import RetryPlan, next_attempt

State = Literal["waiting", "sent", "failed", "skipped", "unknown"]

PAUSE_AFTER_OUTAGE = timedelta(seconds=15)  # for a letter that no relay was there for; it counts as no try
_LONGEST_STATUS = 9  # characters, as in 5.777.777
PAUSE_FOR_READING = timedelta(seconds=30)  # for a letter to somebody whose mail waits to be read


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery in our hands, with the leave to make it."""

    id: int
    attempt: int
    first_at: datetime
    clearance: Clearance


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one delivery."""

    id: int
    state: State
    reason: str = ""
    code: int = 0
    enhanced: str = ""
    response: str = ""
    next_at: datetime | None = None
    was_started: bool = True  # a try that never began does not count as one
    hard_bounce: bool = False  # the address itself is dead
    relay: str = ""  # the relay that said so; "" where none had the letter, or where a journal tells


#: what a journal proves: by claim, the deliveries that began, each with what became of it
Proof = Mapping[str, Mapping[int, Outcome]]


class Hindrance(Enum):
    """Why a letter was not begun at the last look."""

    WITHDRAWN = "withdrawn"  # a withdrawal, suppression or pause was heard of
    STOPPING = "stopping"  # the worker was told to stop
    NO_LEASE = "no_lease"  # others may take this worker for dead
    HELD = "held"  # the campaign was paused or ended
    DEAF = "deaf"  # withdrawals could not be read for a while, so nobody knows who has left
    UNWRITTEN = "unwritten"  # an opt-out of theirs is on disk and not in the ledger yet, so nobody knows what it covers
    UNREAD = "unread"  # a mail of theirs waits to be read, and it may be an opt-out
    NO_JOURNAL = "no_journal"  # what begins can't be written down


def judge(
    row: Claimed,
    result: Result,
    *,
    hindrance: Hindrance | None,
    has_begun: bool,
    now: datetime,
    plan: RetryPlan,
    relay: str = "",
) -> Outcome:
    """Say what an answer of a relay makes of a delivery."""
    match result:
        case Sent(code, text):
            return Outcome(row.id, "sent", code=code, response=text, relay=relay)
        case Failed(code, enhanced, text, hard_bounce, policy):
            reason = "bounced" if hard_bounce else "policy" if policy else "refused"
            return Outcome(row.id, "failed", reason, code, enhanced, text, hard_bounce=hard_bounce, relay=relay)
        case Deferred(code, enhanced, text):
            outcome = Outcome(row.id, "waiting", "deferred", code, enhanced, text, relay=relay)
            return _deferred(row, outcome, has_begun=has_begun, now=now, plan=plan)
        case Unknown(text):
            return Outcome(row.id, "unknown", "answer_lost", response=text, relay=relay)
        case Withheld(again_seconds):
            if hindrance is Hindrance.WITHDRAWN:
                return Outcome(row.id, "skipped", "withdrawn", was_started=False)
            if hindrance is Hindrance.UNREAD:
                return _unread(row, now=now, plan=plan)
            reason = "paced" if again_seconds else ""
            again = timedelta(seconds=again_seconds)
            return Outcome(row.id, "waiting", reason, next_at=now + again, was_started=False)
        case _:
            assert_never(result)


def decisions(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return how often each decision was taken, for the log: state, reason and status (RFC 3463).

    Nothing of what a relay wrote: its words may hold an address, or part of a letter.
    """
    said = (
        " ".join(filter(None, (one.state, one.reason, str(one.code or ""), one.enhanced[:_LONGEST_STATUS])))
        for one in outcomes
    )
    return dict(sorted(Counter(said).items()))


def _unread(row: Claimed, *, now: datetime, plan: RetryPlan) -> Outcome:
    """Who may have asked to leave waits until their mail is read; a campaign does not wait for ever for that."""
    if now - row.first_at < timedelta(seconds=plan.give_up_after_seconds):
        return Outcome(row.id, "waiting", "unread", next_at=now + PAUSE_FOR_READING, was_started=False)
    return Outcome(row.id, "skipped", "unread", was_started=False)


def _deferred(row: Claimed, outcome: Outcome, *, has_begun: bool, now: datetime, plan: RetryPlan) -> Outcome:
    """A letter that never began waits a little; one that was refused for now follows the plan, to its end."""
    if not has_begun and now - row.first_at < timedelta(seconds=plan.give_up_after_seconds):
        return replace(outcome, next_at=now + PAUSE_AFTER_OUTAGE, was_started=False)
    then = next_attempt(row.attempt, row.first_at, now, seed=row.id, plan=plan)
    if then is None:
        return replace(outcome, state="failed", reason="gave_up")
    return replace(outcome, next_at=then)
