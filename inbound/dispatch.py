"""Carries out what triage decided: one mail, one transaction with ledger, decision and answers.

Store functions only: they take a session and never commit. What is kept of a mail is the decision with its reasons,
never the letter and never an address; the bytes stay only where the mail waits to be decided, or to be handed on.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger
from consent.ledger import Done, Outcome, Source
from consent.model import Door, Proof, Subscriber, SubscriberId
from consent.policy import all_topics
from consent.rejoin import undo
from consent.subscribers import find, load
from inbound import triage as acts
from inbound.answers import read_answer
from inbound.authenticity import Verdict as Trust
from inbound.authenticity import judge, spellings
from inbound.loops import OwnNames, why_loop, why_no_answer
from inbound.model import Envelope, Reading, Verdict
from inbound.tables import DecisionRow, InboundMailRow
from inbound.traces import Trace, find_trace
from inbound.triage import Action, Situation, triage
from kit.addresses import EmailAddress
from kit.db import insert
from kit.secrets import Secrets
from mailer import outbox
from mailer.outbox import Asked, Kind, Letter, kind_of
from mailer.tables import MailingRow
from mailer.tokens import Purpose, Tokens

MOST_WORDS = 20  # of what is shown to staff as counted and ignored
WORD_CHARACTERS = 80
REASON_CHARACTERS = 300
SUBSCRIBE_WORDING = "They asked by e-mail to receive these topics; to be confirmed from the mailed address."
CONFIRM_WORDING = 'They answered "yes" to our letter that asks to confirm these topics.'
UNDO_WORDING = 'They answered "undo" to our receipt of the opt-out.'
ANSWERED_WITHIN = timedelta(days=30)  # an answer to a question of ours that comes later is read like any mail
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")


@dataclass(frozen=True, slots=True)
class House:
    """What is ours and does not change while we run; made in ``byleave.wiring``."""

    secrets: Secrets
    tokens: Tokens
    own: OwnNames
    customer_service: EmailAddress
    answer_every: timedelta  # at most one service mail of a kind to an address in this time
    policy_version: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of one mail."""

    inbound_id: int
    actions: tuple[str, ...]
    queued: bool  # letters wait in the outbox
    is_new: bool = True


def is_database_trouble(error: BaseException) -> bool:
    """Whether trying again later can help: the database is locked, full or away, and the mail is not to blame."""
    trouble = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError, sa.exc.TimeoutError, OSError)
    return isinstance(error, (*trouble, TimeoutError)) or (
        isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    )


async def take_in(
    session: AsyncSession, key: str, channel: str, *, at: datetime, raw: bytes | None = None, envelope: Any = None
) -> int | None:
    """Note that a mail came in; None where the same mail was taken before, by whatever channel.

    With ``raw`` it is kept as deferred; without, the caller decides it in the same transaction.
    """
    statement = (
        insert(session, InboundMailRow)
        .values(
            content_key=key, channel=channel, received_at=at, state="decided" if raw is None else "deferred",
            attempts=0, envelope=envelope or {}, raw=raw,
        )
        .on_conflict_do_nothing(index_elements=["content_key"])
        .returning(InboundMailRow.id)
    )  # fmt: skip
    return (await session.execute(statement)).scalar()


async def deferred(session: AsyncSession, most: int) -> list[InboundMailRow]:
    """Return mails that still wait to be read, the oldest first."""
    rows = await session.scalars(
        sa.select(InboundMailRow).where(InboundMailRow.state == "deferred").order_by(InboundMailRow.id).limit(most)
    )
    return list(rows)


async def begin_attempt(session: AsyncSession, row: InboundMailRow) -> bool:
    """Count an attempt before it is made, so that one that kills the process counts too; False if another has it."""
    return await _change(session, row.id, attempts=row.attempts, values={"attempts": row.attempts + 1})


async def end_attempt(session: AsyncSession, inbound_id: int) -> bool:
    """Mark a deferred mail as decided and empty it; False if another was quicker."""
    return await _change(session, inbound_id, values={"state": "decided", "raw": None, "envelope": {}})


async def quarantine(session: AsyncSession, inbound_id: int, *, at: datetime, why: str) -> None:
    """Park a mail that can't be decided; the bytes stay for a person to look at (promise 5)."""
    if await _change(session, inbound_id, values={"state": "quarantined"}):
        session.add(
            DecisionRow(
                inbound_id=inbound_id, at=at, verdict="unclear", scope=None, confidence=0.0, reasons=[why],
                actions=["quarantined"], review=True,
            )
        )  # fmt: skip
        await session.flush()


