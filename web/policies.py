"""The privacy policy: the version in force, all others, what changed between them; and agreeing to a new one (P15)."""

from collections.abc import Sequence
from datetime import datetime

from starlette.responses import Response

from consent.agreeing import agree
from consent.ledger import Done
from consent.policy import Version, in_force, versions
from mailer.tokens import Purpose
from web.differences import differences, paragraphs
from web.page import Page
from web.visit import Visit


async def show(visit: Visit) -> Response:
    """Show the version in force, or the one that is asked for, with the way to all others."""
    known = await _known(visit)
    asked = visit.request.query_params.get("version", "")
    present = in_force(known, visit.house.clock())
    shown = next((one for one in known if one.version == asked), None) if asked else present
    if shown is None:
        return visit.unknown()
    values = {"shown": shown, "paragraphs": paragraphs(shown.text), "versions": _listed(known, visit.house.clock())}
    return visit.answer("policy.html", values)


async def show_changes(visit: Visit) -> Response:
    """Show what changed from one version to another; by default from the one before the newest to the newest."""
    known = await _known(visit)
    by_name = {one.version: one for one in known}
    new = by_name.get(visit.request.query_params.get("to", known[-1].version if known else ""))
    before = [one for one in known if new is not None and one.effective_at < new.effective_at]
    old = by_name.get(visit.request.query_params.get("from", before[-1].version if before else ""))
    if new is None or old is None:
        return visit.unknown()
    return visit.answer("policy_changes.html", {"old": old, "new": new, "changes": differences(old.text, new.text)})


async def show_agreeing(visit: Visit) -> Response:
    """Show what is new and the button that agrees to it. Changes nothing."""
    return await _agreeing(visit, said="")


async def take_agreement(visit: Visit) -> Response:
    """Let what the person receives go on under the newest version that asks for it."""
    version = await _asking(visit)
    if version is None:
        return await _agreeing(visit, said="agree.nothing")
    source = await visit.pressed("agree")
    async with visit.house.database.transaction() as session:
        outcome = await agree(session, visit.person, version.version, source=source, at=visit.house.clock())
    return await _agreeing(visit, said="agree.done" if isinstance(outcome, Done) else "agree.nothing")


async def _agreeing(visit: Visit, *, said: str) -> Response:
    visit.speak_to(await visit.house.person(visit.token))
    known, version = await _known(visit), await _asking(visit)
    if version is None or said:
        return visit.answer("press.html", {"section": "agree", "said": visit.text(said or "agree.nothing")})
    before = [one for one in known if one.effective_at < version.effective_at]
    changes = differences(before[-1].text if before else "", version.text)
    return visit.answer("agree.html", {"new": version, "changes": changes})


async def _asking(visit: Visit) -> Version | None:
    """Return the newest version, in force or to come, that asks for consent anew, or a later one that takes it in."""
    known = await _known(visit)
    return known[-1] if any(one.asks for one in known) else None


async def _known(visit: Visit) -> tuple[Version, ...]:
    async with visit.house.database.reading() as session:
        return await versions(session)


def _listed(known: Sequence[Version], now: datetime) -> list[dict[str, object]]:
    """Return all versions for a list, the newest first, each with the one before it."""
    before = ("", *(one.version for one in known))
    rows = [
        {"version": one.version, "on": one.effective_at.date(), "before": earlier, "is_to_come": one.effective_at > now}
        for one, earlier in zip(known, before, strict=False)
    ]
    return rows[::-1]


PAGES = (
    Page("/policy", show),
    Page("/policy/changes", show_changes),
    Page("/y/{token}", show_agreeing, take_agreement, Purpose.POLICY),
)
