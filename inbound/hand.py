"""The hand that carries out what triage decided about one mail: verbs of the ledger, letters to be queued.

It is given all that it needs to know; whoever calls it owns the transaction and writes the letters down
(:mod:`inbound.dispatch`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, assert_never

from consent import ledger
from consent.agreeing import agree
from consent.ledger import Done, Outcome, Source
from consent.model import Door, Proof, Subscriber, SubscriberId
from consent.rejoin import undo
from inbound import triage as acts
from inbound.applicants import carry_out
from inbound.authenticity import Verdict as Trust
from inbound.loops import OwnNames
from inbound.model import Reading
from inbound.sign_ups import SignUpAction
from inbound.soft_bounces import COUNTED
from inbound.triage import Action
from kit.addresses import EmailAddress
from kit.db import Session
from kit.secrets import Secrets
from mailer.invitations import Invitations
from mailer.outbox import Kind, Letter
from mailer.tokens import Tokens

SUBSCRIBE_WORDING = "They asked by e-mail to receive these topics; to be confirmed from the mailed address."
CONFIRM_WORDING = 'They answered "yes" to our letter that asks to confirm these topics.'
AGREE_WORDING = 'They answered "yes" to our letter about a new version of the privacy policy.'
UNDO_WORDING = 'They answered "undo" to our receipt of the opt-out.'


def never(head: bytes) -> bool:
    """Know no signature: the answer of a house without keys."""
    del head
    return False


@dataclass(frozen=True, slots=True)
class House:
    """What is ours and does not change while we run; made in ``byleave.wiring``."""

    secrets: Secrets
    tokens: Tokens
    own: OwnNames
    customer_service: EmailAddress
    answer_every: timedelta  # at most one service mail of a kind to an address in this time
    policy_version: str
    invitations: Invitations
    unproven_an_hour: int = 1000  # wishes of senders for whom nothing vouches that are carried out and answered
    signed_by_us: Callable[[bytes], bool] = never  # whether the header of a returned letter bears our signature


@dataclass(slots=True)
class Outgoing:
    """The letters that the mails of one group call for, with what was sent lately to the same addresses.

    RFC 3834 2: no more than one automatic answer of a kind to an address in some days, so that loops end.
    """

    latest: dict[tuple[str, str], datetime]  # (hash of the address, kind) -> when the last letter was queued
    letters: list[tuple[Letter, datetime]] = field(default_factory=list)

    def add(self, letter: Letter, *, at: datetime, once_in: timedelta | None) -> bool:
        """Put a letter with the others; False where the address got one of its kind within ``once_in``."""
        key = (letter.address_hash, letter.kind.value)
        if once_in is not None and key in self.latest and self.latest[key] > at - once_in:
            return False
        self.latest[key] = max(at, self.latest.get(key, at))
        self.letters.append((letter, at))
        return True


def answered_by(action: Action | SignUpAction) -> tuple[SubscriberId, Kind] | None:
    """Return whom an action may send a letter of which kind; it goes out once in ``House.answer_every`` at most."""
    match action:
        case acts.Receipt():
            return action.person, Kind.RECEIPT
        case acts.RequestSubscribe():
            return action.person, Kind.CONFIRMATION
        case acts.AskCustomer():
            return action.person, Kind.QUESTION
        case acts.AskOwner():
            return action.person, Kind.ASK_OWNER
        case _:
            return None


@dataclass(slots=True)
class Hand:
    """Carries out the actions on one mail, one after the other, and notes what was done."""

    session: Session
    reading: Reading
    raw: bytes
    house: House
    at: datetime
    people: dict[SubscriberId, Subscriber]
    mailing_id: int | None
    outgoing: Outgoing
    trust: Trust
    done: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    review: bool = False
    queued: bool = False
    left: dict[str, Any] = field(default_factory=dict)  # for the receipt: the topics that ended, and the event

    async def act(self, action: Action | SignUpAction) -> None:
        """Carry out one action."""
        match action:
            case _ if isinstance(action, SignUpAction):
                self.done.append(await carry_out(
                    self.session, action, self.house.invitations, policy_version=self.house.policy_version, at=self.at
                ))  # fmt: skip
                self.queued = True
            case acts.Withdraw():
                await self._withdraw(action)
            case acts.Receipt():
                person = self.people[action.person]
                has_left = bool(self.left.get("event"))  # then the owner hears of it, however often: it can be undone
                self._write(Kind.RECEIPT, person, self.left, in_thread=action.to_sender, always=has_left)
            case acts.RequestSubscribe():
                source = self._source(Door.REPLY, action.proof, wording=SUBSCRIBE_WORDING)
                outcome = await ledger.subscribe(self.session, action.person, action.topics, source=source, at=self.at)
                self._note("subscribe pending", outcome, action.topics)
                if isinstance(outcome, ledger.NeedsGuardian):
                    self._hand_on()  # P8: a child is asked nothing; a person answers
                    return
                details = {"topics": list(action.topics), "scope": "topics"}
                self._write(Kind.CONFIRMATION, self.people[action.person], details, in_thread=True)
            case acts.Confirm():
                source = self._source(Door.REPLY, action.proof, wording=CONFIRM_WORDING)
                outcome = await ledger.confirm(self.session, action.person, action.topics, source=source, at=self.at)
                self._note("confirm", outcome, action.topics)
            case acts.Rejoin():
                source = self._source(Door.REPLY, action.proof, wording=UNDO_WORDING)
                await ledger.write_down(self.session)  # what is undone may be of this very group
                self._note("undo", await undo(
                    self.session, action.person, action.event, source=source, at=self.at
                ), ())  # fmt: skip
            case acts.Agree():
                source = self._source(Door.REPLY, action.proof, wording=AGREE_WORDING)
                await ledger.write_down(self.session)  # what goes on may be of this very group
                self._note("agree", await agree(
                    self.session, action.person, action.version, source=source, at=self.at
                ), (action.version,))  # fmt: skip
            case acts.Suppress():
                source = self._source(action.door, Proof.TOKEN)
                self._note("suppress", await ledger.suppress(
                    self.session, action.person, reason=action.reason, source=source, at=self.at
                ), (action.reason,))  # fmt: skip
            case acts.SoftBounce():
                noted = COUNTED if action.counts else "bounce that does not count"
                self.done.append(f"{noted} {action.status}".strip())
            case acts.AskCustomer():
                details = {"topics": list(action.topics), "scope": "topics" if action.topics else "all"}
                if not self._write(Kind.QUESTION, self.people[action.person], details, in_thread=True):
                    self._hand_on()  # asked this week already: a person reads it
            case acts.AskOwner():
                details = {"topics": list(action.topics), "scope": "topics" if action.topics else "all"}
                if not self._write(Kind.ASK_OWNER, self.people[action.person], details, in_thread=False):
                    self._hand_on()  # asked this week already: a person reads it
                    self.review = True
            case acts.HandOn():
                self._hand_on()
            case acts.ListForStaff():
                self.review = True
                self.reasons.append(action.why)
                self.done.append("listed for staff")
            case acts.Nothing():
                self.reasons.append(action.why)
                self.done.append("nothing")
            case _:
                assert_never(action)

    async def _withdraw(self, action: acts.Withdraw) -> None:
        source = self._source(action.door, action.proof)
        if action.topics:
            outcome = await ledger.withdraw(self.session, action.person, action.topics, source=source, at=self.at)
        else:
            outcome = await ledger.withdraw_all(self.session, action.person, source=source, at=self.at)
        self._note("withdraw", outcome, action.topics or ("all",))
        self.left = {
            "topics": list(action.topics),
            "scope": "topics" if action.topics else "all",
            "event": outcome.seq if isinstance(outcome, Done) else 0,
        }

    def _write(
        self, kind: Kind, person: Subscriber, details: dict[str, Any], *, in_thread: bool, always: bool = False
    ) -> bool:
        """Queue a service mail to a person we know, in thread only with what they wrote themselves.

        Unless it goes ``always``, at most one of a kind in ``House.answer_every``.
        """
        if person.address is None:
            return False
        mail = self.reading.mail
        if in_thread:
            ids = [one for one in (*reversed(mail.in_reply_to[:20]), mail.message_id) if one]
            details = {**details, "in_reply_to": mail.message_id, "references": ids}
        language = person.language or (self.reading.intent.language if self.reading.intent else "")
        letter = Letter(
            kind, person.address, self.house.secrets.address_hash(person.address), person.id, self.mailing_id,
            {**details, "language": language},
        )  # fmt: skip
        is_queued = self.outgoing.add(letter, at=self.at, once_in=None if always else self.house.answer_every)
        self.done.append(kind.value if is_queued else f"{kind.value} left out, they had one lately")
        self.queued = self.queued or is_queued
        return is_queued

    def _hand_on(self) -> None:
        service = self.house.customer_service
        letter = Letter(Kind.HAND_ON, service, self.house.secrets.address_hash(service), raw=self.raw)
        self.outgoing.add(letter, at=self.at, once_in=None)
        self.queued = True
        self.done.append("handed on")

    def _source(self, door: Door, proof: Proof, wording: str = "") -> Source:
        evidence = {"channel": "e-mail", "rung": self.trust.rung.value, "why": "; ".join(self.trust.reasons)[:500]}
        if self.mailing_id is not None:
            evidence["mailing"] = str(self.mailing_id)
        return Source(door, proof, evidence, wording, self.house.policy_version if wording else "")

    def _note(self, verb: str, outcome: Outcome, what: Iterable[str]) -> None:
        name = f"{verb} {', '.join(what)}".strip()
        if isinstance(outcome, Done):
            self.done.append(name)
        else:
            self.done.append(f"{name}: changed nothing")
            self.reasons.append(outcome.why)
