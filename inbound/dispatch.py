"""Decides mails that were read: one mail or a group in one transaction with ledger, decisions and answers.

Store functions only: they take a session and never commit. What is kept of a mail is the decision with its reasons,
never the letter and never an address; the bytes stay only where the mail waits to be decided, or to be handed on.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger
from consent.model import Proof, Subscriber, SubscriberId
from consent.policy import all_topics
from inbound import applicants, sign_ups, soft_bounces
from inbound import triage as acts
from inbound.answers import Answer, read_answer
from inbound.authenticity import Verdict as Trust
from inbound.authenticity import judge
from inbound.charsets import clean_line
from inbound.circle import Circle, circle_of
from inbound.hand import Hand, House, Outgoing, answered_by
from inbound.loops import why_loop, why_no_answer
from inbound.model import Envelope, Origin, Reading, Verdict
from inbound.returned import is_report_ours
from inbound.sign_ups import Answered, SignUpAction
from inbound.tables import DecisionRow, InboundMailRow
from inbound.traces import Trace, find_trace
from inbound.triage import Action, Situation, triage
from kit.addresses import without_addresses
from kit.db import insert, is_sqlite
from mailer import outbox
from mailer.outbox import Asked, Kind, Letter, kind_of
from mailer.tables import MailingRow, OutboxRow
from mailer.tokens import Purpose, Tokens

__all__ = ["Decided", "House", "Paper"]

MOST_WORDS = 20  # of what is shown to staff as counted and ignored
WORD_CHARACTERS = 80
REASON_CHARACTERS = 300
ANSWERED_WITHIN = timedelta(days=30)  # an answer to a question of ours that comes later is read like any mail
_UNPROVEN_PROOFS = (Proof.EXACT_ADDRESS.value, Proof.ALIAS.value, Proof.NONE.value)


@dataclass(frozen=True, slots=True)
class Paper:
    """A mail that was read and waits to be decided."""

    key: str
    reading: Reading
    envelope: Envelope
    raw: bytes
    at: datetime
    origin: Origin | None = None  # None where it was not looked at


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


async def take_in(session: AsyncSession, papers: Sequence[Paper]) -> dict[int, Paper]:
    """Note that mails came in and are decided in this transaction; return the new ones by number, in their order."""
    first = {paper.key: paper for paper in reversed(papers)}  # of two that are the same the earlier one counts
    statement = insert(session, InboundMailRow.__table__).on_conflict_do_nothing(index_elements=["content_key"])
    rows: list[dict[str, Any]] = [
        {"content_key": key, "channel": first[key].envelope.channel.value, "received_at": first[key].at,
         "state": "decided", "attempts": 0, "envelope": {}, "raw": None}
        for key in sorted(first)  # in one order everywhere, so that two processes don't wait for each other
    ]  # fmt: skip
    returned = await session.execute(statement.returning(InboundMailRow.id, InboundMailRow.content_key), rows)
    numbers = {key: number for number, key in returned}
    return {numbers[paper.key]: paper for paper in papers if paper.key in numbers and first[paper.key] is paper}


async def decide(session: AsyncSession, mails: Mapping[int, Paper], *, house: House) -> dict[int, Decided]:
    """Find out whose mails these are, decide, act and write the decisions down; all in the caller's transaction.

    Each mail is decided for itself, in the order given; together they only share the looks into the database and the
    writes. An error in one is an error of all, and the caller decides each alone.
    """
    cases = await _cases(session, mails, house)
    movers = {
        action.person
        for case in cases
        for action in case.actions
        if isinstance(
            action, acts.Withdraw | acts.RequestSubscribe | acts.Confirm | acts.Rejoin | acts.Agree | acts.Suppress
        )
    }
    hands = []
    joins = any(isinstance(action, SignUpAction) for case in cases for action in case.actions)
    # the ledger's lock before any other
    async with ledger.together(session, movers) if movers or joins else nullcontext():
        outgoing = Outgoing(await _latest(session, cases, house))
        for case in cases:
            paper = case.paper
            hand = Hand(
                session, paper.reading, paper.raw, house, paper.at, case.people, case.mailing_id, outgoing, case.trust
            )  # fmt: skip
            for action in case.actions:
                await hand.act(action)
            hands.append(hand)
    if outgoing.letters:
        await session.execute(insert(session, OutboxRow.__table__), [_letter_row(*one) for one in outgoing.letters])
    rows = [_decision_row(case, hand) for case, hand in zip(cases, hands, strict=True)]
    await session.execute(insert(session, DecisionRow.__table__), rows)
    return {
        case.number: Decided(case.number, tuple(hand.done), hand.queued)
        for case, hand in zip(cases, hands, strict=True)
    }


@dataclass(frozen=True, slots=True)
class _Case:
    """One mail with all that is known about it, and what is to be done."""

    number: int
    paper: Paper
    owner: Subscriber | None
    sender: Subscriber | None
    mailing_id: int | None
    trust: Trust
    actions: tuple[Action | SignUpAction, ...]

    @property
    def people(self) -> dict[SubscriberId, Subscriber]:
        return {person.id: person for person in (self.owner, self.sender) if person is not None}


async def _cases(session: AsyncSession, mails: Mapping[int, Paper], house: House) -> list[_Case]:
    """Look up everything about some mails at once, and decide each."""
    traces = {number: find_trace(one.reading, one.envelope, house.tokens) for number, one in mails.items()}
    answered = await applicants.answered_by(session, traces, {number: one.at for number, one in mails.items()})
    traces |= dict.fromkeys(answered)  # their tokens name no subscriber
    tokens = [trace.token for trace in traces.values() if trace is not None]
    circle = await circle_of(
        session,
        numbers=(SubscriberId(token.subscriber_id) for token in tokens),
        senders=(one.reading.mail.sender for one in mails.values()),
        secrets=house.secrets,
    )
    mailings = await _mailings(session, {token.mailing_id for token in tokens if token.mailing_id})
    bounced = await _soft_bounces(session, mails, traces)
    room = await _room_for_unproven(session, mails, traces, house)
    cases = []
    for number, paper in mails.items():
        reading, trace = paper.reading, traces[number]
        owner = circle.by_number.get(SubscriberId(trace.token.subscriber_id)) if trace else None
        sender = circle.whose(reading.mail.sender)
        mailing_id = trace.token.mailing_id if trace and trace.token.mailing_id in mailings else None
        asked = await _asked(session, reading, trace, house.tokens, paper.at)
        trust = _trust(paper, trace, owner, sender, circle)
        no_answer = why_no_answer(reading.mail, paper.envelope, house.own)
        if number in answered:
            cases.append(_answer_to_sign_up(number, paper, answered[number], no_answer, house))
            continue
        if trust.rung.is_unproven and reading.verdict.is_wish:
            no_answer = no_answer or ("" if room > 0 else "there were too many such mails in the last hour")
            room -= 1
        situation = Situation(
            owner=owner.id if owner else None,
            sender=sender.id if sender else None,
            to_token_address=bool(trace and trace.is_address),
            is_report_ours=trace is not None and _is_report_ours(paper, trace, house),
            topic=mailings[mailing_id] if mailing_id else "",
            all_topics=await _topics(session, reading),
            asked=asked.kind.value if asked else "",
            answers_question=_answers_question(reading, house.tokens),
            asked_details=asked.details if asked else {},
            no_answer=no_answer,
            loop=why_loop(reading.mail, house.own),
            soft_bounces=(*bounced[owner.id], paper.at) if owner else (),
        )
        cases.append(_Case(number, paper, owner, sender, mailing_id, trust, triage(reading, situation, trust)))
    return cases


def _answer_to_sign_up(number: int, paper: Paper, answered: Answered, no_answer: str, house: House) -> _Case:
    """Decide an answer to a letter about a sign-up: it is about no subscriber, whoever sent it."""
    reading, origin = paper.reading, paper.origin
    loop = why_loop(reading.mail, house.own)
    actions = sign_ups.decide(reading, answered, origin=origin, no_answer=no_answer, loop=loop)
    return _Case(number, paper, None, None, None, answered.trust(reading.mail.sender, origin), actions)


async def _room_for_unproven(
    session: AsyncSession, mails: Mapping[int, Paper], traces: Mapping[int, Trace | None], house: House
) -> int:
    """Return how many more mails of unproven senders may be answered in this hour; none of these mails: any number.

    Beyond it their wishes go to people: a flood of forged mails shall make us neither a sender of spam nor unsubscribe
    anybody (RFC 3834 2, A16).
    """
    moments = [
        paper.at
        for number, paper in mails.items()
        if traces[number] is None and paper.reading.verdict.is_wish and paper.reading.mail.sender
    ]
    if not moments:
        return house.unproven_an_hour
    wishes = [verdict for verdict in Verdict if verdict.is_wish]
    lately = (
        sa.select(DecisionRow.id)
        .where(DecisionRow.at > min(moments) - timedelta(hours=1), DecisionRow.proof.in_(_UNPROVEN_PROOFS))
        .where(
            DecisionRow.subscriber_id.is_not(None),
            DecisionRow.verdict.in_(wishes),
        )
        .limit(house.unproven_an_hour)
    )
    count = await session.scalar(sa.select(sa.func.count()).select_from(lately.subquery()))
    return house.unproven_an_hour - (count or 0)


async def _soft_bounces(
    session: AsyncSession, mails: Mapping[int, Paper], traces: Mapping[int, Trace | None]
) -> Mapping[int, list[datetime]]:
    """Return when letters to those whom these bounces name came back for a time before, by person."""
    found: dict[int, list[datetime]] = defaultdict(list)
    named = {
        trace.token.subscriber_id: paper.at
        for number, paper in mails.items()
        if paper.reading.bounce is not None and paper.reading.bounce.kind == "soft" and (trace := traces[number])
    }
    if not named:
        return found
    since = min(named.values()) - soft_bounces.LOOKED_BACK
    rows = await session.execute(
        sa.select(DecisionRow.subscriber_id, DecisionRow.at, DecisionRow.actions)
        .where(DecisionRow.subscriber_id.in_(sorted(named)), DecisionRow.verdict == "bounce", DecisionRow.at > since)
        .order_by(DecisionRow.id)
    )
    for person, at, actions in rows:
        if any(action.startswith(soft_bounces.COUNTED) for action in actions):
            found[person or 0].append(at)
        if any(action.startswith("suppress") for action in actions):  # lifted since: what led to it is forgiven
            found[person or 0].clear()
    return found


async def _mailings(session: AsyncSession, numbers: AbstractSet[int]) -> dict[int, str]:
    """Return the topics of the mailings that there are."""
    if not numbers:
        return {}
    found = await session.execute(sa.select(MailingRow.id, MailingRow.topic).where(MailingRow.id.in_(sorted(numbers))))
    return {number: topic for number, topic in found}  # noqa: C416 - a row is no pair to mypy


async def _latest(session: AsyncSession, cases: Sequence[_Case], house: House) -> dict[tuple[str, str], datetime]:
    """Return when the letters that may be called for went to the same addresses last."""
    wanted = {
        (house.secrets.address_hash(person.address), kind.value)
        for case in cases
        for number, kind in filter(None, map(answered_by, case.actions))
        if (person := case.people[number]).address is not None
    }
    if not wanted:
        return {}
    hashes = sorted({address_hash for address_hash, _ in wanted})
    if not is_sqlite(session):  # two transactions that don't see each other yet would both queue one
        locks = sa.text("SELECT pg_advisory_xact_lock(place) FROM unnest(CAST(:places AS bigint[])) AS place")
        await session.execute(locks, {"places": [int(address_hash[:15], 16) for address_hash in hashes]})
    rows = await session.execute(
        sa.select(OutboxRow.address_hash, OutboxRow.kind, sa.func.max(OutboxRow.created_at))
        .where(OutboxRow.address_hash.in_(hashes), OutboxRow.kind.in_(sorted({kind for _, kind in wanted})))
        .where(OutboxRow.created_at > min(case.paper.at for case in cases) - house.answer_every)
        .group_by(OutboxRow.address_hash, OutboxRow.kind)
    )
    return {(address_hash, kind): created_at for address_hash, kind, created_at in rows}


def _letter_row(letter: Letter, at: datetime) -> dict[str, Any]:
    return {
        "kind": letter.kind.value, "address": str(letter.address), "address_hash": letter.address_hash,
        "subscriber_id": letter.subscriber_id, "mailing_id": letter.mailing_id, "details": dict(letter.details),
        "raw": letter.raw, "created_at": at, "next_at": at,
    }  # fmt: skip


def _decision_row(case: _Case, hand: Hand) -> dict[str, Any]:
    reading, subject = case.paper.reading, case.owner or case.sender
    return {
        "inbound_id": case.number, "at": case.paper.at, "verdict": reading.verdict.value, "scope": _scope(reading),
        "confidence": reading.confidence, "language": reading.intent.language[:12] if reading.intent else "",
        "reasons": [
            _public(text, REASON_CHARACTERS) for text in (*reading.reasons, *case.trust.reasons, *hand.reasons)
        ],
        "counted": _words(reading.intent.counted if reading.intent else ()),
        "ignored": _words(reading.intent.ignored if reading.intent else ()),
        "proof": case.trust.proof.value, "subscriber_id": subject.id if subject else None,
        "mailing_id": case.mailing_id, "actions": hand.done, "review": hand.review,
    }  # fmt: skip


async def _topics(session: AsyncSession, reading: Reading) -> tuple[str, ...]:
    """Return all topics, where a mail asks for all of them."""
    if reading.verdict is not Verdict.SUBSCRIBE or reading.scope != "all":
        return ()
    return tuple(topic.key for topic in await all_topics(session))


async def _asked(
    session: AsyncSession, reading: Reading, trace: Trace | None, tokens: Tokens, at: datetime
) -> Asked | None:
    """Return the letter of ours that is answered, if it asked something.

    A confirmation's address names it by number. The others are named by the Message-ID that the answer refers to;
    where a mail program drops that, an answer to the person's token address is taken for one to the last question.
    """
    answer = read_answer(reading)
    if trace is None or not trace.is_address or answer is None:
        return None
    person, since = trace.token.subscriber_id, at - ANSWERED_WITHIN
    if trace.token.purpose is Purpose.CONFIRM and trace.token.extra:
        found = await outbox.asked(session, trace.token.extra)
        return found if found and found.subscriber_id == person and found.created_at > since else None
    if not reading.mail.in_reply_to:
        kinds = [Kind.RECEIPT] if answer is Answer.UNDO else [Kind.QUESTION, Kind.ASK_OWNER]
        return await outbox.last_asked(session, person, kinds, since=since)
    named = (tokens.parse_message_id(one) for one in reading.mail.in_reply_to[:10])
    kinds = [kind for token in named if token and token.subscriber_id == person and (kind := kind_of(token.extra))]
    return await outbox.last_asked(session, person, [Kind(kinds[0])], since=since) if kinds else None


def _answers_question(reading: Reading, tokens: Tokens) -> bool:
    """Whether a wish to leave answers a letter of ours that asked about one."""
    if reading.verdict is not Verdict.UNSUBSCRIBE or not reading.mail.in_reply_to:
        return False
    token = tokens.parse_message_id(reading.mail.in_reply_to[0])
    return token is not None and kind_of(token.extra) in {Kind.QUESTION, Kind.ASK_OWNER}


def _is_report_ours(paper: Paper, trace: Trace, house: House) -> bool:
    return is_report_ours(paper.reading, trace, paper.raw, tokens=house.tokens, signed_by_us=house.signed_by_us)


def _trust(
    paper: Paper, trace: Trace | None, owner: Subscriber | None, sender: Subscriber | None, circle: Circle
) -> Trust:
    whose = owner or sender
    return judge(
        has_token=trace is not None and owner is not None,
        sender=paper.reading.mail.sender,
        owner=whose.address if whose else None,
        is_further=circle.is_further(paper.reading.mail.sender, whose),
        origin=paper.origin,
    )


def _scope(reading: Reading) -> list[str] | str | None:
    return reading.scope if reading.scope is None or reading.scope == "all" else list(reading.scope)


def _words(words: Iterable[str]) -> list[str]:
    return [_public(word, WORD_CHARACTERS) for word in list(words)[:MOST_WORDS]]


def _public(text: str, characters: int) -> str:
    """Return a text that may be kept: one line, no address in it, and not long enough to be a letter."""
    return without_addresses(clean_line(text[: 4 * characters]))[:characters]
