"""The values that reach a template, and what its filters make of them: plain copies, cleaned and bounded. Pure.

No object of ours ever stands behind a name of a template: text, numbers, yes and no, and in what the campaign file
gives also lists and tables of them. :mod:`mailer.compose` holds the fence itself.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import markupsafe

from mailer.alternatives import UnfitTemplate
from mailer.headers import one_line
from mailer.model import Plain

VALUE_CHARACTERS = 2_000  # of one value of a person
CAMPAIGN_VALUE_CHARACTERS = 100_000  # of one value of the campaign file: may be the whole text
LARGEST_NUMBER = 10**15  # of a product; keeps numbers from becoming a memory hog
STEP_CHARACTERS = 10_000  # of a text that is joined with another

#: What the campaign file can hand to its template.
CampaignValue = Plain | Sequence["CampaignValue"] | Mapping[str, "CampaignValue"]

#: breaks a line, turns it round or is no character at all
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def settled(source: str) -> str:
    """Return a template with LF line ends and without control characters."""
    return CONTROLS.sub("", source.replace("\r\n", "\n").replace("\r", "\n"))


def person_value(value: object) -> Plain:
    """Return a plain copy of one value of a person: one line, bounded."""
    if isinstance(value, str):
        return one_line(value[:VALUE_CHARACTERS])
    copied = plain(value, deep=0)
    assert isinstance(copied, int | float)  # noqa: S101  narrows for the type checker; plain gives nothing else here
    return copied


def plain(value: object, *, deep: int) -> Any:
    """Return a copy made of plain types and nothing else, or raise."""
    if isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= LARGEST_NUMBER else refuse("a number is too large")
    if isinstance(value, str):
        return settled(str(value)[:CAMPAIGN_VALUE_CHARACTERS])
    if deep and isinstance(value, Mapping):
        return {str(key): plain(inner, deep=deep - 1) for key, inner in value.items()}
    if deep and isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(inner, deep=deep - 1) for inner in value]
    return refuse("its values can only be texts, numbers, yes and no, lists and tables")


def rounded(number: Any, digits: int = 0) -> Any:
    """Round to a small number of digits: the original takes a power of ten of any size."""
    if not isinstance(number, int | float) or not isinstance(digits, int) or not 0 <= digits <= 10:
        refuse("only numbers can be rounded, to at most 10 digits")
    return round(number, digits) if digits else round(number)


def paragraphs(words: Any) -> markupsafe.Markup:
    """Return a text of several paragraphs as escaped HTML."""
    blocks = re.split(r"\n\s*\n", str(words).strip())
    lines = (markupsafe.Markup("<br>\n").join(block.split("\n")) for block in blocks)
    return markupsafe.Markup("\n").join(markupsafe.Markup("<p>{}</p>").format(line) for line in lines)


def short(words: Any) -> Any:
    """Return what is joined with another text, unless it is long; wrapped round each part by ``_compiled``."""
    if isinstance(words, str) and len(words) > STEP_CHARACTERS:
        refuse("a text that is joined with another is too long")
    return words


def refuse(why: str) -> NoReturn:
    """Raise :class:`UnfitTemplate`, saying what the template can't do."""
    raise UnfitTemplate(f"the template does what it can't: {why}")
