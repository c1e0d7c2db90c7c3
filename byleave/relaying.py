"""``byleave relays``: where mail is handed to, on what terms, and which of them are to be given nothing more."""

import asyncio
from typing import Annotated, Any

import typer

from byleave import console
from byleave.context import settings_of
from byleave.letters import limits_of
from byleave.wiring import open_ground
from kit.config import Settings
from kit.errors import Permanent
from kit.log import logger
from mailer import leases
from mailer.relays import Relay, parse_relays
from mailer.speeds import of_day, of_relay

app = typer.Typer(help="Where mail is handed to, and on what terms.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Name = Annotated[str, typer.Argument(help="The name of a relay, as 'byleave relays list' shows it.")]

_log = logger("byleave.relaying")


class NoSuchRelay(Permanent):
    """There is no such relay in mailer.relays; 'byleave relays list' shows all."""


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the relays with their limits, and what is slowed down or drained at present."""
    settings = settings_of(context)
    with console.plain_errors():
        shown = asyncio.run(_list(settings))
    if as_json:
        console.say_json(shown)
        return
    for one in shown:
        terms = [f"weight {one['weight']}"]
        terms += [f"{one['connections']} connections a worker"] if one["connections"] else []
        terms += [f"at most {one['rate']:g} messages a second"] if one["rate"] else []
        terms += [f"warm-up day {one['day']}: {one['used']} of {one['allowed']}"] if one["allowed"] else []
        terms += ["drained"] if one["drained"] else []
        terms += [f"slowed to {one['slowed_to']} a second: {one['why']}"] if one["slowed_to"] is not None else []
        console.out.print(f"{one['name']:<30} {', '.join(terms)}", markup=False)


@app.command()
def drain(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Give a relay nothing more; every worker knows within a second, and what is on its way still arrives."""
    _turn(context, name, is_drained=True, as_json=as_json)


@app.command()
def use(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Take up a relay again that was drained."""
    _turn(context, name, is_drained=False, as_json=as_json)


def _turn(context: typer.Context, name: str, *, is_drained: bool, as_json: bool) -> None:
    settings = settings_of(context)
    with console.plain_errors():
        asyncio.run(_keep(settings, name, is_drained=is_drained))
    if as_json:
        console.say_json({"name": name, "drained": is_drained})
    else:
        said = "is given nothing more" if is_drained else "is used again"
        console.out.print(f"{name} {said}", markup=False)


async def _keep(settings: Settings, name: str, *, is_drained: bool) -> None:
    if name not in {relay.name for relay in parse_relays(settings.mailer.relays)}:
        raise NoSuchRelay
    async with open_ground(settings) as ground, ground.database.transaction() as session:
        await leases.drain(session, name, is_drained=is_drained)
    _log.warning("relay.drained" if is_drained else "relay.used_again", relay=name)


async def _list(settings: Settings) -> list[dict[str, Any]]:
    async with open_ground(settings) as ground, ground.database.reading() as session:
        rows = {row["scope"]: row for row in await leases.everything(session, limits_of(settings))}
    return [_shown(relay, rows) for relay in parse_relays(settings.mailer.relays)]


def _shown(relay: Relay, rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    now, day = rows.get(of_relay(relay.name), {}), rows.get(of_day(relay.name), {})
    return {
        "name": relay.name, "host": relay.host, "port": relay.port, "weight": relay.weight,
        "connections": relay.connections, "rate": relay.rate.rate if relay.rate else None,
        "drained": now.get("drained", False), "slowed_to": now.get("slowed_to"), "why": now.get("why", ""),
        "day": day.get("day"), "used": day.get("used", 0), "allowed": day.get("allowed"),
    }  # fmt: skip
