"""The account page: by a signed link that was just mailed to the person's own address, and for a short time (P12).

No password and no cookie. The links in promotions open preferences only, for mails are forwarded; reading and changing
what is personal needs a link that was asked for a moment ago and works for the address that it was sent to.
"""

import json
from datetime import UTC, datetime

from starlette.responses import Response

from consent import moving, purchases, subscribers
from consent.cards import carries_card_number
from consent.model import Subscriber
from consent.rights import Details, put_right
from consent.standing import events_of
from kit.addresses import try_address
from mailer.account_letters import ask_to_move, send_link
from mailer.tokens import Purpose as For
from mailer.tokens import account_mark
from web import rights, sharing
from web.forms import Form
from web.guard import HEADERS
from web.history import acts
from web.page import Page
from web.visit import Visit

MOST_PURCHASES = 100
_PHONE = frozenset("+0123456789 ()./-")


async def show_asking(visit: Visit) -> Response:
    """Show where to ask for a link."""
    return visit.answer("account_ask.html", {"told": ""})


async def ask(visit: Visit) -> Response:
    """Send a link to an address that we know. The answer is the same for every address."""
    form = await visit.form()
    address = try_address(form.one("email", required=True))
    if address is None:
        form.refuse("email", "errors.address")
        return visit.answer("account_ask.html", {"told": ""}, form=form)
    accounts = visit.house.accounts
    async with visit.house.database.transaction() as session:
        person = await subscribers.find(session, address)
        if person is not None:
            await send_link(session, person.id, secrets=accounts.secrets, lasts=accounts.link_lasts, at=_now(visit))
    return visit.answer("account_ask.html", {"told": visit.text("account_link.done")})


async def show_button(visit: Visit) -> Response:
    """Show the button that sends the link to whom the preference link names. Changes nothing."""
    return await visit.button("account_link")


async def press(visit: Visit) -> Response:
    """Send the link to the person's own address, whoever holds the preference link; the answer is always the same."""
    accounts = visit.house.accounts
    async with visit.house.database.transaction() as session:
        await send_link(session, visit.person, secrets=accounts.secrets, lasts=accounts.link_lasts, at=_now(visit))
    return await visit.button("account_link", "account_link.done")


async def show(visit: Visit) -> Response:
    """Show what is known about the person, and what they may do about it. Changes nothing."""
    person = await _welcome(visit)
    return _over(visit) if person is None else await _page(visit, person)


async def change(visit: Visit) -> Response:
    """Put details right, ask for a change of address, allow or end sharing, or erase everything."""
    person = await _welcome(visit)
    if person is None:
        return _over(visit)
    form = await visit.form()
    match form.many("do"):
        case ("details",):
            return await _put_right(visit, person, form)
        case ("move",):
            return await _move(visit, person, form)
        case ("share",):
            done = await sharing.allow(visit, person, form)
            return await _page(visit, person, told=done, form=form if form.errors else None)
        case ("stop_sharing",):
            return await _page(visit, person, told=await sharing.end(visit))
        case ("erase",):
            return await _erase(visit, person, form)
        case _:
            return await _page(visit, person, told="common.nothing_changed", status=400)


async def download(visit: Visit) -> Response:
    """Give everything as JSON (GDPR 20: structured, machine-readable); by POST, for the register says that it was."""
    return await _file(visit, "json")


async def download_text(visit: Visit) -> Response:
    """Give everything that is kept as a text for people."""
    return await _file(visit, "txt")


async def _file(visit: Visit, kind: str) -> Response:
    if await _welcome(visit) is None:
        return _over(visit)
    async with visit.house.database.transaction() as session:
        kept = await rights.hand_over(session, visit.person, by=rights.THEMSELVES, at=_now(visit))
    if kept is None:
        return _over(visit)
    text = json.dumps(kept, ensure_ascii=False, indent=2) if kind == "json" else rights.readable(kept)
    named = {**HEADERS, "Content-Disposition": f'attachment; filename="my-data.{kind}"'}
    media = "application/json" if kind == "json" else "text/plain"
    return Response(text, media_type=media, headers=named)


