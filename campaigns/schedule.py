"""When a campaign is launched: reading what people write, and what is too late. Pure.

A time that the clocks skip or show twice is read as RFC 5545 3.3.5 says: a skipped one with the offset before the gap,
one that is shown twice as the first of the two. The reader is told in ``note``.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_FORM = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[T ]+(?P<time>\d\d:\d\d(?::\d\d)?))?"
    r"\s*(?P<zone>Z|[+-]\d\d:?\d\d|[A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+){0,2})?\Z"
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A moment to launch at."""

    at: datetime  # aware, UTC
    time_zone: str  # in which people think of it
    note: str = ""  # what had to be decided in reading it


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """This is no moment, and why."""

    why: str


def read_time(text: str, *, now: datetime, default_zone: str = "UTC") -> Planned | Misunderstood:
    """Read ``now``, ``2026-12-01 09:00 Europe/Berlin``, ``2026-12-01T09:00:00+01:00`` or ``2026-12-01 09:00``.

    Without a zone the default one is meant. A moment that is past by more than a minute is misunderstood: nobody plans
    the past, so it is a slip of the pen.
    """
    text = text.strip()
    if text.lower() == "now":
        return Planned(now.astimezone(UTC), default_zone)
    form = _FORM.match(text)
    if form is None or form["time"] is None:
        return Misunderstood("write a time like '2026-12-01 09:00 Europe/Berlin', or 'now'")
    try:
        local = datetime.fromisoformat(f"{form['date']} {form['time']}")
    except ValueError:
        return Misunderstood(f"there is no such day or time: {form['date']} {form['time']}")
    planned = _in_zone(local, form["zone"] or default_zone)
    if isinstance(planned, Planned) and planned.at < now - timedelta(minutes=1):
        return Misunderstood(f"{text} is past; give a time to come, or 'now'")
    return planned


def is_too_late(launch_at: datetime, now: datetime, most: timedelta) -> bool:
    """Whether a launch was missed by so much that a person has to look at it first."""
    return now - launch_at > most


def _in_zone(local: datetime, zone: str) -> Planned | Misunderstood:
    if zone == "Z" or zone[0] in "+-":
        offset = UTC if zone == "Z" else _offset(zone)
        if offset is None:
            return Misunderstood(f"{zone} is no offset; it is written like +01:00")
        return Planned(local.replace(tzinfo=offset).astimezone(UTC), "UTC" if zone == "Z" else zone)
    try:
        known = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return Misunderstood(f"there is no time zone '{zone}'; it is written like Europe/Berlin")
    first = local.replace(tzinfo=known, fold=0)
    at = first.astimezone(UTC)
    if first.utcoffset() == first.replace(fold=1).utcoffset():
        return Planned(at, zone)
    back = at.astimezone(known)
    if back.replace(tzinfo=None) != local:  # RFC 5545 3.3.5: the offset before the gap
        return Planned(at, zone, f"the clocks in {zone} skip {local:%H:%M} on that day; {back:%H:%M} is taken")
    return Planned(at, zone, f"the clocks in {zone} show {local:%H:%M} twice on that day; the first is taken")


def _offset(text: str) -> timezone | None:
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23 or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
