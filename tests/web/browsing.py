"""The pages in a real browser: served on loopback, and opened by Debian's Chromium through Playwright."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import uvicorn
from playwright.async_api import Browser, async_playwright
from starlette.types import ASGIApp

from kit.db import Database
from tests.peers.require import need
from tests.web.shop import Shop
from web.limits import Doorkeeper
from web.site import site

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
)


@contextlib.asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application, and give the address of its root."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False)
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
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
async def shut(shop: Shop) -> AsyncIterator[str]:
    """Serve the same site where nobody is let in any more."""
    keeper = Doorkeeper(a_minute_per_network=1, a_minute_per_link=1, a_second=1)
    keeper.knock("", "somebody else", time.monotonic() + 1000)
    async with served(site(replace(shop.house, doorkeeper=keeper))) as base:
        yield base


@contextlib.asynccontextmanager
async def out_of_order(shop: Shop, folder: Path) -> AsyncIterator[str]:
    """Serve the same site on a database without a single table."""
    empty = Database(f"sqlite+aiosqlite:///{folder / 'empty.db'}")
    async with served(site(replace(shop.house, database=empty))) as base:
        yield base
    await empty.close()
