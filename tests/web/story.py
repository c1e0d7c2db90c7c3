"""Every screen that a customer can come to, in an order in which they may: what is shown, and what a press leads to.

Each test and picture that looks at "all pages" looks at these; one more template or message is shown here first.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from consent.admission import Form
from consent.model import SubscriberId
from consent.standing import events_of
from mailer.account_letters import ask_to_move
from mailer.tokens import Purpose as For
from tests.web.records import ANNA, JO, NEW, paths
from tests.web.shop import NOW, SECRETS, Shop
from web.signup import PAGE

Fields = Mapping[str, str | list[str]]
Door = Literal["open", "overrun", "out of order"]


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen: where it is, what is sent there (None: nothing, it is only looked at), and the status it has."""

    name: str
    path: str
    form: Fields | None = None
    status: int = 200
    door: Door = "open"
    method: Literal["GET", "POST", "PUT"] = "GET"


def shown(name: str, path: str, status: int = 200, door: Door = "open") -> Screen:
    return Screen(name, path, None, status, door)


def pressed(name: str, path: str, status: int = 200, /, **fields: str | list[str]) -> Screen:
    return Screen(name, path, fields, status, method="POST")


async def screens(shop: Shop, language: str = "en") -> AsyncIterator[Screen]:
    """Yield all screens; each has to be opened before the next is asked for, since presses change what follows."""
    known = await paths(shop, language)
    for screen in (*_choices(known), *_joining(shop, known, language)):
        yield screen
    for screen in _guardian(known):
        yield screen
    async for screen in _moving(shop, known):
        yield screen
    for screen in (*_account(known), *_policy(known)):
        yield screen
    async for screen in _leaving(shop, known):
        yield screen
    for screen in _nowhere(shop, known):
        yield screen


def _choices(known: Mapping[str, str]) -> Iterator[Screen]:
    preferences, confirm = known["/p/{token}"], known["/c/{token}"]
    yield shown("preferences", preferences)
    yield pressed("preferences-wrong", preferences, 422, do="save", topic="deals", frequency="hourly", language="xx")
    yield pressed("preferences-broken", preferences, 400, something="else")
    yield pressed("saved", preferences, do="save", topic="deals", frequency="weekly", language="")
    both = ["deals", "events"]
    yield pressed("saved-asked", preferences, do="save", topic=both, frequency="all", language="")
    yield shown("confirm", confirm)
    yield pressed("confirmed", confirm, yes="yes")
    yield pressed("confirmed-before", confirm, yes="yes")
    yield pressed("pause-wrong", preferences, 422, do="pause")
    yield pressed("paused", preferences, do="pause", weeks="4")
    yield pressed("resumed", preferences, do="resume")
    yield shown("held", known["/p/{token}/held"])


def _joining(shop: Shop, known: Mapping[str, str], language: str) -> Iterator[Screen]:
    desk = shop.house.sign_ups
    assert desk is not None
    wording = shop.house.pages.text(language, "signup.wording")
    form = Form(wording, shop.house.policy_version, language, NOW - timedelta(minutes=1), PAGE)
    seal, old = desk.seals.seal(form), desk.seals.seal(replace(form, shown_at=NOW - timedelta(days=2)))
    child = {"seal": seal, "email": "kit@example.org", "topic": "deals", "age": "9"}
    yield shown("signup", "/signup")
    yield pressed("signup-wrong", "/signup", 422, seal=seal, email="nobody", age="old")
    yield pressed("signup-meant", "/signup", 422, seal=seal, email="jo@gmial.com", topic="deals", age="34")
    yield pressed("signup-old", "/signup", 422, seal=old, email=str(JO), topic="deals", age="34")
    yield pressed("signup-child", "/signup", **child)
    yield pressed("signup-child-wrong", "/signup", 422, **child, step="guardian", guardian="kit@example.org")
    yield pressed("signup-done", "/signup", seal=seal, email="jo@example.org", topic="deals", age="34")
    yield shown("join", known["/s/{token}"])
    yield shown("not-me", known["/s/{token}/no"])
    yield pressed("joined", known["/s/{token}"], do="confirm")
    yield shown("joined-before", known["/s/{token}"])


