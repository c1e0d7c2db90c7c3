"""The policy's pages: the version in force, what changed, and agreeing to a new one."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from consent import policy
from consent.standing import events_of, mailable
from consent.tables import StandingRow
from mailer.tokens import Purpose as For
from tests.web.shop import NOW, Shop
from web.differences import Piece, differences

OLD = "Policy\n\n1. We write once a week.\n2. We share nothing."
NEW = "Policy\n\n1. We write twice a week, <gladly>.\n2. We share nothing.\n3. You can leave."
SOON = NOW + timedelta(days=30)


async def two_versions(shop: Shop, *asks: str) -> None:
    async with shop.database.transaction() as session:
        await policy.keep_policy(session, "1", OLD, effective_at=NOW - timedelta(days=9))
        await policy.publish(session, "2", NEW, effective_at=SOON, asks=asks)


async def test_the_version_in_force_is_shown_with_all_others(shop: Shop) -> None:
    """P15: text, day, and the way to each version and to what changed."""
    await two_versions(shop)

    page = (await shop.client.get("/policy")).text
    later = (await shop.client.get("/policy?version=2")).text

    assert "once a week" in page
    assert "twice a week" not in page
    assert "/policy/changes?from=1&amp;to=2" in page
    assert "twice a week, &lt;gladly&gt;" in later
    assert (await shop.client.get("/policy?version=9")).status_code == 404


async def test_changes_are_marked_word_by_word(shop: Shop) -> None:
    """What is gone is crossed out, what is new underlined; both are text."""
    await two_versions(shop)

    page = (await shop.client.get("/policy/changes")).text

    assert "<del>once </del><ins>twice </ins>" in page
    assert "<ins>3. You can leave.</ins>" in page
    assert "&lt;gladly&gt;" in page
    assert (await shop.client.get("/policy/changes?from=2&to=9")).status_code == 404


async def test_agreeing_is_one_button_and_takes_effect(shop: Shop) -> None:
    """GET changes nothing; the act names the version and the words of the button."""
    await two_versions(shop, "*")
    url = shop.url(For.POLICY)
    page = (await shop.client.get(url)).text
    assert "Yes, I agree" in page
    assert "<ins>" in page

    first, second = [(await shop.client.post(url)).text for _ in range(2)]

    assert "goes on" in first
    assert "nothing to agree" in second
    async with shop.database.reading() as session:
        acts = await events_of(session, shop.anna)
        assert [(one.act, one.policy_version) for one in acts[1:]] == [("agree", "2")]
        assert list(await session.scalars(mailable("deals", now=SOON))) == [shop.anna]
        await session.execute(sa.select(StandingRow))


async def test_without_a_question_there_is_nothing_to_agree_to(shop: Shop) -> None:
    """The page says so, and leaves no act."""
    await two_versions(shop)

    assert "nothing to agree" in (await shop.client.post(shop.url(For.POLICY))).text
    assert await shop.events() == 1


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a b c", "a b c", [[Piece("same", "a b c")]]),
        ("a b c d e", "a x c d e",
         [[Piece("same", "a "), Piece("gone", "b "), Piece("new", "x "), Piece("same", "c d e")]]),
        ("one", "", [[Piece("gone", "one")]]),
        ("", "one", [[Piece("new", "one")]]),
        ("same\n\nold words here", "same\n\nsomething else",
         [[Piece("same", "same")], [Piece("gone", "old words here"), Piece("new", "something else")]]),
        ("個人情報を守る", "個人情報をよく守る",
         [[Piece("same", "個人情報を"), Piece("new", "よく"), Piece("same", "守る")]]),
    ],
    ids=["same", "a word", "gone", "new", "another paragraph", "no blanks"],
)  # fmt: skip
def test_differences(old: str, new: str, expected: list[list[Piece]]) -> None:
    """By paragraphs, and within one by words; in scripts without blanks by letters."""
    assert differences(old, new) == expected
