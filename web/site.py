"""The customers' site: which URL leads where. Nothing here is clever, and nothing redirects."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from consent import policy
from kit.errors import Temporary
from mailer.tokens import Purpose
from web import answers, one_click, preferences
from web.guard import HEADERS
from web.house import House

STYLE = Path(__file__).resolve().parents[1] / "templates" / "web" / "style.css"
RETRY_AFTER_SECONDS = "30"

Page = Callable[[Request], Coroutine[Any, Any, Response]]


def site(house: House) -> FastAPI:
    """Return the application. GET and HEAD change nothing on any of its routes."""
    app = FastAPI(
        docs_url=None, redoc_url=None, openapi_url=None,
        redirect_slashes=False,  # RFC 8058 3.1: a POST must never be answered with a redirect
        exception_handlers={HTTPException: _no_such_page(house), Exception: _failed},
    )  # fmt: skip
    app.router.routes[:] = [
        *_both("/u/{token}", lambda r: one_click.show(house, r), lambda r: one_click.leave(house, r)),
        *_both("/p/{token}", lambda r: preferences.show(house, r), lambda r: preferences.change(house, r)),
        *_both(
            "/c/{token}",
            lambda r: answers.show(house, r, Purpose.CONFIRM),
            lambda r: answers.act(house, r, Purpose.CONFIRM),
        ),
        *_both(
            "/z/{token}",
            lambda r: answers.show(house, r, Purpose.UNDO),
            lambda r: answers.act(house, r, Purpose.UNDO),
        ),
        Route("/help", _endpoint(lambda _: _help(house)), methods=["GET", "HEAD"]),
        Route("/style.css", _endpoint(_style), methods=["GET", "HEAD"]),
        Route("/healthz", _endpoint(lambda r: _health(house, r)), methods=["GET", "HEAD"]),
    ]
    return app


def _both(path: str, show: Page, act: Page) -> list[Route]:
    """Return the routes of a page that shows by GET and acts by POST, with and without a slash at the end."""
    return [
        route
        for spelling in (path, f"{path}/")
        for route in (
            Route(spelling, _endpoint(show), methods=["GET", "HEAD"]),
            Route(spelling, _endpoint(act), methods=["POST"]),
        )
    ]


def _endpoint(page: Page) -> Page:
    async def endpoint(request: Request) -> Response:
        return await page(request)

    return endpoint


async def _help(house: House) -> Response:
    return house.pages.page("help.html")


async def _style(_request: Request) -> Response:
    return Response(STYLE.read_text("utf-8"), media_type="text/css", headers={"Cache-Control": "max-age=86400"})


async def _health(house: House, _request: Request) -> Response:
    async with house.database.reading() as session:
        await policy.all_topics(session)
        return PlainTextResponse("ok\n", headers=dict(HEADERS))


def _no_such_page(house: House) -> Callable[[Request, Exception], Coroutine[Any, Any, Response]]:
    async def handler(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        return house.pages.page("unknown_link.html", status=status)

    return handler


async def _failed(_request: Request, error: Exception) -> Response:
    """Answer 503 on any trouble of ours (promise 7), so that the sender of a one-click tries again."""
    structlog.get_logger(room="web").error(
        "request.failed", kind=type(error).__name__, exc_info=not isinstance(error, Temporary)
    )
    headers = {**HEADERS, "Retry-After": RETRY_AFTER_SECONDS}
    return PlainTextResponse("please try again in a moment\n", status_code=503, headers=headers)
