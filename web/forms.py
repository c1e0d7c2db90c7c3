"""What a person wrote into a form: read with bounds, checked field by field, shown again beside what is wrong.

A door reads each field by :meth:`Form.one` or :meth:`Form.many`, calls :meth:`Form.refuse` for what it can't take, and
shows the page again with status 422 while :attr:`Form.errors` is not empty. Values are kept, except where a page says
otherwise.
"""

import unicodedata
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

MOST_FIELDS = 50
MOST_CHARACTERS = 200  # of one line, where the page names no other bound

Fields = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a field: the key of a text, and what fills its places."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


class Form:
    """The fields of one form, with what is wrong about them. Templates show it by the macros of ``parts.html``."""

    def __init__(self, fields: Fields | None = None) -> None:
        """Take what came; None is a body that is too large, cut off, or no form at all."""
        self.is_whole = fields is not None
        self.errors: dict[str, Wrong] = {}
        self._fields = dict(fields or {})

    @classmethod
    def starting(cls, **values: str | list[str]) -> "Form":
        """Return a form for GET with what is known already."""
        return cls({name: [value] if isinstance(value, str) else value for name, value in values.items()})

    def beside(self, **values: str | list[str]) -> "Form":
        """Return the form with what is known in the fields of the other forms of its page, which were not sent."""
        made = Form(Form.starting(**values)._fields | self._fields)
        made.errors = self.errors
        return made

    def one(self, name: str, *, most: int = MOST_CHARACTERS, required: bool = False) -> str:
        """Return one line as it was meant: trimmed, composed (NFC), without control characters; refuse a longer one."""
        written = self._fields.get(name, [""])[0]
        text = unicodedata.normalize("NFC", "".join(char if char.isprintable() else " " for char in written)).strip()
        if len(text) > most:
            self.refuse(name, "errors.too_long", n=most)
            return ""
        if required and not text:
            self.refuse(name, "errors.missing")
        return text

    def lines(self, name: str, *, most: int) -> str:
        """Return several lines, each as :meth:`one` would, without blank ones; refuse more characters."""
        written = self._fields.get(name, [""])[0].splitlines()
        rows = ("".join(char if char.isprintable() else " " for char in row).strip() for row in written)
        text = unicodedata.normalize("NFC", "\n".join(row for row in rows if row))
        if len(text) > most:
            self.refuse(name, "errors.too_long", n=most)
            return ""
        return text

    def many(self, name: str) -> tuple[str, ...]:
        """Return all values of a field, such as boxes that were ticked."""
        return tuple(self._fields.get(name, ()))

    def choice(self, name: str, choices: Mapping[str, object]) -> str:
        """Return one of several values, or refuse what is none of them."""
        value = self.one(name)
        if value not in choices:
            self.refuse(name, "errors.choice")
            return ""
        return value

    def refuse(self, name: str, key: str, **values: object) -> None:
        """Say by the key of a text what is wrong with a field; the first thing said about it stands."""
        self.errors.setdefault(name, Wrong(key, values))

    def value(self, name: str) -> str:
        """Return what to show in a field again: bounded, and without what no page may hold, such as NUL."""
        written = self._fields.get(name, [""])[0][: 2 * MOST_CHARACTERS]
        return "".join(char if char.isprintable() or char == "\n" else " " for char in written)

    def has(self, name: str, value: str) -> bool:
        """Whether a box or choice is to be shown as taken."""
        return value in self._fields.get(name, ())

    def is_exactly(self, **fields: str) -> bool:
        """Whether the form holds these fields, each once, and nothing else."""
        return self._fields == {name: [value] for name, value in fields.items()}


async def parse(headers: Headers, body: bytes) -> Fields | None:
    """Return the fields of a body, or None for what is no form of ours.

    RFC 8058 3.1 wants both encodings: ``multipart/form-data`` and ``application/x-www-form-urlencoded``.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _urlencoded(body)
    if kind == "multipart/form-data":
        return await _multipart(headers, body)
    return None


def _urlencoded(body: bytes) -> Fields | None:
    try:
        return parse_qs(
            body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=MOST_FIELDS,
            errors="strict",
        )  # fmt: skip
    except ValueError:  # no UTF-8, no pairs, or too many of them
        return None


async def _multipart(headers: Headers, body: bytes) -> Fields | None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(headers, pieces(), max_files=0, max_fields=MOST_FIELDS).parse()
    except (MultiPartException, KeyError, ValueError):
        return None
    fields: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        fields.setdefault(name, []).append(str(value))
    return fields
