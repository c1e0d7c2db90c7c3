"""``byleave campaign status``: the exact sums, and where they come from: relays, domains, codes, what is slowed."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from byleave import console
from byleave.context import settings_of
from byleave.letters import limits_of
from byleave.wiring import Ground, open_ground
from campaigns import acts, watching
from campaigns.reports import status as status_of
from kit.config import Settings
from kit.errors import Permanent
from mailer import fates, leases

WATCH_SECONDS = 0.5  # between two looks at a campaign that is being sent
LAST_ACTS = 10  # shown; --json gives them all
STATES = ("sent", "failed", "skipped", "unknown", "waiting")


class NoSuchCampaign(Permanent):
    """There is no such campaign; 'byleave campaign list' shows all."""


def status(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="The number of the campaign.")],
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Show the progress until the campaign is over.")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="The sums alone, which is quick at any size.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Show the numbers: snapshot = sent + failed + skipped + unknown + waiting, at any moment."""
    with console.plain_errors():
        settings = settings_of(context)
        shown = asyncio.run(_watched(settings, number) if watch else _whole(settings, number, brief=brief))
    if as_json:
        console.say_json(shown)
        return
    skipped = ", ".join(f"{reason} {count}" for reason, count in shown["skipped"].items()) or "0"
    console.out.print(
        f"campaign {shown['id']} is {shown['state']}: {shown['snapshot']} people = {shown['sent']} sent, "
        f"{shown['failed']} failed, {shown['unknown']} unknown, {shown['waiting']} waiting, skipped: {skipped}",
        markup=False,
    )
    for line in _remarks(shown):
        console.out.print(line, markup=False)
    for title in ("relay", "domain"):
        _table_of_states(title, shown.get(f"{title}s", ()))
    _table_of_codes(shown.get("codes", ()))


async def numbers_of(ground: Ground, number: int) -> dict[str, Any]:
    """Return the state and the sums of a campaign, or raise where there is none."""
    async with ground.database.reading() as session:
        found = await status_of(session, number)
    if found is None:
        raise NoSuchCampaign
    return found


async def _whole(settings: Settings, number: int, *, brief: bool) -> dict[str, Any]:
    async with open_ground(settings) as ground:
        return await (numbers_of if brief else everything_of)(ground, number)


async def everything_of(ground: Ground, number: int) -> dict[str, Any]:
    """Return the sums of a campaign, and what is behind them: by relay, domain and code, the pace and who did what."""
    return await numbers_of(ground, number) | await _details(ground, number)


async def _details(ground: Ground, number: int) -> dict[str, Any]:
    async with ground.database.reading() as session:
        pace = await leases.everything(session, limits_of(ground.settings))
        return {
            "relays": await fates.by_relay(session, number),
            "domains": await fates.by_domain(session, number),
            "codes": await fates.by_code(session, number),
            "pace": [row for row in pace if row["slowed_to"] is not None or row["drained"] or row["allowed"]],
            "canary": await watching.told(session, number),
            "acts": await acts.of(session, number),
        }


async def _watched(settings: Settings, number: int) -> dict[str, Any]:
    """Return the numbers once nothing changes them any more, showing a bar meanwhile."""
    async with open_ground(settings) as ground:
        with console.progress(shown=True) as bar:
            task = bar.add_task("sending", total=None)
            while True:
                counts = await numbers_of(ground, number)
                done = counts["snapshot"] - counts["waiting"]
                bar.update(task, total=counts["snapshot"] or None, completed=done, description=counts["state"])
                if counts["state"] in {"finished", "cancelled"}:
                    return await everything_of(ground, number)
                await asyncio.sleep(WATCH_SECONDS)


def _remarks(shown: Mapping[str, Any]) -> list[str]:
    """Return what a person should know beside the sums: why it stands, what is slowed, what to do about unknowns."""
    said = [f"  {shown['note']}"] if shown.get("note") else []
    for row in shown.get("pace", ()):
        if row["drained"]:
            said.append(f"  {row['scope']} is drained: 'byleave relays use' takes it up again")
        if row["slowed_to"] is not None:
            said.append(f"  {row['scope']} is slowed to {row['slowed_to']} messages a second, because of: {row['why']}")
        if row["allowed"]:
            said.append(f"  {row['scope']}: {row['used']} of {row['allowed']} on day {row['day']} of its warm-up")
    if shown["unknown"]:
        said.append(
            f"  {shown['unknown']} letters may have arrived or not, and nothing sends them again by itself: "
            f"'byleave campaign unknown {shown['id']} list', then 'resend' or 'drop'"
        )
    if canary := shown.get("canary"):
        said.append(f"  {_of_canary(canary)}")
    return said + [f"  {line}" for line in lines_of_acts(shown.get("acts", ()))]


def _of_canary(canary: Mapping[str, Any]) -> str:
    match canary["state"]:
        case "sending":
            return f"canary: {canary['answered']} of the first {canary['people']} letters are answered; the others wait"
        case "waiting":
            return f"canary: waits until {canary['until'][:16]} UTC for what the first {canary['people']} send back"
        case "passed":
            return f"canary: nothing spoke against it after the first {canary['people']}; all others follow"
        case "stopped":
            return f"canary: paused by itself, {canary['people']} were first; the note says why"
        case _:
            return f"canary: paused by itself after the first {canary['people']}, and resumed by a person"


def lines_of_acts(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return who did what and when, the last acts of a campaign, a line each."""
    return [
        f"{act['at'][:16]} {act['act'].replace('_', ' ')} by {act['by']}"
        + "".join(f", {key} {value}" for key, value in act.items() if key not in {"at", "act", "by"})
        for act in found[-LAST_ACTS:]
    ]


def _table_of_states(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    table = Table(title, *STATES, box=None, pad_edge=False)
    for row in rows:
        table.add_row(console.harmless(row[title]) or "(none yet)", *(str(row.get(state, 0)) for state in STATES))
    console.out.print()
    console.out.print(table)


def _table_of_codes(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    table = Table("code", "enhanced", "state", "reason", "letters", box=None, pad_edge=False)
    for row in rows:
        cells = (str(row["code"] or ""), row["enhanced"], row["state"], row["reason"], str(row["number"]))
        table.add_row(*map(console.harmless, cells))
    console.out.print()
    console.out.print(table)
