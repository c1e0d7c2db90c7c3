"""``byleave requests``: the register of what people ask for (access, erasure, objection, …), and by when."""

import asyncio
from datetime import date, datetime
from typing import Annotated, Any

import typer

from byleave import console
from byleave.answerable import By, Person, Reference, here_and_now, keepable, who
from byleave.context import settings_of
from byleave.people import person_of
from byleave.wiring import open_ground
from consent import register
from consent.deadlines import (
    NotPossibleNow,
    Request,
    RequestAct,
    RequestKind,
    RequestOutcome,
    Step,
    extension,
    in_order_of_need,
    months_after,
)  # fmt: skip
from kit.config import Settings
from kit.errors import Permanent

app = typer.Typer(help="What people ask for about their data, and by when.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Number = Annotated[int, typer.Argument(help="The number of the request.")]
Note = Annotated[str, typer.Option("--note", help="A fact about it in a few words, never the letter.")]


class NoSuchRequest(Permanent):
    """There is no such request; 'byleave requests list --all' shows all."""


@app.command()
def add(
    context: typer.Context,
    kind: Annotated[RequestKind, typer.Argument(help="What is asked for.")],
    *,
    person: Person = "",
    received: Annotated[
        str, typer.Option("--received", help="The day it came, like 2026-11-20; today by default.")
    ] = "",
    reference: Reference = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Enter a request; the answer tells its number and the last day on which it can be answered in time."""
    with console.plain_errors():
        keepable(reference)
        settings = settings_of(context)
        now = here_and_now(settings)
        day = _day(received, now.date())
        due = months_after(day, settings.records.answer_months)
        request = Request(0, kind, None, reference, day, due, who(by))
        shown = asyncio.run(_add(settings, request, person, now))
    _tell(shown, f"request {shown['number']}: to be answered by {shown['due_on']}", as_json=as_json)


def _day(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text) if text else today
    except ValueError as cause:
        raise Permanent("write the day like 2026-11-20") from cause
    if not date(2018, 5, 25) <= day <= today:  # the GDPR applies since that day
        raise Permanent("that day can't be the one on which it came")
    return day


async def _add(settings: Settings, request: Request, person: str, now: datetime) -> dict[str, Any]:
    async with open_ground(settings) as ground, ground.database.transaction() as session:
        number = await person_of(session, person) if person else None
        entered = await register.add(session, _of(request, number), at=now)
        return _shown(await _load(session, entered), now.date())


def _of(request: Request, person: int | None) -> Request:
    return Request(0, request.kind, person, request.reference, request.received_on, request.due_on, request.by)


@app.command("list")
def list_(
    context: typer.Context,
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that ended, too.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="For monitoring: only overdue ones; 3 if there is one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what waits, the overdue ones first."""
    with console.plain_errors():
        settings = settings_of(context)
        today = here_and_now(settings).date()
        found = asyncio.run(_all(settings, today))
    if check:
        found = [one for one in found if one["overdue"]]
    elif not every:
        found = [one for one in found if one["state"] in {"open", "extended"}]
    if as_json:
        console.say_json(found)
    for one in [] if as_json else found:
        mark = "OVERDUE " if one["overdue"] else ""
        whose = f"person {one['person']}" if one["person"] else "a person we don't know"
        line = f"{one['number']:>6}  {one['due_on']}  {mark}{one['state']:<9} {one['kind']:<13} {whose}"
        console.out.print(f"{line}  {one['reference']}", markup=False)
    if not found and not as_json:
        console.out.print("nothing waits")
    if check and found:
        raise typer.Exit(console.DONE_IN_PART)


async def _all(settings: Settings, today: date) -> list[dict[str, Any]]:
    async with open_ground(settings) as ground, ground.database.reading() as session:
        return [_shown(one, today) for one in in_order_of_need(await register.all_requests(session), today)]


@app.command()
def show(context: typer.Context, number: Number, *, as_json: AsJson = False) -> None:
    """Show one request with all that was done about it."""
    with console.plain_errors():
        settings = settings_of(context)
        shown = asyncio.run(_show(settings, number))
    if as_json:
        console.say_json(shown)
        return
    for key, value in shown.items():
        if key != "steps":
            console.out.print(f"{key:<12} {'' if value is None else value}", markup=False)
    for step in shown["steps"]:
        said = " ".join(filter(None, (step["act"], step["outcome"], step["due_on"], step["note"])))
        console.out.print(f"{step['at'][:16]}  {said}  (by {step['by']})", markup=False)


async def _show(settings: Settings, number: int) -> dict[str, Any]:
    async with open_ground(settings) as ground, ground.database.reading() as session:
        return _shown(await _load(session, number), here_and_now(settings).date())


@app.command()
def note(
    context: typer.Context,
    number: Number,
    text: Annotated[str, typer.Argument(help="A fact about it in a few words, never the letter.")],
    *,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Add a note to a request."""
    _act(context, number, RequestAct.NOTED, note=text, by=by, as_json=as_json)


@app.command()
def extend(
    context: typer.Context,
    number: Number,
    reason: Annotated[str, typer.Option("--reason", help="Why it takes longer; the person must be told it, too.")],
    *,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Extend the time of a request once, before it has run out (Art. 12(3) GDPR)."""
    _act(context, number, RequestAct.EXTENDED, note=reason, by=by, as_json=as_json)


@app.command()
def close(
    context: typer.Context,
    number: Number,
    outcome: Annotated[RequestOutcome, typer.Option("--outcome", help="How it ended.")] = RequestOutcome.ANSWERED,
    *,
    note: Note = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Note that a request was answered, refused (with the reason in --note), or is no longer made."""
    with console.plain_errors():
        if outcome is RequestOutcome.REFUSED and not note.strip():
            console.fail(
                "a refusal needs its reason in --note; the person is told it, and whom to complain to (Art. 12(4))"
            )
    _act(context, number, RequestAct.CLOSED, note=note, by=by, outcome=outcome, as_json=as_json)


def _act(
    context: typer.Context, number: int, act: RequestAct, *, note: str, by: str,
    outcome: RequestOutcome | None = None, as_json: bool,
) -> None:  # fmt: skip
    with console.plain_errors():
        keepable(note)
        settings = settings_of(context)
        step = Step(here_and_now(settings), act, who(by), note, outcome)
        shown = asyncio.run(_step(settings, number, step))
    _tell(shown, f"request {number} is {shown['state']}, to be answered by {shown['due_on']}", as_json=as_json)


async def _step(settings: Settings, number: int, step: Step) -> dict[str, Any]:
    today, records = step.at.date(), settings.records
    async with open_ground(settings) as ground, ground.database.transaction() as session:
        request = await _load(session, number)
        if not request.is_open:
            raise NotPossibleNow(f"request {number} ended before: it was {request.state}")
        due_on = None
        if step.act is RequestAct.EXTENDED:
            due_on = extension(
                request, today=today, answer_months=records.answer_months, extension_months=records.extension_months
            )
        await register.append(session, number, Step(step.at, step.act, step.by, step.note, step.outcome, due_on))
        return _shown(await _load(session, number), today)


async def _load(session: Any, number: int) -> Request:
    found = await register.load(session, number)
    if found is None:
        raise NoSuchRequest
    return found


def _shown(request: Request, today: date) -> dict[str, Any]:
    return {
        "number": request.number, "kind": request.kind.value, "state": request.state,
        "overdue": request.is_overdue(today), "person": request.subscriber_id, "reference": request.reference,
        "received_on": request.received_on.isoformat(), "due_on": request.due_on.isoformat(), "by": request.by,
        "steps": [
            {"at": step.at.isoformat(), "act": step.act.value, "by": step.by, "note": step.note,
             "outcome": step.outcome.value if step.outcome else None,
             "due_on": step.due_on.isoformat() if step.due_on else None}
            for step in request.steps
        ],
    }  # fmt: skip


def _tell(shown: dict[str, Any], said: str, *, as_json: bool) -> None:
    if as_json:
        console.say_json(shown)
    else:
        console.out.print(said, markup=False)
