"""The pages behind the letters about a sign-up: confirm it, say "not me"; and a guardian's yes and no (P8).

GET shows, POST does. The token was mailed to one address and is the proof; a sign-up that is gone looks like one that
never was.
"""

from starlette.responses import Response

from consent import policy
from consent.admission import SignUp, Step, agreement_of
from consent.ledger import Done
from consent.model import Door, Proof
from consent.signup import load
from mailer.tokens import Purpose
from web.house import SignUps
from web.page import Page
from web.visit import Visit


async def show_sign_up(visit: Visit) -> Response:
    """Show what was asked for, with a button for yes and one for "not me"."""
    return await _sign_up_page(visit, "sign_up")


async def show_not_me(visit: Visit) -> Response:
    """Show the button that says: nobody shall ask for this address again."""
    return await _sign_up_page(visit, "not_me")


async def answer_sign_up(visit: Visit) -> Response:
    """Confirm, or delete: the token was sent to the owner of the address only."""
    desk, number, nonce = visit.house.sign_ups, visit.token.subscriber_id, visit.token.extra
    sign_up = await _load(visit)
    if desk is None or sign_up is None:
        return _told(visit, "nothing")
    match (await visit.form()).many("do"):
        case ("confirm",):
            source = visit.source(wording=visit.text("join.button"))
            async with visit.house.database.transaction() as session:
                outcome = await desk.invitations.confirm(session, number, nonce, source=source, at=visit.house.clock())
            return _told(visit, "confirmed" if isinstance(outcome, Done) else "nothing")
        case ("not_me",):
            async with visit.house.database.transaction() as session:
                await desk.invitations.not_me(session, number, nonce, at=visit.house.clock())
            return _told(visit, "not_me")
        case _:
            return await _sign_up_page(visit, "sign_up", status=400)


async def show_guardian(visit: Visit) -> Response:
    """Show the child's address, what would be sent, and where the guardian's consent stands. Changes nothing."""
    return await _guardian_page(visit)


async def answer_guardian(visit: Visit) -> Response:
    """Take a guardian's yes, or their no."""
    desk, number, nonce = visit.house.sign_ups, visit.token.subscriber_id, visit.token.extra
    sign_up = await _load(visit)
    if desk is None or sign_up is None:
        return _told(visit, "nothing")
    match (await visit.form()).many("do"):
        case ("agree",):
            wording = visit.text("guardian.wording", topics=await _names(visit, sign_up))
            agreement = agreement_of(Door.PAGE, Proof.TOKEN, wording)
            async with visit.house.database.transaction() as session:
                await desk.invitations.agree(session, number, nonce, agreement=agreement, at=visit.house.clock())
            return _told(visit, "agreed")
        case ("withdraw",):
            async with visit.house.database.transaction() as session:
                await desk.invitations.withdraw(session, number, nonce, source=visit.source(), at=visit.house.clock())
            return _told(visit, "withdrawn")
        case _:
            return await _guardian_page(visit, status=400)


async def _sign_up_page(visit: Visit, section: str, *, status: int = 200) -> Response:
    sign_up = await _load(visit)
    if sign_up is None or sign_up.step is not Step.ASKED:
        return _told(visit, "nothing")
    values = {"section": section, "address": str(sign_up.address), "topics": await _names(visit, sign_up)}
    return visit.answer("join.html", values, status=status)


async def _guardian_page(visit: Visit, *, status: int = 200) -> Response:
    sign_up, desk = await _load(visit), visit.house.sign_ups
    if sign_up is None or desk is None:
        return _told(visit, "nothing")
    topics, child = await _names(visit, sign_up), str(sign_up.address)
    agreed_at = sign_up.guardianship.agreed_at
    values = {
        "child": child, "topics": topics, "agreed_on": agreed_at.date() if agreed_at else None,
        "is_joined": sign_up.step is Step.GRANTED, "days": desk.settings.guardian_keep_days,
    }  # fmt: skip
    return visit.answer("guardian.html", values, status=status)


async def _load(visit: Visit) -> SignUp | None:
    """Return the sign-up of the link, and speak its language from here on."""
    desk: SignUps | None = visit.house.sign_ups
    if desk is None:
        return None
    token = visit.token
    async with visit.house.database.reading() as session:
        sign_up = await load(session, token.subscriber_id, token.extra, at=visit.house.clock(), hold=False)
    if sign_up is not None:
        visit.speak(sign_up.form.language)
    return sign_up


async def _names(visit: Visit, sign_up: SignUp) -> str:
    async with visit.house.database.reading() as session:
        topics = await policy.all_topics(session)
    return visit.text("common.list_comma").join(topic.name for topic in topics if topic.key in sign_up.topics)


def _told(visit: Visit, what: str) -> Response:
    """Say what was done; "nothing" where there is nothing left to do."""
    return visit.answer("join_done.html", {"what": what})


PAGES = (
    Page("/s/{token}", show_sign_up, answer_sign_up, Purpose.SIGN_UP),
    Page("/s/{token}/no", show_not_me, answer_sign_up, Purpose.SIGN_UP),
    Page("/g/{token}", show_guardian, answer_guardian, Purpose.GUARDIAN),
)
