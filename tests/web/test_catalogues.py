"""The words of the pages: whole in each language, with the same places, and in the right number."""

import re
import string
from datetime import date
from pathlib import Path

import pytest

from kit.errors import InvalidSettings
from web import catalogues
from web.catalogues import FALLBACK, TEXTS, Text
from web.languages import categories

LANGUAGES = sorted(path.stem for path in TEXTS.glob("*.toml"))
ENGLISH = catalogues.read(TEXTS / "en.toml")
USED = re.compile(r"""(?:\bt|\brich|\.text|\brefuse)\(\s*(?:"[a-z_]+",\s*)?f?["']([a-z_]+\.[a-z_]+)["']""")
SOURCES = [*TEXTS.parent.glob("*.html"), *(Path(__file__).parents[2] / "web").rglob("*.py")]


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def forms(text: Text) -> dict[str, str]:
    return {"other": text} if isinstance(text, str) else dict(text)


def test_there_are_the_six_languages() -> None:
    """One of them is written from right to left."""
    assert {"en", "de", "fr", "es", "ja", "ar"} <= set(LANGUAGES)
    assert catalogues.load()["ar"].direction == "rtl"


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_each_text_and_no_other(language: str) -> None:
    """A key that is missing is shown in English, and named here."""
    assert set(catalogues.read(TEXTS / f"{language}.toml").texts) == set(ENGLISH.texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_text_keeps_its_places(language: str) -> None:
    """A translation that drops an address, or names a place that nobody fills, is found here."""
    texts = catalogues.read(TEXTS / f"{language}.toml").texts
    wrong = [
        key
        for key, text in texts.items()
        if places(forms(text)["other"]) != places(forms(ENGLISH.texts[key])["other"])
        or any(not places(form) <= places(forms(text)["other"]) for form in forms(text).values())
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_text_that_counts_has_all_forms_of_the_language(language: str) -> None:
    """Arabic has six, Japanese one; what counts in English counts everywhere."""
    texts = catalogues.read(TEXTS / f"{language}.toml").texts
    counting = {key for key, text in ENGLISH.texts.items() if not isinstance(text, str)}

    assert {key for key, text in texts.items() if not isinstance(text, str)} == counting
    assert [key for key in counting if set(texts[key]) != categories(language)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_holds_markup(language: str) -> None:
    """Markup belongs to templates; an escaped tag on a page is a slip of the translator."""
    texts = catalogues.read(TEXTS / f"{language}.toml").texts
    wrong = [key for key, text in texts.items() for form in forms(text).values() if not form or re.search("[<>]", form)]
    assert [key for key in wrong if key != "common.list_comma"] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_dates_are_written_as_people_write_them(language: str) -> None:
    """Twelve months, and a date with day and year."""
    catalogue = catalogues.load()[language]
    days = {catalogue.day(date(2027, month, 9)) for month in range(1, 13)}

    assert len(days) == 12
    assert all("9" in day and "2027" in day for day in days)


def test_german_and_japanese_dates() -> None:
    """No American order anywhere."""
    known = catalogues.load()
    assert known["de"].day(date(2027, 3, 9)) == "9. März 2027"
    assert known["ja"].day(date(2027, 3, 9)) == "2027年3月9日"


def test_every_key_that_pages_use_exists() -> None:
    """Templates and modules name no text that nobody wrote."""
    used = {key for source in SOURCES for key in USED.findall(source.read_text("utf-8"))}

    assert len(used) > 40
    assert sorted(used - set(ENGLISH.texts)) == []


def test_a_missing_key_is_shown_in_english(tmp_path: Path) -> None:
    """A half-finished translation shows a page all the same."""
    (tmp_path / "en.toml").write_text((TEXTS / "en.toml").read_text("utf-8"), "utf-8")
    (tmp_path / "nl.toml").write_text(
        '[common]\nlanguage_name = "Nederlands"\ndirection = "ltr"\n[leave]\ntitle = "Uitschrijven"\n', "utf-8"
    )
    dutch = catalogues.load(tmp_path)["nl"]

    assert dutch.text("leave.title") == "Uitschrijven"
    assert dutch.text("leave.all_button") == "Stop all promotions"
    assert dutch.day(date(2027, 3, 9)) == "9 March 2027"


@pytest.mark.parametrize("content", ["no toml", "months = 3", "[common]\nx = \xff"], ids=["words", "bare", "bytes"])
def test_a_file_that_cannot_be_read_is_named_at_the_start(tmp_path: Path, content: str) -> None:
    """Better at the start than when somebody waits for a page."""
    (tmp_path / f"{FALLBACK}.toml").write_text(content, "latin-1")

    with pytest.raises(InvalidSettings, match="'en' can't be read"):
        catalogues.load(tmp_path)


def test_arabic_counts_by_its_own_rule() -> None:
    """CLDR: one, two, few, many, other."""
    arabic = catalogues.load()["ar"]
    assert arabic.text("preferences.pause_for", n=2) == "أسبوعان"
    assert arabic.text("preferences.pause_for", n=4) == "4 أسابيع"
    assert arabic.text("preferences.pause_for", n=12) == "12 أسبوعًا"
