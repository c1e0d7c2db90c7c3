"""The letters about a person's account: what each is written from, and whether one that waited is still wanted.

Letters that nobody asked for (reminders, news of the policy) are looked at once more when they are claimed: who left,
moved or may not be mailed since they were queued gets none. Nor does a child under 13 without a guardian's consent get
a question to confirm, whichever door queued it (P8).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from consent import moving, reminding, subscribers
from consent.model import Purpose, Subscriber, SubscriberId
from consent.moving import Move
from consent.standing import children_alone
from kit.addresses import EmailAddress
from kit.db import Session
from kit.errors import Permanent
from kit.secrets import Secrets
from mailer import outbox
from mailer.letters import Letters, Person
from mailer.model import OutgoingMail
from mailer.outbox import Claimed, Kind, Letter

UNASKED = frozenset({Kind.POLICY, Kind.REMINDER})
LINK_EVERY = timedelta(minutes=5)  # a link to the account page goes to one address at most once in this time


async def send_link(
    session: Session, person: SubscriberId, *, secrets: Secrets, lasts: timedelta, at: datetime
) -> bool:
    """Queue the link to the account page, to the person's own address and no other; False where none is queued."""
    known = await subscribers.load(session, person)
    if known is None or known.address is None:
        return False
    details = {"until": (at + lasts).isoformat(), "language": known.language}
    letter = _to(known, known.address, Kind.ACCOUNT_LINK, details, secrets)
    return await outbox.enqueue(session, letter, at=at, once_in=LINK_EVERY) is not None


async def ask_to_move(
    session: Session, person: SubscriberId, new: EmailAddress, *, secrets: Secrets, at: datetime
) -> Move | None:
    """Note a wish to move and queue its two letters: to the new address to prove it, to the old one to tell it."""
    known = await subscribers.load(session, person)
    move = await moving.ask(session, person, new, at=at)
    if known is None or move is None:
        return None
    details = {"move": move.id, "language": known.language}
    for kind, address in ((Kind.MOVE_NEW, move.new), (Kind.MOVE_OLD, move.old)):
        await outbox.enqueue(session, _to(known, address, kind, details, secrets), at=at, once_in=None)
    return move


async def say_erased(
    session: Session, person: SubscriberId, address: EmailAddress, language: str, *, secrets: Secrets, at: datetime
) -> None:
    """Queue the last letter to somebody who was erased; its address is emptied once it was sent."""
    letter = Letter(Kind.ERASED, address, secrets.address_hash(address), person, details={"language": language})
    await outbox.enqueue(session, letter, at=at, once_in=None)


async def still_wanted(session: Session, batch: Sequence[Claimed], *, require_age: bool, at: datetime) -> list[Claimed]:
    """Return what of some claimed letters may go; the others end here, in the transaction of the claim."""
    gone = await _to_children(session, batch, at=at)
    unasked = [one for one in batch if one.letter.kind in UNASKED]
    people = {one.letter.subscriber_id or 0 for one in unasked}
    for kind, purpose in ((Kind.REMINDER, Purpose.REMINDER), (Kind.POLICY, Purpose.PROMOTION)) if unasked else ():
        found = await reminding.reachable(session, people, purpose=purpose, require_age=require_age, at=at)
        for one in unasked:
            reached = found.get(SubscriberId(one.letter.subscriber_id or 0))
            if one.letter.kind is kind and (reached is None or reached.address.key != one.letter.address.key):
                gone.add(one.id)
                await outbox.record_done(session, one, "failed", at=at, response="not wanted any more")
    return [one for one in batch if one.id not in gone]


async def _to_children(session: Session, batch: Sequence[Claimed], *, at: datetime) -> set[int]:
    """End what asks children without a guardian's consent to confirm; return the numbers of those letters."""
    asking = [one for one in batch if one.letter.kind is Kind.CONFIRMATION]
    if not asking:
        return set()
    children = await children_alone(session, {one.letter.subscriber_id or 0 for one in asking}, at=at)
    gone = [one for one in asking if one.letter.subscriber_id in children]
    for one in gone:
        await outbox.record_done(session, one, "failed", at=at, response="a guardian has to agree first")
    return {one.id for one in gone}


def about_account(letters: Letters, claimed: Claimed, to: Person, topics: Sequence[str]) -> OutgoingMail:
    """Write one of these letters."""
    details, now = claimed.letter.details, claimed.created_at
    match claimed.letter.kind:
        case Kind.ACCOUNT_LINK:
            until = datetime.fromisoformat(str(details["until"]))
            return letters.account_link(to, claimed.letter.address_hash, now, until=until)
        case Kind.MOVE_NEW:
            return letters.move("move_new", to, int(details["move"]), now)
        case Kind.MOVE_OLD:
            return letters.move("move_old", to, int(details["move"]), now)
        case Kind.ERASED:
            return letters.erased(to, now)
        case Kind.POLICY:
            named = topics if details.get("scope") == "topics" else None
            effective_on = date.fromisoformat(str(details["effective_on"]))
            return letters.policy(to, named, now, effective_on=effective_on, extra=claimed.id)
        case Kind.REMINDER:
            return letters.reminder(to, topics, now)
        case other:
            raise Permanent(f"a letter of the kind '{other}' is not about an account")


def _to(
    known: Subscriber, address: EmailAddress, kind: Kind, details: Mapping[str, object], secrets: Secrets
) -> Letter:
    return Letter(kind, address, secrets.address_hash(address), known.id, details=details)
