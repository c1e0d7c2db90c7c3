"""The account page over HTTP: who gets in, what is shown, what each button does."""

import json
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from consent import purchases, register, subscribers
from consent.purchases import Purchase
from consent.tables import MoveRow, SubscriberRow
from kit.addresses import parse_address
from mailer.tables import OutboxRow
from mailer.tokens import Purpose as For
from tests.web.shop import NOW, SECRETS, Shop

ANNA = parse_address("anna@example.org")
NEW = "anna.new@elsewhere.example"


def link(shop: Shop, *, lasts: timedelta = timedelta(minutes=30), address: str = str(ANNA)) -> str:
    until = NOW + lasts
    return shop.tokens.account_url("", shop.anna, SECRETS.address_hash(parse_address(address)), until)


async def letters(shop: Shop) -> list[tuple[str, str]]:
    async with shop.database.reading() as session:
        rows = await session.execute(sa.select(OutboxRow.kind, OutboxRow.address).order_by(OutboxRow.id))
        return [(kind, address) for kind, address in rows]


async def requests(shop: Shop) -> list[tuple[str, int | None, str, str]]:
    async with shop.database.reading() as session:
        return [(one.kind.value, one.subscriber_id, one.state, one.by) for one in await register.all_requests(session)]


async def test_the_link_is_mailed_to_the_address_that_we_know_and_the_answer_is_always_the_same(shop: Shop) -> None:
    """Nobody learns from the page who gets our mail; several requests in a row send one mail."""
    known = [await shop.client.post("/account", data={"email": "Anna@example.org"}) for _ in range(2)]
    unknown = await shop.client.post("/account", data={"email": "eve@evil.example"})

    assert {answer.text for answer in (*known, unknown)} == {unknown.text}
    assert await letters(shop) == [("account_link", "anna@example.org")]


async def test_who_holds_a_forwarded_preference_link_can_only_have_the_link_sent_to_the_owner(shop: Shop) -> None:
    """The page behind the links of promotions shows and changes nothing personal (P12)."""
    url = f"{shop.url(For.PREFERENCES)}/account"
    page = await shop.client.get(url)
    assert page.status_code == 200
    assert await letters(shop) == []

    answer = await shop.client.post(url)

    assert str(ANNA) not in page.text + answer.text
    assert await letters(shop) == [("account_link", str(ANNA))]


@pytest.mark.parametrize(
    ("lasts", "address"), [(timedelta(0), str(ANNA)), (-timedelta(days=1), str(ANNA)), (timedelta(minutes=30), NEW)]
)
async def test_a_link_that_is_over_or_was_sent_elsewhere_opens_nothing(
    shop: Shop, lasts: timedelta, address: str
) -> None:
    """Its time is up, or the person has another address by now; no method gets anything out of it."""
    url = link(shop, lasts=lasts, address=address)
    for path in ("", "/my-data.json", "/my-data.txt"):
        answer = await shop.client.get(url + path)
        assert answer.status_code == 410
        assert "anna@example.org" not in answer.text
    for path in ("/my-data.json", "/my-data.txt"):
        assert (await shop.client.post(url + path)).status_code == 410

    assert (await shop.client.post(url, data={"do": "erase", "sure": "yes"})).status_code == 410
    assert await shop.granted() == ("deals", "events")


async def test_details_are_shown_and_put_right(shop: Shop) -> None:
    """All of it is optional; a second look shows what was written, escaped."""
    details = {"do": "details", "name": "Anna <b>", "phone": "+49 30 1234", "country": "de"}
    answer = await shop.client.post(link(shop), data={**details, "billing_address": "1 Way\r\n\r\n2 Town "})

    assert answer.status_code == 200
    page = (await shop.client.get(link(shop))).text
    for part in ("Anna &lt;b&gt;", "+49 30 1234", 'value="DE"', "1 Way\n2 Town</textarea>"):
        assert part in page, part
    empty = {"do": "details", "name": "", "phone": "", "country": "", "billing_address": ""}
    assert (await shop.client.post(link(shop), data=empty)).status_code == 200
    async with shop.database.reading() as session:
        person = await subscribers.load(session, shop.anna)
    assert person is not None
    assert (person.name, person.phone, person.country, person.billing_address) == ("", "", "", "")


@pytest.mark.parametrize(
    "wrong",
    [{"phone": "call me"}, {"country": "Germany"}, {"country": "d3"}, {"name": "4111 1111 1111 1111"},
     {"billing_address": "card\n4111111111111111"}, {"phone": "4111 1111 1111 1111"}, {"name": "x" * 101}],
    ids=["phone", "country", "digits", "card as name", "card in lines", "card as phone", "long"],
)  # fmt: skip
async def test_what_cannot_be_taken_changes_nothing(shop: Shop, wrong: dict[str, str]) -> None:
    """P14: no card data is ever accepted; each field says what is wrong."""
    answer = await shop.client.post(link(shop), data={"do": "details", **wrong})

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    async with shop.database.reading() as session:
        row = (await session.execute(sa.select(SubscriberRow.name, SubscriberRow.phone, SubscriberRow.country))).one()
    assert tuple(row) == ("", "", "")


