"""What the officer's commands have in common: who does it, and texts that may be kept for good."""

import getpass
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from consent.cards import carries_card_number
from kit.config import Settings
from kit.errors import Permanent

By = Annotated[str, typer.Option("--by", help="Who answers for it; by default the user of this machine.")]
Person = Annotated[str, typer.Option("--person", help="The address or number of the person, if we know them.")]
Reference = Annotated[str, typer.Option("--reference", help="Where the letter lies: a ticket, a file number.")]


def who(by: str) -> str:
    """Return who does it."""
    if by.strip():
        keepable(by)
        return by.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError) as cause:  # a container may know no name
        raise Permanent("say with --by who does it") from cause


def keepable(*texts: str) -> None:
    """Refuse card numbers in what would stay for good (P14)."""
    if any(map(carries_card_number, texts)):
        raise Permanent("this carries what looks like a card number; card data is never taken (P14)")


def here_and_now(settings: Settings) -> datetime:
    """Return the present moment in the company's zone: deadlines end with its days."""
    return datetime.now(UTC).astimezone(ZoneInfo(settings.company.time_zone))
