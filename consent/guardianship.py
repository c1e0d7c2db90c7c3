"""What guardians say about a child's sign-up, kept: asked, agreed, told, withdrawn (P8).

What may follow what is :mod:`consent.guardians`; here it is written down. A withdrawal deletes what was kept to ask,
and ends in the ledger whatever the child received.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from consent import ledger, rights, signup
from consent.admission import Rules, SignUp, Step
from consent.guardians import Word, after
from consent.ledger import Source
from kit.db import Session
from kit.secrets import Secrets


async def asked(session: Session, sign_up: SignUp, letter: int, *, at: datetime) -> None:
    """Note that the first letter to the guardian is queued."""
    await signup.move(session, sign_up, Step.GUARDIAN_ASKED, guardian_asked_at=at, letter_id=letter)


async def agree(session: Session, sign_up: SignUp, *, agreement: Mapping[str, str], rules: Rules, at: datetime) -> bool:
    """Note that the guardian agreed; the second letter is due after the delay. False where it changes nothing."""
    held = after(sign_up.guardianship, Word.AGREED, at, delay=rules.guardian_delay)
    if sign_up.step is not Step.GUARDIAN_ASKED or held == sign_up.guardianship:
        return False
    then = at + rules.guardian_delay
    await signup.move(
        session, sign_up, Step.GUARDIAN_AGREED, guardian_agreed_at=at, agreement=dict(agreement), due_at=then,
        expires_at=then + rules.keep,  # room for the second letter, whose sending starts the child's time
    )  # fmt: skip
    return True


async def telling(session: Session, sign_up: SignUp, letter: int, *, look_again: datetime) -> None:
    """Note that the second letter is queued; whether it was sent is looked at again."""
    await signup.move(session, sign_up, Step.GUARDIAN_TOLD, letter_id=letter, due_at=look_again)


async def told(session: Session, sign_up: SignUp, *, sent_at: datetime, rules: Rules) -> SignUp | None:
    """Note that the second letter was sent: now the consent stands. None where it can't, for want of the delay."""
    held = after(sign_up.guardianship, Word.TOLD, sent_at, delay=rules.guardian_delay)
    if held == sign_up.guardianship:
        return None
    until = sent_at + rules.keep
    await signup.move(
        session, sign_up, Step.GUARDIAN_STANDS, guardian_told_at=sent_at, letter_id=None, due_at=sent_at,
        expires_at=until,
    )  # fmt: skip
    return replace(sign_up, guardianship=held, step=Step.GUARDIAN_STANDS, letter=None, expires_at=until)


async def withdraw(
    session: Session, sign_up: SignUp, *, source: Source, secrets: Secrets, rules: Rules, at: datetime
) -> None:
    """End a guardian's consent, at whatever stage, and delete what was kept of the child and the guardian.

    A child that joined receives nothing from this moment on and is erased, for without the consent nothing may be kept
    (16 CFR 312.6(a)(2), 312.10); the ledger says who ended it. A keyed hash keeps the child from trying as somebody
    older for a time.
    """
    if sign_up.person is not None:
        by_guardian = replace(source, evidence={**(source.evidence or {}), "by": "guardian"})
        await ledger.guardian(session, sign_up.person, agreed=False, source=by_guardian, at=at)
        await rights.erase(session, sign_up.person, secrets=secrets, source=by_guardian, at=at)
    await signup.remember_not_me(session, sign_up.address, secrets=secrets, rules=rules, at=at, with_guardian=True)
    await signup.drop(session, sign_up)
