"""Every page there is, walked: scanners change nothing, what asks shows the policy, no input breaks anything."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.db import Base, Database
from mailer.tokens import Purpose as For
from tests.web.records import JO, KIM, paths
from tests.web.shop import BROWSER, Shop
from web.limits import Doorkeeper
from web.page import Page
from web.pages import TEMPLATES
from web.site import PAGES, site

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "NONSENSE")
MARK = "qxjzkwvq"
FIELD = re.compile(r"<(?:textarea|select|input)\b")


#: words that a page shows only where it finds its record
FULL = {
    "/u/{token}": "Stop mail about <b><bdi>Deals</bdi></b>",
    "/p/{token}": 'value="deals" checked',
    "/p/{token}/held": "Anna-Katharina &lt;Weiss&gt;",
    "/c/{token}": "Yes, send me these mails",
    "/z/{token}": "Undo: send me these mails again",
    "/signup": 'value="events"',
    "/s/{token}": str(JO),
    "/s/{token}/no": str(JO),
    "/g/{token}": str(KIM),
    "/account": "Send me the link",
    "/p/{token}/account": "Send me the link",
    "/a/{token}": "with a case for both",
    "/a/{token}/my-data.json": "with a case for both",
    "/a/{token}/my-data.txt": "with a case for both",
    "/n/{token}": "Yes, this is my address",
    "/o/{token}": "Keep this address",
    "/policy": "/policy/changes?from=2025-03-01",
    "/policy/changes": "<ins>twice </ins>",
    "/y/{token}": "<ins>twice </ins>",
    "/help": "Deals",
}


@pytest.fixture
async def known(shop: Shop) -> Mapping[str, str]:
    return await paths(shop)


async def test_the_walk_sees_every_page_with_its_record(shop: Shop, known: Mapping[str, str]) -> None:
    """What looks at empty pages finds no fault in full ones; a new page says here by what it is known."""
    assert set(FULL) == set(known) == {page.path for page in PAGES}
    for page, words in FULL.items():
        answer = await shop.client.get(known[page])
        assert (answer.status_code, words in answer.text) == (200, True), page


async def contents(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return everything that the database holds."""
    async with database.reading() as session:
        return {
            name: sorted((tuple(row) for row in await session.execute(sa.select(table))), key=repr)
            for name, table in Base.metadata.tables.items()
        }


async def test_a_scanner_that_opens_every_link_three_times_changes_nothing(
    shop: Shop, known: Mapping[str, str]
) -> None:
    """RFC 8058 2: GET, HEAD and OPTIONS of every URL; all tables are the same afterwards, row by row."""
    before = await contents(shop.database)
    assert before["subscriber"]
    for _ in range(3):
        for page in PAGES:
            for method in ("GET", "HEAD", "OPTIONS"):
                await shop.client.request(method, known[page.path])

    assert await contents(shop.database) == before


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
async def test_every_page_links_policy_and_service_and_one_that_asks_says_so(
    shop: Shop, known: Mapping[str, str], page: Page
) -> None:
    """P7: a field stands on no page without link, wording and version of the policy; P17."""
    answer = await shop.client.get(known[page.path])

    if answer.headers["content-type"].startswith("text/html"):
        assert 'href="https://shop.example/privacy"' in answer.text
        assert "service@shop.example" in answer.text
        if FIELD.search(re.sub(r'<input type="hidden"[^>]*>', "", answer.text)):
            assert page.asks
            assert 'class="policy-notice"' in answer.text
            assert 'name="policy_version" value="2026-11-01"' in answer.text


def test_every_template_with_a_field_holds_the_notice() -> None:
    """P7, also for a page that no route leads to yet."""
    asking = re.compile(r"\{\{ (?:field|select)\(|<(?:textarea|select)\b|<input type=\"(?:text|email|tel|date)")
    for template in TEMPLATES.glob("*.html"):
        text = template.read_text("utf-8")
        if template.name != "parts.html" and asking.search(text):
            assert "policy_notice()" in text, template.name


def bodies(payload: str) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Yield a payload as every kind of body."""
    escaped = quote(payload.encode("utf-8", "surrogatepass"), safe="").encode()
    for field in ("do", "topic", "leave", "List-Unsubscribe", "weeks", "frequency", "language", "time_zone", "yes"):
        yield field.encode() + b"=" + escaped, BROWSER
        yield b"do=save&" + field.encode() + b"=" + escaped, BROWSER
    yield payload.encode("utf-8", "surrogatepass"), BROWSER
    yield payload.encode("utf-8", "surrogatepass"), {"content-type": "multipart/form-data; boundary=x"}
    yield b'{"do": "leave"}', {"content-type": "application/json"}


PAYLOADS = [
    f"<script>{MARK}</script>", f'"><img src=x onerror={MARK}>', f"{{{{ {MARK} }}}}", f"{MARK}\r\nSet-Cookie: a=b",
    f"{MARK}\x00", "%" * 50, f"../../{MARK}", f"' OR 1=1 -- {MARK}", "\ud800", MARK * 400,
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
async def test_every_method_and_field_of_every_route_bears_anything(
    shop: Shop, known: Mapping[str, str], page: Page
) -> None:
    """No 5xx, nothing given back as markup, no redirect, no cookie."""
    path = known[page.path]
    for payload in PAYLOADS:
        for body, headers in bodies(payload):
            answer = await shop.client.post(path, content=body, headers=headers)
            assert answer.status_code < 500, body
            assert f"<script>{MARK}" not in answer.text
            assert f"onerror={MARK}>" not in answer.text.replace("&gt;", "")
            assert not {"location", "set-cookie"} & set(answer.headers)
    for method in METHODS:
        answer = await shop.client.request(method, path)
        assert answer.status_code < 500, method
        if answer.status_code == 405:
            assert "allow" in answer.headers


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text(max_size=80), st.sampled_from(METHODS), st.binary(max_size=120), st.text(max_size=40))
async def test_any_request_is_answered(shop: Shop, path: str, method: str, body: bytes, language: str) -> None:
    """Whatever path, method, body and query."""
    url = f"/{quote(path.encode('utf-8', 'replace'), safe='/')}?lang={quote(language.encode('utf-8', 'replace'))}"
    answer = await shop.client.request(method, url, content=body, headers=BROWSER)

    assert answer.status_code < 500
    assert not answer.is_redirect


async def test_who_knocks_too_often_is_told_when_to_come_again(shop: Shop) -> None:
    """RFC 6585 4: 429 with Retry-After, in words, and nothing was done; others are not held up."""
    strict = Doorkeeper(a_minute_per_network=10, a_minute_per_link=5, a_second=1000)
    app = site(dataclasses.replace(shop.house, doorkeeper=strict))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://shop.example") as client:
        link = shop.url(For.PREFERENCES)
        found = [(await client.get(link)).status_code for _ in range(7)]
        refused = await client.post(link, data={"do": "leave"})
        guesses = [(await client.get(f"/u/{'a' * 50}")).status_code for _ in range(12)]
        other = await client.post(shop.url(For.ONE_CLICK), content="List-Unsubscribe=One-Click", headers=BROWSER)

    assert found == [200] * 5 + [429] * 2
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert "nothing was done" in refused.text
    assert guesses == [404] * 10 + [429] * 2
    assert other.status_code == 200
    assert await shop.granted() == ("events",)
