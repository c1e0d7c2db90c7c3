"""The postman: takes letters out of the outbox, has them written and signed, and gives them to the relays.

Any number of postmen may work on one outbox. A service letter is sent at most once: what a crash leaves behind is
unknown and stays so. A customer's letter to customer service is sent until it has arrived. It decides nothing: what
is to be sent was decided when it was queued.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol, assert_never

from consent.policy import all_topics
from kit.addresses import EmailAddress
from kit.clock import Clock, utc_now
from kit.db import Database, Session
from kit.errors import Permanent
from kit.log import logger
from mailer import outbox
from mailer.account_letters import about_account, still_wanted
from mailer.handover import handed_on
from mailer.letters import Answered, Applicant, Letters, Person, SignUpKind
from mailer.model import OutgoingMail, Sender
from mailer.outbox import Claimed, Kind
from mailer.relays import Deferred, Failed, Result, Sent, Unknown, Withheld
from mailer.retry import RetryPlan, next_attempt
from mailer.tokens import Purpose, Tokens

BATCH = 20  # letters claimed at a time; what a crash can leave unknown is bounded by it
POLL_SECONDS = 5.0  # how often the outbox is looked at when nobody wakes us
OUTAGE_SECONDS = 10.0  # how long we wait when all relays are down
RECORD_PAUSES = (0.2, 1.0, 5.0, 20.0)  # between tries to write down what became of a letter
SERVICE_PLAN = RetryPlan(give_up_after_seconds=2 * 86_400)  # later nobody remembers what they asked
HAND_ON_PLAN = RetryPlan(give_up_after_seconds=5 * 86_400)  # RFC 5321 4.5.4.1

#: Letters to people who are no subscribers: to the owner of a sign-up, to a child's guardian.
_ABOUT_SIGN_UPS: Mapping[Kind, SignUpKind] = {
    Kind.SIGN_UP: "sign_up",
    Kind.GUARDIAN_REQUEST: "guardian_request",
    Kind.GUARDIAN_SECOND: "guardian_second",
    Kind.GUARDIAN_RECEIPT: "guardian_receipt",
    Kind.GUARDIAN_QUESTION: "guardian_question",
}

log = logger("mailer.postman")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A finished letter as the relays take it."""

    mail_from: str
    rcpt_to: str
    content: bytes
    needs_smtputf8: bool
    travels_as_it_is: bool = False  # a customer's own letter is among them
    clearance: object = "service"  # no promotion: what entitles us is the row in the outbox


