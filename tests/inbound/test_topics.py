"""Which topic is meant: names, kinds, subjects of campaigns."""

import pytest

from inbound.lexicon.matching import mark
from inbound.topics import campaign_named_after, campaign_of, kinds, mentions, named_topic
from inbound.world import CampaignInfo, TopicInfo, World

WORLD = World(
    company="Pro Engineer Portal",
    topics=(
        TopicInfo("deals", "Deals", "discounts, special offers, coupons"),
        TopicInfo("courses", "New Courses", "new trainings and certificates"),
        TopicInfo("events", "Events", "webinars, meet-ups, conferences"),
        TopicInfo("newsletter", "Monthly Newsletter", "articles, company news"),
        TopicInfo("partners", "Partner Offers", "offers of advertisers"),
    ),
    campaigns=(
        CampaignInfo("c1", "deals", "Spring sale: 30% off every course bundle"),
        CampaignInfo("c7", "courses", "Learn PLC programming from scratch"),
    ),
)


def test_each_topic_belongs_to_a_kind() -> None:
    assert kinds(WORLD.topics) == {key: key for key in ("deals", "courses", "events", "newsletter", "partners")}


@pytest.mark.parametrize(
    ("text", "campaign"),
    [
        ("Spring sale: 30% off every course bundle", "c1"),
        ("spring sale 30% off every course bundle", "c1"),
        ("Spring sale: 30% off every cuorse bundle", "c1"),
        ("Learn PLC programming", "c7"),
        ("hello", None),
        ("", None),
    ],
)
def test_a_subject_names_its_campaign(text: str, campaign: str | None) -> None:
    found = campaign_of(text, WORLD)

    assert (found.id if found else None) == campaign


def test_a_subject_of_one_long_word_may_be_misspelt() -> None:
    """It has no word in common with the one that was sent, and is meant all the same."""
    world = World(campaigns=(CampaignInfo("c1", "deals", "Frühjahrsangebotsübersicht"),))

    assert campaign_of("Fruhjahrsangebotsubresicht", world) is not None


def test_a_word_before_the_subject_is_kept_apart() -> None:
    found = campaign_named_after("odjavi Learn PLC programming from scratch", WORLD)

    assert found is not None
    assert (found[0], found[1].id) == ("odjavi", "c7")


@pytest.mark.parametrize(
    ("text", "key"), [("Deals", "deals"), ("new corses", "courses"), ("newsletter", "newsletter"), ("cats", None)]
)
def test_a_topic_is_found_by_its_name_even_misspelt(text: str, key: str | None) -> None:
    assert named_topic(text, WORLD) == key


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("keine Webinare und keine Rabatte", ["events", "deals"]),
        ("plus d'offres partenaires", ["partners"]),
        ("больше не присылайте новости и скидки", ["newsletter", "deals"]),
        ("クーポンとイベントの案内", ["deals", "events"]),
        ("优惠和课程", ["deals", "courses"]),
    ],
)
def test_topics_are_named_in_all_languages(text: str, keys: list[str]) -> None:
    assert list(dict.fromkeys(m.key for m in mentions(mark(text), WORLD))) == keys
