"""The sign-up page: what it asks, what it refuses by its words alone, and that it answers everybody alike."""

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa

from consent import ledger
from consent.admission import Rules
from consent.ledger import Source
from consent.model import Door, Proof
from consent.tables import SignUpRow, WordingRow
from kit.addresses import parse_address
from kit.config_signup import SignUpSettings
from kit.db import Database
from mailer.invitations import Invitations
from tests.web.shop import BROWSER, NOW, SECRETS, Shop
from web.house import SignUps
from web.seals import Seals
from web.site import site

GOOD = {"email": "jo@example.org", "topic": "deals", "age": "34"}


@dataclass
class Visitor:
    """A person in front of the page, with the clock of the shop in hand."""

    client: httpx.AsyncClient
    database: Database
    desk: SignUps
    now: datetime = NOW

    async def page(self, language: str = "en") -> str:
        answer = await self.client.get(f"/signup?lang={language}")
        assert answer.status_code == 200
        return answer.text

    async def sends(self, fields: dict[str, str], *, seal: str = "", language: str = "en") -> httpx.Response:
        """Fill in the page and press the button ten seconds later."""
        seal = seal or hidden(await self.page(language), "seal")
        self.now += timedelta(seconds=10)
        return await self.client.post(f"/signup?lang={language}", data={"seal": seal, **fields}, headers=BROWSER)

    async def noted(self) -> list[SignUpRow]:
        async with self.database.reading() as session:
            return list(await session.scalars(sa.select(SignUpRow).order_by(SignUpRow.id)))


def hidden(page: str, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return html.unescape(found[1])


async def visitor_of(shop: Shop, settings: SignUpSettings, rules: Rules) -> AsyncIterator[Visitor]:
    desk = SignUps.of(Invitations(SECRETS, rules, timedelta(days=7)), Seals(SECRETS), settings)
    visitor = Visitor(shop.client, shop.database, desk)

    house = replace(shop.house, clock=lambda: visitor.now, sign_ups=desk)
    transport = httpx.ASGITransport(app=site(house), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.example") as client:
        visitor.client = client
        yield visitor


@pytest.fixture
async def visitor(shop: Shop) -> AsyncIterator[Visitor]:
    async for one in visitor_of(shop, SignUpSettings(), Rules()):
        yield one


async def test_the_form_presumes_nothing(visitor: Visitor) -> None:
    """No box ticked, no age given or hinted at (P8), the policy and its version beside the button (P7)."""
    page = await visitor.page()

    assert "checked" not in page
    assert re.search(r'<input id="age"[^>]* value=""', page)
    assert "13" not in re.sub(r"<(head|style).*?</\1>|value=\"[^\"]*\"", "", page, flags=re.DOTALL)
    assert 'href="https://shop.example/privacy"' in page
    assert "2026-11-01" in page


async def test_what_was_shown_is_kept_with_what_was_sent(visitor: Visitor) -> None:
    """Wording, policy version, language and moment, as they stood on the page; nothing of the age (P3)."""
    answer = await visitor.sends({**GOOD, "email": "Jo@Example.org"}, language="de")

    assert answer.status_code == 200
    (row,) = await visitor.noted()
    assert (row.address, row.topics, row.guardian) == ("Jo@example.org", ["deals"], "")
    assert (row.policy_version, row.language, row.form) == ("2026-11-01", "de", "page")
    assert (row.shown_at, row.created_at) == (NOW, visitor.now)
    async with visitor.database.reading() as session:
        wording = await session.scalar(sa.select(WordingRow.text).where(WordingRow.sha256 == row.wording_sha256))
    assert wording is not None
    assert wording in html.unescape(await visitor.page("de"))


async def test_everybody_gets_the_same_answer_for_the_same_work(visitor: Visitor, shop: Shop) -> None:
    """A14: byte for byte and statement for statement: known, suppressed, asked already, or never heard of."""
    anna, source = shop.anna, Source(Door.STAFF, Proof.STAFF)
    answers, work = [], []
    for address in ("anna@example.org", "jo@example.org", "jo@example.org", "anna@example.org"):
        seal = hidden(await visitor.page(), "seal")
        statements: list[str] = []

        def note(*call: object, into: list[str] = statements) -> None:
            into.append(re.sub(r"\s+", " ", str(call[2])))

        engine = visitor.database.engine.sync_engine
        sa.event.listen(engine, "before_cursor_execute", note)
        answer = await visitor.sends({**GOOD, "email": address}, seal=seal)
        sa.event.remove(engine, "before_cursor_execute", note)
        answers.append((answer.status_code, answer.content, sorted(answer.headers.items())))
        work.append(statements)
        async with visitor.database.transaction() as session:
            await ledger.suppress(session, anna, reason="complaint", source=source, at=NOW)

    assert len(await visitor.noted()) == 4
    assert all(one == answers[0] for one in answers)
    assert all(one == work[0] for one in work)
    assert not any(b"example.org" in content for _, content, _ in answers)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"email": "jo@example"}, "email"), ({"email": "jo"}, "email"),
        ({"email": "4111111111111111@x.example"}, "email"),
        ({"email": ""}, "email"),
        ({"email": "Jo <jo@example.org>"}, "email"), ({"email": "jo@example.org\r\nBcc: eve@evil.example"}, "email"),
        ({"topic": "nonsense"}, "topic"), ({"age": ""}, "age"), ({"age": "old"}, "age"), ({"age": "-1"}, "age"),
        ({"age": "126"}, "age"), ({"email": "x@mailinator.com"}, "email"),
    ],
)  # fmt: skip
async def test_what_can_not_be_taken_is_said_beside_its_field(
    visitor: Visitor, fields: dict[str, str], named: str
) -> None:
    """422, what was typed stays in the other fields, and nothing is noted."""
    answer = await visitor.sends({**GOOD, **fields})

    assert answer.status_code == 422
    assert f'id="{named}-error"' in answer.text
    assert await visitor.noted() == []
    if "topic" not in fields:
        assert re.search(r'value="deals" checked', answer.text)


