"""The story of all screens is whole: it shows every template, every page and every outcome of a press."""

from dataclasses import replace

import httpx

from tests.web.shop import Shop
from tests.web.story import screens
from web.pages import TEMPLATES, Pages
from web.site import PAGES, site

PARTS = {"base.html", "parts.html", "changes.html"}  # of which pages are made
ELSEWHERE = {"signup_embed.html", "too_many.html", "unavailable.html"}  # on other sites, or at another door


class Noting(Pages):
    """Pages that note which templates and texts they were asked for."""

    def __init__(self, **settings: str) -> None:
        super().__init__(**settings)
        self.templates: set[str] = set()

    def page(self, template: str, *arguments: object, **options: object) -> httpx.Response:  # type: ignore[override]  # passed on as it is
        self.templates.add(template)
        return super().page(template, *arguments, **options)  # type: ignore[arg-type,return-value]


async def test_every_screen_has_its_status_and_every_template_is_shown(shop: Shop) -> None:
    """Who adds a page, a template or an outcome adds a screen; the browser, axe and the pictures then see it, too."""
    pages = Noting(
        company="Shop", policy_url="https://shop.example/privacy", customer_service="service@shop.example",
        policy_version="2026-11-01",
    )  # fmt: skip
    names, wrong = [], dict[str, tuple[int, int]]()
    transport = httpx.ASGITransport(app=site(replace(shop.house, pages=pages)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.example") as client:
        async for screen in screens(shop):
            names.append(screen.name)
            if screen.door == "open":
                answer = await client.request(screen.method, screen.path, data=screen.form)
                if answer.status_code != screen.status:
                    wrong[screen.name] = (answer.status_code, screen.status)

    assert wrong == {}
    assert len(set(names)) == len(names)
    assert {file.name for file in TEMPLATES.glob("*.html")} - PARTS - ELSEWHERE == pages.templates


async def test_every_page_is_in_it(shop: Shop) -> None:
    """By GET; the two files of one's data look as the account page does."""
    paths = [screen.path async for screen in screens(shop) if screen.method == "GET"]

    seen = {page.path for page in PAGES for path in paths if _fits(page.path, path)}
    assert {page.path for page in PAGES} - seen == {"/a/{token}/my-data.json", "/a/{token}/my-data.txt"}


def _fits(declared: str, path: str) -> bool:
    one, other = declared.split("/"), path.split("/")
    return len(one) == len(other) and all(a in {b, "{token}"} for a, b in zip(one, other, strict=True))
