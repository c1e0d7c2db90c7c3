"""``make screenshots``: every screen as a picture, on a phone and on a desk, light and dark, into docs/pictures.

Run as ``python -m tests.pictures [folder] [all]``: all screens in English and two in Arabic, or with ``all`` those of
every language. What docs/pages.md and the README show is in the repository, the others are ignored there.
"""

import asyncio
import contextlib
import itertools
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page

from tests.database import fresh_database
from tests.web.browsing import chromium, come_to, doors
from tests.web.shop import open_shop
from tests.web.story import screens

Scheme = Literal["light", "dark"]
WIDTHS = {"phone": 390, "desk": 1100}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
LANGUAGES = ("en", "de", "fr", "es", "ja", "ar")
#: which screens (None: all) are made of a language
USUAL: dict[str, set[str] | None] = {"en": None, "ar": {"leave", "preferences"}}


async def pictures(folder: Path, *, everything: bool) -> int:
    """Make the pictures; return how many."""
    made = 0
    async with chromium() as browser:
        for language, width, scheme in itertools.product(LANGUAGES if everything else USUAL, WIDTHS, SCHEMES):
            wanted = None if everything else USUAL[language]
            made += await _story(browser, folder, f"{language}-{width}-{scheme}", wanted)
    return made


async def _story(browser: Browser, folder: Path, ending: str, wanted: set[str] | None) -> int:
    """Go through the story once, from its beginning, and take the wanted screens, or all."""
    language, width, scheme = ending.split("-")
    made = 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        async with (
            fresh_database(place, kind="sqlite") as database, open_shop(database, place) as shop,
            doors(shop, place) as bases, _window(browser, WIDTHS[width], scheme, language) as page,
        ):  # fmt: skip
            async for screen in screens(shop, language):
                await come_to(page, screen, bases[screen.door], language)
                if wanted is None or screen.name in wanted:
                    await page.screenshot(path=folder / f"{screen.name}-{ending}.png", full_page=True)
                    made += 1
    return made


@contextlib.asynccontextmanager
async def _window(browser: Browser, width: int, scheme: str, language: str) -> AsyncIterator[Page]:
    """Open a window of somebody without scripts."""
    context = await browser.new_context(
        viewport={"width": width, "height": 700}, color_scheme="dark" if scheme == "dark" else "light",
        locale=language, java_script_enabled=False,
    )  # fmt: skip
    try:
        yield await context.new_page()
    finally:
        await context.close()


if __name__ == "__main__":
    arguments = [one for one in sys.argv[1:] if one != "all"]
    target = Path(arguments[0] if arguments else "docs/pictures")
    target.mkdir(parents=True, exist_ok=True)
    print(asyncio.run(pictures(target, everything="all" in sys.argv[1:])), "pictures in", target)
