"""One request of a customer as its page sees it: who, in which language, with which form; and how to answer.

The link in the path was proven before a page's code runs. Nothing of the request is trusted, and nothing is kept of it.
"""

import math
from collections.abc import Callable, Hashable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from consent.ledger import Source
from consent.model import Door, Subscriber, SubscriberId
from consent.unwritten import Wish
from mailer.tokens import Token
from web import languages
from web.clients import network_of
from web.forms import Form, parse
from web.guard import body_of
from web.house import House
from web.page import Page

MOST_CHARACTERS_OF_LANGUAGE = 200  # of an Accept-Language that are looked at


class Visit:
    """What a page's ``show`` and ``act`` are given."""

    def __init__(self, house: House, request: Request, page: Page) -> None:
        """Read the link's token; :attr:`is_welcome` tells whether the page may be opened at all."""
        self.house = house
        self.request = request
        self.page = page
        self.link: str = request.path_params.get("token", "")
        self._token = house.token(page.purpose, self.link) if page.purpose else None
        self._person = ""

    @property
    def is_welcome(self) -> bool:
        """Whether the page needs no link, or the link is genuine and made for it."""
        return self.page.purpose is None or self._token is not None

    @property
    def genuine_link(self) -> str:
        """The link, where it is genuine and made for this page; else an empty text."""
        return self.link.lower() if self._token is not None else ""

    @property
    def token(self) -> Token:
        """What the link says. Only pages that name a purpose have one."""
        if self._token is None:
            raise LookupError(f"{self.page.path} is opened without a link")
        return self._token

    @property
    def person(self) -> SubscriberId:
        """The person whom the link names."""
        return SubscriberId(self.token.subscriber_id)

    @property
    def network(self) -> str:
        """The network that the request comes from, as far as it can be known."""
        settings = self.house.proxies
        peer = self.request.client.host if self.request.client else ""
        values = self.request.headers.getlist(settings.header) if settings.networks else []
        return network_of(peer, values, header=settings.header, proxies=settings.networks)

    def speak_to(self, person: Subscriber | None) -> None:
        """Speak the person's language from here on, where we know it."""
        self._person = person.language if person else ""

    def speak(self, language: str) -> None:
        """Speak a language from here on, which somebody who is no subscriber has chosen before."""
        self._person = language

    @property
    def language(self) -> str:
        """The language of the answer."""
        return languages.chosen(
            self.house.pages.catalogues,
            asked=self.request.query_params.get("lang", "")[:MOST_CHARACTERS_OF_LANGUAGE],
            person=self._person,
            accept_language=self.request.headers.get("accept-language", "")[:MOST_CHARACTERS_OF_LANGUAGE],
            default=self.house.pages.language,
        )

    @property
    def _may_switch(self) -> bool:
        """Whether the answer offers other languages."""
        return languages.primary(self._person) not in self.house.pages.catalogues

    def text(self, key: str, **values: object) -> str:
        """Return a text in the language of the answer, such as the wording that a consent names."""
        return self.house.pages.text(self.language, key, **values)

    def source(self, door: Door = Door.PAGE, *, wording: str = "") -> Source:
        """Return the source of an act on this page: the link is the proof, ``wording`` the words that were shown."""
        return self.house.source(door, wording=wording, mailing=self.token.mailing_id)

    async def pressed(self, section: str) -> Source:
        """Return the source of the press of a page's one button: its words are kept as they were shown (P3)."""
        self.speak_to(await self.house.person(self.token))
        return self.source(wording=self.text(f"{section}.button"))

    async def leave(self, door: Door, *, everything: bool = False, evidence: Mapping[str, str] | None = None) -> None:
        """Take the person off the topic of the link's mailing, or off everything; on disk when this returns."""
        if not self.person:
            return  # a test letter names nobody: there is nobody to take off
        mailing = self.token.mailing_id
        facts = {**({"mailing": str(mailing)} if mailing else {}), **(evidence or {})}
        await self.house.exits.leave(
            Wish(self.person, mailing, door, self.house.clock(), everything, facts, self.house.policy_version)
        )

    async def form(self) -> Form:
        """Read the body as a form, with bounds; ``is_whole`` is false for what is none."""
        body = await body_of(self.request)
        return Form(None if body is None else await parse(self.request.headers, body))

    def answer(
        self, template: str, values: Mapping[str, object] | None = None, *, form: Form | None = None, status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:  # fmt: skip
        """Answer with a page; a form with errors is answered 422 (RFC 9110 15.5.21) unless another status is named."""
        if form is not None and form.errors and status == 200:
            status = 422
        return self.house.pages.page(
            template, {"form": form or Form(), **(values or {})}, language=self.language, status=status,
            asks=self.page.asks, switch=self._may_switch, headers=headers,
        )  # fmt: skip

    def kept_answer(
        self, template: str, personal: Mapping[str, str], *, state: Hashable, values: Callable[[], Mapping[str, object]]
    ) -> Response:
        """Answer with a page that is the same for all in one state, apart from what is ``personal``."""
        return self.house.pages.kept_page(
            template, personal, state=state, values=values, language=self.language, asks=self.page.asks,
            switch=self._may_switch,
        )  # fmt: skip

    async def button(self, section: str, said: str = "") -> Response:
        """Answer with the page of one button, in the language of the link's person; or with what its press led to."""
        self.speak_to(await self.house.person(self.token))
        return self.answer("press.html", {"section": section, "said": self.text(said) if said else ""})

    def too_many(self, wait: float) -> Response:
        """RFC 6585 4: say that it was too often, say when, and that nothing was done."""
        return self.answer("too_many.html", status=429, headers={"Retry-After": str(math.ceil(wait))})

    def unknown(self, status: int = 404) -> Response:
        """Answer that this link leads nowhere: the same words whatever is wrong with it, so that they tell nothing."""
        return self.answer("unknown.html", status=status)
