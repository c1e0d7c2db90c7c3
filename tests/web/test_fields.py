"""Every field of every form there is, filled with what no person types: nothing breaks, nothing comes back as markup.

The forms are taken from the pages themselves, as a browser would, so a new field is walked without a word here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote_from_bytes

import httpx
import pytest

from tests.database import fresh_database
from tests.web.records import paths
from tests.web.shop import Shop, open_shop
from tests.web.story import screens
from web.guard import MOST_BODY_OCTETS
from web.site import PAGES

MARK = "qxjzkwvq"
Pairs = list[tuple[bytes, bytes]]

#: what stands in a field instead of what was meant
HOSTILE = {
    "empty": b"",
    "blank": b" \t\r\n ",
    "long": b"x" * 4000,
    "longer than any body": b"x" * (MOST_BODY_OCTETS + 1),
    "NUL": f"{MARK}\0{MARK}".encode(),
    "script": f"<script>{MARK}</script>".encode(),
    "attribute": f"\"' onfocus={MARK} autofocus x=".encode(),
    "template": f"{{{{ {MARK} }}}} {{% include '{MARK}' %}} {{0}} %s".encode(),
    "header": f"x\r\nSet-Cookie: {MARK}=1\r\n\r\n".encode(),
    "no UTF-8": b"\xff\xfe\x80" + MARK.encode(),
    "half a character": b"\xed\xa0\x80",
    "a number too large": b"9" * 400,
    "another's digits": "٣٤".encode(),
    "text turned round": f"\u202e{MARK}\u2066".encode(),
    "path": f"../../{MARK}".encode(),
    "SQL": f"' OR 1=1 -- {MARK}".encode(),
}


@dataclass(slots=True)
class Found:
    """A form: the page it is sent to (as declared), the names of its fields, and what they hold when it is shown."""

    page: str
    fields: dict[str, str] = field(default_factory=dict)


class Forms(HTMLParser):
    """Takes the forms out of a page."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path, self.found = path, list[Found]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Found(declared(have.get("action", "").partition("?")[0] or self.path)))
        elif tag in {"input", "button", "select", "textarea"} and self.found:
            fields = self.found[-1].fields
            fields.setdefault(have["name"], "" if have.get("type") in {"checkbox", "radio"} else have.get("value", ""))


def declared(path: str) -> str:
    """Return a path as its page is declared."""
    parts = path.split("/")
    fits = [
        page.path
        for page in PAGES
        if len(page.path.split("/")) == len(parts)
        and all(a in {b, "{token}"} for a, b in zip(page.path.split("/"), parts, strict=True))
    ]
    return fits[0]


async def harvest(shop: Shop) -> list[Found]:
    """Return each form of the story once."""
    kept: dict[tuple[object, ...], Found] = {}
    async for screen in screens(shop):
        if screen.door == "open":
            answer = await shop.client.request(screen.method, screen.path, data=screen.form)
            reading = Forms(screen.path)
            reading.feed(answer.text)
            for form in reading.found:
                kept.setdefault((form.page, *form.fields, form.fields.get("do")), form)
    return list(kept.values())


def spoilt(form: Found) -> Iterator[tuple[str, Pairs]]:
    """Yield what is sent with one field spoilt, doubled or missing, all others as they are."""
    whole = [(name.encode(), value.encode()) for name, value in form.fields.items()]
    for at, (name, value) in enumerate(whole):
        rest = [*whole[:at], *whole[at + 1 :]]
        yield f"{name!r} missing", rest
        yield f"{name!r} twice", [*whole, (name, value)]
        yield f"{name!r} many times", [*rest, *[(name, b"x")] * 60]
        for what, octets in HOSTILE.items():
            yield f"{name!r} {what}", [*rest, (name, octets)]
            yield f"{name!r} {what} behind the right one", [*whole, (name, octets)]
    yield "a field that nobody asked for", [*whole, (f"<b>{MARK}".encode(), b"1")]


def urlencoded(pairs: Pairs) -> tuple[bytes, str]:
    body = "&".join(f"{quote_from_bytes(name)}={quote_from_bytes(value)}" for name, value in pairs)
    return body.encode(), "application/x-www-form-urlencoded"


def multipart(pairs: Pairs) -> tuple[bytes, str]:
    lines = [b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % pair for pair in pairs]
    return b"".join([*lines, b"--b--\r\n"]), "multipart/form-data; boundary=b"


def harm(answer: httpx.Response) -> str:
    """Say what is wrong with an answer: trouble of ours, a way elsewhere, or something given back as it came."""
    if answer.status_code >= 500:
        return str(answer.status_code)
    if {"location", "set-cookie", "refresh"} & set(answer.headers) or MARK in str(answer.headers):
        return "headers"
    if any(mark in answer.text for mark in (f"<script>{MARK}", f"<b>{MARK}", f"{MARK}\0")):
        return "reflected"
    reading = Attributes()
    reading.feed(answer.text)
    return "an attribute" if reading.is_foreign else ""


class Attributes(HTMLParser):
    """Looks whether a payload became an attribute or a tag."""

    is_foreign = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.is_foreign |= tag == "script" or any(name.startswith("on") or name == "autofocus" for name, _ in attrs)


async def test_no_field_of_any_form_does_harm(shop: Shop, tmp_path: Path) -> None:
    """Each page has a shop of its own, since presses change what follows."""
    forms = await harvest(shop)
    assert {form.page for form in forms} == {page.path for page in PAGES if page.act is not None}
    wrong, sent = list[str](), 0
    for number, page in enumerate(sorted({form.page for form in forms})):
        async with fresh_database(tmp_path / str(number)) as database, open_shop(database, tmp_path) as fresh:
            path = (await paths(fresh))[page]
            for form in (one for one in forms if one.page == page):
                for what, pairs in spoilt(form):
                    sent += 1
                    body, kind = (urlencoded, multipart)[sent % 2](pairs)
                    answer = await fresh.client.post(path, content=body, headers={"content-type": kind})
                    if trouble := harm(answer):
                        wrong.append(f"{page}: {what}: {trouble}")

    assert wrong == []
    assert sent > 2000


@pytest.mark.parametrize("text", [f"<script>{MARK}</script>", f"<p {MARK} onfocus=1>"])
def test_what_is_looked_for_would_be_found(text: str) -> None:
    """The walk is no better than its eye."""
    assert harm(httpx.Response(200, text=text))
    assert harm(httpx.Response(200, headers={"x": MARK}))
    assert harm(httpx.Response(503))
