"""What README and docs say is so: links, commands, settings, tests, code and campaigns named there exist and work."""

import ast
import functools
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer.main

from byleave.cli import build
from campaigns import store
from consent.tables import TopicRow
from inbound.model import Verdict
from inbound.reading import read
from inbound.world import World, world_from_toml
from kit.config import EXAMPLE_TOPICS, Settings
from kit.config_section import Section
from kit.db import Database
from tests.database import NOW

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
ROOMS = ("byleave", "web", "campaigns", "inbound", "mailer", "consent", "kit")
FOLDERS = (*ROOMS, "templates", "migrations", "tests", "bench", "docs", ".ci")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?:\]\(|(?:src|href)=\")([^)\"#\s]+)")
_CODE = re.compile(r"`([^`\n]+)`")
_TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
_COMMAND = re.compile(r"(?:^|[\s(`])byleave ((?:[a-z-]+ ?){1,2}[^\n`|>]*)")


each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text("utf-8"))


def blocks(language: str) -> list[Any]:
    """Return each code block of a language, named by its page and line."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for match in _FENCE.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 1
                found.append(pytest.param(match[2], id=f"{page.name}:{line}"))
    return found


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link or picture names a file that is there."""
    links = [link for link in _LINK.findall(prose(page)) if "://" not in link and not link.startswith("mailto:")]

    assert [link for link in links if not (page.parent / link).exists()] == []


@each_page
def test_links_within_pages_lead_to_a_heading(page: Path) -> None:
    """`page.md#some-heading` names a heading of that page, as GitHub spells it."""
    lost = []
    for file, mark in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", prose(page)):
        target = (page.parent / file) if file else page
        headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
        if mark not in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}:
            lost.append(f"{file}#{mark}")

    assert lost == []


@each_page
def test_paths_named_exist(page: Path) -> None:
    """`room/module.py` and the like are there; a bare `module.py` is a module of some room."""
    named = [code for code in _CODE.findall(prose(page)) if re.fullmatch(r"[\w.\-]+(?:/[\w.\-]+)*/?", code)]
    modules = {file.name for room in ROOMS for file in (ROOT / room).rglob("*.py")}

    lost = [
        code
        for code in named
        if (code.split("/")[0] in FOLDERS and "/" in code and not (ROOT / code).exists())
        or ("/" not in code and code.endswith(".py") and code not in modules)
    ]

    assert lost == []


@each_page
def test_tests_named_exist(page: Path) -> None:
    """A test that a page calls as a witness stands in that file."""
    lost = []
    for file, name in _TEST.findall(page.read_text("utf-8")):
        tree = ast.parse((ROOT / file).read_text("utf-8")) if (ROOT / file).is_file() else ast.Module([], [])
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        if name not in functions:
            lost.append(f"{file}::{name}")

    assert lost == []


def test_every_clause_of_the_policy_is_spoken_of() -> None:
    """docs/consent.md has a row for P1 to P17, in order."""
    rows = re.findall(r"^\| P(\d+) \|", (ROOT / "docs" / "consent.md").read_text("utf-8"), re.MULTILINE)

    assert [int(row) for row in rows] == list(range(1, 18))


