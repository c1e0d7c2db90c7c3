"""Brings every spelling of a word to one form: case, width, accents, Arabic and Serbian letter variants. Pure.

The folded form is for comparing only, never for showing. It loses accents on purpose (people type "desinscrire" on a
phone), and it is the same for the lexicon and for the mail, so what it loses is lost on both sides.
"""

import re
import unicodedata

_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0640\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_LETTERS = str.maketrans(
    {
        "ł": "l",
        "đ": "d",
        "ø": "o",
        "æ": "ae",
        "œ": "oe",
        "ı": "i",
        "ð": "d",
        "þ": "th",
        "ħ": "h",
        "ى": "ي",
        "ی": "ي",
        "ې": "ي",
        "ے": "ي",
        "ک": "ك",
        "ۀ": "ه",
        "ة": "ه",
        "ہ": "ه",
        "ھ": "ه",
        "ە": "ه",
        "أ": "ا",
        "إ": "ا",
        "آ": "ا",
        "ٱ": "ا",
        "’": "'",
        "‘": "'",
        "`": "'",
        "´": "'",
        "ʼ": "'",
    }
)
_SERBIAN = str.maketrans(
    dict(
        zip(
            "абвгдђежзијклљмнњопрстћуфхцчџш",
            [
                "a",
                "b",
                "v",
                "g",
                "d",
                "d",
                "e",
                "z",
                "z",
                "i",
                "j",
                "k",
                "l",
                "lj",
                "m",
                "n",
                "nj",
                "o",
                "p",
                "r",
                "s",
                "t",
                "c",
                "u",
                "f",
                "h",
                "c",
                "c",
                "dz",
                "s",
            ],
            strict=True,
        )
    )
)
_ONLY_SERBIAN = re.compile("[јљњђћџ]")
_RU = {
    "а": "a",
    "б": "b",
    "в": "v",
    "г": "g",
    "д": "d",
    "е": "e",
    "ж": "zh",
    "з": "z",
    "и": "i",
    "к": "k",
    "л": "l",
    "м": "m",
    "н": "n",
    "о": "o",
    "п": "p",
    "р": "r",
    "с": "s",
    "т": "t",
    "у": "u",
    "ф": "f",
    "х": "h",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "sch",
    "ъ": "",
    "ы": "y",
    "ь": "",
    "э": "e",
    "ю": "yu",
    "я": "ya",
    "і": "i",
    "є": "ie",
    "ґ": "g",
    "ў": "u",
}
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψωσ",
        [
            "a",
            "v",
            "g",
            "d",
            "e",
            "z",
            "i",
            "th",
            "i",
            "k",
            "l",
            "m",
            "n",
            "x",
            "o",
            "p",
            "r",
            "s",
            "t",
            "i",
            "f",
            "x",
            "ps",
            "o",
            "s",
        ],
        strict=True,
    )
)


def fold(text: str) -> str:
    """Return the text in the form in which two spellings of a word compare equal. Linear in its length."""
    if text.isascii():
        return text.lower()
    text = _MARKS.sub("", unicodedata.normalize("NFKD", text).casefold())
    text = unicodedata.normalize("NFC", text).translate(_LETTERS)
    return text.translate(_SERBIAN) if _ONLY_SERBIAN.search(text) else text


def romanised(folded: str) -> tuple[str, ...]:
    """Return how a folded Cyrillic or Greek word is typed in Latin letters, where the right keyboard lacks."""
    if any("а" <= c <= "ґ" for c in folded):
        plain = "".join(_RU.get(c, c) for c in folded)
        other = plain.replace("sch", "sht").replace("ts", "c").replace("y", "i")
        return tuple(sorted({plain, plain.replace("ya", "ia"), other}))
    if any("α" <= c <= "ω" for c in folded):
        plain = "".join(_GREEK.get(c, c) for c in folded)
        return tuple(sorted({plain, plain.replace("x", "h").replace("ou", "u"), plain.replace("v", "b")}))
    return ()
