"""The wording that a consent names is the one that was shown: in the person's language, whatever the browser speaks."""

from html import escape

import pytest
import sqlalchemy as sa

from consent import ledger
from consent.model import Door, Proof
from consent.tables import ConsentEventRow, WordingRow
from mailer.tokens import Purpose as For
from tests.web.records import paths
from tests.web.shop import NOW, Shop
from web.catalogues import load


@pytest.mark.parametrize("purpose", [For.CONFIRM, For.UNDO, For.MOVE_NEW, For.POLICY])
async def test_the_words_kept_are_those_of_the_button_that_was_pressed(shop: Shop, purpose: For) -> None:
    """P3: shown in German, kept in German, though the browser speaks English."""
    section = {For.CONFIRM: "confirm", For.UNDO: "undo", For.MOVE_NEW: "move_new", For.POLICY: "agree"}[purpose]
    known = await paths(shop)
    await shop.prefers("de")
    source = ledger.Source(Door.PAGE, Proof.TOKEN)
    async with shop.database.transaction() as session:
        left = await ledger.withdraw(session, shop.anna, ["events"], source=source, at=NOW)
        if purpose is For.CONFIRM:
            await ledger.subscribe(session, shop.anna, ["events"], source=source, at=NOW.replace(second=1))
    assert isinstance(left, ledger.Done)
    url = (
        shop.tokens.url(For.UNDO, "", shop.anna, left.seq)
        if purpose is For.UNDO
        else known[f"/{purpose.value}/{{token}}"]
    )
    english = {"accept-language": "en"}
    words = load()["de"].text(f"{section}.button")
    assert words in (await shop.client.get(url, headers=english)).text

    assert (await shop.client.post(url, data={"yes": "yes"}, headers=english)).status_code == 200

    async with shop.database.reading() as session:
        kept = set(await session.scalars(sa.select(WordingRow.text)))
    assert words in kept
    assert load()["en"].text(f"{section}.button") not in kept


async def test_the_words_kept_with_a_topic_are_those_beside_its_box(shop: Shop) -> None:
    """P3: the hint, the topic as it was described and the button, in the language of the page that was answered."""
    await shop.prefers("de")
    async with shop.database.transaction() as session:
        await ledger.withdraw(session, shop.anna, ["events"], source=ledger.Source(Door.PAGE, Proof.TOKEN), at=NOW)
    url, german = shop.url(For.PREFERENCES), load()["de"]
    english = {"accept-language": "en"}
    page = (await shop.client.get(url, headers=english)).text
    form = {"do": "save", "topic": ["deals", "events"], "language": "fr"}

    assert (await shop.client.post(url, data=form, headers=english)).status_code == 200

    async with shop.database.reading() as session:
        asked = await session.scalar(
            sa.select(WordingRow.text)
            .join(ConsentEventRow, ConsentEventRow.wording_sha256 == WordingRow.sha256)
            .where(ConsentEventRow.act == "subscribe")
            .order_by(ConsentEventRow.seq.desc())
            .limit(1)
        )
    assert asked is not None
    lines = asked.split("\n")
    assert german.text("preferences.topics_hint") in lines
    assert lines[-1] == german.text("preferences.save")
    assert all(escape(line.partition(": ")[0]) in page for line in lines)
