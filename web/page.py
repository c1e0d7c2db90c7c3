"""How a page is declared: its path, what shows it, what acts, whose link opens it, and whether it asks for data.

Each module of pages ends with its ``PAGES``; :mod:`web.site` serves what stands there and nothing else. docs/pages.md
shows how to add one.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from mailer.tokens import Purpose

if TYPE_CHECKING:
    from web.visit import Visit

Handler = Callable[["Visit"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page. GET and HEAD call ``show`` and change nothing; POST calls ``act`` and never redirects."""

    path: str
    show: Handler
    act: Handler | None = None
    #: the token in ``{token}`` of the path must be genuine and made for this, else the handlers are never called
    purpose: Purpose | None = None
    #: whether it asks for personal data; only then it can show fields, and never without the policy notice (P7)
    asks: bool = False
