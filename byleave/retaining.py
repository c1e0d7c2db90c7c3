"""``byleave retention``: what is kept for a time only, how much of it is due, and deleting it now.

:func:`rules_of` is the one list of all rules of all rooms; a worker carries it out every few hours. A room adds its
rules here.
"""

import asyncio
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import typer

from byleave import console
from byleave.context import settings_of
from byleave.wiring import Ground, open_ground
from kit.clearing import Finding, Retention, rules_of_notes
from kit.config import Settings
from kit.jobs import Jobs
from kit.retention import Batch, Rule

app = typer.Typer(help="What is kept for a time only, and then deleted.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]


def rules_of(ground: Ground, jobs: Jobs) -> list[Rule]:
    """Return all rules, in the order in which they are carried out."""
    import campaigns.retention
    import inbound.retention
    import mailer.retention

    database = ground.database
    return [
        *inbound.retention.rules(database),
        *mailer.retention.rules(database),
        *campaigns.retention.rules(database),
        mailer.retention.journal_rule(ground.settings.var_folder / "journal", jobs.known_workers),
        _rule_of_jobs(jobs),
        *rules_of_notes(database),
    ]


def retention_of(ground: Ground, jobs: Jobs) -> Retention:
    """Return what carries the rules out."""
    return Retention(ground.database, ground.settings.retention, rules_of(ground, jobs), clock=ground.clock)


def _rule_of_jobs(jobs: Jobs) -> Rule:
    return Rule(
        "job_days", "finished jobs of the job engine", "to find out what a worker did",
        clear=partial(_forget_jobs, jobs), count=jobs.count_finished,
    )  # fmt: skip


async def _forget_jobs(jobs: Jobs, before: datetime, after: int, most: int) -> Batch:
    gone = await jobs.forget_finished(before, most)
    return Batch(gone, after + gone if gone == most else None)


@app.command()
def show(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show each rule: what goes, after how many days, why it is kept so long, and how much of it is due now."""
    with console.plain_errors():
        found = asyncio.run(_findings(settings_of(context)))
    if as_json:
        console.say_json(found)
        return
    for one in found:
        console.out.print(f"{one['days']:>5} days  {one['what']}: {one['why']}", markup=False)
        console.out.print(f"            {one['setting']}; due now: {one['due']}{_waits(one)}", markup=False)


def _waits(one: dict[str, Any]) -> str:
    if not one["warns"]:
        return ""
    return f"; last warning {one['warned_at'][:16]}" if one["warned_at"] else "; goes only after a warning"


@app.command()
def run(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; delete nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete what is due now; a worker does the same every few hours."""
    with console.plain_errors():
        settings = settings_of(context)
        if dry_run:
            cleared: dict[str, int] = {}
            for one in asyncio.run(_findings(settings)):
                cleared[one["setting"]] = cleared.get(one["setting"], 0) + one["clearable"]
        else:
            cleared = asyncio.run(_clear(settings))
    if as_json:
        console.say_json({"dry_run": dry_run, "cleared": cleared})
        return
    for setting, count in cleared.items():
        console.out.print(f"{setting:<22} {count} {'would go' if dry_run else 'deleted'}", markup=False)


async def _findings(settings: Settings) -> list[dict[str, Any]]:
    async with open_ground(settings) as ground:
        jobs = Jobs(ground.database, settings.worker)
        try:
            return [await _shown(finding) for finding in await retention_of(ground, jobs).findings()]
        finally:
            jobs.close()


async def _clear(settings: Settings) -> dict[str, int]:
    async with open_ground(settings) as ground:
        jobs = Jobs(ground.database, settings.worker)
        try:
            return await retention_of(ground, jobs).clear_due()
        finally:
            jobs.close()


async def _shown(finding: Finding) -> dict[str, Any]:
    rule, warning = finding.rule, finding.last_warning
    return {
        "setting": rule.setting, "days": finding.days, "what": rule.what, "why": rule.why, "due": finding.due,
        "clearable": await rule.count(finding.before) if finding.before else 0, "warns": rule.warns,
        "warned_at": warning.at.isoformat() if warning else None,
    }  # fmt: skip
