"""The pages behind the letters about a sign-up: GET changes nothing, POST does, and what is gone looks like nothing."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import sqlalchemy as sa

from consent.standing import granted_topics
from consent.subscribers import find
from consent.tables import ConsentEventRow, NotMeRow, WordingRow
from kit.addresses import parse_address
from kit.config_signup import SignUpSettings
from mailer.tokens import Purpose
from tests.mailer.reception import DAY, HOUR, Desk
from tests.web.shop import BROWSER, SECRETS, Shop
from web.house import SignUps
from web.seals import Seals
from web.site import site


class Reader:
    """Somebody who got a letter about a sign-up, and the desk that sent it."""

    def __init__(self, shop: Shop, desk: Desk, client: httpx.AsyncClient) -> None:
        self.shop, self.desk, self.client = shop, desk, client

    async def url(self, purpose: Purpose) -> str:
        row = (await self.desk.waiting())[-1]
        return f"/{purpose.value}/{self.shop.tokens.make(purpose, row.id, 0, row.nonce)}"

    async def presses(self, url: str, what: str) -> httpx.Response:
        return await self.client.post(url, data={"do": what}, headers=BROWSER)

    async def granted(self, address: str) -> tuple[str, ...]:
        async with self.desk.database.reading() as session:
            person = await find(session, parse_address(address))
            return () if person is None else await granted_topics(session, person.id)


@pytest.fixture
async def reader(shop: Shop) -> AsyncIterator[Reader]:
    desk = Desk(shop.database)

    sign_ups = SignUps.of(desk.invitations, Seals(SECRETS), SignUpSettings())
    house = replace(shop.house, clock=lambda: desk.now, sign_ups=sign_ups)
    transport = httpx.ASGITransport(app=site(house), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.example") as client:
        yield Reader(shop, desk, client)


async def test_only_the_press_of_the_button_confirms(reader: Reader) -> None:
    """Scanners fetch every link of a mail (A13); the person presses."""
    await reader.desk.signs_up("jo@example.org")
    await reader.desk.looks()
    url = await reader.url(Purpose.SIGN_UP)

    for method in ("GET", "HEAD"):
        assert (await reader.client.request(method, url)).status_code == 200
        assert (await reader.client.request(method, f"{url}/no")).status_code == 200
    assert (await reader.presses(url, "something else")).status_code == 400
    assert await reader.granted("jo@example.org") == ()

    page = await reader.presses(url, "confirm")

    assert "you will get these mails" in page.text
    assert await reader.granted("jo@example.org") == ("deals",)
    assert "Nothing waits here" in (await reader.presses(url, "confirm")).text
    assert "Nothing waits here" in (await reader.client.get(url)).text


async def test_not_me_is_one_press_away(reader: Reader) -> None:
    """From either page; afterwards nothing is left but a keyed hash."""
    await reader.desk.signs_up("jo@example.org")
    await reader.desk.looks()
    url = await reader.url(Purpose.SIGN_UP)

    page = await reader.presses(f"{url}/no", "not_me")

    assert "service@shop.example" in page.text
    assert await reader.desk.waiting() == []
    async with reader.desk.database.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(NotMeRow)) == 1


@pytest.mark.parametrize("purpose", [Purpose.SIGN_UP, Purpose.GUARDIAN])
async def test_a_token_of_one_page_opens_no_other(reader: Reader, purpose: Purpose) -> None:
    """The child can't agree for the guardian, and a wrong nonce shows nothing of anybody."""
    await reader.desk.signs_up("kim@school.example", guardian="mum@example.org")
    await reader.desk.looks()
    (row,) = await reader.desk.waiting()
    other = Purpose.GUARDIAN if purpose is Purpose.SIGN_UP else Purpose.SIGN_UP
    token = reader.shop.tokens.make(purpose, row.id, 0, row.nonce)

    assert (await reader.client.get(f"/{other.value}/{token}")).status_code == 404
    wrong = reader.shop.tokens.make(purpose, row.id, 0, row.nonce ^ 1)
    page = await reader.client.get(f"/{purpose.value}/{wrong}")
    assert "school.example" not in page.text
    assert "Nothing waits here" in page.text


async def test_a_guardian_sees_whom_it_is_about_and_agrees(reader: Reader) -> None:
    """The child's address, the topics, what is kept, the policy; the words agreed to go into the ledger (P8)."""
    await reader.desk.signs_up("kim@school.example", guardian="mum@example.org")
    await reader.desk.looks()
    await reader.desk.sends()
    url = await reader.url(Purpose.GUARDIAN)
    page = await reader.client.get(url)
    for words in ("kim@school.example", "Deals", "for nothing else", "https://shop.example/privacy", "14 days"):
        assert words in page.text

    agreed = await reader.presses(url, "agree")

    assert "once more before anything is sent" in agreed.text
    assert "You have agreed" in (await reader.client.get(url)).text
    reader.desk.now += DAY
    await reader.desk.looks()
    await reader.desk.sends()
    reader.desk.now += HOUR
    assert await reader.desk.looks() == [("sign_up", "kim@school.example")]
    await reader.presses(await reader.url(Purpose.SIGN_UP), "confirm")
    assert await reader.granted("kim@school.example") == ("deals",)
    async with reader.desk.database.reading() as session:
        consent = await session.scalar(sa.select(ConsentEventRow).where(ConsentEventRow.act == "guardian_consent"))
        assert consent is not None
        wording = await session.scalar(sa.select(WordingRow.text).where(WordingRow.sha256 == consent.wording_sha256))
    assert wording is not None
    assert wording in re.sub("<[^>]*>", "", page.text)  # marks set the topics apart
    assert "@" not in wording


async def test_a_guardian_takes_it_back_on_the_same_page(reader: Reader) -> None:
    """At any time, and then nothing is left of the guardian."""
    await test_a_guardian_sees_whom_it_is_about_and_agrees(reader)
    url = await reader.url(Purpose.GUARDIAN)

    page = await reader.presses(url, "withdraw")

    assert "gets no promotions" in page.text
    assert await reader.granted("kim@school.example") == ()
    assert (await reader.desk.mailable(), await reader.desk.waiting()) == (["anna@example.org"], [])


@pytest.mark.parametrize("language", ["de", "fr", "es", "ja", "ar"])
async def test_the_pages_speak_the_language_of_the_sign_up(reader: Reader, language: str) -> None:
    """Whatever the browser asks for."""
    await reader.desk.signs_up("jo@example.org", language=language)
    await reader.desk.looks()

    page = await reader.client.get(await reader.url(Purpose.SIGN_UP), headers={"accept-language": "en"})

    assert re.search(rf'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"', page.text)
