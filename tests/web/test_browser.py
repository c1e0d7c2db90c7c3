"""The pages as a person has them: a real browser, without scripts and cookies; and what axe-core finds with scripts."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page

from tests.web.browsing import chromium, come_to, doors, served
from tests.web.records import paths
from tests.web.shop import Shop
from tests.web.story import screens
from web.pages import STYLE_PATH
from web.site import site

pytestmark = pytest.mark.peer

#: WCAG 2.2: what axe knows of levels A and AA, and what it counts as good practice
RULES = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
TARGETS = "button, select, .choice, input:not([type=hidden], .choice input), footer a, .go a, .aside a"
TOO_SMALL = f"""() => [...document.querySelectorAll("{TARGETS}")]
  .filter(one => one.getBoundingClientRect().height < 44 && one.offsetParent).map(one => one.outerHTML)"""
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser of the test's own."""
    async with chromium() as started:
        yield started


@contextlib.asynccontextmanager
async def window(browser: Browser, **options: Any) -> AsyncIterator[tuple[BrowserContext, Page]]:
    context = await browser.new_context(**options)
    context.set_default_timeout(120_000)  # of a busy machine
    try:
        yield context, await context.new_page()
    finally:
        await context.close()


async def test_every_screen_is_whole_without_scripts_and_cookies(shop: Shop, browser: Browser, tmp_path: Path) -> None:
    """P13: each has its status, a heading and its style, asks nobody else for anything, and leaves no cookie."""
    asked: list[str] = []
    async with doors(shop, tmp_path) as bases, window(browser, java_script_enabled=False) as (context, page):
        page.on("request", lambda request: asked.append(request.url))
        async for screen in screens(shop):
            assert await come_to(page, screen, bases[screen.door], "en") == screen.status, screen.name
            assert await page.locator("h1").count() == 1, screen.name
            assert await page.locator("script").count() == 0, screen.name
        assert await context.cookies() == []
    ours = tuple(bases.values())
    assert {f"{base}{STYLE_PATH}" for base in ours} <= set(asked)
    assert [url for url in asked if not url.startswith(ours)] == []


async def test_leaving_is_one_press(shop: Shop, browser: Browser) -> None:
    """From the mail's link: open, press, out. And everything else with one more."""
    async with served(site(shop.house)) as base, window(browser, java_script_enabled=False) as (_, page):
        await page.goto(base + (await paths(shop))["/u/{token}"])
        await page.get_by_role("button", name="Stop mail about Deals").click()
        assert await page.get_by_role("status").inner_text() == "a…@example.org gets no more mail about Deals."
        assert await shop.granted() == ("events",)

        await page.get_by_role("button", name="Unsubscribe from everything else, too").click()
        assert await page.get_by_role("heading", level=1).inner_text() == "You are out of everything"
        assert await shop.granted() == ()


async def test_preferences_by_keyboard_and_press(shop: Shop, browser: Browser) -> None:
    """Choose, save, pause, end the pause, look at what we hold, come back, leave: no script anywhere."""
    async with served(site(shop.house)) as base, window(browser, java_script_enabled=False) as (_, page):
        await page.goto(base + (await paths(shop))["/p/{token}"])
        await page.get_by_role("checkbox", name="Deals").uncheck()
        await page.get_by_role("radio", name="At most one mail a week").check()
        await page.get_by_label("Language of our mails and pages").select_option("fr")
        await page.get_by_role("button", name="Save my choices").press("Enter")
        assert await page.get_by_role("status").inner_text() == "Vos choix sont enregistrés."
        assert await shop.granted() == ("events",)

        await page.get_by_role("radio", name="4 semaines").check()
        await page.get_by_role("button", name="Commencer la pause").click()
        await page.get_by_role("button", name="Terminer la pause maintenant").click()
        await page.get_by_role("link", name="Voir ce que nous gardons à votre sujet").click()
        assert await page.get_by_text("a quitté Deals").count() == 1

        await page.get_by_role("link", name="Retour à vos choix").click()
        await page.get_by_role("button", name="Me désinscrire de tout").click()
        assert await shop.granted() == ()


async def test_a_language_is_switched_by_a_link(shop: Shop, browser: Browser) -> None:
    """No script, no cookie: the choice stands in the address."""
    async with served(site(shop.house)) as base, window(browser, java_script_enabled=False) as (_, page):
        await page.goto(f"{base}/help")
        await page.get_by_role("link", name="العربية").click()
        assert await page.locator("html").get_attribute("dir") == "rtl"
        assert await page.get_by_role("heading", level=1).inner_text() == "كيف توقف رسائلنا"


@pytest.mark.parametrize(
    "seen", [("en", "light", 390), ("ar", "dark", 320), ("de", "dark", 1100), ("ja", "light", 320)], ids=str
)
async def test_axe_finds_no_fault_and_nothing_is_small_or_cut_off(
    shop: Shop, browser: Browser, tmp_path: Path, seen: tuple[str, str, int]
) -> None:
    """WCAG 2.2 AA by axe-core; targets of 44 px (2.5.8 and better); no scrolling sideways (1.4.10).

    On every screen in English; elsewhere axe looks at those that are no answer to a press, for it takes its time.
    """
    language, scheme, width = seen
    options = {
        "color_scheme": scheme, "viewport": {"width": width, "height": 700}, "bypass_csp": True, "locale": language,
    }  # fmt: skip
    async with doors(shop, tmp_path) as bases, window(browser, **options) as (_, page):
        async for screen in screens(shop, language):
            await come_to(page, screen, bases[screen.door], language)
            assert await page.locator("html").get_attribute("lang") == language, screen.name
            if language == "en" or screen.method == "GET":
                found = await Axe().run(page, options=RULES)
                faults = [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]]
                assert faults == [], screen.name
            assert await page.evaluate(TOO_SMALL) == [], screen.name
            assert await page.evaluate(SIDEWAYS) == 0, screen.name
