"""Letters whose rows were folded into numbers: who answers one years later is heard like anybody else."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent.model import Door, SubscriberId
from consent.tables import SuppressionRow
from consent.unwritten import Unwritten, Wish
from kit.db import Database
from mailer import compaction
from mailer.exits import Exits
from mailer.tables import DeliveryRow
from mailer.tokens import Purpose
from tests.database import NOW, SECRETS
from tests.inbound.taking import ANNA, TOKENS, Town, a_mail, an_envelope, town_on

LONG_AFTER = NOW + timedelta(days=1500)


@pytest.fixture
async def town(database: Database) -> AsyncIterator[Town]:
    """Anna and Bob got the mailing once; nothing but a number is left of that."""
    async with town_on(database) as made:
        async with database.transaction() as session:
            for person in (made.anna, made.bob):
                session.add(DeliveryRow(mailing_id=made.mailing, subscriber_id=person, state="sent", done_at=NOW))
            await session.flush()
            assert await compaction.fold(session, made.mailing, limit=10) == (2, None)
        async with database.reading() as session:
            assert await session.scalar(sa.select(sa.func.count(DeliveryRow.id))) == 0
        yield made


async def test_a_late_reply_leaves(town: Town) -> None:
    """P1: the token names person and mailing; a stranger with it asks the owner, as ever."""
    to = town.reply_address(town.anna)

    mail = a_mail(to=to, text="unsubscribe deals")
    await town.intake.take(mail, an_envelope(ANNA, to), LONG_AFTER)
    stranger = a_mail(sender="x@elsewhere.example", to=to, text="unsubscribe courses", message_id="2@x")
    await town.intake.take(stranger, an_envelope("x@elsewhere.example", to), LONG_AFTER)

    assert await town.events() == [("withdraw", ("deals",), "reply", "token")]
    assert [row.actions for row in await town.decisions()][1] == ["ask_owner"]


async def test_a_late_complaint_ends_everything(town: Town) -> None:
    """RFC 9477: the report names our letter by its token, not by a row."""
    address = f"f-{TOKENS.make(Purpose.FEEDBACK, town.anna, town.mailing)}@bounce.shop.example"
    report = a_mail(sender="fbl@isp.example", to=address, text="complained")

    await town.intake.take(report, an_envelope("fbl@isp.example", address), LONG_AFTER)

    assert [act for act, *_ in await town.events()] == ["withdraw_all", "suppress"]


@pytest.mark.parametrize(("text", "reason"), [("bounced", "bounce"), ("bounced soft", None)])
async def test_a_late_bounce_counts(town: Town, text: str, reason: str | None) -> None:
    """A dead address is suppressed; a full mailbox is counted."""
    verp = TOKENS.bounce_address("bounce.shop.example", town.anna, town.mailing)

    await town.intake.take(a_mail(sender="mailer-daemon@x.example", text=text), an_envelope("", verp), LONG_AFTER)

    (decision,) = await town.decisions()
    assert not decision.review
    async with town.database.reading() as session:
        row = await session.get(SuppressionRow, SECRETS.address_hash(ANNA))
    assert (row.reason if row else None) == reason


async def test_a_late_one_click_leaves(town: Town, tmp_path: Path) -> None:
    """RFC 8058 3.2: the link of the letter still does what it says."""
    token = TOKENS.read(Purpose.ONE_CLICK, TOKENS.make(Purpose.ONE_CLICK, town.anna, town.mailing))
    assert token is not None
    wish = Wish(SubscriberId(token.subscriber_id), token.mailing_id, Door.ONE_CLICK, LONG_AFTER)

    await Exits(town.database, Unwritten(tmp_path)).leave(wish)

    assert [(act, topics) for act, topics, *_ in await town.events()] == [("withdraw", ("deals",))]
