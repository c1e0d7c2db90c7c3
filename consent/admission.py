"""What becomes of somebody's wish to join: the values of a sign-up, and what is done about a new one. Pure.

Whoever types an address into a form has proved nothing. So a sign-up is kept apart from people and ledger until it is
confirmed from the address itself; until then it may cause one letter and is deleted in time.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from consent.guardians import Guardianship
from consent.model import AgeBand, Door, Proof, SubscriberId
from kit.addresses import EmailAddress

#: Reasons of a suppression that the person may lift by confirming from the address; others are for staff.
_LIFTED_BY_THE_PERSON = frozenset({"bounce", "soft bounces", "hard bounce", "complaint", "erased"})


class Step(enum.StrEnum):
    """How far a sign-up has come. Each step but the last ends by deletion when its time is over."""

    NEW = "new"  # submitted; nobody was written to
    ASKED = "asked"  # the address was asked to confirm
    GUARDIAN_ASKED = "guardian_asked"  # the first letter to the guardian
    GUARDIAN_AGREED = "guardian_agreed"  # the delay before the second
    GUARDIAN_TOLD = "guardian_told"  # the second letter is on its way
    GUARDIAN_STANDS = "guardian_stands"  # it was sent; the child's address is asked next
    GRANTED = "granted"  # a child that joined: kept so that the guardian can withdraw


@dataclass(frozen=True, slots=True)
class Form:
    """What a person was shown and asked: kept as it was, for it is what they agreed to (P3)."""

    wording: str
    policy_version: str
    language: str
    shown_at: datetime
    name: str = "page"  # which form: the page of this site, or the name of an embedded one


@dataclass(frozen=True, slots=True)
class SignUp:
    """A wish to join that waits."""

    id: int
    nonce: int  # in every token of it, so that a number used anew opens nothing
    address: EmailAddress
    guardian: EmailAddress | None  # whose consent is needed: the child said to be under 13
    topics: tuple[str, ...]
    form: Form
    asked_at: datetime
    step: Step
    expires_at: datetime | None
    guardianship: Guardianship = field(default_factory=Guardianship)
    agreement: Mapping[str, str] = field(default_factory=dict)  # how the guardian agreed: door and proof
    letter: int | None = None  # the letter in the outbox that is under way for it
    person: SubscriberId | None = None

    @property
    def is_child(self) -> bool:
        """Whether a guardian has to agree first."""
        return self.guardian is not None


@dataclass(frozen=True, slots=True)
class Rules:
    """How long what is kept, and how long a guardian has to think."""

    keep: timedelta = timedelta(days=7)  # an unconfirmed sign-up
    guardian_keep: timedelta = timedelta(days=14)  # one that waits for a guardian
    guardian_delay: timedelta = timedelta(hours=24)  # between the guardian's yes and the second letter
    remember_not_me: timedelta = timedelta(days=365)  # an address whose owner said "not me", as a keyed hash
    most_waiting: int = 20_000  # sign-ups at one time; bounds what a botnet can make us keep


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about the address of a sign-up."""

    is_declined: bool = False  # its owner said "not me" (or the guardian did)
    needs_guardian: bool = False  # a guardian said no: no second try as somebody older
    suppression: str = ""  # why it must not be mailed
    is_granted: bool = False  # everything asked for is received already
    age: AgeBand = AgeBand.UNKNOWN
    guardian_agreed: bool = False
    waits_for_guardian: bool = False  # an earlier sign-up of this address said: under 13


class Next(enum.StrEnum):
    """What is done about a new sign-up."""

    ASK_ADDRESS = "ask_address"
    ASK_GUARDIAN = "ask_guardian"
    SAY_ALREADY_IN = "say_already_in"
    DROP = "drop"


def admit(sign_up: SignUp, known: Known) -> Next:
    """Return what is done about a new sign-up. The page has answered already, the same for everybody."""
    if known.is_declined or (known.suppression and known.suppression not in _LIFTED_BY_THE_PERSON):
        return Next.DROP
    if known.waits_for_guardian:
        return Next.DROP  # the first word about an age counts: no second try as somebody older
    if (known.age is AgeBand.UNDER_13 or known.needs_guardian) and not sign_up.is_child:
        return Next.DROP
    if known.is_granted and not known.suppression and (not sign_up.is_child or known.guardian_agreed):
        return Next.SAY_ALREADY_IN
    return Next.ASK_GUARDIAN if sign_up.is_child else Next.ASK_ADDRESS


def agreement_of(door: Door, proof: Proof, wording: str) -> dict[str, str]:
    """Return how a guardian agreed and what they were shown, as it is kept beside the moment."""
    return {"door": door.value, "proof": proof.value, "wording": wording}