class Relays(Protocol):
    """What takes letters to the relays (``mailer.smtp.RelayPool``)."""

    @property
    def outage(self) -> str | None:
        """Why nothing can be sent now, or None."""
        ...  # the body is the relays'

    async def send(self, mail: Any, *, may_start: Callable[[], bool]) -> Result:
        """Send one letter and return what became of it."""
        ...  # the body is the relays'


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What becomes of a row: a final state, or (with ``next_at``) another try."""

    state: str
    response: str
    next_at: datetime | None = None


class Postman:
    """Sends the outbox. ``run`` ends by cancellation only."""

    def __init__(
        self,
        database: Database,
        relays: Relays,
        *,
        letters: Letters,
        sender: Sender,
        tokens: Tokens,
        worker: str,
        require_age: bool = False,
        clock: Clock = utc_now,
    ) -> None:
        """Take what is needed; ``worker`` is this process's name for as long as it lives."""
        self._database, self._relays, self._letters = database, relays, letters
        self._sender, self._tokens, self._worker, self._clock = sender, tokens, worker, clock
        self._require_age = require_age
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """Say that letters wait, so that nobody waits for the next look."""
        self._awake.set()

    async def run(self) -> None:
        """Send what is due, again and again."""
        while True:
            self._awake.clear()
            outage = self._relays.outage
            if outage is not None:
                log.warning("outbox.stalled", why=outage)
                await asyncio.sleep(OUTAGE_SECONDS)
            elif not await self.deliver():
                await self._rest(POLL_SECONDS)

    async def deliver(self, *, dead: Sequence[str] = ()) -> int:
        """Send one batch of what is due; return how many letters that were. ``dead`` are workers known to be gone."""
        lost, batch, names = await self._database.at_once(partial(self._take, self._clock(), dead))
        if lost:
            log.warning("outbox.taken_over", letters=lost)
        async with asyncio.TaskGroup() as group:
            for claimed in batch:
                group.create_task(self._deliver_one(claimed, names))
        return len(batch)

    async def _take(
        self, at: datetime, dead: Sequence[str], session: Session
    ) -> tuple[int, list[Claimed], dict[str, str]]:
        """Claim a batch; return how many letters were freed, the batch, and the topics' names."""
        lost = await outbox.release(session, at=at, dead=dead)
        batch = await outbox.claim(session, worker=self._worker, token=secrets.token_hex(16), at=at, most=BATCH)
        batch = await still_wanted(session, batch, require_age=self._require_age, at=at)
        return lost, batch, {topic.key: topic.name for topic in await all_topics(session)}

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        except TimeoutError:
            return

    async def _deliver_one(self, claimed: Claimed, names: dict[str, str]) -> None:
        """Send one letter and write down what became of it; no trouble with one touches another."""
        begun = False

        def may_start() -> bool:
            nonlocal begun
            begun = True
            return True

        try:
            parcel = await asyncio.to_thread(self._parcel, claimed, names)
            outcome = self._outcome(claimed, await self._relays.send(parcel, may_start=may_start))
        except asyncio.CancelledError:
            if not begun:  # nothing of it was sent, so another may take it at once
                await self._record(claimed, _Outcome("waiting", "stopped before it began", self._clock()))
            raise
        except Permanent as error:
            outcome = _Outcome("failed", error.public)
        await self._record(claimed, outcome)

    def _outcome(self, claimed: Claimed, result: Result) -> _Outcome:
        match result:
            case Sent():
                return _Outcome("sent", f"{result.code} {result.text}")
            case Failed():
                return _Outcome("failed", f"{result.code} {result.enhanced} {result.text}")
            case Unknown() if not claimed.letter.kind.may_repeat:
                return _Outcome("unknown", result.text)
            case Unknown():
                return self._later(claimed, result.text)
            case Deferred():
                return self._later(claimed, f"{result.code} {result.enhanced} {result.text}")
            case Withheld():
                return self._later(claimed, "held back")
            case _:
                assert_never(result)

    def _later(self, claimed: Claimed, response: str) -> _Outcome:
        """Try again, until the plan ends."""
        plan = HAND_ON_PLAN if claimed.letter.kind.may_repeat else SERVICE_PLAN
        then = next_attempt(claimed.attempt, claimed.created_at, self._clock(), seed=claimed.id, plan=plan)
        if then is None:
            return _Outcome("failed", f"given up: {response}")
        return _Outcome("waiting", response, then)

    async def _record(self, claimed: Claimed, outcome: _Outcome) -> None:
        """Write down what became of a letter, through short troubles of the database; else the lease settles it."""
        for pause in (*RECORD_PAUSES, None):
            try:
                async with self._database.transaction() as session:
                    if outcome.next_at is None:
                        held = await outbox.record_done(
                            session, claimed, outcome.state, at=self._clock(), response=outcome.response
                        )
                    else:
                        held = await outbox.record_waiting(
                            session, claimed, next_at=outcome.next_at, response=outcome.response
                        )
            except Exception as error:  # noqa: BLE001 - a letter that was sent must not be forgotten for a moment's trouble
                log.warning("letter.not_recorded", outbox_id=claimed.id, why=type(error).__name__)
                if pause is not None:
                    await asyncio.sleep(pause)
                continue
            event = "letter.recorded" if held else "letter.claim_lost"
            log.info(event, outbox_id=claimed.id, kind=claimed.letter.kind.value, state=outcome.state)
            return

    def _parcel(self, claimed: Claimed, names: dict[str, str]) -> Parcel:
        """Return the finished letter; called in a thread, for signing takes milliseconds."""
        if claimed.letter.kind is Kind.HAND_ON:
            return self._handed_on(claimed)
        mail = self._written(claimed, names)
        return Parcel(mail.mail_from, str(mail.rcpt_to), mail.content, mail.needs_smtputf8)

    def _written(self, claimed: Claimed, names: dict[str, str]) -> OutgoingMail:
        letter, details = claimed.letter, claimed.letter.details
        if letter.kind in _ABOUT_SIGN_UPS:
            return self._about_sign_up(claimed, names)
        if letter.subscriber_id is None:
            raise Permanent("a service letter needs a subscriber")
        to = Person(letter.subscriber_id, letter.address, str(details.get("language") or "en"), letter.mailing_id or 0)
        topics = [names.get(str(key), str(key)) for key in details.get("topics", ())]
        now = claimed.created_at  # so that another try has the same Message-ID
        match letter.kind:
            case Kind.RECEIPT:
                named = topics if details.get("scope") == "topics" else None
                event = int(details.get("event") or 0)
                return self._letters.receipt(to, named, now, extra=event, answered=_answered(details))
            case Kind.CONFIRMATION:
                return self._letters.confirmation(to, topics, now, extra=claimed.id)
            case Kind.ALREADY_IN:
                return self._letters.already_in(to, topics, now)
            case Kind.POLICY | Kind.ACCOUNT_LINK | Kind.MOVE_NEW | Kind.MOVE_OLD | Kind.ERASED | Kind.REMINDER:
                return about_account(self._letters, claimed, to, topics)
            case Kind.QUESTION:
                return self._letters.question(to, now, answered=_answered(details))
            case _:
                return self._letters.ask_owner(to, now)

    def _about_sign_up(self, claimed: Claimed, names: dict[str, str]) -> OutgoingMail:
        """Return a letter to somebody who is no subscriber yet, or to the guardian of a child."""
        details = claimed.letter.details
        to = Applicant(
            int(details["sign_up"]), int(details["nonce"]), claimed.letter.address, str(details.get("language") or "en")
        )
        topics = [names.get(str(key), str(key)) for key in details.get("topics", ())]
        kind = _ABOUT_SIGN_UPS[claimed.letter.kind]
        child, days = str(details.get("child") or ""), int(details.get("days") or 0)
        return self._letters.about_sign_up(kind, to, topics, claimed.created_at, child=child, days=days)

    def _handed_on(self, claimed: Claimed) -> Parcel:
        """Return the customer's letter with its Resent lines; a bounce of it comes to an address of ours."""
        sender, number = self._sender, claimed.id % (1 << 32)
        token = self._tokens.make(Purpose.MESSAGE, 0, 0, number)
        content = handed_on(
            claimed.letter.raw or b"",
            sender=sender.from_address,
            to=claimed.letter.address,
            message_id=f"<m.{token}@{sender.from_address.domain}>",
            at=claimed.created_at,
            loop_mark=sender.reply_domain,
        )
        back = EmailAddress(f"b-{self._tokens.make(Purpose.BOUNCE, 0, 0, number)}", sender.bounce_domain)
        return Parcel(str(back), str(claimed.letter.address), content, needs_smtputf8=False)


def _answered(details: Any) -> Answered | None:
    """Return the mail that is answered, with the angle brackets that its ids had."""
    message_id = str(details.get("in_reply_to") or "")
    if not message_id:
        return None
    return Answered(f"<{message_id}>", tuple(f"<{one}>" for one in details.get("references", ())))
