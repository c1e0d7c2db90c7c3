"""The preference page: all choices kept or none, a pause, and what we hold; the ways out stay one press."""

import html
from datetime import date, timedelta
from zoneinfo import available_timezones

import pytest
import sqlalchemy as sa

from consent.habits import Habits, habits_of
from consent.model import Act, Door
from consent.tables import SubscriberRow
from mailer.tokens import Purpose as For
from tests.web.shop import Shop
from web import held, rights
from web.catalogues import TEXTS, load, read
from web.zones import ZONES

LANGUAGES = sorted(path.stem for path in TEXTS.glob("*.toml"))


async def known(shop: Shop) -> Habits:
    async with shop.database.reading() as session:
        found = await habits_of(session, shop.anna)
    assert found is not None
    return found


async def test_how_often_language_and_zone_are_kept(shop: Shop) -> None:
    """And the answer speaks the language that was just chosen."""
    choice = {"topic": ["deals", "events"], "frequency": "monthly", "language": "de", "time_zone": "Europe/Vienna"}
    answer = await shop.client.post(shop.url(For.PREFERENCES), data={"do": "save", **choice})

    now = await known(shop)
    assert (now.frequency_days, now.person.language, now.person.time_zone) == (30, "de", "Europe/Vienna")
    assert '<html lang="de"' in answer.text
    assert "Ihre Auswahl ist gespeichert." in answer.text
    assert await shop.granted() == ("deals", "events")


@pytest.mark.parametrize(
    ("field", "value"),
    [("frequency", "daily"), ("language", "tlh"), ("time_zone", "Mars/Olympus"), ("time_zone", "../x")],
)
async def test_where_one_choice_cannot_be_taken_none_is(shop: Shop, field: str, value: str) -> None:
    """422, told beside the field; the boxes stay as they were ticked, and nothing was withdrawn."""
    answer = await shop.client.post(shop.url(For.PREFERENCES), data={"do": "save", "topic": "events", field: value})

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert f'href="#{field}"' in answer.text
    assert 'value="events" checked' in answer.text
    assert 'value="deals" checked' not in answer.text
    assert await shop.granted() == ("deals", "events")
    assert (await known(shop)).frequency_days == 0


async def test_a_slip_about_the_pause_leaves_the_choices_as_they_are(shop: Shop) -> None:
    """Else a press of "save" after it would end all topics."""
    answer = await shop.client.post(shop.url(For.PREFERENCES), data={"do": "pause", "weeks": "99"})

    assert answer.status_code == 422
    assert 'value="deals" checked' in answer.text
    assert 'value="all" id="frequency" checked' in answer.text


async def test_a_pause_is_told_with_its_end(shop: Shop) -> None:
    """When it began until when, and that it was ended."""
    for do in ({"do": "pause", "weeks": "4"}, {"do": "resume"}):
        await shop.client.post(shop.url(For.PREFERENCES), data=do)

    page = (await shop.client.get(shop.url(For.PREFERENCES) + "/held")).text

    assert page.index("ended a break") < page.index("took a break until <b><bdi>30 March 2026")


async def test_a_language_without_pages_is_not_lost_by_saving(shop: Shop) -> None:
    """Mails speak more languages than pages."""
    await shop.prefers("it")
    page = await shop.client.get(shop.url(For.PREFERENCES))
    assert '<option value="it" selected>' in page.text

    await shop.client.post(shop.url(For.PREFERENCES), data={"do": "save", "topic": "deals", "language": "it"})

    assert (await known(shop)).person.language == "it"


async def test_a_pause_and_its_end(shop: Shop) -> None:
    """Until a day that is told; a second press ends it; what was chosen stays."""
    paused = await shop.client.post(shop.url(For.PREFERENCES), data={"do": "pause", "weeks": "4"})
    until = (await known(shop)).paused_until
    assert until is not None
    assert timedelta(days=27) < until - shop.house.clock() <= timedelta(days=28)
    assert "30 March 2026" in paused.text
    assert 'value="resume"' in paused.text

    resumed = await shop.client.post(shop.url(For.PREFERENCES), data={"do": "resume"})

    assert "The break is over" in resumed.text
    assert (await known(shop)).paused_until is None
    assert await shop.granted() == ("deals", "events")


