"""``byleave campaign``: write, look at, test, launch and steer campaigns; the numbers of each are exact."""

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from byleave import console
from byleave.answerable import By, who
from byleave.canaries import canary_of
from byleave.context import settings_of
from byleave.letters import check, preview_of, send_test
from byleave.progress import NoSuchCampaign, lines_of_acts, numbers_of, status
from byleave.readiness import ready_to_launch
from byleave.unsettled import unknown
from byleave.wiring import Ground, open_ground
from campaigns import acts, launching, steering, store
from campaigns.model import Changed, Missing, NotPossible, Outcome, Unchanged
from campaigns.schedule import Misunderstood, read_time
from kit.addresses import parse_address
from kit.config import Settings
from kit.errors import Permanent
from kit.jobs import Jobs

app = typer.Typer(help="Promotions: written, planned, sent, counted.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Id = Annotated[int, typer.Argument(help="The number of the campaign.")]


app.command()(status)
app.command()(unknown)


@app.command()
def new(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="TOML: name, topic, subject, and text, html or template.")],
    *,
    now: Annotated[bool, typer.Option("--now", help="Launch at once.")] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Make a campaign from FILE, as a draft, or launch it with --now."""
    with console.plain_errors():
        content = _content(file)
        settings = settings_of(context)
        shown = asyncio.run(_with_jobs(settings, lambda ground, jobs: _new(ground, jobs, content, launch=now, by=by)))
    _tell(shown, f"campaign {shown['id']} is {shown['state']}", as_json=as_json)


def _content(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as cause:
        raise Permanent(f"{file} can't be read: {cause.strerror}") from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise Permanent(f"{file} is no TOML in UTF-8: {cause}") from cause


async def _new(ground: Ground, jobs: Jobs, content: dict[str, Any], *, launch: bool, by: str) -> dict[str, Any]:
    if launch:
        await ready_to_launch(ground.settings)  # else a refused launch leaves a draft, and a second try another one
    async with ground.database.transaction() as session:
        number = await store.new(session, content, now=datetime.now(UTC))
        await check(ground, session, number)
    if launch:
        await _launch(ground, jobs, number, by=by)
    return await numbers_of(ground, number)


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all campaigns, the newest first."""
    with console.plain_errors():
        found = asyncio.run(_list(settings_of(context)))
    if as_json:
        console.say_json(found)
        return
    for one in found:
        console.out.print(f"{one['id']:>6}  {one['state']:<10} {one['topic']:<12} {one['name']}", markup=False)


async def _list(settings: Settings) -> list[dict[str, Any]]:
    async with open_ground(settings) as ground, ground.database.reading() as session:
        return [_shown(campaign) for campaign in await store.all_campaigns(session)]


def _shown(campaign: store.Campaign) -> dict[str, Any]:
    moments = ("launch_at", "created_at", "launched_at", "finished_at")
    texts = ("id", "name", "topic", "subject", "segment", "template", "time_zone", "note", "snapshot")
    return {
        **{key: getattr(campaign, key) for key in texts},
        "state": campaign.state.value,
        **{key: at.isoformat() if (at := getattr(campaign, key)) else None for key in moments},
    }


@app.command()
def show(context: typer.Context, number: Id, *, as_json: AsJson = False) -> None:
    """Show one campaign with its numbers."""
    with console.plain_errors():
        shown = asyncio.run(_show(settings_of(context), number))
    if as_json:
        console.say_json(shown)
        return
    for key, value in shown.items():
        if key != "acts":
            console.out.print(f"{key:<12} {'' if value is None else value}", markup=False)
    for line in lines_of_acts(shown["acts"]):
        console.out.print(line, markup=False)


async def _show(settings: Settings, number: int) -> dict[str, Any]:
    async with open_ground(settings) as ground:
        counts = await numbers_of(ground, number)
        async with ground.database.reading() as session:
            campaign, done = await store.load(session, number), await acts.of(session, number)
    assert campaign is not None, number  # noqa: S101 - its status was just read
    return {**_shown(campaign), **counts, "acts": done}


