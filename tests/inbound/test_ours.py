"""Our own words go, however they were wrapped; a person's words stay, even where they are the same as ours."""

import textwrap

import pytest

from inbound.ours import OwnText, own_text
from inbound.replies import trim
from inbound.world import CampaignInfo, TopicInfo, World
from tests.inbound.letters import BODY, SENT

FOOTER = "\n".join(BODY[8:])
KNOWN = OwnText.of(SENT, company="Shop Inc.", topics=["Deals"])
NOTHING_KNOWN = OwnText.of(company="Shop Inc.")


def left(text: str, own: OwnText) -> list[str]:
    lines = text.split("\n")
    ours = own.lines_of_ours(lines)
    return [line for index, line in enumerate(lines) if line.strip() and index not in ours]


def test_the_whole_campaign_is_ours() -> None:
    """All lines that were sent, the greeting, the rule and the postal line among them."""
    assert left(SENT, KNOWN) == []


@pytest.mark.parametrize("own", [KNOWN, NOTHING_KNOWN], ids=["campaign known", "footer only"])
@pytest.mark.parametrize("width", [200, 76, 60, 44, 30])
@pytest.mark.parametrize("prefix", ["", "> ", "| ", "  ", ">> "])
def test_the_footer_is_ours_however_it_was_wrapped(own: OwnText, width: int, prefix: str) -> None:
    """Re-flowed as a whole, narrow or wide, with any prefix, no line with a command of ours is left."""
    flowed = textwrap.wrap(FOOTER.replace("\n", " "), width - len(prefix), break_long_words=False)
    found = left("\n".join(prefix + line for line in flowed), own)

    assert not any("unsubscribe" in line.casefold() or "stop" in line.casefold() for line in found)


def test_the_footer_line_by_line_is_ours_with_unknown_topics_and_addresses() -> None:
    """The words in the slots of the footer need not be known."""
    text = FOOTER.replace("Deals", "The Quarterly Review of Bridges")

    assert left(text, NOTHING_KNOWN) == []


@pytest.mark.parametrize(
    "typed",
    [
        "unsubscribe Deals",
        "UNSUBSCRIBE",
        "stop",
        "To stop, what must I do?",
        "unsubscribe from Spring sale, the discount and the list.",
        "I subscribed to Deals with ada@example.org. Please end that.",
        'I replied with "unsubscribe" in the subject!',
        "Deals",
        "Privacy policy",
        "You receive this complaint because you never stop.",
        "Remove the discount from the list of my complaints: I want out.",
    ],
)
def test_a_persons_words_stay(typed: str) -> None:
    """Alone, or with our footer directly above or below."""
    assert left(typed, KNOWN) == [typed]
    for text in (f"{typed}\n\n{FOOTER}", f"{FOOTER}\n\n{typed}"):
        if typed not in {"Deals", "Privacy policy"}:  # beside our own lines they are ours
            assert typed in left(text, KNOWN)


def test_a_line_of_which_only_the_middle_is_ours_stays() -> None:
    """A person quotes us inside a sentence."""
    typed = "You say: the offer stops on Sunday night after that we remove the discount - so remove me too"

    assert left(typed, KNOWN) == [typed]


def test_templates_of_the_world_match_with_their_slots_filled() -> None:
    """Lines that each mail carries may hold placeholders."""
    world = World(own_lines=("Sent to {{ address }} by the friends of {company} in {city}, as you asked.",))
    own = own_text(world)

    assert left("Sent to ada@example.org by the friends of Big Steel Bridges in Lyon, as you asked.", own) == []
    assert left("Sent to you by mistake? Stop it, as you asked.", own) != []


def test_scripts_without_spaces_are_compared_by_character() -> None:
    """A Japanese or Chinese campaign is known again, wrapped anywhere."""
    own = OwnText.of("今週は全コースが三割引です。ぜひご覧ください。")

    assert left("今週は全コースが三割\n引です。ぜひご覧ください。", own) == []
    assert left("今週は忙しいので配信を止めてください。", own) != []


def test_only_the_named_campaigns_count() -> None:
    world = World(
        topics=(TopicInfo("deals", "Deals"),),
        campaigns=(
            CampaignInfo("a", "deals", "A", "one two three four five six"),
            CampaignInfo("b", "deals", "B", "x"),
        ),
    )

    assert left("one two three four five six", own_text(world, ("a",))) == []
    assert left("one two three four five six", own_text(world, ("b",))) != []


def test_the_answer_between_our_lines_stays() -> None:
    """Unmarked quoting, the answer right between: nothing typed is lost."""
    text = SENT.replace("Browse the bundles", "No more of these, unsubscribe me.\nBrowse the bundles")

    assert "unsubscribe me." in trim(text, own=KNOWN).typed