@pytest.mark.parametrize("weeks", ["", "0", "-1", "5200", "x"])
async def test_a_pause_that_was_not_offered_is_none(shop: Shop, weeks: str) -> None:
    """A pause has an end that a person can remember."""
    answer = await shop.client.post(shop.url(For.PREFERENCES), data={"do": "pause", "weeks": weeks})

    assert answer.status_code == 422
    assert (await known(shop)).paused_until is None


async def test_nothing_is_ticked_that_was_not_chosen_and_leaving_is_the_first_button(shop: Shop) -> None:
    """No box, no frequency, no pause is chosen for the person."""
    await shop.client.post(shop.url(For.PREFERENCES), data={"do": "leave"})
    page = (await shop.client.get(shop.url(For.PREFERENCES))).text

    assert 'type="checkbox"' in page
    assert page.count(" checked") == 1
    assert 'name="frequency" value="all" id="frequency" checked' in page
    assert page.index('value="leave"') < page.index('type="checkbox"')


async def test_a_child_who_ticks_a_topic_is_not_asked_to_confirm(shop: Shop) -> None:
    """P8: without a guardian's consent nothing is noted; leaving works all the same."""
    await shop.client.post(shop.url(For.PREFERENCES), data={"do": "save", "topic": "events"})
    async with shop.database.transaction() as session:
        await session.execute(sa.update(SubscriberRow).values(age_band="under_13"))
    before = await shop.events()

    await shop.client.post(shop.url(For.PREFERENCES), data={"do": "save", "topic": ["deals", "events"]})

    assert (shop.asked, await shop.events()) == ([], before)
    await shop.client.post(shop.url(For.PREFERENCES), data={"do": "save"})
    assert await shop.granted() == ()


async def test_what_we_hold_is_shown_as_far_as_a_friend_may_see_it(shop: Shop) -> None:
    """The link may have been forwarded: no whole address, telephone or date of birth."""
    await shop.client.post(shop.url(For.PREFERENCES), data={"do": "save", "topic": "events"})
    page = (await shop.client.get(shop.url(For.PREFERENCES) + "/held")).text

    assert "a…@example.org" in page
    assert "anna@" not in page
    assert "left <b><bdi>Deals</bdi></b>" in page
    assert "Events &amp; &lt;Meet-ups&gt;" in page
    assert (await shop.client.get(f"/p/{shop.tokens.make(For.PREFERENCES, 99, 0)}/held")).status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_we_hold_names_everything_that_an_export_has(shop: Shop, language: str) -> None:
    """GDPR 15: no part of the file is one that the page keeps quiet about; values that reach further are not shown."""
    await shop.prefers(language)
    async with shop.database.transaction() as session:
        private = {"phone": "+49 30 1", "billing_address": "1 Way", "birth_date": date(1990, 5, 1)}
        await session.execute(sa.update(SubscriberRow).values(**private))
    async with shop.database.reading() as session:
        kept = await rights.export(session, shop.anna)
    page = html.unescape((await shop.client.get(shop.url(For.PREFERENCES) + "/held")).text)

    assert kept is not None
    assert set(kept) == set(held.TOLD)
    for name in held.TOLD.values():
        assert load()[language].text(f"held.{name}") in page, name
    assert not any(text in page for text in ("+49 30 1", "1 Way", "1990"))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_each_act_and_door_has_words(language: str) -> None:
    """What the ledger can hold can be told."""
    texts = read(TEXTS / f"{language}.toml").texts

    assert {f"act.{act.value}" for act in Act} <= set(texts)
    assert {f"door.{door.value}" for door in Door} <= set(texts)
    assert load()[language].text("act.withdraw", topics="X").count("X") == 1


def test_each_zone_exists() -> None:
    """None twice, in order."""
    assert set(ZONES) <= available_timezones()
    assert sorted(set(ZONES)) == list(ZONES)