async def test_a_slip_in_the_domain_is_pointed_at_before_it_is_taken(visitor: Visitor) -> None:
    """gmial.com; who means it presses once more, and only for that very address."""
    first = await visitor.sends({**GOOD, "email": "jo@gmial.com"})
    assert first.status_code == 422
    assert "jo@gmail.com" in first.text

    sure = {"sure_email": hidden(first.text, "sure_email")}
    other = await visitor.sends({**GOOD, **sure, "email": "jo@hotmial.com"})
    again = await visitor.sends({**GOOD, **sure, "email": "jo@gmial.com"})

    assert (other.status_code, again.status_code) == (422, 200)
    assert [row.address for row in await visitor.noted()] == ["jo@gmial.com"]


@pytest.mark.parametrize(("role", "disposable"), [(True, True), (False, False)])
async def test_roles_and_disposable_hosts_are_a_matter_of_settings(shop: Shop, role: bool, disposable: bool) -> None:
    """Each can be allowed or refused."""
    settings = SignUpSettings(
        take_role_addresses=role, take_disposable_addresses=disposable, disposable_domains=("hour.example",)
    )
    async for visitor in visitor_of(shop, settings, Rules()):
        assert (await visitor.sends({**GOOD, "email": "info@example.org"})).status_code == (200 if role else 422)
        for address in ("x@yopmail.com", "x@mx.hour.example"):
            answer = await visitor.sends({**GOOD, "email": address})
            assert answer.status_code == (200 if disposable else 422)


async def test_a_form_that_comes_back_at_once_is_shown_again(visitor: Visitor) -> None:
    """A person needs longer than two seconds; pressing again is enough, and says nothing of the address."""
    seal = hidden(await visitor.page(), "seal")
    visitor.now += timedelta(seconds=1)
    hasty = await visitor.client.post("/signup", data={"seal": seal, **GOOD}, headers=BROWSER)

    assert hasty.status_code == 422
    assert await visitor.noted() == []
    assert (await visitor.sends(GOOD, seal=hidden(hasty.text, "seal"))).status_code == 200


