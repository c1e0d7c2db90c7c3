"""Logging as events: a noun, a verb in the past, and ids. Never an address, never a letter.

Control characters of whatever came from outside are escaped by the JSON and by the text renderer, so that nobody can
write a line of our log for us.
"""

import contextlib
import io
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO, cast

import structlog

#: C0, DEL, C1, line separators, direction controls, and half characters, which no stream can write
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_TRACE_MARGIN = "    "  # no line of a trace begins as an event does


def configure_logging(level: str = "info", form: Literal["auto", "json", "text"] = "auto") -> None:
    """Set up logging to standard error, once, at the start of a process."""
    # what libraries write by themselves may carry an address or a piece of a letter
    logging.getLogger().addHandler(logging.NullHandler())
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=True)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _escape,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=cast("TextIO", _Patient(sys.stderr))),
        cache_logger_on_first_use=False,
    )


class _Patient(io.TextIOBase):
    """Writes to a stream; what can't be written (a full disk, a pipe that nobody reads) is lost and harms nobody.

    An event is often told of while some other trouble is dealt with, and must not end that.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def logger(name: str) -> Any:
    """Return the logger of a room, e.g. ``logger("inbound.smtp")``."""
    return structlog.get_logger(room=name)


def _escape(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and key == "exception":
            event[key] = "\n".join(_TRACE_MARGIN + _escaped(line) for line in value.split("\n"))
        elif isinstance(value, str):
            event[key] = _escaped(value)
    return event


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda hit: f"\\u{ord(hit.group()):04x}", text)
