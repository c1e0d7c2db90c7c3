"""RFC 8058, row by row as ../shared/reference/standards.md counts them: one-click as mailbox providers press it."""

import asyncio
import base64
import dataclasses
import re
from collections.abc import AsyncIterator, Callable

import dkim
import httpx
import pytest
import sqlalchemy as sa

from consent.model import Door
from consent.standing import events_of
from consent.tables import SubscriberRow
from kit.clock import utc_now
from mailer.form import PromotionForm
from mailer.keys import public_text
from mailer.model import Rendered
from mailer.signing import Signer
from mailer.tokens import Purpose as For
from mailer.tokens import Tokens
from tests.mailer.letters_at_hand import (
    MAILING,
    NOW,
    SENDER,
    TOKENS,
    a_recipient,
    dkim_keys,
    dns_of_keys,
    unfolded,
)  # fmt: skip
from tests.peers.opendkim import DkimVerdict
from tests.web.shop import BROWSER, SECRETS, Shop
from web.site import PAGES, site

BODY = "List-Unsubscribe=One-Click"
HEADERS = ("List-Unsubscribe", "List-Unsubscribe-Post")


@pytest.fixture(scope="module")
def letter() -> bytes:
    """A signed promotion, as it leaves."""
    words = Rendered("Spring sale", "Hello", "<p>Hello")
    made = PromotionForm(SENDER, MAILING).build(a_recipient(), TOKENS.links(SENDER, 17, 42), words, NOW)
    return Signer(dkim_keys()).sign(made.content, utc_now())


async def press(shop: Shop, url: str = "", **more: object) -> httpx.Response:
    return await shop.client.post(url or shop.url(For.ONE_CLICK), content=BODY, headers=BROWSER, **more)  # type: ignore[arg-type]


def test_8058_1_one_https_uri_and_the_exact_post_header(letter: bytes) -> None:
    """RFC 8058 3.1: the other URI is no http one."""
    fields = unfolded(letter)
    uris = re.findall(r"<([^>]*)>", fields["List-Unsubscribe"])

    assert [uri.partition(":")[0] for uri in uris].count("https") == 1
    assert {uri.partition(":")[0] for uri in uris} == {"https", "mailto"}
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in letter


def test_8058_2_both_headers_are_signed_says_dkimpy(letter: bytes) -> None:
    """RFC 8058 4: covered by each signature; one changed octet in either header breaks them."""
    signatures = re.findall(rb"DKIM-Signature:(.*?)\r\n(?![ \t])", letter, re.DOTALL)
    assert len(signatures) == 2
    for signature in signatures:
        names = re.sub(rb"\s", b"", re.search(rb"\bh=([^;]*);", signature)[1]).lower().split(b":")  # type: ignore[index]
        assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(names)
    assert _dkimpy(letter) == [True, True]
    assert [_dkimpy(_changed(letter, name)) for name in HEADERS] == [[False, False]] * 2


@pytest.mark.peer
def test_8058_2_both_headers_are_signed_says_opendkim(
    letter: bytes, opendkim_verify: Callable[[bytes, dict[str, str]], list[DkimVerdict]]
) -> None:
    """The same by a verifier that is neither ours nor in Python."""
    zone = {f"{key.selector}._domainkey.{key.domain}": public_text(key) for key in dkim_keys()}

    def verdicts(content: bytes) -> list[bool]:
        return [verdict.ok for verdict in opendkim_verify(content, zone)]

    assert verdicts(letter) == [True, True]
    assert [verdicts(_changed(letter, name)) for name in HEADERS] == [[False, False]] * 2


async def test_8058_3_the_uri_alone_says_who_and_what(shop: Shop) -> None:
    """A fresh client without anything else takes this person off this list."""
    assert (await press(shop)).status_code == 200
    assert await shop.granted() == ("events",)


