"""``byleave understand``: read mails from files and say what they ask for and why; no database, no network."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from byleave import console
from byleave.context import settings_of
from inbound.explain import as_json, as_text
from inbound.model import Reading
from inbound.reading import read
from inbound.world import TopicInfo, World, world_from_toml
from kit.addresses import parse_address
from kit.config import Settings
from kit.errors import Permanent

MOST_OCTETS = 26_214_400  # of one file; what is longer is read as far as the limits of the reader go anyway
STYLES = {"title": "bold", "counted": "bold black on yellow", "ignored": "strike", "dim": "dim"}


def understand(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Mails (.eml), or folders of them.", show_default=False)],
    *,
    world: Annotated[Path | None, typer.Option(help="TOML: company, topics, campaigns sent lately.")] = None,
    as_json_: Annotated[bool, typer.Option("--json", help="Print one JSON object a mail.")] = False,
) -> None:
    """Read mails and say what they ask for, and why: the words that counted are marked, what was quoted is dimmed."""
    with console.plain_errors():
        known = _world(world) if world else _world_of(settings_of(context))
        files = list(_files(paths))
        for file in files:
            reading = read(_content(file), world=known)
            if as_json_:
                console.say_json({"file": _shown(file), **as_json(reading)})
            else:
                _show(file, reading)


def _world(file: Path) -> World:
    try:
        return world_from_toml(file.read_text("utf-8"))
    except OSError as cause:
        raise Permanent(f"{file} can't be read: {cause.strerror}") from cause
    except (ValueError, KeyError, TypeError, AttributeError) as cause:
        raise Permanent(f"{file} is no world file: {cause}") from cause


def _world_of(settings: Settings) -> World:
    """Return the world of the settings: our names and topics, no campaigns."""
    topics = tuple(TopicInfo(topic.key, topic.name, topic.about) for topic in settings.topics)
    return World(settings.company.name, (parse_address(settings.mailer.from_address),), topics)


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file() and file.suffix in {".eml", ".txt"})
        elif path.is_file():
            yield path
        else:
            raise Permanent(f"there is no {path}")


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(MOST_OCTETS)
    except OSError as cause:
        raise Permanent(f"{file} can't be read: {cause.strerror}") from cause


def _shown(file: Path) -> str:
    return str(file).encode("utf-8", "replace").decode()


def _show(file: Path, reading: Reading) -> None:
    text = Text(console.harmless(f"{_shown(file)}: "))
    for words, style in as_text(reading):
        text.append(console.harmless(words), style=STYLES.get(style, ""))
    console.out.print(text)
    sys.stdout.write("\n")
