"""What commands say: to people as text and tables, to scripts as one JSON value; and how they end.

Exit codes: 0 all that was asked was done; 1 it could not be done, the reason is on standard error; 2 the command was
written wrongly; 3 done in part (some lines refused, some recipients unknown).
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kit.errors import ByleaveError

DONE_IN_PART = 3

WIDTH_OF_FILES = 140  # columns of a table where no terminal says how wide it is

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say_json(value: Any) -> None:
    """Print one JSON value on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def fail(message: str) -> NoReturn:
    """Say what is wrong and what to do on standard error, and end with 1."""
    err.print(f"byleave: {message}", style="red", markup=False)
    raise typer.Exit(1)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn our own errors into a line for people; anything else is a fault of ours and shows its trace."""
    try:
        yield
    except ByleaveError as error:
        fail(error.public)


@contextmanager
def progress(*, shown: bool) -> Iterator[Progress]:
    """Give a progress bar on standard error; nothing where nobody looks."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=err, disable=not (shown and err.is_terminal), transient=False,
    ) as bar:  # fmt: skip
        yield bar