async def test_8058_4_cookies_and_authorization_are_not_looked_at_and_none_is_set(shop: Shop) -> None:
    """RFC 8058 3.2: the sender of the POST has none of ours."""
    with_them = {**BROWSER, "cookie": "session=staff", "authorization": "Bearer x"}
    answer = await shop.client.post(shop.url(For.ONE_CLICK), content=BODY, headers=with_them)
    bare = await press(shop)

    assert (answer.status_code, answer.content, dict(answer.headers)) == (
        bare.status_code, bare.content, dict(bare.headers),
    )  # fmt: skip
    assert "set-cookie" not in answer.headers


async def test_8058_5_no_request_is_ever_redirected(shop: Shop) -> None:
    """RFC 8058 3.1: not to a slash, not from one, not to https, not to a page of thanks."""
    for page in PAGES:
        path = shop.url(page.purpose) if page.purpose else page.path
        path = page.path.replace("{token}", path.rpartition("/")[2])
        for spelling in (path, f"{path}/", f"{path}//", f"{path}?x=1", path.upper()):
            for method in ("GET", "HEAD", "POST", "OPTIONS"):
                answer = await shop.client.request(method, spelling, content=BODY, headers=BROWSER)
                assert not 300 <= answer.status_code < 400, (method, spelling)


@pytest.mark.parametrize("boundary", ["x", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "'()+_,-./:=?", "a" * 70])
async def test_8058_6_multipart_with_any_boundary(shop: Shop, boundary: str) -> None:
    """RFC 8058 3.1 names multipart/form-data first; RFC 2046 5.1.1 tells what a boundary is."""
    head = 'Content-Disposition: form-data; name="List-Unsubscribe"'
    body = f"--{boundary}\r\n{head}\r\n\r\nOne-Click\r\n--{boundary}--\r\n"
    headers = {"content-type": f'multipart/form-data; boundary="{boundary}"'}

    assert (await shop.client.post(shop.url(For.ONE_CLICK), content=body, headers=headers)).status_code == 200
    assert await shop.granted() == ("events",)


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=UTF-8"]
)
async def test_8058_6_urlencoded_in_pieces(shop: Shop, kind: str) -> None:
    """A chunked body is a body."""

    async def pieces() -> AsyncIterator[bytes]:
        for letter in BODY:
            yield letter.encode()

    answer = await shop.client.post(shop.url(For.ONE_CLICK), content=pieces(), headers={"content-type": kind})
    assert answer.status_code == 200
    assert await shop.granted() == ("events",)


@pytest.mark.parametrize("body", ["", "List-Unsubscribe=one-click", f"{BODY}&{BODY}", f"{BODY}&x=1", "x=1"])
async def test_8058_7_another_body_changes_nothing(shop: Shop, body: str) -> None:
    """400, and no guess."""
    answer = await shop.client.post(shop.url(For.ONE_CLICK), content=body, headers=BROWSER)

    assert answer.status_code == 400
    assert await shop.events() == 1


async def test_8058_8_no_bit_of_the_token_can_be_turned(shop: Shop) -> None:
    """128 bits of proof: each of the 248 bits turned leads to the same 404, whoever it would name."""
    url = shop.url(For.ONE_CLICK)
    raw = bytearray(base64.b32decode(url.rpartition("/")[2].upper() + "======"))
    answers = set()
    for bit in range(len(raw) * 8):
        raw[bit // 8] ^= 1 << bit % 8
        forged = base64.b32encode(bytes(raw)).decode().lower().rstrip("=")
        raw[bit // 8] ^= 1 << bit % 8
        answer = await press(shop, f"/u/{forged}")
        answers.add((answer.status_code, answer.content))

    assert [status for status, _ in answers] == [404]
    assert await shop.events() == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PROPFIND", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_8058_9_every_other_method_changes_nothing(shop: Shop, method: str) -> None:
    """Scanners try them all; GET shows one button for the topic and one for everything."""
    for _ in range(3):
        await shop.client.request(method, shop.url(For.ONE_CLICK), content=BODY, headers=BROWSER)

    assert await shop.events() == 1
    assert (await shop.client.get(shop.url(For.ONE_CLICK))).text.count("<button") == 2


async def test_8058_10_again_and_for_an_erased_person_the_answer_is_the_same(shop: Shop) -> None:
    """Idempotent; what was erased can't be told from what was not."""
    answers = [await press(shop), await press(shop)]
    events = await shop.events()
    async with shop.database.transaction() as session:
        await session.execute(
            sa.update(SubscriberRow)
            .where(SubscriberRow.id == shop.anna)
            .values(address=None, address_key=None, mailbox_key=None, address_hash=None, name="", erased_at=NOW)
        )
    answers.append(await press(shop))
    answers.append(await press(shop, f"/u/{shop.tokens.make(For.ONE_CLICK, 4711, shop.mailing)}"))

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"unsubscribed\n")}
    assert await shop.events() == events == 2


