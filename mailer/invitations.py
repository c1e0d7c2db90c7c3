"""The letters that sign-ups call for, and when: to the address, to a child's guardian, to those who are in already.

The page that takes a sign-up only notes it; here it is looked up what is known about the address. A mailbox gets one
letter from forms in some days whoever types its address, in whatever spelling, as its own or as a guardian's; all
mailboxes together so many in an hour. Store functions only: the caller owns the transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from consent import guardianship, signup, subscribers
from consent.admission import Next, Rules, SignUp, Step, admit
from consent.guardians import Stage, stage
from consent.ledger import Outcome, Source, hold
from consent.model import SubscriberId
from kit.addresses import EmailAddress
from kit.db import Session
from kit.secrets import Secrets
from mailer import outbox
from mailer.outbox import Kind, Letter

AT_ONCE = 50  # sign-ups looked at in one transaction
LOOK_AGAIN = timedelta(seconds=2)  # whether a letter was sent
NO_ROOM = timedelta(minutes=5)  # when the letters of this hour are used up


@dataclass(frozen=True, slots=True)
class Invitations:
    """The rules of joining beside the secrets of this house; made in ``byleave.wiring``."""

    secrets: Secrets
    rules: Rules
    every: timedelta  # a mailbox gets one letter from forms in this time
    most_an_hour: int = 1000  # letters from forms to all mailboxes; bounds what a botnet can make of us

    async def look(self, session: Session, *, at: datetime) -> int:
        """Take the next step of all sign-ups for which it is time; return how many were looked at."""
        found = await signup.due(session, at=at, most=AT_ONCE)
        for sign_up in found:
            match sign_up.step:
                case Step.NEW:
                    await self._begin(session, sign_up, at)
                case Step.GUARDIAN_AGREED:
                    await self._tell(session, sign_up, at)
                case Step.GUARDIAN_TOLD:
                    await self._see_whether_told(session, sign_up, at)
                case Step.GUARDIAN_STANDS:
                    await self._ask_address(session, sign_up, at)
                case Step.ASKED | Step.GUARDIAN_ASKED | Step.GRANTED:
                    await signup.move(session, sign_up, sign_up.step)  # it waits for an answer
                case _:
                    assert_never(sign_up.step)
        return len(found)

    async def forget(self, session: Session, *, at: datetime) -> int:
        """Delete what nobody confirmed in time, with the letters of it that wait; return how many that were."""
        gone = await signup.forget(session, at=at, most=AT_ONCE)
        for sign_up in gone:
            await self._call_back(session, sign_up, at)
        return len(gone)

    async def confirm(
        self, session: Session, number: int, nonce: int, *, source: Source, at: datetime
    ) -> Outcome | None:
        """Grant what the owner of the address confirmed; None where the sign-up is gone or it is not its turn."""
        await hold(session)
        sign_up = await signup.load(session, number, nonce, at=at)
        if sign_up is None:
            return None
        return await signup.confirm(session, sign_up, source=source, secrets=self.secrets, rules=self.rules, at=at)

    async def not_me(self, session: Session, number: int, nonce: int, *, at: datetime) -> bool:
        """Delete a sign-up that the owner of the address never made, and ask them no more for a long while."""
        sign_up = await signup.load(session, number, nonce, at=at)
        if sign_up is None or sign_up.step is Step.GRANTED:
            return False
        await signup.remember_not_me(session, sign_up.address, secrets=self.secrets, rules=self.rules, at=at)
        await self._call_back(session, sign_up, at)
        await signup.drop(session, sign_up)
        return True

    async def agree(
        self, session: Session, number: int, nonce: int, *, agreement: Mapping[str, str], at: datetime
    ) -> bool:
        """Note a guardian's yes; False where it changes nothing."""
        sign_up = await signup.load(session, number, nonce, at=at)
        if sign_up is None:
            return False
        return await guardianship.agree(session, sign_up, agreement=agreement, rules=self.rules, at=at)

    async def withdraw(self, session: Session, number: int, nonce: int, *, source: Source, at: datetime) -> bool:
        """End a guardian's consent or refuse it, and tell the guardian that it is done.

        Who refuses is not asked again for a long while; whether the guardian is one we don't know.
        """
        await hold(session)
        sign_up = await signup.load(session, number, nonce, at=at)
        if sign_up is None or sign_up.guardian is None:
            return False
        if stage(sign_up.guardianship, now=at, delay=self.rules.guardian_delay) in {Stage.UNASKED, Stage.OPEN}:
            await signup.remember_not_me(session, sign_up.guardian, secrets=self.secrets, rules=self.rules, at=at)
        await self._call_back(session, sign_up, at)
        if sign_up.person is not None:
            await outbox.call_back_all(session, sign_up.person, at=at)
        await guardianship.withdraw(session, sign_up, source=source, secrets=self.secrets, rules=self.rules, at=at)
        await self._write(session, Kind.GUARDIAN_RECEIPT, sign_up, sign_up.guardian, at)
        return True

    async def ask_for_the_page(self, session: Session, number: int, nonce: int, *, at: datetime) -> bool:
        """Ask a guardian, whose yes by mail proves too little, to use the page; once in some days."""
        sign_up = await signup.load(session, number, nonce, at=at)
        if sign_up is None or sign_up.guardian is None or sign_up.step is not Step.GUARDIAN_ASKED:
            return False
        letter = await self._write(session, Kind.GUARDIAN_QUESTION, sign_up, sign_up.guardian, at, once_in=self.every)
        return letter is not None

    async def _begin(self, session: Session, sign_up: SignUp, at: datetime) -> None:
        """Find out what a new sign-up calls for. The page has answered already, whatever it is."""
        known = await signup.known_of(session, sign_up, secrets=self.secrets, at=at)
        match admit(sign_up, known):
            case Next.DROP:
                await signup.drop(session, sign_up)
            case Next.ASK_ADDRESS:
                await self._ask_address(session, sign_up, at)
            case Next.ASK_GUARDIAN if sign_up.guardian is not None:
                if await self._has_room(session, sign_up, sign_up.guardian, at):
                    letter = await self._write(session, Kind.GUARDIAN_REQUEST, sign_up, sign_up.guardian, at)
                    await guardianship.asked(session, sign_up, letter or 0, at=at)
            case Next.SAY_ALREADY_IN:
                person = await subscribers.find(session, sign_up.address)
                if person is not None and await self._has_room(session, sign_up, sign_up.address, at):
                    await self._write(session, Kind.ALREADY_IN, sign_up, sign_up.address, at, person=person.id)
                    await signup.drop(session, sign_up)

    async def _ask_address(self, session: Session, sign_up: SignUp, at: datetime) -> None:
        """Ask the owner of the address to confirm."""
        if await self._has_room(session, sign_up, sign_up.address, at):
            letter = await self._write(session, Kind.SIGN_UP, sign_up, sign_up.address, at)
            await signup.move(session, sign_up, Step.ASKED, letter_id=letter)

    async def _tell(self, session: Session, sign_up: SignUp, at: datetime) -> None:
        """Send the guardian the second letter, which says how to take the consent back."""
        if sign_up.guardian is not None:
            letter = await self._write(session, Kind.GUARDIAN_SECOND, sign_up, sign_up.guardian, at)
            await guardianship.telling(session, sign_up, letter or 0, look_again=at + LOOK_AGAIN)

    async def _see_whether_told(self, session: Session, sign_up: SignUp, at: datetime) -> None:
        """Let the consent stand once the second letter was sent, and not before."""
        state, done_at = await outbox.state_of(session, sign_up.letter or 0)
        if state == "sent" and done_at is not None:
            stands = await guardianship.told(session, sign_up, sent_at=done_at, rules=self.rules)
            if stands is not None:
                await self._ask_address(session, stands, at)
                return
        if state == "unknown":  # it may not have arrived: better twice than a consent without it
            await self._tell(session, sign_up, at)
        elif state == "failed":
            await signup.drop(session, sign_up)
        else:
            await signup.move(session, sign_up, sign_up.step, due_at=at + LOOK_AGAIN)

    async def _has_room(self, session: Session, sign_up: SignUp, to: EmailAddress, at: datetime) -> bool:
        """Whether a letter may go out now. Else the sign-up waits for its turn, or is deleted where none comes in time.

        Who asks for an address that has its letter already waits for nothing: that letter is the way in.
        """
        last = await outbox.last_from_forms(session, self.secrets.mailbox_hash(to), since=at - self.every)
        if last is not None:
            then = last + self.every
            if not sign_up.is_child or (sign_up.expires_at is not None and then >= sign_up.expires_at):
                await signup.drop(session, sign_up)
            else:
                await signup.move(session, sign_up, sign_up.step, due_at=then)
            return False
        since = at - timedelta(hours=1)
        if await outbox.count_from_forms(session, since=since, most=self.most_an_hour) >= self.most_an_hour:
            await signup.move(session, sign_up, sign_up.step, due_at=at + NO_ROOM)
            return False
        return True

    async def _write(
        self,
        session: Session,
        kind: Kind,
        sign_up: SignUp,
        to: EmailAddress,
        at: datetime,
        *,
        person: SubscriberId | None = None,
        once_in: timedelta | None = None,
    ) -> int | None:
        """Queue a letter; by the hash of the mailbox, which is the same for all spellings of an address."""
        details: dict[str, Any] = {"topics": list(sign_up.topics), "language": sign_up.form.language}
        if person is None:
            details |= {"sign_up": sign_up.id, "nonce": sign_up.nonce}
        if kind is Kind.GUARDIAN_REQUEST and sign_up.expires_at is not None:
            details["days"] = max(1, round((sign_up.expires_at - at) / timedelta(days=1)))
        if kind is Kind.GUARDIAN_SECOND:
            details["child"] = str(sign_up.address)
        letter = Letter(kind, to, self.secrets.mailbox_hash(to), subscriber_id=person, details=details)
        return await outbox.enqueue(session, letter, at=at, once_in=once_in)

    async def _call_back(self, session: Session, sign_up: SignUp, at: datetime) -> None:
        """Take back a letter that is not sent yet: what it says is not so any more."""
        if sign_up.letter is not None:
            await outbox.call_back(session, sign_up.letter, at=at)