async def test_a_slip_in_one_form_leaves_the_others_as_they_are(shop: Shop) -> None:
    """Else a press of "save" after it would delete what is known."""
    details = {"name": "Anna", "phone": "+49 30 1234", "billing_address": "1 Way", "country": "DE"}
    await shop.client.post(link(shop), data={"do": "details", **details})

    for slip in ({"do": "move", "new_email": "nobody"}, {"do": "share"}, {"do": "erase"}):
        page = (await shop.client.post(link(shop), data=slip)).text
        assert 'value="Anna"' in page
        assert "1 Way</textarea>" in page
        assert ('value="nobody"' in page) is ("new_email" in slip)


async def test_purchases_and_history_are_shown_in_plain_words(shop: Shop) -> None:
    """P12: what segments see, and what was agreed to when and how."""
    async with shop.database.transaction() as session:
        await purchases.keep(session, [Purchase(ANNA, "Drill & <saw>", date(2026, 1, 9))])

    page = (await shop.client.get(link(shop))).text

    assert "Drill &amp; &lt;saw&gt;" in page
    assert "9 January 2026" in page
    assert "agreed to <b><bdi>Deals, Events &amp; &lt;Meet-ups&gt;" in page
    assert "a list with your earlier agreement" in page


async def test_a_change_of_address_asks_both(shop: Shop) -> None:
    """Nothing is different before the new one has confirmed; the page says that it waits."""
    answer = await shop.client.post(link(shop), data={"do": "move", "new_email": NEW})

    assert NEW in answer.text
    assert await letters(shop) == [("move_new", NEW), ("move_old", str(ANNA))]
    for wrong in ("no address", "4111111111111111@x.example"):  # P14: no card number
        assert (await shop.client.post(link(shop), data={"do": "move", "new_email": wrong})).status_code == 422

    async with shop.database.reading() as session:
        number = await session.scalar(sa.select(MoveRow.id))
    url = shop.tokens.url(For.MOVE_NEW, "", shop.anna, number or 0)
    for method in ("GET", "HEAD"):
        await shop.client.request(method, url)
    async with shop.database.reading() as session:
        assert await subscribers.find(session, ANNA) is not None
    said = await shop.client.post(url)
    assert "from now on" in said.text
    assert (await shop.client.get(link(shop))).status_code == 410  # the old address opens the account no more
    assert (await shop.client.get(link(shop, address=NEW))).status_code == 200

    back = await shop.client.post(shop.tokens.url(For.MOVE_OLD, "", shop.anna, number or 0))
    assert "taken back" in back.text
    async with shop.database.reading() as session:
        assert await subscribers.find(session, ANNA) is not None


async def test_my_data_comes_as_json_and_as_text(shop: Shop) -> None:
    """GDPR 15 and 20: all of it, as a file, at the press of a button; who only looks asks for nothing."""
    await shop.client.post(link(shop), data={"do": "details", "name": "Anna"})
    for path in ("/my-data.json", "/my-data.txt"):
        assert f'action="{link(shop)}{path}' in (await shop.client.get(link(shop) + path)).text
    assert await requests(shop) == []

    machine = await shop.client.post(f"{link(shop)}/my-data.json")
    text = await shop.client.post(f"{link(shop)}/my-data.txt")

    kept = json.loads(machine.text)
    assert (kept["email"], kept["name"]) == ("anna@example.org", "Anna")
    assert kept["events"][0]["act"] == "confirm"
    assert 'filename="my-data.json"' in machine.headers["content-disposition"]
    assert machine.headers["cache-control"] == "no-store"
    assert "email: anna@example.org" in text.text
    assert "act: confirm" in text.text
    assert await requests(shop) == [("access", shop.anna, "answered", "the person, by the account page")]


async def test_erasure_wants_its_box_ticked(shop: Shop) -> None:
    """One press by mistake erases nobody; with the box everything is gone and one last mail says so."""
    url = link(shop)
    assert (await shop.client.post(url, data={"do": "erase"})).status_code == 422
    assert await shop.granted() == ("deals", "events")

    done = await shop.client.post(url, data={"do": "erase", "sure": "yes"})

    assert "erased" in done.text
    assert await shop.granted() == ()
    assert (await shop.client.get(url)).status_code == 410
    assert await letters(shop) == [("erased", str(ANNA))]
    assert await requests(shop) == [("erasure", shop.anna, "answered", "the person, by the account page")]
    one_click = await shop.client.post(shop.url(For.ONE_CLICK), data={"List-Unsubscribe": "One-Click"})
    assert one_click.status_code == 200
    assert (await shop.client.get(shop.url(For.PREFERENCES))).status_code == 200
