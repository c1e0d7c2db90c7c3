"""The door to sharing with partners: off until the owner opens it, with the words shown; shut by one press."""

import html

import pytest
import sqlalchemy as sa

from consent import ledger, sharing
from consent.model import Act, AgeBand, Door, Event, Proof, Purpose, SubscriberId
from consent.standing import events_of
from consent.tables import SubscriberRow, WordingRow
from mailer.tokens import Purpose as For
from tests.web.shop import NOW, Shop
from tests.web.test_account import link
from web.catalogues import TEXTS, load

LANGUAGES = sorted(path.stem for path in TEXTS.glob("*.toml"))
ALLOW = {"do": "share", "share": "yes"}


async def about_sharing(shop: Shop) -> list[Event]:
    async with shop.database.reading() as session:
        events = await events_of(session, shop.anna)
    return [event for event in events if event.purpose is Purpose.THIRD_PARTY_SHARING]


async def shared(shop: Shop) -> list[int]:
    async with shop.database.reading() as session:
        pages = sharing.may_be_shared(session, ["deals"], now=NOW, require_age=False)
        return [int(one.id) async for page in pages for one in page]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_is_off_until_the_owner_ticks_a_box_and_the_words_are_kept(shop: Shop, language: str) -> None:
    """P10, GDPR 7(1): never ticked before; what was shown stands in the ledger, with door, proof and policy version."""
    await shop.prefers(language)
    page = html.unescape((await shop.client.get(link(shop))).text)
    texts = load()[language]
    hint, wording = texts.text("sharing.hint"), texts.text("sharing.wording")
    assert page.index(hint) < page.index(wording)
    assert " checked" not in page
    assert await shared(shop) == []

    done = await shop.client.post(link(shop), data=ALLOW)

    assert texts.text("sharing.allowed") in html.unescape(done.text)
    assert await shared(shop) == [shop.anna]
    asked, agreed = await about_sharing(shop)
    assert (asked.act, agreed.act) == (Act.SUBSCRIBE, Act.CONFIRM)
    assert (agreed.door, agreed.proof, agreed.policy_version) == (Door.PAGE, Proof.TOKEN, "2026-11-01")
    async with shop.database.reading() as session:
        assert f"{hint} {wording}" in list(await session.scalars(sa.select(WordingRow.text)))


@pytest.mark.parametrize("said", [{}, {"share": ""}, {"share": "no"}, {"share": ["yes", "yes"]}])
async def test_without_the_tick_nothing_is_allowed(shop: Shop, said: dict[str, str | list[str]]) -> None:
    """The page says beside the box what is missing, and shows it unticked."""
    answer = await shop.client.post(link(shop), data={"do": "share", **said})

    assert answer.status_code == 422
    assert 'id="share-error"' in answer.text
    assert " checked" not in answer.text
    assert await about_sharing(shop) == []


@pytest.mark.parametrize("by", ["account", "preferences"])
async def test_one_press_ends_it_and_nothing_else(shop: Shop, by: str) -> None:
    """GDPR 7(3): as easily as it was given; also by the link of any mail, for leaving needs less proof."""
    url = link(shop) if by == "account" else shop.url(For.PREFERENCES)
    assert 'value="stop_sharing"' not in (await shop.client.get(url)).text
    await shop.client.post(link(shop), data=ALLOW)
    assert 'value="stop_sharing"' in (await shop.client.get(url)).text

    ended = [await shop.client.post(url, data={"do": "stop_sharing"}) for _ in range(2)]

    assert [answer.status_code for answer in ended] == [200, 200]
    assert load()["en"].text("sharing.ended") in ended[0].text
    assert 'value="stop_sharing"' not in (await shop.client.get(url)).text
    assert [event.act for event in await about_sharing(shop)][2:] == [Act.WITHDRAW]
    assert await shared(shop) == []
    assert await shop.granted() == ("deals", "events")
    await shop.client.post(link(shop), data=ALLOW)  # promise 6: a newer act of the person
    assert await shared(shop) == [shop.anna]


async def test_the_link_of_a_mail_allows_nothing(shop: Shop) -> None:
    """It may have been forwarded: whoever holds it finds no box, and its press does nothing."""
    url = shop.url(For.PREFERENCES)
    assert "sharing" not in (await shop.client.get(url)).text.lower()

    assert (await shop.client.post(url, data=ALLOW)).status_code == 400

    assert await about_sharing(shop) == []


async def test_nobody_under_13_is_asked_whatever_a_guardian_agreed_to(shop: Shop) -> None:
    """16 CFR 312.5(a)(2): mail was agreed to, and sharing is something else; the page shows no box and takes none."""
    async with shop.database.transaction() as session:
        await session.execute(sa.update(SubscriberRow).values(age_band=AgeBand.UNDER_13.value))
        source = ledger.Source(Door.PAGE, Proof.TOKEN)
        await ledger.guardian(session, shop.anna, agreed=True, source=source, at=NOW)
    assert "sharing" not in (await shop.client.get(link(shop))).text.lower()

    answer = await shop.client.post(link(shop), data=ALLOW)

    assert load()["en"].text("sharing.allowed") not in answer.text
    assert await about_sharing(shop) == []


async def test_the_link_of_a_test_letter_ends_nothing(shop: Shop) -> None:
    """It names nobody."""
    url = f"/p/{shop.tokens.make(For.PREFERENCES, SubscriberId(0), 0)}"

    assert (await shop.client.post(url, data={"do": "stop_sharing"})).status_code == 200
    assert await about_sharing(shop) == []
