"""The command line: ``byleave COMMAND``. Each command reads the settings, opens what it needs, and says what it did.

``--config FILE`` may stand before or after the command.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from byleave import console, demo, operating, people, promotions, understanding
from kit.config import load_settings
from kit.log import configure_logging

app = typer.Typer(
    help="Promotions by your leave, and a way out by reply.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(operating.init)
app.command()(operating.run)
app.command()(demo.demo)
app.command()(operating.doctor)
app.command()(understanding.understand)
app.add_typer(people.app, name="subscribers")
app.add_typer(promotions.app, name="campaign")
app.add_typer(operating.keys_app, name="keys")


@app.callback()
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
    sys.argv[1:] = config_first(sys.argv[1:])
    try:
        app()
    except Exception as error:
        if os.environ.get("BYLEAVE_TRACE"):
            raise
        first_line = str(error).partition("\n")[0]
        console.err.print(f"byleave: {type(error).__name__}: {first_line}", style="red", markup=False)
        console.err.print("this is a fault of the program or of what it runs on; BYLEAVE_TRACE=1 shows where")
        sys.exit(1)


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