def _guardian(known: Mapping[str, str]) -> Iterator[Screen]:
    guardian = known["/g/{token}"]
    yield shown("guardian", guardian)
    yield pressed("guardian-agreed", guardian, do="agree")
    yield shown("guardian-waiting", guardian)
    yield pressed("guardian-withdrawn", guardian, do="withdraw")
    yield pressed("guardian-before", guardian, do="withdraw")


async def _moving(shop: Shop, known: Mapping[str, str]) -> AsyncIterator[Screen]:
    yield shown("move-new", known["/n/{token}"])
    yield shown("move-old", known["/o/{token}"])
    yield pressed("move-refused", known["/o/{token}"], yes="yes")
    yield pressed("move-before", known["/n/{token}"], yes="yes")
    async with shop.database.transaction() as session:
        again = await ask_to_move(session, shop.anna, NEW, secrets=SECRETS, at=NOW)
    assert again is not None
    yield pressed("moved", shop.tokens.url(For.MOVE_NEW, "", shop.anna, again.id), yes="yes")
    yield shown("account-moved", known["/a/{token}"], 410)
    yield pressed("move-taken-back", shop.tokens.url(For.MOVE_OLD, "", shop.anna, again.id), yes="yes")


def _account(known: Mapping[str, str]) -> Iterator[Screen]:
    account = known["/a/{token}"]
    yield shown("account-ask", "/account")
    yield pressed("account-ask-wrong", "/account", 422, email="nobody")
    yield pressed("account-asked", "/account", email=str(ANNA))
    yield shown("account-link", known["/p/{token}/account"])
    yield pressed("account-linked", known["/p/{token}/account"], do="yes")
    yield shown("account", account)
    wrong = {"phone": "call me", "country": "Narnia", "billing_address": "4111 1111 1111 1111"}
    yield pressed("account-wrong", account, 422, do="details", name="x" * 101, **wrong)
    yield pressed("account-saved", account, do="details", name="Anna", phone="+49 30 1234", country="DE")
    yield pressed("account-move-wrong", account, 422, do="move", new_email="nobody")
    yield pressed("account-move", account, do="move", new_email=str(JO))
    yield pressed("account-share-wrong", account, 422, do="share")
    yield pressed("account-shared", account, do="share", share="yes")
    yield shown("preferences-shared", known["/p/{token}"])
    yield pressed("account-share-ended", account, do="stop_sharing")


def _policy(known: Mapping[str, str]) -> Iterator[Screen]:
    yield shown("policy", known["/policy"])
    yield shown("policy-changes", known["/policy/changes"])
    yield shown("agree", known["/y/{token}"])
    yield pressed("agreed", known["/y/{token}"], yes="yes")
    yield pressed("agreed-before", known["/y/{token}"], yes="yes")
    yield shown("help", known["/help"])


async def _leaving(shop: Shop, known: Mapping[str, str]) -> AsyncIterator[Screen]:
    one_click, account = known["/u/{token}"], known["/a/{token}"]
    yield shown("leave", one_click)
    yield pressed("left-topic", one_click, leave="topic")
    async with shop.database.reading() as session:
        left = (await events_of(session, shop.anna))[-1]
    undo = shop.tokens.url(For.UNDO, "", shop.anna, left.seq)
    yield shown("undo", undo)
    yield pressed("undone", undo, yes="yes")
    yield pressed("undone-before", undo, yes="yes")
    yield pressed("left-all", one_click, leave="all")
    yield pressed("preferences-left", known["/p/{token}"], do="leave")
    yield pressed("account-erase-wrong", account, 422, do="erase")
    yield pressed("erased", account, do="erase", sure="yes")
    yield shown("account-over", account, 410)
    yield shown("leave-nobody", shop.tokens.url(For.ONE_CLICK, "", shop.anna))
    yield shown("preferences-nobody", f"/p/{shop.tokens.make(For.PREFERENCES, SubscriberId(0), 0)}")


def _nowhere(shop: Shop, known: Mapping[str, str]) -> Iterator[Screen]:
    yield shown("unknown", "/u/nothing", 404)
    yield Screen("method", "/help", {}, 405, method="PUT")
    yield shown("too-many", "/help", 429, "overrun")
    yield shown("unavailable", known["/p/{token}"], 503, "out of order")
