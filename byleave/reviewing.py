"""``byleave review``: the mails that a person should look at: unclear ones, wishes of strangers, unreadable ones."""

import asyncio
from typing import Annotated, Any

import typer

from byleave import console
from byleave.context import settings_of
from byleave.wiring import open_ground
from inbound.decisions import Decision, for_review, reviewed
from kit.config import Settings
from kit.errors import Permanent


def review(
    context: typer.Context,
    *,
    done: Annotated[int | None, typer.Option(help="Take the decision with this number off the list.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """List the decisions about mails that wait for a person, the newest first; letters and addresses are not kept."""
    with console.plain_errors():
        settings = settings_of(context)
        if done is not None:
            asyncio.run(_done(settings, done))
        found = asyncio.run(_waiting(settings))
    if as_json:
        console.say_json(found)
        return
    for one in found:
        who = f"subscriber {one['subscriber_id']}" if one["subscriber_id"] else "somebody unknown"
        did = ", ".join(one["actions"])
        why = " ".join(" ".join(one["reasons"]).split())  # no stranger adds a line to the list
        line = f"{one['id']:>6}  {one['at'][:16]}  {one['verdict']:<11} by {who}: {did}. {why}"
        console.out.print(line, markup=False)
    if not found:
        console.out.print("nothing waits for a person")


async def _waiting(settings: Settings) -> list[dict[str, Any]]:
    async with open_ground(settings) as ground, ground.database.reading() as session:
        return [_shown(decision) for decision in await for_review(session)]


async def _done(settings: Settings, number: int) -> None:
    async with open_ground(settings) as ground, ground.database.transaction() as session:
        if not await reviewed(session, number):
            raise Permanent(f"decision {number} is not on the list")


def _shown(decision: Decision) -> dict[str, Any]:
    lists = ("reasons", "counted", "ignored", "actions")
    plain = ("id", "verdict", "confidence", "proof", "subscriber_id", "mailing_id")
    return {
        **{key: getattr(decision, key) for key in plain},
        "at": decision.at.isoformat(),
        "scope": list(decision.scope) if isinstance(decision.scope, tuple | list) else decision.scope,
        **{key: list(getattr(decision, key)) for key in lists},
    }
