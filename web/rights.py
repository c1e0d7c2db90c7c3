"""The rights of a person, asked of every room that holds something of them: all of it as a file, or erased."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import consent.rights
import inbound.personal
import mailer.personal
from consent import register
from consent.deadlines import RequestKind
from consent.ledger import Source
from consent.model import SubscriberId
from kit.db import Session
from kit.secrets import Secrets
from mailer.account_letters import say_erased

THEMSELVES = "the person, by the account page"  # who answered a request, as the register names them
MOST_DEPTH = 6  # of the readable text; deeper is told as JSON


async def export(session: Session, person: SubscriberId) -> dict[str, Any] | None:
    """Return everything that is kept of a person, as plain values for JSON; None where there is nothing left."""
    kept = await consent.rights.export(session, person)
    if kept is None:
        return None
    letters = await mailer.personal.export(session, person)
    return {**kept, **letters, "your_mails_to_us": await inbound.personal.export(session, person)}


async def hand_over(session: Session, person: SubscriberId, *, by: str, at: datetime) -> dict[str, Any] | None:
    """Return everything that is kept of a person, and enter in the register that it was asked for and given."""
    kept = await export(session, person)
    if kept is not None:
        await register.add_answered(session, RequestKind.ACCESS, person, by=by, at=at)
    return kept


async def erase(
    session: Session, person: SubscriberId, *, secrets: Secrets, source: Source, by: str, note: str = "", at: datetime
) -> bool:
    """Erase a person in every room, queue the last letter, and enter it in the register; False: nothing was left."""
    gone = await consent.rights.erase(session, person, secrets=secrets, source=source, at=at)
    if gone is None:
        return False
    await mailer.personal.forget(session, person, at=at)
    await inbound.personal.forget(session, person)
    await register.add_answered(session, RequestKind.ERASURE, person, by=by, note=note, at=at)
    address, language = gone
    await say_erased(session, person, address, language, secrets=secrets, at=at)
    return True


def readable(kept: dict[str, Any]) -> str:
    """Return an export as a text that people read: one fact a line, lists and parts indented."""
    return "\n".join(_lines(kept, 0)) + "\n"


def _lines(value: Any, depth: int) -> Iterator[str]:
    pad = "  " * depth
    if depth >= MOST_DEPTH:
        yield f"{pad}{json.dumps(value, ensure_ascii=False)}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            name = str(key).replace("_", " ")
            if isinstance(inner, dict | list):
                yield f"{pad}{name}:" + ("" if inner else " nothing")
                yield from _lines(inner, depth + 1)
            else:
                yield f"{pad}{name}: {_word(inner)}"
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict):
                first, *rest = list(_lines(inner, depth + 1)) or [f"{pad}  nothing"]
                yield f"{pad}- {first.strip()}"
                yield from rest
            else:
                yield f"{pad}- {_word(inner)}"


def _word(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    return " ".join(str(value).split()) if not isinstance(value, bool) else "yes" if value else "no"