@app.command()
def preview(
    context: typer.Context,
    number: Id,
    person: Annotated[str, typer.Option("--as", help="The address of a subscriber to see it as.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Show the letter as a person would get it; nothing is sent."""
    with console.plain_errors():
        shown = asyncio.run(_preview(settings_of(context), number, person))
    if as_json:
        console.say_json(shown)
        return
    console.out.print(f"Subject: {shown['subject']}\n\n{shown['text']}", markup=False)


async def _preview(settings: Settings, number: int, person: str) -> dict[str, Any]:
    address = parse_address(person) if person else None
    async with open_ground(settings) as ground:
        return await preview_of(ground, number, address)


@app.command("test")
def send_one(
    context: typer.Context,
    number: Id,
    to: Annotated[str, typer.Option("--to", help="The address of a colleague.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Send the letter once to a colleague, marked as a test; no delivery is counted."""
    with console.plain_errors():
        settings = settings_of(context)
        answer = asyncio.run(_test(settings, number, to))
    _tell({"id": number, "to": to, "answer": answer}, f"sent to {to}: {answer}", as_json=as_json)


async def _test(settings: Settings, number: int, to: str) -> str:
    address = parse_address(to)
    async with open_ground(settings) as ground:
        return await send_test(ground, number, address)


@app.command()
def schedule(
    context: typer.Context,
    number: Id,
    *,
    now: Annotated[bool, typer.Option("--now", help="Launch at once.")] = False,
    at: Annotated[str, typer.Option("--at", help="Like '2026-12-01 09:00 Europe/Berlin'.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Launch a campaign now, or plan its launch."""
    if now == bool(at):
        raise typer.BadParameter("give either --now or --at TIME")
    settings = settings_of(context)
    if now:
        _steer(settings, number, partial(_launch, by=by), as_json=as_json)
    else:
        _steer(settings, number, lambda ground, _, number: _plan(ground, number, at, by=by), as_json=as_json)


async def _launch(ground: Ground, jobs: Jobs, number: int, *, by: str) -> Outcome:
    settings = ground.settings
    return await launching.launch(
        ground.database, number, ready=partial(ready_to_launch, settings), enqueue=jobs.enqueue,
        now=datetime.now(UTC), chunk_size=settings.mailer.chunk_size, require_age=settings.consent.require_age,
        canary=canary_of(settings), by=who(by),
    )  # fmt: skip


async def _plan(ground: Ground, number: int, at: str, *, by: str) -> Outcome:
    planned = read_time(at, now=datetime.now(UTC), default_zone=ground.settings.company.time_zone)
    if isinstance(planned, Misunderstood):
        raise Permanent(planned.why)
    if planned.note:
        console.err.print(planned.note, markup=False)
    async with ground.database.transaction() as session:
        return await steering.plan(session, number, planned, by=who(by), now=datetime.now(UTC))


@app.command()
def pause(context: typer.Context, number: Id, *, by: By = "", as_json: AsJson = False) -> None:
    """Begin no more letters of a campaign until it is resumed."""

    async def act(ground: Ground, _jobs: Jobs, number: int) -> Outcome:
        async with ground.database.transaction() as session:
            return await steering.pause(session, number, by=who(by), now=datetime.now(UTC))

    _steer(settings_of(context), number, act, as_json=as_json)


@app.command()
def resume(context: typer.Context, number: Id, *, by: By = "", as_json: AsJson = False) -> None:
    """Go on with a paused campaign; nobody gets it twice."""

    async def act(ground: Ground, jobs: Jobs, number: int) -> Outcome:
        async with ground.database.transaction() as session:
            return await steering.resume(
                session, number, by=who(by), now=datetime.now(UTC), enqueue=jobs.enqueue,
                chunk_size=ground.settings.mailer.chunk_size,
            )  # fmt: skip

    _steer(settings_of(context), number, act, as_json=as_json)


@app.command()
def cancel(context: typer.Context, number: Id, *, by: By = "", as_json: AsJson = False) -> None:
    """End a campaign for good; who still waits gets nothing."""

    async def act(ground: Ground, _jobs: Jobs, number: int) -> Outcome:
        async with ground.database.transaction() as session:
            return await steering.cancel(session, number, by=who(by), now=datetime.now(UTC))

    _steer(settings_of(context), number, act, as_json=as_json)


T = TypeVar("T")
Act = Callable[[Ground, Jobs, int], Awaitable[Outcome]]


def _steer(settings: Settings, number: int, act: Act, *, as_json: bool) -> None:
    """Make one move and say what it came to; a move that is not possible ends with 1."""

    async def steer(ground: Ground, jobs: Jobs) -> tuple[Outcome, dict[str, Any]]:
        outcome = await act(ground, jobs, number)
        return outcome, {} if isinstance(outcome, Missing) else await numbers_of(ground, number)

    with console.plain_errors():
        outcome, shown = asyncio.run(_with_jobs(settings, steer))
        match outcome:
            case Missing():
                raise NoSuchCampaign
            case NotPossible():
                console.fail(f"campaign {number} is {outcome.state.value}: {outcome.why}")
            case Changed():
                said = f"campaign {number} is now {outcome.state.value}"
            case Unchanged():
                said = f"campaign {number} was {outcome.state.value} already"
    _tell(shown, said, as_json=as_json)


async def _with_jobs(settings: Settings, act: Callable[[Ground, Jobs], Awaitable[T]]) -> T:
    async with open_ground(settings) as ground:
        jobs = Jobs(ground.database, settings.worker)
        try:
            return await act(ground, jobs)
        finally:
            jobs.close()


def _tell(shown: dict[str, Any], said: str, *, as_json: bool) -> None:
    if as_json:
        console.say_json(shown)
    else:
        console.out.print(said, markup=False)
