"""The customers' site: which URL leads where, who is let in, and what is said when nothing works.

Every page stands in :data:`PAGES`; nothing redirects (RFC 8058 3.1), GET and HEAD change nothing on any route.
"""

import time
from collections.abc import Awaitable, Callable

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router

from consent import policy
from kit.errors import Temporary
from web import account, held, moves, one_click, policies, preferences, press, sign_up_links, signup
from web.guard import HEADERS
from web.house import House
from web.page import Handler, Page
from web.pages import STYLE, STYLE_PATH
from web.visit import Visit

RETRY_AFTER_SECONDS = "30"
STYLE_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",  # its content is in its name
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


async def show_help(visit: Visit) -> Response:
    """Say how to stop our mail."""
    async with visit.house.database.reading() as session:
        topics = await policy.all_topics(session)
    return visit.answer("help.html", {"example": topics[0].name if topics else "Deals"})


#: every page there is; add the PAGES of a module here
PAGES: tuple[Page, ...] = (
    *one_click.PAGES,
    *preferences.PAGES,
    *held.PAGES,
    *press.PAGES,
    *signup.PAGES,
    *sign_up_links.PAGES,
    *account.PAGES,
    *moves.PAGES,
    *policies.PAGES,
    Page("/help", show_help),
)

Endpoint = Callable[[Request], Awaitable[Response]]


def site(house: House, pages: tuple[Page, ...] = PAGES) -> Starlette:
    """Return the application."""
    routes = [route for page in pages for route in _routes(house, page)]
    routes += [
        Route(STYLE_PATH, _style, methods=["GET"]),
        Route("/healthz", _health(house), methods=["GET"]),
    ]
    app = Starlette(exception_handlers={HTTPException: _no_such_page(house), Exception: _failed(house)})
    app.router = Router(routes, redirect_slashes=False)  # RFC 8058 3.1: never answer with a redirect
    return app


def _routes(house: House, page: Page) -> list[Route]:
    """Return the routes of a page, with and without a slash at the end: both answer, none redirects."""
    made = []
    for spelling in (page.path, f"{page.path}/"):
        made.append(Route(spelling, _endpoint(house, page, page.show), methods=["GET"]))
        if page.act is not None:
            made.append(Route(spelling, _endpoint(house, page, page.act), methods=["POST"]))
    return made


def _endpoint(house: House, page: Page, handler: Handler) -> Endpoint:
    """Return what answers a request of a page: who knocks too often or has no genuine link never gets to its code."""

    async def endpoint(request: Request) -> Response:
        visit = Visit(house, request, page)
        wait = house.doorkeeper.knock(visit.network, visit.genuine_link, time.monotonic())
        if wait:
            return visit.too_many(wait)
        return await handler(visit) if visit.is_welcome else visit.unknown()

    return endpoint


def _no_such_page(house: House) -> Callable[[Request, Exception], Awaitable[Response]]:
    page = Page("", show_help)

    async def handler(request: Request, error: Exception) -> Response:
        visit = Visit(house, request, page)
        wait = house.doorkeeper.knock(visit.network, "", time.monotonic())
        if wait:
            return visit.too_many(wait)
        if isinstance(error, HTTPException):
            return visit.answer("unknown.html", status=error.status_code, headers=error.headers)
        return visit.unknown()

    return handler


def _failed(house: House) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Answer 503 on any trouble of ours (promise 7), so that the sender of a one-click tries again."""
    page = Page("", show_help)

    async def handler(request: Request, error: Exception) -> Response:
        structlog.get_logger(room="web").error(
            "request.failed", kind=type(error).__name__, exc_info=not isinstance(error, Temporary)
        )
        return Visit(house, request, page).answer(
            "unavailable.html", status=503, headers={"Retry-After": RETRY_AFTER_SECONDS}
        )

    return handler


async def _style(_request: Request) -> Response:
    return Response(STYLE, media_type="text/css", headers=STYLE_HEADERS)


def _health(house: House) -> Endpoint:
    async def endpoint(_request: Request) -> Response:
        async with house.database.reading() as session:
            await policy.all_topics(session)
            return PlainTextResponse("ok\n", headers=dict(HEADERS))

    return endpoint
