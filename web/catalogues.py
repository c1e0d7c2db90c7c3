"""The words of the pages, one file a language: ``templates/web/texts/<language>.toml``.

A translator needs no code: ``[page]`` and ``key = "text with {place}"``. A key that a language lacks is taken from
English, so that a half-finished translation shows a page all the same; a test names each one. Nothing is escaped
here: :mod:`web.pages` does that.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from kit.errors import InvalidSettings
from web.languages import plural

TEXTS = Path(__file__).resolve().parents[1] / "templates" / "web" / "texts"
FALLBACK = "en"

Text = str | Mapping[str, str]


class Catalogue:
    """All texts of one language, those that are missing in the words of another."""

    def __init__(self, language: str, texts: Mapping[str, Text], months: tuple[str, ...]) -> None:
        """Take the texts by ``page.key``."""
        self.language = language
        self.months = months
        self.direction = str(texts["common.direction"])
        self.name = str(texts["common.language_name"])
        self._texts = dict(texts)
        #: the texts without places, as they are shown; a page has dozens of them
        self.plain = {key: text for key, text in texts.items() if isinstance(text, str) and "{" not in text}

    def template(self, key: str, number: object = None) -> str:
        """Return a text with its places still open; of several forms the one for the number."""
        text = self._texts[key]
        if isinstance(text, str):
            return text
        if not isinstance(number, int):
            raise KeyError(f"the text '{key}' is chosen by a number n")
        return text.get(plural(self.language, number), text["other"])

    def text(self, key: str, **values: object) -> str:
        """Return a text with its places filled in. An unknown key is a mistake of ours, and raises."""
        if not values:
            return self.plain.get(key) or self.template(key)
        return self.template(key, values.get("n")).format_map(values)

    def day(self, day: date) -> str:
        """Return a date as people of this language write it."""
        return self.text("common.date", day=day.day, month=self.months[day.month - 1], year=day.year)


def load(folder: Path = TEXTS, *, fallback: str = FALLBACK) -> dict[str, Catalogue]:
    """Return the catalogues of all languages that have a file; raises :class:`InvalidSettings` where one is no TOML."""
    raw = {path.stem: read(path) for path in sorted(folder.glob("*.toml"))}
    if fallback not in raw:
        raise InvalidSettings(f"the texts of the pages in '{fallback}' are missing in {folder}")
    spoken = raw[fallback]
    return {
        language: Catalogue(language, spoken.texts | texts.texts, texts.months or spoken.months)
        for language, texts in raw.items()
    }


class Texts:
    """What stands in one file."""

    def __init__(self, texts: dict[str, Text], months: tuple[str, ...]) -> None:
        """Take what was read."""
        self.texts = texts
        self.months = months


def read(path: Path) -> Texts:
    """Read one file as it is, without any fallback."""
    try:
        pages = tomllib.loads(path.read_text("utf-8"))
        months = tuple(pages.get("common", {}).pop("months", ()))
        texts: dict[str, Text] = {f"{page}.{key}": text for page, keys in pages.items() for key, text in keys.items()}
    except (OSError, ValueError, AttributeError) as cause:
        raise InvalidSettings(f"the texts of the pages in '{path.stem}' can't be read: {cause}") from cause
    return Texts(texts, months)