async def decide(
    session: AsyncSession,
    inbound_id: int,
    reading: Reading,
    envelope: Envelope,
    *,
    raw: bytes,
    house: House,
    at: datetime,
) -> Decided:
    """Find out whose mail it is, decide, act and write the decision down; all in the caller's transaction."""
    trace = find_trace(reading, envelope, house.tokens)
    owner = await load(session, SubscriberId(trace.token.subscriber_id)) if trace else None
    sender, by_alias = await _sender(session, reading.mail.sender, owner)
    mailing = await session.get(MailingRow, trace.token.mailing_id) if trace and trace.token.mailing_id else None
    asked = await _asked(session, reading, trace, house.tokens, at)
    trust = _trust(reading, trace, owner, sender)
    situation = Situation(
        owner=owner.id if owner else None,
        sender=sender.id if sender else None,
        sender_proof=Proof.ALIAS if by_alias else Proof.EXACT_ADDRESS,
        to_token_address=bool(trace and trace.is_address),
        refers_to_letter=trace is not None,
        topic=mailing.topic if mailing else "",
        all_topics=await _topics(session, reading),
        asked=asked.kind.value if asked else "",
        asked_details=asked.details if asked else {},
        no_answer=why_no_answer(reading.mail, envelope, house.own),
        loop=why_loop(reading.mail, house.own),
    )
    actions = triage(reading, situation, trust)
    people = {person.id: person for person in (owner, sender) if person is not None}
    hand = _Hand(session, reading, raw, house, at, people, mailing.id if mailing else None)
    for action in actions:
        await hand.act(action)
    subject = owner or sender
    session.add(
        DecisionRow(
            inbound_id=inbound_id, at=at, verdict=reading.verdict.value, scope=_scope(reading),
            confidence=reading.confidence, language=reading.intent.language[:12] if reading.intent else "",
            reasons=[_public(text, REASON_CHARACTERS) for text in (*reading.reasons, *trust.reasons, *hand.reasons)],
            counted=_words(reading.intent.counted if reading.intent else ()),
            ignored=_words(reading.intent.ignored if reading.intent else ()),
            proof=trust.proof.value, subscriber_id=subject.id if subject else None,
            mailing_id=mailing.id if mailing else None, actions=hand.done, review=hand.review,
        )
    )  # fmt: skip
    await session.flush()
    return Decided(inbound_id, tuple(hand.done), hand.queued)


@dataclass(slots=True)
class _Hand:
    """Carries out the actions on one mail, one after the other, and notes what was done."""

    session: AsyncSession
    reading: Reading
    raw: bytes
    house: House
    at: datetime
    people: dict[SubscriberId, Subscriber]
    mailing_id: int | None
    done: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    review: bool = False
    queued: bool = False
    left: dict[str, Any] = field(default_factory=dict)  # for the receipt: the topics that ended, and the event

    async def act(self, action: Action) -> None:
        """Carry out one action."""
        match action:
            case acts.Withdraw():
                await self._withdraw(action)
            case acts.Receipt():
                person = self.people[action.person]
                await self._write(Kind.RECEIPT, person, self.left, in_thread=action.to_sender)
            case acts.RequestSubscribe():
                source = self._source(Door.REPLY, action.proof, wording=SUBSCRIBE_WORDING)
                outcome = await ledger.subscribe(self.session, action.person, action.topics, source=source, at=self.at)
                self._note("subscribe pending", outcome, action.topics)
                details = {"topics": list(action.topics), "scope": "topics"}
                await self._write(Kind.CONFIRMATION, self.people[action.person], details, in_thread=True)
            case acts.Confirm():
                source = self._source(Door.REPLY, action.proof, wording=CONFIRM_WORDING)
                outcome = await ledger.confirm(self.session, action.person, action.topics, source=source, at=self.at)
                self._note("confirm", outcome, action.topics)
            case acts.Rejoin():
                source = self._source(Door.REPLY, action.proof, wording=UNDO_WORDING)
                self._note("undo", await undo(
                    self.session, action.person, action.event, source=source, at=self.at
                ), ())  # fmt: skip
            case acts.Suppress():
                source = self._source(action.door, Proof.TOKEN)
                self._note("suppress", await ledger.suppress(
                    self.session, action.person, reason=action.reason, source=source, at=self.at
                ), (action.reason,))  # fmt: skip
            case acts.SoftBounce():
                self.done.append(f"soft bounce {action.status}".strip())
            case acts.AskCustomer():
                details = {"topics": list(action.topics), "scope": "topics" if action.topics else "all"}
                if not await self._write(Kind.QUESTION, self.people[action.person], details, in_thread=True):
                    await self._hand_on()  # asked this week already: a person reads it
            case acts.AskOwner():
                details = {"topics": list(action.topics), "scope": "topics" if action.topics else "all"}
                await self._write(Kind.ASK_OWNER, self.people[action.person], details, in_thread=False)
            case acts.HandOn():
                await self._hand_on()
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

    async def _write(self, kind: Kind, person: Subscriber, details: dict[str, Any], *, in_thread: bool) -> bool:
        """Queue a service mail to a person we know, in thread only with what they wrote themselves."""
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
        number = await outbox.enqueue(self.session, letter, at=self.at, once_in=self.house.answer_every)
        self.done.append(kind.value if number else f"{kind.value} left out, they had one lately")
        self.queued = self.queued or number is not None
        return number is not None

    async def _hand_on(self) -> None:
        service = self.house.customer_service
        letter = Letter(Kind.HAND_ON, service, self.house.secrets.address_hash(service), raw=self.raw)
        await outbox.enqueue(self.session, letter, at=self.at, once_in=None)
        self.queued = True
        self.done.append("handed on")

    def _source(self, door: Door, proof: Proof, wording: str = "") -> Source:
        evidence = {"channel": "e-mail"}
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


