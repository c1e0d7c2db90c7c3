"""What a customer's pages are about: a person with facts, a purchase, a move, sign-ups and policies; and every path.

Names and addresses are long, because pages have to hold such ones, too.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import sqlalchemy as sa

from consent import policy, purchases, signup
from consent.admission import Form
from consent.purchases import Purchase
from consent.rights import Details, put_right
from consent.tables import SignUpRow
from kit.addresses import parse_address
from kit.db import Session
from mailer.account_letters import ask_to_move
from mailer.tokens import Purpose as For
from tests.web.shop import NOW, SECRETS, Shop
from web.house import SignUps
from web.site import PAGES

ANNA = parse_address("anna@example.org")
NEW = parse_address("anna-katharina.oppenheimer-weiss@post.a-provider-with-a-long-name.example")
JO = parse_address("johannes-maximilian.featherstonehaugh@post.a-provider-with-a-long-name.example")
KIM = parse_address("kimberley-alexandra.featherstonehaugh@pupils.a-school-with-a-long-name.example")
PARENT = parse_address("parent@example.org")
DETAILS = Details("Anna-Katharina <Weiss>", "+49 30 1234", "1 Long Way\n2 Town", "DE", "", "Europe/Berlin")
ITEM = "Drill & <saw>, with a case for both and a dozen spare blades"
OLD_POLICY = "Policy\n\n1. We write once a week.\n2. We share nothing."
NEW_POLICY = "Policy\n\n1. We write twice a week.\n2. We share nothing.\n3. You can leave."


async def paths(shop: Shop, language: str = "en") -> Mapping[str, str]:
    """Make the records, and return a path of every page that finds its own, by the path that it is declared with."""
    desk = shop.house.sign_ups
    assert desk is not None
    async with shop.database.transaction() as session:
        await put_right(session, shop.anna, DETAILS)
        await purchases.keep(session, [Purchase(ANNA, ITEM, date(2026, 1, 9))])
        await policy.keep_policy(session, "2025-03-01", OLD_POLICY, effective_at=NOW - timedelta(days=366))
        await policy.publish(session, "2026-11-01", NEW_POLICY, effective_at=NOW + timedelta(days=244), asks=["*"])
        move = await ask_to_move(session, shop.anna, NEW, secrets=SECRETS, at=NOW)
        assert move is not None
        own, childs = await _sign_ups(session, desk, language)
    until = NOW + timedelta(minutes=30)
    tokens = {
        For.ACCOUNT: shop.tokens.account_url("", shop.anna, SECRETS.address_hash(ANNA), until).rpartition("/")[2],
        For.SIGN_UP: shop.tokens.make(For.SIGN_UP, own.id, 0, own.nonce),
        For.GUARDIAN: shop.tokens.make(For.GUARDIAN, childs.id, 0, childs.nonce),
        For.MOVE_NEW: shop.tokens.make(For.MOVE_NEW, shop.anna, 0, move.id),
        For.MOVE_OLD: shop.tokens.make(For.MOVE_OLD, shop.anna, 0, move.id),
    }
    return {
        page.path: page.path.replace(
            "{token}", tokens.get(page.purpose) or shop.tokens.make(page.purpose, shop.anna, shop.mailing)
        )
        if page.purpose
        else page.path
        for page in PAGES
    }


async def _sign_ups(session: Session, desk: SignUps, language: str) -> tuple[SignUpRow, SignUpRow]:
    """Let a grown-up and a child sign up, so far that the address and the guardian are asked."""
    rules = desk.invitations.rules
    form = Form("Yes, send me mail.", "2026-11-01", language, NOW - timedelta(minutes=1))
    for address, guardian in ((JO, None), (KIM, PARENT)):
        await signup.note(
            session, address, ["deals", "events"], form, guardian=guardian, secrets=SECRETS, rules=rules, at=NOW
        )
    assert await desk.invitations.look(session, at=NOW) == 2
    own, childs = await session.scalars(sa.select(SignUpRow).order_by(SignUpRow.id))
    return own, childs