async def test_8058_11_a_link_of_an_older_key_works(shop: Shop) -> None:
    """As long as the old secret is kept (CASL wants 60 days)."""
    older = Tokens({7: b"o" * 32}, 7)
    both = Tokens({7: b"o" * 32, **SECRETS.token_keys}, 1)
    app = site(dataclasses.replace(shop.house, tokens=both))
    url = f"/u/{older.make(For.ONE_CLICK, shop.anna, shop.mailing)}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://shop.example") as client:
        assert (await client.post(url, content=BODY, headers=BROWSER)).status_code == 200

    assert await shop.granted() == ("events",)


async def test_8058_11_a_read_only_database_keeps_nobody_in(shop: Shop) -> None:
    """On disk first, and in the ledger as soon as it takes it: tests/mailer/test_exits.py tells the rest."""
    async with shop.read_only():
        assert (await press(shop)).status_code == 200
        page = await shop.client.post(shop.url(For.ONE_CLICK), data={"leave": "all"})
        assert "out of everything" in page.text
        assert await shop.granted() == ("deals", "events")
    assert await shop.house.exits.catch_up() == 2

    assert await shop.granted() == ()


async def test_8058_11_hundreds_at_once(shop: Shop) -> None:
    """All are answered, and the ledger holds one event."""
    answers = await asyncio.gather(*(press(shop) for _ in range(200)))

    assert {answer.status_code for answer in answers} == {200}
    assert await shop.events() == 2


async def test_8058_12_the_door_is_written_down(shop: Shop) -> None:
    """The mailto beside it is proven in tests/inbound (the token decides, not the From); here: which door it was."""
    await press(shop)
    async with shop.database.reading() as session:
        event = (await events_of(session, shop.anna))[-1]

    assert (event.door, dict(event.evidence)) == (Door.ONE_CLICK, {"mailing": str(shop.mailing)})


async def test_a_burst_over_the_links_of_a_mail_is_written_down_as_a_machines(shop: Shop) -> None:
    """Honoured all the same; the evidence lets staff tell it from a person."""
    mail_link = f"/p/{shop.tokens.make(For.PREFERENCES, shop.anna, shop.mailing)}"
    await shop.client.get(mail_link)
    await shop.client.head(shop.url(For.ONE_CLICK))
    await press(shop)
    async with shop.database.reading() as session:
        event = (await events_of(session, shop.anna))[-1]

    assert await shop.granted() == ("events",)
    assert event.evidence["machine-like"] == "opened within 10 s before: preferences, unsubscribe page"


def _changed(letter: bytes, name: str) -> bytes:
    """Turn one letter in a header's value."""
    place = letter.index(b"\r\n" + name.encode() + b": ") + len(name) + 8
    return letter[:place] + (b"x" if letter[place : place + 1] != b"x" else b"y") + letter[place + 1 :]


def _dkimpy(content: bytes) -> list[bool]:
    found = []
    for index in (0, 1):
        try:
            found.append(dkim.DKIM(content).verify(idx=index, dnsfunc=dns_of_keys()))
        except dkim.DKIMException:
            found.append(False)
    return found
