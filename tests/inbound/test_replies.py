"""What a person typed is kept, and nothing else: by mail program, by language, and on the corpora."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound.mail import read_mail
from inbound.ours import OwnText
from inbound.replies import trim, trim_html, visible_text
from inbound.world import CampaignInfo, TopicInfo, World, world_from_toml
from kit.addresses import EmailAddress
from tests.corpora import corpus
from tests.inbound.letters import BODY, HTML_SENT, HTML_TYPED, PAGES, QUOTED, SENT, TEXTS, TYPED, Written, a_mail

WORLD = World(
    company="Shop Inc.",
    topics=(TopicInfo("deals", "Deals"), TopicInfo("news", "Monthly Newsletter")),
    campaigns=(CampaignInfo("c1", "deals", "Spring sale", SENT),),
)
OURS = (
    "You receive this",
    "in the subject, or",
    "preferences/p",
    "Privacy policy",
    "Main Street",
    "SPRING30",
    "this week every",
    "in this issue",
    "seats are limited",
    "new course is open",
    "TorqueWorks give",
    "promotions@proengineer",
)


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("written", TEXTS, ids=lambda w: w.program)
def test_the_typed_words_of_a_text_are_kept_and_nothing_else(written: Written) -> None:
    """Every mail program's text part gives back exactly what was typed, although our campaign is not known."""
    assert flat(trim(written.text).typed) == flat(TYPED)


@pytest.mark.parametrize("written", PAGES, ids=lambda w: w.program)
def test_the_typed_words_of_a_page_are_kept_and_nothing_else(written: Written) -> None:
    """Every mail program's HTML part gives back exactly what was typed."""
    assert flat(trim_html(written.html).typed) == flat(TYPED)


@pytest.mark.parametrize("written", [*TEXTS, *PAGES], ids=lambda w: f"{w.program} {'html' if w.html else 'text'}")
def test_nothing_is_lost(written: Written) -> None:
    """What is not typed stands in one of the other parts: each word of the mail is somewhere."""
    found = visible_text(a_mail(text=written.text, html=written.html), WORLD)

    assert flat(found.typed) == flat(TYPED)
    if "SPRING30" in written.text + written.html:
        assert "SPRING30" in found.quoted + found.ours + found.signature


INTERLEAVED = """\
On 22 Mar 2026 at 11:18, Shop <promotions@shop.example> wrote:
> Dear Ada,
>
> this week every bundle is 30% off. Use the code SPRING30 at checkout.

No, thanks.

> The offer stops on Sunday night - after that we remove the discount from the list.
Good. Then remove me as well.
> --
> You receive this because you subscribed to Deals with ada@example.org.
"""


def test_answers_between_quoted_lines_are_all_kept() -> None:
    """A person may answer line by line, with a blank line round the answer or without."""
    found = trim(INTERLEAVED)

    assert flat(found.typed) == "No, thanks. Good. Then remove me as well."


@pytest.mark.parametrize("after", range(1, len(BODY)))
@pytest.mark.parametrize("blank", ["", "\n"], ids=["tight", "blank lines round it"])
def test_an_answer_between_any_two_quoted_lines_is_kept(after: int, blank: str) -> None:
    """Even one in small letters, right below a long line: it is no wrapped-off end of that line."""
    quoted = QUOTED.split("\n")
    answer = f"{blank}no more of these please, unsubscribe me{blank}"
    text = "\n".join(("On 22 Mar 2026, Shop wrote:", *quoted[:after], answer, *quoted[after:]))

    assert trim(text).typed.strip() == answer.strip()


def test_answers_between_blockquotes_are_all_kept() -> None:
    """The same in HTML, as Gmail writes it inside its own quote element."""
    page = (
        '<div class="gmail_quote"><div class="gmail_attr">On Sun Shop wrote:</div><blockquote>30% off</blockquote>'
        "<div>No, thanks.</div><blockquote>remove the discount</blockquote><div>Remove me as well.</div></div>"
    )

    assert trim_html(page).typed.split("\n") == ["No, thanks.", "Remove me as well."]


@pytest.mark.parametrize(
    "sentence",
    [
        "On Sunday I will be back. Please do not write until then.",
        "On Sunday 22 March 2026 at 10:30 I wrote to you and nobody answered.",
        "On 3 March 2026 you wrote:\nthat my order was on its way. It is not.",
        "Am 3. März 2026 schrieb ich Ihnen schon einmal, dass ich nichts mehr möchte.",
        "Le 3 mars 2026 vous m'avez écrit. Je ne souhaite plus rien recevoir.",
        "My questions:\n1. When does the course start?\n2. Where?",
        "From now on: no more mails, please.",
        "To: whom it may concern\nTake me off the list.",
        "Subject: my order\nWhere is it?",
        "Hello,\nsend it to my new address: ada@example.net\nThanks",
        "Sent the form back to you last week. Where is my refund?",
        "unsubscribe Deals",
        "unsubscribe",
        "stop",
        "UNSUBSCRIBE Monthly Newsletter",
        'Please remove me from "Deals". Your privacy policy says you must.',
        "This is confidential: I am leaving the company. Remove my address.",
        "External trainers only, please. Do you offer that?",
        "Attention: wrong address! Stop writing.",
        "Reply with the price, please.",
        "退订",
        "配信停止をお願いします。",
        "إلغاء الاشتراك من فضلك",
    ],
)  # fmt: skip
def test_a_persons_sentence_is_never_taken_for_a_border(sentence: str) -> None:
    """Words that look like an attribution, a header, a notice or our footer stay when a person typed them."""
    found = visible_text(a_mail(text=f"{sentence}\n\n-----Original Message-----\n{SENT}"), WORLD)

    assert flat(found.typed) == flat(sentence)


