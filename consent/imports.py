"""Reading a file of subscribers: every line becomes a profile or a refusal with its reason. Pure.

The whole file is read before anything is written. One line with what looks like a card number refuses the file: data
like that must not lie about in it (P14).
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from consent.age import age_band, is_plausible
from consent.cards import carries_card_number
from consent.model import AgeBand
from consent.subscribers import Profile
from kit.addresses import try_address
from kit.errors import Permanent

KNOWN_COLUMNS = ("email", "name", "language", "time_zone", "country", "phone", "birth_date")
MOST_COLUMNS = 100  # a file with more is no list of people
MOST_FIELD_CHARACTERS = 10_000  # bounds a field whose closing quote is missing
LONGEST_PHONE = 13  # digits
MOST_OCTETS = 1_073_741_824  # one GiB; split larger files

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}\Z")  # BCP 47, as far as needed
_COUNTRY = re.compile(r"[A-Za-z]{2}\Z")  # ISO 3166-1 alpha-2
_PHONE = re.compile(r"[+0-9 ()./\-]{3,40}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_DATES = (
    (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})\Z"), (0, 1, 2)),
    (re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})\Z"), (2, 1, 0)),
)


#: what csv.reader returns; the library names it only for type checkers
CsvReader = Any


class ImportRefused(Permanent):
    """The file can't be imported."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that can be imported, or one that can't: then ``refusal`` says why."""

    number: int  # as an editor counts, the header being 1
    profile: Profile | None
    refusal: str = ""


def read_lines(content: bytes, *, over_13: bool, today: date) -> Iterator[Line]:
    """Yield each line of a CSV file (UTF-8, with or without BOM; ``,`` or ``;``) as a profile or a refusal.

    Raises :class:`ImportRefused` for a file that can't be a list of subscribers, or that carries a card number.
    """
    text = _decode(content)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    csv.field_size_limit(MOST_FIELD_CHARACTERS)
    columns = _columns(_next(reader))
    seen: set[str] = set()
    while (row := _next(reader)) is not None:
        number = reader.line_num
        if not any(field.strip() for field in row):
            continue
        if carries_card_number("\n".join(_not_phones(row, columns))):
            raise ImportRefused(
                f"line {number} carries what looks like a card number; nothing was imported. "
                "Remove card data from the file (P14) and import it again."
            )
        line = _line(number, row, columns, over_13=over_13, today=today)
        if line.profile is not None and line.profile.address.key in seen:
            line = Line(number, None, "the address stands in the file twice; the first line counts")
        if line.profile is not None:
            seen.add(line.profile.address.key)
        yield line


def _decode(content: bytes) -> str:
    if len(content) > MOST_OCTETS:
        raise ImportRefused("the file is larger than 1 GiB; split it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise ImportRefused(
            f"the file is not UTF-8 (octet {cause.start}); save it as CSV with the encoding UTF-8"
        ) from cause
    if "\x00" in text:
        raise ImportRefused("the file is no text (it holds NUL); save it as CSV with the encoding UTF-8")
    return text


def _delimiter(text: str) -> str:
    header = text.lstrip("\r\n").split("\n", 1)[0]
    return ";" if header.count(";") > header.count(",") else ","


def _next(reader: CsvReader) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as cause:
        raise ImportRefused(f"line {reader.line_num} is broken CSV: {cause}") from cause


def _columns(header: list[str] | None) -> list[str]:
    names = [re.sub(r"[\s\-]+", "_", name.strip().lower()) for name in header or ()]
    if "email" not in names:
        raise ImportRefused("the first line must name the columns, one of them 'email'")
    if len(names) > MOST_COLUMNS:
        raise ImportRefused(f"the file has more than {MOST_COLUMNS} columns")
    twice = {name for name in names if name and names.count(name) > 1}
    if twice:
        raise ImportRefused(f"the column '{min(twice)}' is named twice")
    return names


def _not_phones(row: list[str], columns: list[str]) -> list[str]:
    """Leave out telephone numbers of up to 13 digits: one in ten of them passes Luhn's check by chance."""
    phone = columns.index("phone") if "phone" in columns else -1
    return [f for place, f in enumerate(row) if place != phone or sum(map(str.isdigit, f)) > LONGEST_PHONE]


def _line(number: int, row: list[str], columns: list[str], *, over_13: bool, today: date) -> Line:
    if len(row) > len(columns):
        return Line(number, None, f"there are {len(row)} fields for {len(columns)} columns")
    fields = {name: _clean(value) for name, value in zip(columns, row, strict=False) if name}
    given = fields.get("email", "")
    if not given:
        return Line(number, None, "there is no address")
    address = try_address(given)
    if address is None:
        return Line(number, None, "the address is not one that mail can be sent to")
    birth_date = None
    if fields.get("birth_date"):
        birth_date = _date(fields["birth_date"])
        if birth_date is None or not is_plausible(birth_date, today):
            return Line(number, None, "the date of birth is not a date; write it like 1990-12-31")
    band = age_band(birth_date, stated_over_13=over_13, today=today)
    if band is AgeBand.UNDER_13:
        return Line(number, None, "the person is under 13; only a guardian can sign them up (P8)")
    return _checked(number, Profile(
        address=address, name=fields.get("name", "")[:200], language=fields.get("language", ""),
        time_zone=fields.get("time_zone", ""), country=fields.get("country", "").upper(),
        phone=fields.get("phone", ""), birth_date=birth_date, age_band=band,
        attributes={name: value for name, value in fields.items() if name not in KNOWN_COLUMNS and value},
    ))  # fmt: skip


def _checked(number: int, profile: Profile) -> Line:
    if profile.language and not _LANGUAGE.match(profile.language):
        return Line(number, None, "the language is not a code like en or pt-BR")
    if profile.country and not _COUNTRY.match(profile.country):
        return Line(number, None, "the country is not a code of two letters, like DE")
    if profile.phone and not _PHONE.match(profile.phone):
        return Line(number, None, "the telephone number holds something else than digits, spaces and + ( ) . / -")
    if profile.time_zone and not _is_zone(profile.time_zone):
        return Line(number, None, "the time zone is not one like Europe/Berlin")
    return Line(number, profile)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return False
    return True


def _date(text: str) -> date | None:
    for pattern, (year, month, day) in _DATES:
        found = pattern.match(text)
        if found:
            try:
                return date(int(found.group(year + 1)), int(found.group(month + 1)), int(found.group(day + 1)))
            except ValueError:
                return None
    return None


def _clean(value: str) -> str:
    return _CONTROL.sub(" ", value).strip()
