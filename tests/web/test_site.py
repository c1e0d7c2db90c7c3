"""The customers' pages over HTTP: what changes something, what never does, what each answer carries."""

import pytest

from consent.model import Purpose
from consent.standing import events_of
from mailer.tokens import Purpose as For
from tests.web.shop import BROWSER, Shop


async def test_one_click_takes_the_person_off_the_topic_of_the_mail(shop: Shop) -> None:
    """RFC 8058 3.2: the POST alone does it, and says so with 200."""
    answer = await shop.client.post(shop.url(For.ONE_CLICK), content="List-Unsubscribe=One-Click", headers=BROWSER)

    assert answer.status_code == 200
    assert await shop.granted() == ("events",)


async def test_one_click_comes_as_multipart_too(shop: Shop) -> None:
    """RFC 8058 3.1 names multipart/form-data first."""
    answer = await shop.client.post(shop.url(For.ONE_CLICK), files={"List-Unsubscribe": (None, "One-Click")})

    assert answer.status_code == 200
    assert await shop.granted() == ("events",)


async def test_one_click_twice_is_one_event(shop: Shop) -> None:
    """Repeating it is welcome and changes nothing."""
    for spelling in ("", "/", ""):
        url = shop.url(For.ONE_CLICK) + spelling
        answer = await shop.client.post(url, content="List-Unsubscribe=One-Click", headers=BROWSER)
        assert answer.status_code == 200

    assert await shop.events() == 2


@pytest.mark.parametrize("purpose", [For.ONE_CLICK, For.PREFERENCES, For.CONFIRM, For.UNDO])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND"])
async def test_no_other_method_changes_anything(shop: Shop, purpose: For, method: str) -> None:
    """Link scanners fetch every link, three times, by all kinds of methods."""
    for _ in range(3):
        answer = await shop.client.request(method, shop.url(purpose))
        assert answer.status_code == (200 if method in {"GET", "HEAD"} else 405)

    assert await shop.granted() == ("deals", "events")
    assert await shop.events() == 1


@pytest.mark.parametrize(
    "body",
    ["", "List-Unsubscribe=", "list-unsubscribe=One-Click", "leave=no", "x=" + "y" * 5000, "\xff\xfe", "a=1&" * 60],
)
async def test_a_body_that_is_not_the_agreed_one_changes_nothing(shop: Shop, body: str) -> None:
    """It is answered 400, not by a guess."""
    answer = await shop.client.post(shop.url(For.ONE_CLICK), content=body.encode("latin-1"), headers=BROWSER)

    assert answer.status_code == 400
    assert await shop.events() == 1


async def test_no_bit_of_a_token_can_be_changed(shop: Shop) -> None:
    """A changed token is as unknown as any other text, for every purpose."""
    url = shop.url(For.ONE_CLICK)
    for place in range(3, len(url)):
        forged = url[:place] + ("a" if url[place] != "a" else "b") + url[place + 1 :]
        answer = await shop.client.post(forged, content="List-Unsubscribe=One-Click", headers=BROWSER)
        assert answer.status_code == 404

    assert await shop.events() == 1


async def test_a_token_opens_only_the_page_it_was_made_for(shop: Shop) -> None:
    """A one-click link that got about opens no preferences."""
    token = shop.url(For.ONE_CLICK).rpartition("/")[2]

    assert (await shop.client.get(f"/p/{token}")).status_code == 404
    assert (await shop.client.post(f"/z/{token}")).status_code == 404


async def test_the_page_offers_two_buttons_and_each_works(shop: Shop) -> None:
    """Stop this topic, or everything."""
    page = await shop.client.get(shop.url(For.ONE_CLICK))
    assert "Stop mail about <b><bdi>Deals</bdi></b>" in page.text
    assert "a…@example.org" in page.text
    assert "anna@" not in page.text

    answer = await shop.client.post(shop.url(For.ONE_CLICK), data={"leave": "all"})

    assert "out of everything" in answer.text
    assert await shop.granted() == ()


