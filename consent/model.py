"""The values of consent: who agreed to what, through which door, with what proof. Pure.

A standing is a fold of events (:mod:`consent.rules`). A :class:`Clearance` is made by :mod:`consent.gate` alone;
nothing can be sent without one.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NewType

from kit.addresses import EmailAddress

SubscriberId = NewType("SubscriberId", int)


class Purpose(enum.StrEnum):
    """What a person's agreement is for."""

    PROMOTION = "promotion"  # promotional mail, topic by topic
    REMINDER = "reminder"  # the recurring question about preferences (P6)
    THIRD_PARTY_SHARING = "third_party_sharing"  # release to others (P10)


class Act(enum.StrEnum):
    """What an event of the ledger says was done."""

    SUBSCRIBE = "subscribe"  # asked to receive; pending until confirmed
    CONFIRM = "confirm"  # confirmed, or (import) evidence of an earlier consent
    WITHDRAW = "withdraw"  # left the topics named
    WITHDRAW_ALL = "withdraw_all"  # left everything, of every purpose
    PAUSE = "pause"  # no promotions until a moment; without one, the pause ends
    SUPPRESS = "suppress"  # the address must not be mailed, whatever else is agreed
    LIFT = "lift"  # the suppression ended
    GUARDIAN_CONSENT = "guardian_consent"  # a guardian agreed for a child under 13 (P8)
    GUARDIAN_WITHDRAW = "guardian_withdraw"  # and took it back
    AGREE = "agree"  # what is received goes on under a newer version of the policy (P15)
    MOVE = "move"  # the person's address changed; the agreements go along (P12)

    @property
    def is_withdrawal(self) -> bool:
        """Whether the act ends or forbids mail; at equal times it is the one that counts."""
        return self in {Act.WITHDRAW, Act.WITHDRAW_ALL, Act.SUPPRESS, Act.GUARDIAN_WITHDRAW}


class Door(enum.StrEnum):
    """Through which door an act came."""

    REPLY = "reply"  # an answer to a mail
    MAILTO = "mailto"  # the List-Unsubscribe address
    ONE_CLICK = "one_click"  # RFC 8058
    PAGE = "page"  # the customer's own pages
    STAFF = "staff"  # desk or command line
    IMPORT = "import"  # a file with evidence of consent
    API = "api"  # the company's other software
    COMPLAINT = "complaint"  # a feedback report of a mailbox provider
    BOUNCE = "bounce"  # a mail server says that the address is dead
    SYSTEM = "system"  # a rule of the software itself

    @property
    def is_person(self) -> bool:
        """Whether the person acted; only such an act can reverse an opt-out (promise 6)."""
        return self in {Door.REPLY, Door.MAILTO, Door.ONE_CLICK, Door.PAGE}


class Proof(enum.StrEnum):
    """How sure we are who acted, the surest first."""

    TOKEN = "token"  # noqa: S105 - a valid signed token of the mailed address
    AUTHENTICATED = "authenticated"  # the sender's address is the mailed one, and its domain vouches for it
    EXACT_ADDRESS = "exact_address"  # the sender's address is the mailed one
    ALIAS = "alias"  # a spelling of the same mailbox
    EVIDENCE = "evidence"  # a stated source outside this system
    STAFF = "staff"  # a member of staff answers for it
    NONE = "none"  # nobody has shown anything


class State(enum.StrEnum):
    """Where one agreement stands."""

    NONE = "none"
    PENDING = "pending"
    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


class AgeBand(enum.StrEnum):
    """What is known about a person's age, as far as the law of children asks (COPPA, P8)."""

    UNKNOWN = "unknown"
    UNDER_13 = "under_13"
    OVER_13 = "over_13"


class Refusal(enum.StrEnum):
    """Why a person is not mailed."""

    NO_CONSENT = "no_consent"
    PENDING = "pending"
    WITHDRAWN = "withdrawn"
    PAUSED = "paused"
    POLICY = "policy"  # a newer version of the policy asks for consent, and the person has not answered (P15)
    SUPPRESSED = "suppressed"
    UNDER_AGE = "under_age"
    FREQUENCY = "frequency"  # they had a promotion lately, and want no more than one in a week or month
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Event:
    """One act, as the ledger keeps it. ``topics`` empty means all topics of the purpose."""

    subscriber: SubscriberId
    act: Act
    at: datetime
    door: Door
    proof: Proof
    purpose: Purpose = Purpose.PROMOTION
    topics: tuple[str, ...] = ()
    until: datetime | None = None
    #: short facts about the proof (source of an import, Message-ID, reason); never an address, never a letter
    evidence: Mapping[str, str] = field(default_factory=dict)
    wording: str = ""  # what the person was shown when they agreed
    policy_version: str = ""
    seq: int = 0  # the place in the chain; 0 until appended


@dataclass(frozen=True, slots=True)
class Standing:
    """What all events of one person add up to."""

    states: Mapping[tuple[Purpose, str], State]
    left_all_at: datetime | None = None
    paused_until: datetime | None = None
    guardian_agreed: bool = False
    #: the version of the policy under which what is granted was agreed to last
    versions: Mapping[tuple[Purpose, str], str] = field(default_factory=dict)

    def state(self, purpose: Purpose, topic: str = "") -> State:
        """Return where one agreement stands; someone who left everything has withdrawn what was never asked, too."""
        missing = State.WITHDRAWN if self.left_all_at else State.NONE
        return self.states.get((purpose, topic), missing)

    def granted(self, purpose: Purpose = Purpose.PROMOTION) -> tuple[str, ...]:
        """Return the topics that stand granted, in alphabetical order."""
        return tuple(sorted(t for (p, t), state in self.states.items() if p is purpose and state is State.GRANTED))

    def pending(self, purpose: Purpose = Purpose.PROMOTION) -> tuple[str, ...]:
        """Return the topics that wait for a confirmation, in alphabetical order."""
        return tuple(sorted(t for (p, t), state in self.states.items() if p is purpose and state is State.PENDING))


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person we may know something about. An erased one has no address left."""

    id: SubscriberId
    address: EmailAddress | None
    name: str = ""
    language: str = ""
    time_zone: str = ""
    country: str = ""
    phone: str = ""
    birth_date: date | None = None
    age_band: AgeBand = AgeBand.UNKNOWN
    attributes: Mapping[str, str] = field(default_factory=dict)
    billing_address: str = ""


@dataclass(frozen=True, slots=True)
class Clearance:
    """Leave to send one promotion to one person, given at one moment. Only :mod:`consent.gate` makes it."""

    subscriber: SubscriberId
    address: EmailAddress
    topic: str
    at: datetime
    seq: int  # the end of the ledger when it was given; what is appended later can take it back
    name: str = ""
    language: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """No leave, and why."""

    subscriber: SubscriberId
    reason: Refusal
