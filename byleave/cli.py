"""The command line: ``byleave COMMAND``. Each command reads the settings, opens what it needs, and says what it did.

``--config FILE`` may stand before or after the command.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from byleave import console
from kit.config import load_settings
from kit.log import configure_logging

#: command -> module that has it; only the one that is called is loaded, so that short commands are quick
MODULES = {
    "init": "operating", "run": "operating", "demo": "demo", "doctor": "operating", "understand": "understanding",
    "review": "reviewing", "subscribers": "people", "campaign": "promotions", "keys": "operating",
    "policy": "policies",
    "retention": "retaining", "ledger": "bookkeeping", "requests": "requesting",
    "disclosures": "disclosing", "signup": "forms", "restore": "restoring", "relays": "relaying",
    "share": "sharing", "report": "reporting",
}  # fmt: skip


def build(command: str | None = None) -> typer.Typer:
    """Return the command line with all commands, or with the one that is about to be called."""
    app = typer.Typer(
        help="Promotions by your leave, and a way out by reply.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(root)
    for name in [command] if command in MODULES else MODULES:
        module = import_module(f"byleave.{MODULES[name]}")
        part = getattr(module, "keys_app" if name == "keys" else "app" if name in _GROUPS else _PLAIN.get(name, name))
        if name in _GROUPS:
            app.add_typer(part, name=name)
        else:
            app.command(name)(part)
    return app


_PLAIN = {"restore": "command"}  # what the function is called, where not as the command
_GROUPS = {
    "subscribers", "campaign", "keys", "retention", "ledger", "requests", "disclosures", "signup", "policy", "relays",
    "share", "report",
}  # fmt: skip


def root(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", help="The settings file; config.toml by default.")] = None,
) -> None:
    """Read the settings, once, for whichever command follows."""
    if context.resilient_parsing:
        return
    with console.plain_errors():
        settings = load_settings(config)
    configure_logging(settings.log.level, settings.log.format)
    context.obj = settings


def main() -> None:
    """Start the command line."""
    arguments = config_first(sys.argv[1:])
    sys.argv[1:] = arguments
    try:
        build(_command(arguments))()
    except Exception as error:
        if os.environ.get("BYLEAVE_TRACE"):
            raise
        first_line = str(error).partition("\n")[0]
        console.err.print(f"byleave: {type(error).__name__}: {first_line}", style="red", markup=False)
        console.err.print("this is a fault of the program or of what it runs on; BYLEAVE_TRACE=1 shows where")
        sys.exit(1)


def _command(arguments: list[str]) -> str | None:
    """Return the command that is called, if it can be told without parsing: the first word that is no option."""
    words = arguments[2:] if arguments[:1] == ["--config"] else arguments
    return words[0] if words and not words[0].startswith("-") else None


def config_first(arguments: list[str]) -> list[str]:
    """Return the arguments with ``--config FILE`` moved before the command, wherever it was written."""
    moved: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
        elif argument == "--config":
            moved += [argument, *([value] if (value := next(remaining, None)) is not None else [])]
        elif argument.startswith("--config="):
            moved.append(argument)
        else:
            rest.append(argument)
    return moved + rest
