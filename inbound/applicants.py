"""Which sign-ups some mails answer, and carrying out what was decided about them.

The rules are :mod:`inbound.sign_ups`; the caller owns the transaction. Nobody of whom these letters are is a subscriber
yet, so the tokens are taken apart from all others before anything looks for people.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

from consent.admission import agreement_of
from consent.ledger import Done, Source
from consent.model import Door, Proof
from consent.signup import load
from inbound import sign_ups
from inbound.sign_ups import Answered, SignUpAction
from inbound.traces import Trace
from kit.db import Session
from mailer.invitations import Invitations
from mailer.tokens import OF_SIGN_UPS

CONFIRM_WORDING = 'They answered "yes" to our letter that asks to confirm a sign-up.'
GUARDIAN_WORDING = "They answered that they agree to our letter to the guardian of a child."


async def answered_by(
    session: Session, traces: Mapping[int, Trace | None], moments: Mapping[int, datetime]
) -> dict[int, Answered]:
    """Return the letters about sign-ups that some mails answer, by the number of the mail."""
    found: dict[int, Answered] = {}
    for number, trace in traces.items():
        if trace is None or trace.token.purpose not in OF_SIGN_UPS:
            continue
        token = trace.token
        sign_up = await load(session, token.subscriber_id, token.extra, at=moments[number], hold=False)
        bare = Answered(token, None)
        if sign_up is not None:
            bare = Answered(token, sign_up.guardian if bare.is_guardians else sign_up.address)
        found[number] = bare
    return found


async def carry_out(
    session: Session, action: SignUpAction, invitations: Invitations, *, policy_version: str, at: datetime
) -> str:
    """Do it, and return what was done in a few words."""
    match action:
        case sign_ups.ConfirmSignUp():
            source = _source(action.proof, CONFIRM_WORDING, policy_version)
            outcome = await invitations.confirm(session, action.number, action.nonce, source=source, at=at)
            return _done("confirm sign-up", done=isinstance(outcome, Done))
        case sign_ups.NotMe():
            done = await invitations.not_me(session, action.number, action.nonce, at=at)
            return _done("sign-up deleted", done=done)
        case sign_ups.GuardianAgrees():
            agreement = agreement_of(Door.REPLY, action.proof, GUARDIAN_WORDING)
            done = await invitations.agree(session, action.number, action.nonce, agreement=agreement, at=at)
            return _done("guardian agrees", done=done)
        case sign_ups.GuardianWithdraws():
            source = _source(action.proof, "", "")
            done = await invitations.withdraw(session, action.number, action.nonce, source=source, at=at)
            return _done("guardian withdraws", done=done)
        case sign_ups.AskForThePage():
            done = await invitations.ask_for_the_page(session, action.number, action.nonce, at=at)
            return _done("guardian asked to use the page", done=done)
        case _:
            assert_never(action)


def _source(proof: Proof, wording: str, policy_version: str) -> Source:
    return Source(Door.REPLY, proof, {"channel": "e-mail"}, wording, policy_version)


def _done(what: str, *, done: bool) -> str:
    return what if done else f"{what}: changed nothing"
