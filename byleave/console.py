"""What commands say: to people as text and tables, to scripts as one JSON value; and how they end.

Exit codes: 0 all that was asked was done; 1 it could not be done, the reason is on standard error; 2 the command was
written wrongly; 3 done in part (some lines refused, some recipients unknown).

Whatever is said may hold words of strangers: nothing of it steers the terminal or turns its text round.
"""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from kit.errors import ByleaveError

DONE_IN_PART = 3

WIDTH_OF_FILES = 140  # columns of a table where no terminal says how wide it is

#: C0 but tab and line feed, DEL, C1, line separators, direction controls, what hides, half characters
_HARMFUL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)


def harmless(words: str) -> str:
    """Return a text with a mark for each letter that would steer a terminal or is there to deceive."""
    return _HARMFUL.sub("\ufffd", words)


class Harmless(Console):
    """A console on which each plain text comes out harmless, and colons make no pictures."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text as it is shown."""
        return super().render_str(harmless(text), **{**options, "emoji": False})


out = Harmless(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
err = Harmless(stderr=True, highlight=False, soft_wrap=True)


def say_json(value: Any) -> None:
    """Print one JSON value on standard output: letters as they are, what is harmful as its number."""
    said = json.dumps(value, ensure_ascii=False, default=str)
    sys.stdout.write(_HARMFUL.sub(lambda hit: json.dumps(hit.group())[1:-1], said) + "\n")


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
