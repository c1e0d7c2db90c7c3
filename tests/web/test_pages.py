"""Rendering: languages, directions, escaping, and the policy notice that no page which asks can do without (P7)."""

import re

import pytest
from jinja2 import DictLoader, FileSystemLoader

from kit.errors import InvalidSettings
from mailer.tokens import Purpose as For
from tests.web.shop import Shop, pages_of_a_shop
from web.catalogues import TEXTS
from web.forms import Form
from web.pages import STYLE, STYLE_PATH, TEMPLATES, Pages, PolicyNoticeMissing

LANGUAGES = sorted(path.stem for path in TEXTS.glob("*.toml"))
ASKING = """{% from "parts.html" import field, policy_notice %}
<form method="post">{{ field(form, "name", "Name", "As on letters") }}NOTICE</form>"""


@pytest.fixture
def pages() -> Pages:
    """The shop's pages, with two of the test's own that ask for a name."""
    made = pages_of_a_shop()
    own = {
        "asking.html": ASKING.replace("NOTICE", "{{ policy_notice() }}"),
        "silent.html": ASKING.replace("NOTICE", ""),
    }
    parts = {name: (TEMPLATES / name).read_text("utf-8") for name in ("parts.html", "base.html", "help.html")}
    for language in LANGUAGES:
        made.compiled(language, "help.html").environment.loader = DictLoader(own | parts)
    return made


def test_a_page_that_asks_shows_policy_wording_and_version(pages: Pages) -> None:
    """P7: the link, what it is used for, and the version that goes back with the form."""
    text = bytes(pages.page("asking.html", {"form": Form()}, asks=True).body).decode()

    assert '<a href="https://shop.example/privacy">Privacy policy</a>' in text
    assert 'name="policy_version" value="2026-11-01"' in text


@pytest.mark.parametrize(("template", "asks"), [("silent.html", True), ("silent.html", False), ("asking.html", False)])
def test_a_page_that_asks_without_notice_or_word_cannot_be_served(pages: Pages, template: str, *, asks: bool) -> None:
    """P7: "a form without it cannot be published"."""
    with pytest.raises(PolicyNoticeMissing):
        pages.page(template, {"form": Form()}, asks=asks)


def test_an_error_stands_beside_its_field_and_belongs_to_it(pages: Pages) -> None:
    """WCAG 1.3.1, 3.3.1, 3.3.3: tied by aria-describedby, and the value is kept, escaped."""
    form = Form({"name": ['"><script>']})
    form.refuse("name", "errors.too_long", n=2)

    text = bytes(pages.page("asking.html", {"form": form}, asks=True, language="de").body).decode()

    assert 'aria-describedby="name-error name-hint" aria-invalid="true"' in text
    assert '<p class="error" id="name-error">Bitte schreiben Sie höchstens 2 Zeichen.</p>' in text
    assert 'value="&#34;&gt;&lt;script&gt;"' in text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_language_is_spoken_in_its_direction(shop: Shop, language: str) -> None:
    """``lang`` and ``dir`` stand on the page, and a link leads to each other language."""
    page = (await shop.client.get("/help", headers={"accept-language": language})).text

    assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in page
    assert all(f'href="?lang={other}"' in page for other in LANGUAGES)
    assert (await shop.client.get(f"/help?lang={language}")).text == page


async def test_who_is_known_is_spoken_to_in_their_language(shop: Shop) -> None:
    """The browser may be a friend's; then no switch is offered, for the choice is on the preference page."""
    await shop.prefers("ja")
    page = (await shop.client.get(shop.url(For.PREFERENCES), headers={"accept-language": "de"})).text

    assert '<html lang="ja"' in page
    assert "?lang=" not in page


async def test_what_is_filled_in_is_escaped_and_set_apart(shop: Shop) -> None:
    """Names of topics are text; in a text of the other direction they keep their own."""
    page = (await shop.client.get(shop.url(For.ONE_CLICK) + "?lang=ar")).text

    assert "<b><bdi>a…@example.org</bdi></b>" in page


async def test_the_style_is_kept_by_its_content(shop: Shop) -> None:
    """A new content is a new address; the page names the present one."""
    answer = await shop.client.get(STYLE_PATH)

    assert answer.content == STYLE
    assert "immutable" in answer.headers["cache-control"]
    assert f'href="{STYLE_PATH}"' in (await shop.client.get("/help")).text
    assert (await shop.client.get("/style.0000000000000000.css")).status_code == 404


def test_style_and_templates_hold_nothing_foreign_no_script_and_no_side() -> None:
    """P13; and left and right are told by the direction of writing alone."""
    sheet = STYLE.decode()
    assert not re.search(r"url\(|@import|\b(?:left|right)\b", sheet)
    for template in TEMPLATES.glob("*.html"):
        text = template.read_text("utf-8")
        assert not re.search(r"<script|\bon[a-z]+=|style=|https?:|<img|<iframe", text), template.name


def test_a_default_language_without_texts_is_refused() -> None:
    """A slip in the settings is named at the start."""
    with pytest.raises(InvalidSettings, match=r"web\.language"):
        Pages(company="S", policy_url="https://x", customer_service="s@x", policy_version="1", language="tlh")


def test_templates_are_compiled_before_anybody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first visitor of a language would wait for it, and all who come meanwhile."""
    pages = Pages(company="S", policy_url="https://x", customer_service="s@x", policy_version="1")

    def read(*_: object) -> None:
        pytest.fail("a template was read late")

    monkeypatch.setattr(FileSystemLoader, "get_source", read)

    for language in pages.catalogues:
        assert pages.compiled(language, "preferences.html").name == "preferences.html"
