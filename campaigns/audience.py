"""Whom a campaign goes to, as one SELECT over those who may be mailed. It can only ever make that smaller."""

from datetime import datetime

import sqlalchemy as sa

from consent.standing import mailable
from kit.errors import Permanent

EVERYBODY = "everybody"


class UnknownSegment(Permanent):
    """There is no such segment; 'everybody' is everybody of the topic."""


def audience(topic: str, segment: str, *, now: datetime, require_age: bool = False) -> sa.Select[int]:
    """Return the SELECT of the ids of those whom a campaign goes to, or raise :class:`UnknownSegment`."""
    if segment != EVERYBODY:
        raise UnknownSegment
    return mailable(topic, now=now, require_age=require_age)
