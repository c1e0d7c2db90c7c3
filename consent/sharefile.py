"""The file that a partner gets: the fields it may have, and cells that no program takes for a formula. Pure.

The fields are a list of what may ever be shared (P10). Telephone, postal address, birth date, attributes and purchases
are not on it, whatever anybody agreed to.
"""

import csv
import enum
import io
import re
from collections.abc import Sequence

from consent.model import Subscriber

#: what spreadsheets begin a formula with, also in full width, and also behind blanks
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20|%]")
#: steers a terminal or turns the text round; a field of one line needs none of it
_HARMFUL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)
MOST_CHARACTERS = 320  # in a cell; the longest address, and more than any name that is kept


class Field(enum.StrEnum):
    """What may be shared of a person, beside the number by which the partner is told of a withdrawal."""

    EMAIL = "email"
    NAME = "name"
    LANGUAGE = "language"
    COUNTRY = "country"


def header(fields: Sequence[Field]) -> bytes:
    """Return the first line: the number, then the fields in the order in which they were asked for."""
    return _line(["number", *(field.value for field in fields)])


def line(person: Subscriber, fields: Sequence[Field]) -> bytes | None:
    """Return the line of a person; None for an address that can't stand in a table unaltered.

    An address with a mark before it would be the address of somebody else, and so its owner is left out.
    """
    if person.address is None:
        return None
    email = str(person.address)
    if Field.EMAIL in fields and neutral(email) != email:
        return None
    values = {
        Field.EMAIL: email, Field.NAME: person.name, Field.LANGUAGE: person.language, Field.COUNTRY: person.country,
    }  # fmt: skip
    return _line([str(int(person.id)), *(neutral(values[field]) for field in fields)])


def neutral(cell: str) -> str:
    """Return the text of a cell on one line, with an apostrophe before what a spreadsheet would calculate."""
    plain = _HARMFUL.sub(" ", cell[:MOST_CHARACTERS])
    return f"'{plain}" if _FORMULA.match(plain) else plain


def _line(cells: list[str]) -> bytes:
    made = io.StringIO()
    csv.writer(made, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(cells)  # RFC 4180 2.1, 2.5
    return made.getvalue().encode()