@pytest.mark.parametrize("case", ["old", "forged", "none", "other policy"])
async def test_a_form_without_a_good_seal_is_shown_again(visitor: Visitor, case: str) -> None:
    """Nobody agrees to what we can't prove that they saw."""
    seal = hidden(await visitor.page(), "seal")
    shown = visitor.desk.seals.read(seal)
    assert shown is not None
    if case == "old":
        visitor.now += timedelta(hours=25)
    seal = {
        "old": seal, "forged": seal[:-3] + "AAA", "none": "x",
        "other policy": visitor.desk.seals.seal(replace(shown, policy_version="2020-01-01")),
    }[case]  # fmt: skip

    answer = await visitor.sends(GOOD, seal=seal)

    assert answer.status_code == 422
    assert 'value="jo@example.org"' in answer.text
    assert await visitor.noted() == []


async def test_a_machine_that_fills_in_every_field_is_answered_and_forgotten(visitor: Visitor) -> None:
    """The same words as for a person."""
    person = await visitor.sends(GOOD)
    machine = await visitor.sends({**GOOD, "email": "bot@example.org", "homepage": "http://spam.example"})

    assert machine.content == person.content
    assert [row.address for row in await visitor.noted()] == ["jo@example.org"]


async def test_a_network_signs_up_so_often_and_no_more(shop: Shop) -> None:
    """429 with Retry-After; a form with a mistake in it costs nothing."""
    async for visitor in visitor_of(shop, SignUpSettings(sent_an_hour_per_network=2), Rules()):
        codes = [(await visitor.sends({**GOOD, "age": age})).status_code for age in ("x", "30", "x", "30", "30")]
        assert codes == [422, 200, 422, 200, 429]
        assert "retry-after" in (await visitor.sends(GOOD)).headers
        assert len(await visitor.noted()) == 2


async def test_a_full_house_says_later(shop: Shop) -> None:
    """503 with Retry-After, whoever asks."""
    async for visitor in visitor_of(shop, SignUpSettings(), Rules(most_waiting=1)):
        assert (await visitor.sends(GOOD)).status_code == 200
        full = await visitor.sends(GOOD)
        assert (full.status_code, "retry-after" in full.headers) == (503, True)


async def test_where_nobody_shall_sign_up_there_is_no_page(shop: Shop) -> None:
    """``signup.enabled = false``."""
    transport = httpx.ASGITransport(app=site(replace(shop.house, sign_ups=None)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.example") as client:
        assert (await client.get("/signup")).status_code == 404
        assert (await client.post("/signup", data=GOOD, headers=BROWSER)).status_code == 404


# -- children ---------------------------------------------------------------------------------------------------------

CHILD = {"email": "kim@school.example", "topic": "deals", "age": "12"}


async def test_a_child_is_asked_for_a_guardian_and_nothing_is_kept_before(visitor: Visitor) -> None:
    """P8: no default, no way round, nothing noted without the guardian's address."""
    asked = await visitor.sends(CHILD)

    assert asked.status_code == 200
    assert await visitor.noted() == []
    assert 'name="guardian"' in asked.text
    assert 'href="https://shop.example/privacy"' in asked.text
    fields = {name: hidden(asked.text, name) for name in ("seal", "email", "age", "topic", "step", "sure_email")}
    missing = await visitor.client.post("/signup", data={**fields, "guardian": ""}, headers=BROWSER)
    assert missing.status_code == 422
    done = await visitor.client.post("/signup", data={**fields, "guardian": "mum@example.org"}, headers=BROWSER)
    assert done.status_code == 200
    (row,) = await visitor.noted()
    assert (row.address, row.guardian) == ("kim@school.example", "mum@example.org")


@pytest.mark.parametrize(
    "guardian", ["kim@school.example", "Kim+mum@school.example", "mum", "mum@gmial.com", "mum@mailinator.com"]
)
async def test_a_guardian_is_somebody_else_with_a_good_address(visitor: Visitor, guardian: str) -> None:
    """Not the child's own mailbox in another spelling, no slip, no mailbox for an hour."""
    answer = await visitor.sends({**CHILD, "step": "guardian", "guardian": guardian})

    assert answer.status_code == 422
    assert 'id="guardian-error"' in answer.text
    assert await visitor.noted() == []


async def test_the_thirteenth_birthday_is_the_border(visitor: Visitor) -> None:
    """Twelve needs a guardian, thirteen does not; a guardian's address then is not kept."""
    await visitor.sends({**CHILD, "age": "13", "guardian": "mum@example.org"})

    (row,) = await visitor.noted()
    assert row.guardian == ""
    assert parse_address(row.address) == parse_address("kim@school.example")