def test_an_empty_remainder_is_legal() -> None:
    """A reply that says all in its subject has no typed text."""
    for text in ("", "\n \n", QUOTED, f"-----Original Message-----\n{SENT}", "-- \nAda"):
        assert trim(text).typed == ""
    assert visible_text(a_mail(), WORLD).typed == ""


def test_the_page_decides_where_its_marks_tell_more_than_the_text() -> None:
    """An attribution in a language nobody knows is typed text in the text part, but marked in the HTML part."""
    text = f"{TYPED}\n\nShop qaghta jatlh 22:\n{QUOTED}"
    attribution = '<div class="gmail_quote"><div class="gmail_attr">Shop qaghta jatlh 22:</div>'
    html = f"<div>{HTML_TYPED}</div>{attribution}<blockquote>{HTML_SENT}</blockquote></div>"

    assert "qaghta" not in visible_text(a_mail(text=text, html=html), WORLD).typed


def test_parts_that_tell_different_stories_are_read_from_the_text() -> None:
    """What only stands in the HTML part of a mail with two parts is no typed text."""
    html = "<div>unsubscribe all of them now</div><blockquote>old</blockquote>"

    assert (
        visible_text(a_mail(text="When does the course start?", html=html), WORLD).typed
        == "When does the course start?"
    )


def test_the_campaign_is_known_by_what_the_mail_answers() -> None:
    """Only the campaign that is answered counts as ours; without a reference, all of them do."""
    text = "Never say never again, my dear friend, please."
    campaigns = (CampaignInfo("c1", "deals", "One", SENT), CampaignInfo("c2", "news", "Two", text))
    world = World(campaigns=campaigns)

    assert visible_text(a_mail(text=text, in_reply_to="c1.7@shop.example", subject=""), world).typed == text
    assert visible_text(a_mail(text=text, in_reply_to="x@y.example", subject=""), world).typed == ""


def test_our_own_address_introduces_our_mail_in_any_language() -> None:
    """A line with our address in brackets and a colon or a date is an attribution, whatever its words are."""
    world = World(addresses=(EmailAddress("promotions", "shop.example"),))
    text = f"{TYPED}\n\nShop <promotions@shop.example> jatlhpu' 22.03.2026\n\nDear Ada,\nremove the discount."

    assert visible_text(a_mail(text=text), world).typed == TYPED
    assert "jatlhpu" in visible_text(a_mail(text=text), World()).typed


def test_marks_name_what_gave_the_border_away() -> None:
    """Staff see why a line counts as quoted."""
    found = trim(f"{TYPED}\n\nAm 22.03.2026 um 11:18 schrieb Shop <promotions@shop.example>:\n{QUOTED}")

    assert "attribution line (de)" in found.marks
    assert "quote marks" in found.marks


# -- laws ----------------------------------------

_PIECES = st.sampled_from(
    [
        *BODY,
        *TYPED.split("\n"),
        *(
            "> a",
            ">> b",
            "-- ",
            "--",
            "On 1.1.2026 10:10, a@b.example wrote:",
            "From: a@b.example",
            "Sent: 2026",
            "To: x",
        ),
        *(
            "Subject: y",
            "-----Original Message-----",
            "",
            "Sent from my iPhone",
            "[EXTERNAL]",
            "|",
            "____",
            "wrote:",
            "<",
        ),
        *(
            "> wrote:",
            "\u202a",
            "unsubscribe",
            "Regards,",
            "Tel: +1 555 0100",
            "confidential",
            "Reply On Wed, x@y wrote:",
        ),
    ]
)
_TAGS = st.sampled_from(
    [
        *(
            "<div>",
            "</div>",
            "<p>",
            "</p>",
            "<br>",
            "<blockquote>",
            "</blockquote>",
            "<pre>",
            "</pre>",
            "<td>",
            "<",
            ">",
        ),
        *('<div class="gmail_quote">', '<div class="gmail_attr">', '<span style="display:none">', "</span>", "<!--"),
        *("-->", "<style>", "</style>", "&amp;", "&#0;", '<div id="divRplyFwdMsg">', "x", "unsubscribe", "a: b<br>"),
        *('<div style="border-top:solid #E1E1E1 1.0pt">', '<p class="gmail_signature">', "-----Original Message-----"),
    ]
)


