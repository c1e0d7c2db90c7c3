"""Does a text carry what looks like a card number?  No card data is ever accepted (P14). Pure."""

import re

_RUN = re.compile(r"(?<![\d.,+])\d(?:[ \-]?\d){12,18}(?![\d])")
#: leading digits and lengths of the card schemes (ISO/IEC 7812 ranges in public use)
_SCHEMES = (
    (re.compile(r"4"), {13, 16, 19}),
    (re.compile(r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)"), {16}),
    (re.compile(r"3[47]"), {15}),
    (re.compile(r"3(?:0[0-5]|[689])"), {14, 16, 19}),
    (re.compile(r"6(?:011|4[4-9]|5)"), {16, 19}),
    (re.compile(r"35(?:2[89]|[3-8])"), {16, 17, 18, 19}),
    (re.compile(r"62"), {16, 17, 18, 19}),
    (re.compile(r"5[06-9]|6[37]"), {16, 18, 19}),
)


def carries_card_number(text: str) -> bool:
    """Whether a run of 13 to 19 digits, spaced or hyphenated or not, is of a card scheme and passes Luhn's check."""
    return any(_is_card(re.sub(r"[ \-]", "", run.group())) for run in _RUN.finditer(text))


def _is_card(digits: str) -> bool:
    if len(set(digits)) == 1 or not any(s.match(digits) and len(digits) in lengths for s, lengths in _SCHEMES):
        return False
    return luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, Annex B)."""
    total = 0
    for place, letter in enumerate(reversed(digits)):
        value = int(letter) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