async def _topics(session: AsyncSession, reading: Reading) -> tuple[str, ...]:
    """Return all topics, where a mail asks for all of them."""
    if reading.verdict is not Verdict.SUBSCRIBE or reading.scope != "all":
        return ()
    return tuple(topic.key for topic in await all_topics(session))


async def _sender(
    session: AsyncSession, address: EmailAddress | None, owner: Subscriber | None
) -> tuple[Subscriber | None, bool]:
    """Return whom we mail at the sender's address, or else at another spelling of it (then with True)."""
    if address is None:
        return None, False
    if owner is not None and owner.address is not None and owner.address.key == address.key:
        return owner, False
    found = await find(session, address)
    if found is not None:
        return found, False
    for spelling in spellings(address):
        found = await find(session, spelling)
        if found is not None:
            return found, True
    return None, False


async def _asked(
    session: AsyncSession, reading: Reading, trace: Trace | None, tokens: Tokens, at: datetime
) -> Asked | None:
    """Return the letter of ours that is answered, if it asked something.

    A confirmation's address names it by number. The others are named by the Message-ID that the answer refers to;
    where a mail program drops that, an answer to the person's token address is taken for one to the last question.
    """
    if trace is None or not trace.is_address or read_answer(reading) is None:
        return None
    person, since = trace.token.subscriber_id, at - ANSWERED_WITHIN
    if trace.token.purpose is Purpose.CONFIRM and trace.token.extra:
        found = await outbox.asked(session, trace.token.extra)
        return found if found and found.subscriber_id == person and found.created_at > since else None
    if not reading.mail.in_reply_to:
        return await outbox.last_asked(session, person, (Kind.QUESTION, Kind.ASK_OWNER), since=since)
    named = (tokens.parse_message_id(one) for one in reading.mail.in_reply_to[:10])
    kinds = [kind for token in named if token and token.subscriber_id == person and (kind := kind_of(token.extra))]
    return await outbox.last_asked(session, person, [Kind(kinds[0])], since=since) if kinds else None


def _trust(reading: Reading, trace: Trace | None, owner: Subscriber | None, sender: Subscriber | None) -> Trust:
    whose = owner or sender
    return judge(
        has_token=trace is not None and owner is not None,
        sender=reading.mail.sender,
        owner=whose.address if whose else None,
    )


async def _change(
    session: AsyncSession, inbound_id: int, *, values: dict[str, Any], attempts: int | None = None
) -> bool:
    """Change a deferred mail; False where it is no longer deferred, or another attempt began since."""
    conditions = [InboundMailRow.id == inbound_id, InboundMailRow.state == "deferred"]
    if attempts is not None:
        conditions.append(InboundMailRow.attempts == attempts)
    changed = await session.execute(
        sa.update(InboundMailRow)
        .where(*conditions)
        .values(**values)
        .returning(InboundMailRow.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


def _scope(reading: Reading) -> list[str] | str | None:
    return reading.scope if reading.scope is None or reading.scope == "all" else list(reading.scope)


def _words(words: Iterable[str]) -> list[str]:
    return [_public(word, WORD_CHARACTERS) for word in list(words)[:MOST_WORDS]]


def _public(text: str, characters: int) -> str:
    """Return a text that may be kept: no address in it, and not long enough to be a letter."""
    return _ADDRESS.sub("(an address)", text)[:characters]
