"""The preference page behind the signed link of each mail: topics on and off, leave all. No password, no cookie (P5).

Turning a topic off takes effect at once. Turning one on asks the owner of the address by mail: the link may have been
forwarded to a friend together with the mail.
"""

from starlette.requests import Request
from starlette.responses import Response

from consent import policy
from consent.ledger import Nothing, standing_of, subscribe, withdraw, withdraw_all
from consent.model import Door, Purpose, Standing, State, SubscriberId
from mailer.tokens import Purpose as For
from mailer.tokens import Token
from web.guard import form_of
from web.house import House, masked

WORDING = "Topics chosen on the preference page, each with an unticked box until chosen: {topics}."


async def show(house: House, request: Request) -> Response:
    """Show which topics the person receives. Changes nothing."""
    token = house.token(For.PREFERENCES, request.path_params["token"])
    if token is None:
        return house.pages.page("unknown_link.html", status=404)
    return await _page(house, token, said="")


async def change(house: House, request: Request) -> Response:
    """Do what the form says: the boxes ticked, or leave everything."""
    token = house.token(For.PREFERENCES, request.path_params["token"])
    if token is None:
        return house.pages.page("unknown_link.html", status=404)
    if await house.person(token) is None:
        return await _page(house, token, said="This link came with a test letter: nothing can be changed here.")
    fields = await form_of(request) or {}
    match fields.get("do"):
        case ["leave"]:
            person = SubscriberId(token.subscriber_id)
            async with house.database.transaction() as session:
                await withdraw_all(session, person, source=house.source(Door.PAGE), at=house.clock())
            return await _page(house, token, said="You get no more promotions from us.")
        case ["save"]:
            return await _page(house, token, said=await _save(house, token, set(fields.get("topic", ()))))
        case _:
            return await _page(house, token, said="Nothing was changed: the form was not complete.", status=400)


async def _save(house: House, token: Token, wanted: set[str]) -> str:
    """Withdraw what was unticked, ask for a confirmation of what was ticked anew; return what to tell."""
    person, at = SubscriberId(token.subscriber_id), house.clock()
    async with house.database.transaction() as session:
        topics = await policy.all_topics(session)
        standing = await standing_of(session, person)
        held = {topic.key for topic in topics if _is_held(standing, topic.key)}
        off = sorted(held - wanted)
        new = [topic for topic in topics if topic.key in wanted and topic.key not in held]
        if off:
            await withdraw(session, person, off, source=house.source(Door.PAGE), at=at)
        if not new:
            return "Your choice is saved."
        keys = tuple(topic.key for topic in new)
        wording = WORDING.format(topics=", ".join(topic.name for topic in new))
        asked = await subscribe(session, person, keys, source=house.source(Door.PAGE, wording=wording), at=at)
        if not isinstance(asked, Nothing):
            await house.ask_to_confirm(session, person, keys, at)
    return "Your choice is saved. What you switched on begins once you confirm it: we have sent you a mail."


async def _page(house: House, token: Token, *, said: str, status: int = 200) -> Response:
    person = await house.person(token)
    async with house.database.reading() as session:
        topics = await policy.all_topics(session)
        standing = await standing_of(session, SubscriberId(token.subscriber_id))
    values = {
        "address": masked(person) if person else "",
        "said": said,
        "topics": [
            {"key": topic.key, "name": topic.name, "about": topic.about, "state": _state(standing, topic.key)}
            for topic in topics
        ],
    }
    return house.pages.page("preferences.html", values, status=status)


def _state(standing: Standing, topic: str) -> str:
    return standing.state(Purpose.PROMOTION, topic).value


def _is_held(standing: Standing, topic: str) -> bool:
    return standing.state(Purpose.PROMOTION, topic) in {State.GRANTED, State.PENDING}
