"""The words of 45 languages as data: which wordings mean leaving, keeping, an order, a seat, a topic.

One TOML file a language. A key names a *concept* (listed in :data:`CONCEPTS`), its value holds entries parted by
commas:

``word``      that word alone             ``stem*``    a word that begins so
``*part*``    a word that holds it         ``a b c``    words in a row, each with or without ``*``
``a _ b``     one to three words between

Chinese, Japanese and Thai have no spaces: there an entry is any run of characters. Entries are folded, so accents and
case do not matter; Cyrillic and Greek ones also match as people type them in Latin letters; Arabic and Hebrew ones also
with "the", "and", "in", "to" written on to them; Korean ones whatever the gaps. ``words`` holds the little words by
which a language is known. This package finds wordings; what they mean together is decided in :mod:`inbound.intent`.
"""

import tomllib
from functools import cache
from importlib import resources
from typing import Final

CONCEPTS: Final = {
    "unsub": "asks to leave",
    "sub": "asks to join",
    "stop": "stop",
    "cancel": "cancel",
    "remove": "remove",
    "send": "writing or sending",
    "recv": "receiving",
    "nowant": "does not want",
    "no": "a negation",
    "more": "any more",
    "mail": "mail",
    "ad": "advertising",
    "list": "a list",
    "address": "an address",
    "me": "oneself",
    "all": "everything",
    "except": "an exception",
    "only": "only",
    "rest": "the rest",
    "keep": "keeping",
    "if": "a condition",
    "how": "a question word",
    "order": "an order or payment",
    "seat": "a booking",
    "account": "an account",
    "paid": "a paid subscription",
    "tech": "course material",
    "pause": "a pause",
    "fewer": "fewer mails",
    "third": "somebody else",
    "left": "has left the company",
    "career": "has another life now",
    "dead": "a death",
    "wrong": "the wrong person",
    "legal": "a legal objection",
    "access": "a request for information",
    "retract": "takes something back",
    "mistake": "a mistake",
    "ooo": "an automatic answer",
    "thanks": "thanks",
    "praise": "praise",
    "nointerest": "no interest",
    "enough": "has had enough",
    "threat": "a threat",
    "please": "a request",
    "again": "again",
    "language": "a language",
    "change": "a change of details",
    "broken": "something broken",
    "deals": "discounts",
    "courses": "courses",
    "events": "events",
    "newsletter": "the newsletter",
    "partners": "advertisers",
    "words": "little words",
}
TOPIC_CONCEPTS: Final = ("deals", "courses", "events", "newsletter", "partners")

#: little words that these languages write on to the next word: "the", "and", "in", "to", "from", "that"
_PREFIXES: Final = {
    "ar": ("و", "ف", "ب", "ل", "ال", "وال", "بال", "لل", "فال"),
    "he": ("ה", "ו", "ב", "ל", "מ", "ש", "וה", "מה", "שה", "ול", "וב"),
}
_SHORTEST_STEM: Final = 3  # letters; a shorter stem with a prefix is some other word too often


def _forms(language: str, entry: str) -> tuple[str, ...]:
    """Return an entry as its language writes it: Korean without its gaps, Arabic and Hebrew with what is prefixed."""
    if language == "ko" and not entry.isascii():
        return (entry.replace(" ", ""),)
    head = entry.split(" ", maxsplit=1)[0].rstrip("*")
    if entry.isascii() or entry.startswith("*") or len(head) < _SHORTEST_STEM:
        return (entry,)
    return (entry, *(prefix + entry for prefix in _PREFIXES.get(language, ())))


@cache
def load() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return language -> concept -> entries as written, read once. An unknown concept is an error that names it."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for file in sorted(resources.files(__package__).iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".toml"):
            continue
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        unknown = set(table) - set(CONCEPTS)
        if unknown:
            raise ValueError(f"{file.name}: unknown concepts {', '.join(sorted(unknown))}")
        found[file.name.removesuffix(".toml")] = {
            concept: tuple(
                form
                for entry in entries.replace("\n", " ").split(",")
                if entry.strip()
                for form in _forms(file.name.removesuffix(".toml"), entry.strip())
            )
            for concept, entries in table.items()
        }
    return found