def test_every_clause_that_is_kept_names_its_test() -> None:
    """P16 alone has nothing to show yet; that the tests named are there is looked at above."""
    rows = re.findall(r"^\| P(\d+) \|(.*)$", (ROOT / "docs" / "consent.md").read_text("utf-8"), re.MULTILINE)

    assert [int(number) for number, row in rows if not _TEST.search(row)] == [16]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each `byleave …` in code blocks and code words."""
    shell = [match[2] for match in _FENCE.finditer(text) if match[1] in {"sh", ""}]
    words = [code for code in _CODE.findall(_FENCE.sub("", text)) if code.startswith("byleave ")]
    for piece in (*shell, *words):
        for line in piece.replace("\\\n", " ").splitlines():
            for found in _COMMAND.findall(line.partition("#")[0]):
                yield re.sub(r'"[^"]*"', "VALUE", found).split()


@each_page
def test_commands_named_exist(page: Path) -> None:
    """Each `byleave COMMAND --option` is known to the command line, with these options."""
    assert list(filter(None, map(_objection, commands(page.read_text("utf-8"))))) == []


def _objection(words: list[str]) -> str:
    """Return what is wrong with a command, or nothing."""
    command: Any = typer.main.get_command(build())
    known = {option for parameter in command.params for option in parameter.opts}
    rest = list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        if rest[0] == "COMMAND" or (rest[0] not in command.commands and rest[0].isupper()):
            return ""
        if rest[0] not in command.commands:
            return f"there is no 'byleave {' '.join(words)}'"
        command = command.commands[rest.pop(0)]
        known |= {option for parameter in command.params for option in parameter.opts}
    unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in known]
    return f"'byleave {' '.join(words)}' knows no {unknown[0]}" if unknown else ""


def test_every_command_is_described() -> None:
    """docs/api.md speaks of each command and option of the command line."""
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    silent = []
    for path, command in _leaves(typer.main.get_command(build()), ()):
        if f"byleave {' '.join(path)}" not in text:
            silent.append(" ".join(path))
        for parameter in command.params:
            option = max(parameter.opts, key=len)
            if option.startswith("--") and option not in text:
                silent.append(f"{' '.join(path)} {option}")

    assert silent == []


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from _leaves(inner, (*path, name))


def setting_names() -> set[str]:
    """Return each setting as it is written: section.key, section.part.key, and keys of the top."""
    found: set[str] = set()

    def walk(model: type[Any], prefix: str) -> None:
        for name, info in model.model_fields.items():
            found.add(f"{prefix}{name}")
            kind = info.annotation
            if isinstance(kind, type) and issubclass(kind, Section):
                walk(kind, f"{prefix}{name}.")

    walk(Settings, "")
    return found


@each_page
def test_settings_named_exist(page: Path) -> None:
    """`section.key`, `[section]` and BYLEAVE_SECTION__KEY are settings."""
    text = page.read_text("utf-8")
    known = setting_names()
    sections = {name for name, info in Settings.model_fields.items() if _is_section(info.annotation)}
    written = {
        code
        for code in _CODE.findall(prose(page))
        if re.fullmatch(r"[a-z_]+(?:\.[a-z_]+){1,2}", code) and code.split(".")[0] in sections and not _is_module(code)
    }
    written |= {name.lower().replace("__", ".") for name in re.findall(r"BYLEAVE_([A-Z]+__[A-Z_]+)\b", text)}
    written |= set(re.findall(r"`\[+([a-z_.]+)\]+`", text))

    assert sorted(name for name in written - known if f'"{name}"' not in source()) == []  # or the name of a log event


@functools.cache
def source() -> str:
    """Return the whole source of the product."""
    return "\n".join(file.read_text("utf-8") for room in ROOMS for file in sorted((ROOT / room).rglob("*.py")))


def test_events_named_are_logged() -> None:
    """Each event that operators are told to watch is written somewhere."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    events = re.findall(
        r"^\| `([a-z_]+\.[a-z_]+)` \|", text[text.index("## Logs") : text.index("## Health")], re.MULTILINE
    )

    assert len(events) > 5
    assert [event for event in events if f'"{event}"' not in source()] == []


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _is_module(code: str) -> bool:
    """Whether dotted words name something of a room (`consent.gate.clear`), and not a setting."""
    room, module, *_ = code.split(".")
    return (ROOT / room / f"{module}.py").is_file()


