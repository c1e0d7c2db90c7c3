"""``byleave report advertiser``: numbers of a finished campaign that speak of many people and of nobody (P10)."""

import asyncio
from typing import Annotated, Any

import typer

from byleave import console
from byleave.context import settings_of
from byleave.wiring import open_ground
from kit.config import Settings

app = typer.Typer(help="Reports for others.", no_args_is_help=True)


@app.callback()
def reports() -> None:
    """Say what may be told to others."""


@app.command()
def advertiser(
    context: typer.Context,
    campaign: Annotated[int, typer.Argument(help="The number of a finished campaign.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Print hits, average income and average contacts of the people who got a campaign; too few are not told of."""
    with console.plain_errors():
        told = asyncio.run(_report(settings_of(context), campaign))
    if as_json:
        console.say_json(told)
        return
    console.out.print(f"hits (letters delivered; clicks are not tracked): {_or_nothing(told['hits'])}", markup=False)
    for name, one in told["averages"].items():
        about = f"{one['average']:g}, within {one['step']:g}, over {one['people']} people" if one["people"] else ""
        console.out.print(f"average {name}: {about or _or_nothing(None)}", markup=False)


def _or_nothing(value: int | None) -> str:
    return "not told, it would speak of too few people" if value is None else f"{value}"


async def _report(settings: Settings, campaign: int) -> dict[str, Any]:
    from campaigns.advertising import Measure, Rules, report  # the mail rooms are slow to import

    records = settings.records
    named = (
        Measure("income", records.income_attribute, records.income_most),
        Measure("contacts", records.contacts_attribute, records.contacts_most),
    )
    rules = Rules(records.report_minimum, records.report_counts_to)
    async with open_ground(settings) as ground, ground.database.transaction() as session:
        asked = [one for one in named if one.attribute]
        hits, *averages = await report(session, campaign, asked, rules, now=ground.clock())
    return {
        "campaign": campaign, "hits": hits.people, "hits_are": "letters delivered", "minimum": records.report_minimum,
        "averages": {
            one.measure: {"average": one.average, "step": one.step, "people": one.people} for one in averages
        },
    }  # fmt: skip
