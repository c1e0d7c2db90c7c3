"""``byleave policy``: the versions of the privacy policy; a new one, with what it asks of those who get mail (P15)."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from byleave import console
from byleave.context import settings_of
from byleave.files import read_bytes
from byleave.wiring import open_ground
from consent import policy
from consent.policy import EVERY_TOPIC, Version
from kit.config import Settings
from kit.errors import Permanent

app = typer.Typer(help="The versions of the privacy policy.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
MOST_OCTETS = 1_000_000  # of a policy


@app.command()
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The whole text, UTF-8.")],
    version: Annotated[str, typer.Option(help="Its name, e.g. 2027-01-01; it never changes.")],
    effective: Annotated[str, typer.Option(help="From which day on it holds, e.g. 2027-01-01 (UTC), or 'now'.")],
    *,
    asks_consent: Annotated[
        str, typer.Option("--asks-consent", help="Who has to agree anew: 'all', 'none', or keys of topics with commas.")
    ] = "none",
    tell: Annotated[bool, typer.Option("--tell/--do-not-tell", help="Tell those who get mail, by mail.")] = True,
    as_json: AsJson = False,
) -> None:
    """Add a version; who is asked and does not agree is paused from the day on, and can still leave at any time."""
    with console.plain_errors():
        added = asyncio.run(
            _add(settings_of(context), file, version, _moment(effective), asks_consent.strip(), tell=tell)
        )
    if as_json:
        console.say_json(_shown(added))
        return
    console.out.print(f"version {added.version} holds from {added.effective_at:%Y-%m-%d %H:%M} UTC on", markup=False)
    console.out.print(
        f"from that day on set consent.default_policy_version to {added.version}, so that new consents name it",
        markup=False,
    )


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all versions, the oldest first, with what each asks."""
    with console.plain_errors():
        known = asyncio.run(_known(settings_of(context)))
    if as_json:
        console.say_json([_shown(one) for one in known])
        return
    for one in known:
        asks = "everybody to agree anew" if one.asks_all else ", ".join(one.asks) or "nothing"
        console.out.print(f"{one.version:<16} from {one.effective_at:%Y-%m-%d %H:%M} UTC  asks: {asks}", markup=False)


@app.command()
def diff(
    context: typer.Context,
    old: Annotated[str, typer.Argument(help="The name of a version.")],
    new: Annotated[str, typer.Argument(help="The name of a later one.")],
) -> None:
    """Show what changed between two versions: [-what is gone-] and {+what is new+}."""
    from web.differences import differences

    marks = {"same": "{}", "gone": "[-{}-]", "new": "{{+{}+}}"}
    with console.plain_errors():
        known = {one.version: one for one in asyncio.run(_known(settings_of(context)))}
        for name in (old, new):
            if name not in known:
                console.fail(f"there is no version {name}; known are {', '.join(known)}")
        for paragraph in differences(known[old].text, known[new].text):
            text = "".join(marks[piece.kind].format(piece.words.rstrip()) + " " for piece in paragraph)
            console.out.print(text.rstrip() + "\n", markup=False, soft_wrap=True)


async def _add(
    settings: Settings, file: Path, version: str, effective_at: datetime, asks: str, *, tell: bool
) -> Version:
    content = await asyncio.to_thread(read_bytes, file)
    if len(content) > MOST_OCTETS or not version.strip() or len(version) > 40:
        raise Permanent("a version has a name of at most 40 characters, and a text of at most 1 MB")
    async with open_ground(settings) as ground, ground.database.transaction() as session:
        topics = [topic.key for topic in await policy.all_topics(session)]
        wanted = {"all": [EVERY_TOPIC], "none": []}.get(asks, [key.strip() for key in asks.split(",")])
        if unknown := set(wanted) - {EVERY_TOPIC, *topics}:
            raise Permanent(f"there is no topic '{min(unknown)}'; known are {', '.join(topics)}")
        await policy.publish(
            session, version.strip(), content.decode("utf-8-sig"), effective_at=effective_at, asks=wanted, tell=tell
        )
        return next(one for one in await policy.versions(session) if one.version == version.strip())


async def _known(settings: Settings) -> tuple[Version, ...]:
    async with open_ground(settings) as ground, ground.database.reading() as session:
        return await policy.versions(session)


def _moment(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as cause:
        raise Permanent("--effective is a day like 2027-01-01, or 'now'") from cause
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _shown(one: Version) -> dict[str, Any]:
    return {
        "version": one.version, "effective_at": one.effective_at.isoformat(), "sha256": one.sha256,
        "asks": list(one.asks),
    }  # fmt: skip