async def test_preferences_show_topics_escaped_and_switch_off_at_once(shop: Shop) -> None:
    """What is unticked is withdrawn; names of topics are text, not markup."""
    page = await shop.client.get(shop.url(For.PREFERENCES))
    assert "Events &amp; &lt;Meet-ups&gt;" in page.text

    answer = await shop.client.post(shop.url(For.PREFERENCES), data={"do": "save", "topic": "events"})

    assert answer.status_code == 200
    assert await shop.granted() == ("events",)
    assert shop.asked == []


async def test_switching_on_asks_the_owner_first(shop: Shop) -> None:
    """The link may have been forwarded: joining needs a confirmation by mail, leaving does not."""
    await shop.client.post(shop.url(For.PREFERENCES), data={"do": "leave"})
    assert await shop.granted() == ()

    answer = await shop.client.post(shop.url(For.PREFERENCES), data={"do": "save", "topic": ["deals", "hacked"]})

    assert "once you confirm" in answer.text
    assert shop.asked == [("deals",)]
    assert await shop.granted() == ()


async def test_the_confirmation_page_grants_what_is_pending(shop: Shop) -> None:
    """And only that; a second press finds nothing left."""
    await shop.client.post(shop.url(For.PREFERENCES), data={"do": "leave"})
    await shop.client.post(shop.url(For.PREFERENCES), data={"do": "save", "topic": "deals"})

    first = await shop.client.post(shop.url(For.CONFIRM))
    second = await shop.client.post(shop.url(For.CONFIRM))

    assert "you will get these mails" in first.text
    assert "nothing left" in second.text
    assert await shop.granted() == ("deals",)


async def test_undo_brings_back_what_that_opt_out_ended(shop: Shop) -> None:
    """And nothing that was withdrawn apart from it."""
    await shop.client.post(shop.url(For.PREFERENCES), data={"do": "save", "topic": "events"})
    async with shop.database.reading() as session:
        seq = (await events_of(session, shop.anna))[-1].seq

    await shop.client.post(shop.url(For.UNDO, extra=seq))

    assert await shop.granted() == ("deals", "events")


@pytest.mark.parametrize("path", ["/u/x", "/p/x", "/nowhere", "/help", "/healthz"])
async def test_every_answer_is_bare_of_cookies_caches_and_referrers(shop: Shop, path: str) -> None:
    """P13, RFC 8058 3.1; no page redirects."""
    answer = await shop.client.get(path)

    assert not answer.is_redirect
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_cookies_and_foreign_hosts_are_not_looked_at(shop: Shop) -> None:
    """A staff session or a poisoned Host header makes no difference."""
    headers = {**BROWSER, "cookie": "session=staff", "host": "evil.example", "authorization": "Basic eDp5"}
    answer = await shop.client.post(shop.url(For.ONE_CLICK), content="List-Unsubscribe=One-Click", headers=headers)

    assert answer.status_code == 200
    assert "evil" not in answer.text


async def test_every_page_links_the_policy_and_names_customer_service(shop: Shop) -> None:
    """P7 and P17."""
    for path in (*map(shop.url, (For.ONE_CLICK, For.PREFERENCES, For.CONFIRM, For.UNDO)), "/help", "/u/x"):
        page = (await shop.client.get(path)).text
        assert 'href="https://shop.example/privacy"' in page
        assert "service@shop.example" in page


async def test_when_the_database_is_gone_the_answer_is_temporary(shop: Shop) -> None:
    """503 with Retry-After: whoever asked to leave asks again (promise 7)."""
    await shop.database.close()
    async with shop.database.engine.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE standing")

    answer = await shop.client.post(shop.url(For.PREFERENCES), data={"do": "leave"})

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert Purpose.PROMOTION.value not in answer.text


async def test_the_links_of_a_test_letter_change_nothing_and_fail_nowhere(shop: Shop) -> None:
    """A colleague's copy names nobody: pressing its buttons is answered kindly."""
    one_click = f"/u/{shop.tokens.make(For.ONE_CLICK, 0, shop.mailing)}"
    preferences = f"/p/{shop.tokens.make(For.PREFERENCES, 0, 0)}"

    pressed = await shop.client.post(one_click, content="List-Unsubscribe=One-Click", headers=BROWSER)
    saved = await shop.client.post(preferences, data={"do": "save", "topic": "deals"})

    assert pressed.status_code == 200
    assert "test letter" in saved.text
    assert await shop.events() == 1