@given(
    st.one_of(st.text(), st.lists(_PIECES, max_size=30).map("\n".join), st.lists(_PIECES, max_size=20).map(" ".join))
)
def test_any_text_ends_and_every_typed_line_came_from_it(text: str) -> None:
    """No input raises, and no line is invented."""
    lines = trim(text, own=OwnText.of(SENT, company="Shop Inc.")).typed.split("\n")

    assert all(line in text for line in lines)


@given(st.one_of(st.text(), st.lists(_TAGS, max_size=40).map("".join)))
def test_any_page_ends_and_every_typed_word_came_from_it(page: str) -> None:
    """No markup raises, and no word is invented."""
    found = trim_html(page)

    if "&" not in page:
        assert all(letter in page for letter in "".join(found.typed.split()))


_HANGS = (
    *(
        "On x at y\n",
        " on xx at yy",
        " ",
        "\n",
        "On ",
        "> ",
        "> a\n",
        "From: a@b.c\n",
        "a:\n",
        "@",
        "<",
        "<a",
        "wrote: ",
    ),
    *("--\n", "a@b.c wrote\n", "12/12/2012 10:10\n", "http://", "this e-mail ", "中文：\n", "{", "(", "<div>", "<br>"),
    *("<blockquote>", "<!--", "<style>", "</div>", '<div class="gmail_quote"><blockquote>x</blockquote>', "&", "&aaaa"),
    *("_", "\0", "> a\nb\n", "you receive this because you subscribed to ", "From: To: Subject: Sent: a@b.c ", "<p>a"),
    *("regards,\ntel: +1 555 010 10\n", "<div style=border:solid>a: b", "confidential received in error sender\n\n"),
)


@pytest.mark.parametrize("piece", _HANGS, ids=repr)
def test_a_megabyte_of_anything_is_read_at_once(piece: str) -> None:
    """The known ways of hanging a reply parser cost a fraction of a second (aim: 0.2 s; room for slow machines)."""
    text = piece * (1_000_000 // len(piece))
    own = OwnText.of(SENT, company="Shop Inc.")

    before = time.process_time()
    trim(text, own=own)
    between = time.process_time()
    trim_html(text, own=own)
    after = time.process_time()

    assert between - before < 1
    assert after - between < 1


# -- corpora ----------------------------------------


def test_replies_of_the_corpus_keep_their_words_and_lose_ours() -> None:
    """In at least 98 % of the mails all that was typed is kept and nothing of ours is left; signatures may be cut."""
    folder = corpus("replies")
    world = world_from_toml((folder / "world.toml").read_text("utf-8"))
    labels = [json.loads(line) for line in (folder / "eml" / "labels.jsonl").read_text("utf-8").splitlines()]
    texts = [json.loads(line)["text"] for line in (folder / "texts.jsonl").read_text("utf-8").splitlines()]

    good = 0
    for label, text in zip(labels, texts, strict=True):
        found = visible_text(read_mail((folder / "eml" / label["file"]).read_bytes()), world)
        assert not any(mark in flat(found.typed) for mark in OURS), label["file"]
        good += flat(text) in flat(found.typed)

    assert good / len(texts) >= 0.98


def test_bare_texts_of_the_corpus_are_hardly_touched() -> None:
    """Of 1,784 texts as customers type them, only signatures and notices are cut."""
    folder = corpus("replies")
    texts = [json.loads(line)["text"] for line in (folder / "more-texts.jsonl").read_text("utf-8").splitlines()]

    changed = [found for text in texts if flat((found := trim(text)).typed) != flat(text)]

    assert len(changed) / len(texts) < 0.02
    assert all(found.signature for found in changed)


@pytest.mark.parametrize("name", ["trim-talon", "trim-crisp"])
def test_foreign_replies_are_trimmed_as_their_authors_say(name: str) -> None:
    """At least three in four exactly; each set holds its author's own policy on signatures and forwards."""
    folder = corpus("visible-text") / name
    cases = [json.loads(line) for line in (folder / "expected.jsonl").read_text("utf-8").splitlines()]

    exact = sum(
        flat(trim((folder / case["file"]).read_text("utf-8", "replace")).typed) == flat(case["visible"])
        for case in cases
    )

    assert exact / len(cases) >= 0.75


def test_our_footer_never_leaks_from_the_quoted_part() -> None:
    """With our footer at the end of a foreign reply, "unsubscribe" is gone and the reply is kept."""
    cases = [
        json.loads(line) for line in (corpus("visible-text") / "footer-leak.jsonl").read_text("utf-8").splitlines()
    ]

    for case in cases:
        found = trim(case["text"])
        assert "unsubscribe" not in found.typed.casefold(), case["file"]
        assert flat(case["visible"]) in flat(f"{found.typed} {found.signature}"), case["file"]