async def _put_right(visit: Visit, person: Subscriber, form: Form) -> Response:
    name, phone = form.one("name", most=100), form.one("phone", most=40)
    country, billing = form.one("country", most=2).upper(), form.lines("billing_address", most=400)
    if not _PHONE.issuperset(phone):
        form.refuse("phone", "account.phone_odd")
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        form.refuse("country", "account.country_odd")
    for field, text in (("name", name), ("phone", phone), ("billing_address", billing)):
        if carries_card_number(text):  # P14: no card data is ever accepted
            form.refuse(field, "account.card")
    if form.errors or not form.is_whole:
        return await _page(visit, person, form=form, status=422)
    details = Details(name, phone, billing, country, person.language, person.time_zone)
    async with visit.house.database.transaction() as session:
        await put_right(session, person.id, details)
        known = await subscribers.load(session, person.id)
    return await _page(visit, known or person, told="account.saved")


async def _move(visit: Visit, person: Subscriber, form: Form) -> Response:
    new = try_address(form.one("new_email", required=True))
    if new is None or carries_card_number(str(new)):
        form.refuse("new_email", "account.card" if new else "errors.address")
        return await _page(visit, person, form=form, status=422)
    async with visit.house.database.transaction() as session:
        asked = await ask_to_move(session, person.id, new, secrets=visit.house.accounts.secrets, at=_now(visit))
    return await _page(visit, person, told="account.move_asked" if asked else "account.move_not")


async def _erase(visit: Visit, person: Subscriber, form: Form) -> Response:
    if form.many("sure") != ("yes",):
        form.refuse("sure", "account.tick_first")
        return await _page(visit, person, form=form, status=422)
    source = visit.source(wording=visit.text("account.erase_sure"))
    async with visit.house.database.transaction() as session:
        await rights.erase(
            session, person.id, secrets=visit.house.accounts.secrets, source=source, by=rights.THEMSELVES,
            at=_now(visit),
        )  # fmt: skip
    return visit.answer("press.html", {"section": "erased", "said": visit.text("erased.done")})


async def _welcome(visit: Visit) -> Subscriber | None:
    """Return the person, if the link's time is not over and it was sent to the address that is theirs now."""
    person = await visit.house.person(visit.token)
    if person is None or person.address is None:
        return None
    visit.speak_to(person)
    mark = account_mark(visit.house.accounts.secrets.address_hash(person.address))
    until = datetime.fromtimestamp(visit.token.extra, UTC)
    return person if visit.token.mailing_id == mark and _now(visit) < until else None


def _over(visit: Visit) -> Response:
    return visit.answer("account_over.html", status=410)  # RFC 9110 15.5.11: gone, and a new one can be had


async def _page(
    visit: Visit, person: Subscriber, *, told: str = "", form: Form | None = None, status: int = 200
) -> Response:
    async with visit.house.database.reading() as session:
        move = await moving.waiting(session, person.id, at=_now(visit))
        bought = await purchases.of_person(session, person.id, most=MOST_PURCHASES)
        events = await events_of(session, person.id)
        names = {topic.key: topic.name for topic in await visit.house.topics(session)}
    shown = (form or Form()).beside(
        name=person.name, phone=person.phone, billing_address=person.billing_address, country=person.country
    )
    values = {
        "address": str(person.address), "told": visit.text(told) if told else "", "is_wrong": status == 400,
        "move": str(move.new) if move else "", "purchases": bought, "link": visit.link,
        "history": acts(events, visit.house.pages.catalogues[visit.language], names),
        "sharing": sharing.state(visit, person, events),
        "preferences": visit.house.tokens.preferences_url("", person.id),
    }  # fmt: skip
    return visit.answer("account.html", values, form=shown, status=status)


def _now(visit: Visit) -> datetime:
    return visit.house.clock()


PAGES = (
    Page("/account", show_asking, ask, asks=True),
    Page("/p/{token}/account", show_button, press, For.PREFERENCES),
    Page("/a/{token}", show, change, For.ACCOUNT, asks=True),
    Page("/a/{token}/my-data.json", show, download, For.ACCOUNT, asks=True),
    Page("/a/{token}/my-data.txt", show, download_text, For.ACCOUNT, asks=True),
)
