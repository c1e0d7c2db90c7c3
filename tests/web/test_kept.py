"""A page that is kept is what it would be if it were rendered anew, and holds nothing of anybody else."""

import math
from typing import Any

import pytest

from consent.ledger import confirm, subscribe
from consent.model import Purpose
from consent.policy import TopicValue
from mailer.tokens import Purpose as For
from tests.database import BY_REPLY
from tests.web.shop import NOW, Shop
from web import kept
from web.kept import KeptPages

CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"do": "save", "topic": ["deals"], "frequency": "all"},
    {"do": "save", "topic": ["deals"], "frequency": "weekly"},
    {"do": "save", "topic": ["deals"], "frequency": "weekly", "time_zone": "Europe/Vienna"},
    {"do": "save", "topic": ["deals"], "frequency": "weekly", "time_zone": "Europe/Vienna", "language": "fr"},
    {"do": "save", "topic": ["deals", "events"], "frequency": "weekly", "language": "de"},
    {"do": "pause", "weeks": "4"},
    {"do": "pause", "weeks": "12"},
    {"do": "resume"},
    {"do": "leave"},
    {"do": "save", "topic": ["deals"], "frequency": "weekly"},  # asked for, and waits for its yes
)


async def test_the_page_after_each_change_is_as_if_none_had_been_kept(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Topics, frequency, zone, language, pause: each is part of what names the page."""
    url = shop.url(For.PREFERENCES)
    seen = {(await shop.client.get(url)).text}
    async with shop.database.transaction() as session:
        for act in (subscribe, confirm):
            await act(session, shop.anna, (), source=BY_REPLY, at=NOW, purpose=Purpose.THIRD_PARTY_SHARING)
    assert (await shop.client.get(url)).text not in seen
    for change in CHANGES:
        if change:
            assert (await shop.client.post(url, data=change)).status_code == 200
        page = (await shop.client.get(url)).text
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(shop.house.pages, "_kept", KeptPages())
            assert (await shop.client.get(url)).text == page
        seen.add(page)
    assert len(seen) >= len(CHANGES) - 1  # after the pause it is as before


async def test_what_else_there_is_to_choose_names_the_page_too(shop: Shop) -> None:
    """A language that we have no pages in, and a topic that is new."""
    url = shop.url(For.PREFERENCES)
    for language in ("nl", "pl"):
        await shop.prefers(language)
        assert f'value="{language}" selected' in (await shop.client.get(url)).text
    topics = shop.house.known_topics
    topics.topics, topics.until = (*topics.topics, TopicValue("tools", "Tools")), math.inf
    assert 'value="tools"' in (await shop.client.get(url)).text


def test_each_sees_their_own_and_it_is_escaped() -> None:
    """One rendering for all; a value of one person is never in the page of another."""
    rendered: list[int] = []

    def render(marks: object) -> str:
        assert isinstance(marks, dict)
        rendered.append(1)
        return f"<p>{marks['address']}</p>{{% if %}}[address]<a href='{marks['held']}'>x</a>{marks['address']}"

    store = KeptPages()
    made = [
        store.page("key", {"address": address, "held": held}, render)
        for address, held in (("a…@x.test", "/p/1"), ("<b>'\"&", "/p/2"), ("c…@z.test", "/p/3"))
    ]

    assert made[0] == "<p>a…@x.test</p>{% if %}[address]<a href='/p/1'>x</a>a…@x.test"
    assert made[1].startswith("<p>&lt;b&gt;&#39;&#34;&amp;</p>")
    assert made[2] == "<p>c…@z.test</p>{% if %}[address]<a href='/p/3'>x</a>c…@z.test"
    assert len(rendered) == 1


def test_who_has_no_address_is_shown_another_page() -> None:
    """What a template leaves out for an empty value is part of the page."""
    store = KeptPages()

    def render(marks: object) -> str:
        assert isinstance(marks, dict)
        return f"for {marks['address']}" if marks["address"] else "for nobody"

    assert [store.page(1, {"address": address}, render) for address in ("a", "", "b", "")] == [
        "for a", "for nobody", "for b", "for nobody",
    ]  # fmt: skip


def test_what_is_kept_is_bounded() -> None:
    """The page that was asked for longest ago goes first."""
    store, rendered = KeptPages(most=3), []

    def ask(key: int) -> None:
        store.page(key, {}, lambda _marks: rendered.append(key) or "")  # type: ignore[func-returns-value]

    for key in (1, 2, 3, 1, 4, 1, 2):
        ask(key)

    assert rendered == [1, 2, 3, 4, 2]
    assert len(store) == 3
    assert kept.MOST_PAGES < 1000
