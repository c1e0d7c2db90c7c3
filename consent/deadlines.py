"""Requests of people (access, erasure, objection, …) and by when each must be answered. Pure.

Art. 12(3) GDPR: within one month of receipt; by two months more where it is complex, if the person is told so, with the
reason, within the first one. Months are counted as Regulation 1182/71 Art. 3 counts them: to the same day of the month,
or to its last day where there is no such one. That a weekend would prolong it is not made use of.
"""

import calendar
import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from kit.errors import Permanent

ANSWER_MONTHS = 1  # Art. 12(3)


class RequestKind(enum.StrEnum):
    """What a person asks for, with its article of the GDPR."""

    ACCESS = "access"  # Art. 15
    RECTIFICATION = "rectification"  # Art. 16
    ERASURE = "erasure"  # Art. 17
    RESTRICTION = "restriction"  # Art. 18
    PORTABILITY = "portability"  # Art. 20
    OBJECTION = "objection"  # Art. 21


class RequestAct(enum.StrEnum):
    """What was done about a request."""

    NOTED = "noted"
    EXTENDED = "extended"
    CLOSED = "closed"


class RequestOutcome(enum.StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    REFUSED = "refused"  # with the reason, and told of the right to complain (Art. 12(4))
    WITHDRAWN = "withdrawn"  # the person no longer asks


class NotPossibleNow(Permanent):
    """That can't be done with this request."""


@dataclass(frozen=True, slots=True)
class Step:
    """One act about a request."""

    at: datetime
    act: RequestAct
    by: str
    note: str = ""
    outcome: RequestOutcome | None = None
    due_on: date | None = None  # of an extension


@dataclass(frozen=True, slots=True)
class Request:
    """A request as its acts left it."""

    number: int
    kind: RequestKind
    subscriber_id: int | None
    reference: str
    received_on: date
    due_on: date
    by: str
    steps: tuple[Step, ...] = ()
    is_extended: bool = False
    outcome: RequestOutcome | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still waits for its end."""
        return self.outcome is None

    def is_overdue(self, today: date) -> bool:
        """Whether its time ran out before it ended."""
        return self.is_open and today > self.due_on

    @property
    def state(self) -> str:
        """Where it stands, in one word."""
        return self.outcome.value if self.outcome else "extended" if self.is_extended else "open"


def months_after(day: date, months: int) -> date:
    """Return the same day so many months later, or the last one of that month."""
    place = day.year * 12 + day.month - 1 + months
    year, month = place // 12, place % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def after(request: Request, steps: Iterable[Step]) -> Request:
    """Return a request as some further acts leave it; what comes behind its end is kept and changes nothing."""
    for step in steps:
        request = replace(request, steps=(*request.steps, step))
        if not request.is_open:
            continue
        match step.act:
            case RequestAct.EXTENDED if step.due_on is not None:
                request = replace(request, is_extended=True, due_on=step.due_on)
            case RequestAct.CLOSED:
                request = replace(request, outcome=step.outcome or RequestOutcome.ANSWERED)
            case _:
                pass
    return request


def extension(request: Request, *, today: date, answer_months: int, extension_months: int) -> date:
    """Return the day until which a request can be extended, or raise :class:`NotPossibleNow` saying why it can't."""
    if not request.is_open:
        raise NotPossibleNow(f"request {request.number} is {request.state}")
    if request.is_extended:
        raise NotPossibleNow(f"request {request.number} was extended already; it can be once (Art. 12(3) GDPR)")
    if request.is_overdue(today):
        raise NotPossibleNow("its time has run out; the person had to be told of an extension before (Art. 12(3) GDPR)")
    return months_after(request.received_on, answer_months + extension_months)


def in_order_of_need(requests: Iterable[Request], today: date) -> Sequence[Request]:
    """Return the overdue ones first, then the open ones by deadline, then the ended ones."""
    return sorted(requests, key=lambda one: (not one.is_overdue(today), not one.is_open, one.due_on, one.number))
