"""The pages in a real browser: served on loopback, and opened by Debian's Chromium through Playwright."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import uvicorn
from playwright.async_api import Browser, Page, Route, async_playwright
from starlette.types import ASGIApp

from byleave.serving import listening_on
from kit.db import Database
from tests.peers.require import need
from tests.web.shop import Shop
from tests.web.story import Door, Screen
from web.limits import Doorkeeper
from web.site import site
from web.wire import BoundedHttp

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
)


@contextlib.asynccontextmanager
async def served(app: ASGIApp, http: type[BoundedHttp] = BoundedHttp) -> AsyncIterator[str]:
    """Serve an application, and give the address of its root."""
    config = uvicorn.Config(
        app, http=http, ws="none", log_config=None, access_log=False, lifespan="off", server_header=False
    )
    server = uvicorn.Server(config)
    with listening_on("127.0.0.1", 0) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it no other way
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start a browser; nothing of a profile stays."""
    path = need("chromium", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_QUIET))
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def doors(shop: Shop, folder: Path) -> AsyncIterator[Mapping[Door, str]]:
    """Serve a shop in order; where nobody is let in any more; and on a database without a single table."""
    keeper = Doorkeeper(a_minute_per_network=1, a_minute_per_link=1, a_second=1)
    keeper.knock("", "somebody else", time.monotonic() + 1000)
    empty = Database(f"sqlite+aiosqlite:///{folder / 'empty.db'}")
    overrun, broken = replace(shop.house, doorkeeper=keeper), replace(shop.house, database=empty)
    try:
        async with served(site(shop.house)) as a, served(site(overrun)) as b, served(site(broken)) as c:
            yield {"open": a, "overrun": b, "out of order": c}
    finally:
        await empty.close()


async def come_to(page: Page, screen: Screen, base: str, language: str) -> int:
    """Open a screen in a window, and return its status; the answer to a press is shown under the page's address."""
    url = f"{base}{screen.path}{'&' if '?' in screen.path else '?'}lang={language}"
    if screen.method == "GET":
        seen = await page.goto(url)
        assert seen is not None
        return seen.status
    body, kind = urlencode(screen.form or {}, doseq=True), "application/x-www-form-urlencoded"
    answer = await page.context.request.fetch(url, method=screen.method, data=body, headers={"content-type": kind})
    content = await answer.text()

    async def show(route: Route) -> None:
        await route.fulfill(body=content, content_type="text/html; charset=utf-8")

    await page.route(url, show)
    await page.goto(url)
    await page.unroute_all()
    return answer.status