@each_page
def test_dotted_names_exist(page: Path) -> None:
    """`room.module` and `room.module.name` are in the source."""
    lost = []
    for code in _CODE.findall(prose(page)):
        found = re.fullmatch(rf"({'|'.join(ROOMS)})\.(\w+)(?:\.(\w+))?(?:\(\w*\))?", code)
        if found is None or code in setting_names():
            continue
        file = ROOT / found[1] / f"{found[2]}.py"
        if not file.is_file() or (found[3] and not re.search(rf"\b{found[3]}\b", file.read_text("utf-8"))):
            lost.append(code)

    assert lost == []


@pytest.mark.parametrize("snippet", blocks("python"))
def test_python_in_the_docs_runs(snippet: str) -> None:
    """What is shown as Python works as it stands."""
    exec(compile(snippet, "docs", "exec", dont_inherit=True), {"__name__": "docs"})


@pytest.mark.parametrize("snippet", blocks("json"))
def test_json_in_the_docs_is_json(snippet: str) -> None:
    """What is shown as output could be one."""
    value = json.loads(snippet)
    if "snapshot" in value:
        assert value["snapshot"] == sum(value[key] for key in ("sent", "failed", "unknown", "waiting")) + sum(
            value["skipped"].values()
        )


@pytest.mark.parametrize("snippet", blocks("toml"))
async def test_toml_in_the_docs_is_taken(snippet: str, database: Database) -> None:
    """A campaign that is shown can be made; a world that is shown can be read."""
    content = tomllib.loads(snippet)
    if "subject" not in content:
        assert world_from_toml(snippet).topics
        return
    async with database.transaction() as session:
        session.add_all([TopicRow(key=topic.key, name=topic.name, position=0) for topic in EXAMPLE_TOPICS])
        await session.flush()

        assert await store.new(session, content, now=NOW) > 0


@pytest.mark.parametrize("snippet", blocks("sql"))
async def test_sql_in_the_docs_runs(snippet: str, database: Database) -> None:
    """A question to the database that is shown can be asked."""
    async with database.reading() as session:
        for statement in filter(str.strip, snippet.split(";")):
            await session.execute(sa.text(statement))


def test_the_reply_in_the_readme_takes_ada_off() -> None:
    """What the reader is told to send is understood as the page says."""
    text = (ROOT / "README.md").read_text("utf-8")
    printed = re.search(r"printf '%s\\r\\n' (.*?) \|", text, re.DOTALL)
    assert printed is not None
    lines = re.findall(r"'([^']*)'", printed[1])

    reading = read("\r\n".join([*lines, ""]).encode(), world=World())

    assert (reading.verdict, reading.scope) == (Verdict.UNSUBSCRIBE, "all")


def test_every_dependency_has_its_line() -> None:
    """docs/why.md names each third-party package that the product imports, and each that pyproject.toml asks for."""
    text = (ROOT / "docs" / "why.md").read_text("utf-8")
    table = text[: text.index("## What was agreed")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    asked = {re.split(r"[\[>=<;]", line)[0].strip() for line in project["project"]["dependencies"]}
    asked |= {re.split(r"[\[>=<;]", line)[0].strip() for line in project["dependency-groups"]["dev"]} - {"setuptools"}

    assert sorted(name for name in imported() if f"`{name}`" not in table) == []
    assert sorted(name for name in asked if _plain(name) not in _plain(table)) == []


def imported() -> set[str]:
    """Return the third-party packages that the product imports."""
    found = set()
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {name.name.partition(".")[0] for name in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.partition(".")[0])
    return {name for name in found if name not in sys.stdlib_module_names and name not in ROOMS}


def _plain(text: str) -> str:
    return re.sub(r"[\s_.-]", "", text.lower())


def test_the_picture_reads_in_the_dark() -> None:
    """The flow has a title, its own ground, and colours for both modes; nothing in it is fetched or run."""
    picture = (ROOT / "docs" / "flow.svg").read_text("utf-8")

    assert "<title" in picture
    assert 'class="ground"' in picture
    assert "prefers-color-scheme: dark" in picture
    assert not re.search(r"<script|href=|@import|url\(http", picture)
