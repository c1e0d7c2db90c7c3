"""The form for other sites: plain, sealed, never without the policy link, and taken when it comes back."""

import html
import re

import pytest

from consent.policy import TopicValue
from kit.errors import InvalidSettings
from tests.web.shop import BROWSER, NOW, SECRETS, pages_of_a_shop
from tests.web.test_signup import GOOD, Visitor, hidden, visitor
from web.embedding import embedded_form
from web.pages import Pages, PolicyNoticeMissing
from web.seals import Seals

__all__ = ["visitor"]
TOPICS = [TopicValue("deals", "Deals"), TopicValue("events", "Events & <Meet-ups>")]


def printed(*, language: str = "en", name: str = "footer", version: str = "2026-11-01") -> str:
    return embedded_form(
        pages_of_a_shop(), Seals(SECRETS), TOPICS, base_url="https://shop.example", policy_version=version,
        language=language, name=name, at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize("language", sorted(pages_of_a_shop().catalogues))
def test_it_presumes_nothing_and_links_the_policy(language: str) -> None:
    """P7 and P8, in each language; no script, nothing foreign, names escaped."""
    form = printed(language=language)

    assert 'href="https://shop.example/privacy"' in form
    assert f'action="https://shop.example/signup?lang={language}"' in form
    assert not re.search(r"<script|checked|\bon[a-z]+=|<Meet", form)


@pytest.mark.parametrize(("language", "name"), [("xx", "footer"), ("en", "page"), ("en", "Footer!"), ("en", "")])
def test_what_can_not_be_printed_says_why(language: str, name: str) -> None:
    """A language without words; a name that says nothing, or that of our own page."""
    with pytest.raises(InvalidSettings):
        printed(language=language, name=name)


def test_without_a_link_to_the_policy_there_is_no_form() -> None:
    """The guard of all pages stands here, too: a notice with an empty link is none."""
    with pytest.raises(PolicyNoticeMissing):
        embedded_form(
            Pages(company="Shop", policy_url="", customer_service="s@shop.example", policy_version="1"),
            Seals(SECRETS), TOPICS, base_url="https://shop.example", policy_version="1", language="en", name="footer",
            at=NOW,
        )  # fmt: skip


async def test_what_it_sends_is_taken_whenever_it_was_made(visitor: Visitor) -> None:
    """One form serves all visitors of a site for months; its name is kept with the sign-up."""
    seal = html.unescape(hidden(printed(), "seal"))

    answer = await visitor.client.post("/signup?lang=en", data={"seal": seal, **GOOD}, headers=BROWSER)

    assert answer.status_code == 200
    (row,) = await visitor.noted()
    assert (row.form, row.shown_at) == ("footer", NOW)


async def test_under_a_new_policy_it_leads_to_our_page(visitor: Visitor) -> None:
    """With what was typed, and with the wording and policy of today; nothing is noted."""
    seal = html.unescape(hidden(printed(version="2025-01-01"), "seal"))

    answer = await visitor.client.post("/signup?lang=en", data={"seal": seal, **GOOD}, headers=BROWSER)

    assert answer.status_code == 422
    assert 'value="jo@example.org"' in answer.text
    assert await visitor.noted() == []
