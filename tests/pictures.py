"""``make screenshots``: every page as a picture, on a phone and on a desk, light and dark, into docs/pictures.

Run as ``python -m tests.pictures [folder]``. The phone pictures are made in all languages where a second argument asks
for them; what is kept in the repository is English, and Arabic of two pages.
"""

import asyncio
import contextlib
import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page, Route

from tests.database import fresh_database
from tests.web.browsing import chromium, out_of_order, served, shut
from tests.web.records import paths
from tests.web.shop import Shop, open_shop
from web.site import site

Scheme = Literal["light", "dark"]
Form = dict[str, str | float | bool] | None
WIDTHS = {"phone": (390, 700), "desk": (1100, 700)}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
LANGUAGES = ("en", "de", "fr", "es", "ja", "ar")
#: what is in the repository: name of page and language
KEPT: dict[str, set[str] | None] = {"en": None, "ar": {"leave", "preferences"}}


async def pictures(folder: Path, *, everything: bool) -> int:
    """Make the pictures; return how many."""
    made = 0
    async with chromium() as browser:
        for language in LANGUAGES if everything else KEPT:
            only = None if everything else KEPT[language]
            for (width, size), scheme in itertools.product(WIDTHS.items(), SCHEMES):
                async with a_stage() as stage, a_window(browser, size, scheme, language) as page:
                    for name, url, form in screens(await paths(stage[0], language), *stage[1:]):
                        if only is None or name in only:
                            await picture(page, folder / f"{name}-{language}-{width}-{scheme}.png", url, form)
                            made += 1
    return made


@contextlib.asynccontextmanager
async def a_window(browser: Browser, size: tuple[int, int], scheme: Scheme, language: str) -> AsyncIterator[Page]:
    """Open a window of somebody without scripts."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, locale=language, java_script_enabled=False,
        extra_http_headers={"accept-language": language},
    )  # fmt: skip
    try:
        yield await context.new_page()
    finally:
        await context.close()


@contextlib.asynccontextmanager
async def a_stage() -> AsyncIterator[tuple[Shop, str, str, str]]:
    """Open a shop and serve it in order, overrun and out of order; all is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            fresh_database(folder, kind="sqlite") as database, open_shop(database, folder) as shop,
            served(site(shop.house)) as base, shut(shop) as closed, out_of_order(shop, folder) as broken,
        ):  # fmt: skip
            yield shop, base, closed, broken


def screens(known: Mapping[str, str], base: str, closed: str, broken: str) -> Iterator[tuple[str, str, Form]]:
    """Yield name, address and form (None: GET) of all screens, in the order in which a customer may see them."""
    one_click, preferences = base + known["/u/{token}"], base + known["/p/{token}"]
    yield "leave", one_click, None
    yield "preferences", preferences, None
    yield "preferences-wrong", preferences, {"do": "save", "topic": "deals", "frequency": "hourly"}
    yield "saved", preferences, {"do": "save", "topic": "deals", "frequency": "weekly"}
    yield "paused", preferences, {"do": "pause", "weeks": "4"}
    yield "held", base + known["/p/{token}/held"], None
    yield "left-topic", one_click, {"leave": "topic"}
    yield "left-all", one_click, {"leave": "all"}
    for name, path in known.items():
        if name not in {"/u/{token}", "/p/{token}", "/p/{token}/held"}:
            yield f"page{name.replace('/{token}', '').replace('/', '-')}", base + path, None
    yield "unknown", f"{base}/u/nothing", None
    yield "too-many", f"{closed}/help", None
    yield "unavailable", f"{broken}{known['/p/{token}']}", None


async def picture(page: Page, file: Path, url: str, form: Form) -> None:
    """Take one screen; a form is posted first, and its answer shown under the page's address."""
    if form is not None:
        answer = await page.context.request.post(url, form=form)
        content = await answer.text()

        async def show(route: Route) -> None:
            await route.fulfill(body=content, content_type="text/html; charset=utf-8")

        await page.route(url, show)
    await page.goto(url)
    await page.screenshot(path=file, full_page=True)
    await page.unroute_all()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/pictures")
    target.mkdir(parents=True, exist_ok=True)
    print(asyncio.run(pictures(target, everything="all" in sys.argv[2:])), "pictures in", target)
