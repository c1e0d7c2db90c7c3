"""The one-click endpoint of List-Unsubscribe (RFC 8058), and the page behind the same link.

Only POST changes anything: link scanners fetch every URL of a mail with GET and HEAD, some of them before the person
has seen it. No redirect, no cookie, no question. The link alone says who and what. It works for erased people, with
keys of any age that is still kept, and while the database takes no writes (:mod:`mailer.exits`).
"""

import time
from functools import partial

from starlette.responses import PlainTextResponse, Response

from consent import subscribers
from consent.model import Door, Subscriber
from kit.db import Session
from kit.log import logger
from mailer import mailings
from mailer.tokens import Purpose
from web.guard import HEADERS
from web.house import masked
from web.page import Page
from web.visit import Visit

FIELD, VALUE = "List-Unsubscribe", "One-Click"  # RFC 8058 3.1
DONE = b"unsubscribed\n"

log = logger("web.one_click")


async def show(visit: Visit) -> Response:
    """Show what a press of the button will do. Changes nothing."""
    visit.house.touches.opened(visit.token, time.monotonic())
    return await _page(visit, done="")


async def leave(visit: Visit) -> Response:
    """Take the person off: at once, whoever asks and however often (RFC 8058 3.2)."""
    form = await visit.form()
    if form.is_exactly(**{FIELD: VALUE}):
        evidence = visit.house.touches.evidence(visit.token, time.monotonic())
        await visit.leave(Door.ONE_CLICK, evidence=evidence)
        return PlainTextResponse(DONE, headers=HEADERS)
    for done in ("topic", "all"):
        if form.is_exactly(leave=done):
            await visit.leave(Door.PAGE, everything=done == "all")
            return await _page(visit, done=done)
    return PlainTextResponse(f"the body must be {FIELD}={VALUE}\n", status_code=400, headers=HEADERS)


async def _page(visit: Visit, *, done: str) -> Response:
    """Show the page. Once the person is out it is shown in any case, without names where they can't be read."""
    address = topic = ""
    try:
        person, topic = await _facts(visit)
        address = masked(person)
        visit.speak_to(person)
    except Exception as error:
        if not done:
            raise
        log.warning("page.shown_without_names", why=type(error).__name__)
    return visit.answer("leave.html", {"address": address, "topic": topic, "done": done})


async def _facts(visit: Visit) -> tuple[Subscriber | None, str]:
    """Return the person, and the name of the topic of the mail; empty where it is not known."""
    return await visit.house.database.look(partial(_seen, visit))


async def _seen(visit: Visit, session: Session) -> tuple[Subscriber | None, str]:
    person = await subscribers.load(session, visit.person)
    keys = await mailings.topics(session, [visit.token.mailing_id])
    key = keys.get(visit.token.mailing_id)
    return person, await visit.house.topic_name(session, key) if key else ""


PAGES = (Page("/u/{token}", show, leave, Purpose.ONE_CLICK),)
