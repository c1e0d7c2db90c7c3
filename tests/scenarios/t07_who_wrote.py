"""Who wrote? Stories of people whose replies come by way of friends, forwarders, secretaries and lists.

The house is that of :mod:`tests.scenarios.correspondence`; machines and forgers: t14_what_machines_wrote.py.
"""

import pytest

from inbound.model import Standing
from kit.addresses import EmailAddress, parse_address
from tests.inbound.taking import ANNA, BOB, SERVICE
from tests.mailer.letters_at_hand import SENDER
from tests.scenarios.correspondence import (
    BOX,
    FRIEND,
    SHOP,
    Answer,
    Post,
    a_letter,
    reply_to,
    says_nothing_of,
    words_of,
)

# -- answers to our questions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    ["No, that was not me.", "Not me", "2, thanks", "No, please change nothing.", "Hello, thank you for asking"],
)
async def test_what_we_asked_is_not_what_they_wish(post: Post, words: str) -> None:
    """Our question says "stop" in its subject and text; an answer in words other than ours ends nothing."""
    asked = await forwarded_to_a_friend(post, "redirected")

    await post.replies(asked.letter, ANNA, words)

    assert await post.nothing_changed()


async def test_who_asks_again_from_elsewhere_is_read_by_a_person(post: Post) -> None:
    """Anna reads her forwarded mail at work and answers our question from there: staff see it, it is not lost."""
    asked = await forwarded_to_a_friend(post, "redirected")

    again = await post.replies(asked.letter, "Anna <anna.smith@work.example>", "STOP! unsubscribe me now")

    assert again.is_for_staff
    assert again.sent == [("hand_on", str(SERVICE))]
    assert await post.nothing_changed()


async def test_undo_works_where_a_mail_program_drops_the_thread(post: Post) -> None:
    """The receipt's own reply address is enough, without In-Reply-To."""
    left = await post.replies(post.promotion(ANNA), ANNA, "unsubscribe")
    receipt = left.letter

    raw = a_letter(ANNA, reply_to(receipt), f"Re: {receipt['Subject']}", "undo", number=77)
    await post.arrives(raw, str(ANNA), reply_to(receipt))

    assert await post.gets(ANNA) == ["courses", "deals"]


# -- friends ----------------------------------------------------------------------------------------------------------


async def forwarded_to_a_friend(post: Post, how: str) -> Answer:
    """Let Anna give her letter to Dora, and Dora ask us to stop.

    She redirects it (RFC 5322 3.6.6), and the reply goes to Anna's own reply address; or she forwards it in the text,
    and Dora copies our public address out of it: only the thread's ids name Anna's letter then.
    """
    letter = post.promotion(ANNA)
    if how == "redirected":
        return await post.replies(letter, f"Dora <{FRIEND}>", "unsubscribe")
    copy = "\n".join(f"> {line}" for line in words_of(letter).split("\n"))
    text = (
        f"Please unsubscribe me.\n\nOn Fri, 20 Nov 2026 at 11:00, Anna Smith <{ANNA}> wrote:\n\n"
        f"> Look at this, Dora!\n>\n> ---------- Forwarded message ---------\n> From: {SENDER.company} <{SHOP}>\n"
        f"> Date: Fri, 20 Nov 2026 at 10:00\n> Subject: May sale\n> To: <{ANNA}>\n>\n>\n{copy}\n"
    )
    theirs = "<CAF7@mail.gmail.com>"
    return await post.arrives(
        a_letter(
            f"Dora <{FRIEND}>", SHOP, "Re: Fwd: May sale", text, f"In-Reply-To: {theirs}",
            f"References: {letter['Message-ID']} {theirs}", number=900,
        ),
        FRIEND, SHOP,
    )  # fmt: skip


@pytest.mark.parametrize("how", ["redirected", "forwarded in the text"])
async def test_a_friend_answers_anna_s_copy_and_anna_says_it_was_her_wish(post: Post, how: str) -> None:
    """Dora says "unsubscribe" with Anna's letter. Anna is asked, Dora hears nothing; Anna answers 1 and has left."""
    asked = await forwarded_to_a_friend(post, how)

    assert asked.sent == [("ask_owner", str(ANNA))]
    assert await post.nothing_changed()
    assert says_nothing_of(parse_address(FRIEND), [asked.letter])
    assert asked.letter["In-Reply-To"] is None

    left = await post.replies(asked.letter, ANNA, "1")
    assert left.sent == [("receipt", str(ANNA))]
    assert await post.events(ANNA) == [("withdraw_all", "reply", "token")]
    assert await post.gets(ANNA) == []


@pytest.mark.parametrize("how", ["redirected", "forwarded in the text"])
async def test_a_friend_answers_anna_s_copy_and_anna_stays(post: Post, how: str) -> None:
    """Anna answers 2: she gets what she got, and nobody is written to again."""
    asked = await forwarded_to_a_friend(post, how)

    stays = await post.replies(asked.letter, ANNA, "2")

    assert (stays.actions, stays.letters) == (["nothing"], [])
    assert await post.nothing_changed()
    assert await post.gets(ANNA) == ["courses", "deals"]


async def test_the_friend_can_t_answer_for_anna(post: Post) -> None:
    """Dora guesses what Anna was asked and sends a 1 to Anna's reply address: a person reads it, Anna stays."""
    letter = post.promotion(ANNA)
    await post.replies(letter, FRIEND, "unsubscribe")

    guessed = await post.replies(letter, FRIEND, "1")

    assert guessed.sent == [("hand_on", str(SERVICE))]
    assert await post.nothing_changed()


async def test_a_friend_who_is_a_customer_too_is_asked_and_learns_nothing_of_anna(post: Post) -> None:
    """Bob answers Anna's copy. Each is asked at home; no letter to Bob holds Anna's address. Bob leaves for himself."""
    asked = await post.replies(post.promotion(ANNA), f"Bob <{BOB}>", "unsubscribe")

    assert asked.sent == [("ask_owner", str(ANNA)), ("question", str(BOB))]
    assert await post.nothing_changed()
    to_anna, to_bob = (letter for _, letter in asked.letters)
    assert says_nothing_of(ANNA, [to_bob])
    assert says_nothing_of(BOB, [to_anna])

    left = await post.replies(to_bob, BOB, "1")
    assert left.sent == [("receipt", str(BOB))]
    assert says_nothing_of(ANNA, [left.letter])
    assert await post.gets(BOB) == []
    assert await post.gets(ANNA) == ["courses", "deals"]


# -- one person, several addresses ------------------------------------------------------------------------------------

WORK = "anna.smith@work.example"
#: What stands on the reply of somebody at Exchange Online, whose mailbox a rule at Google fills.
BY_EXCHANGE = (
    "Received: from AM9PR01MB7.eurprd01.prod.exchangelabs.com ([fe80::1]) by AM9PR01MB7.eurprd01.prod.exchangelabs.com",
    "\t([fe80::1%5]) with mapi id 15.20.9052.019; Fri, 20 Nov 2026 12:00:00 +0000",
    "Thread-Topic: May sale",
    "X-MS-Has-Attach:",
    "X-Forwarded-To: anna.smith@work.example",
    "X-Forwarded-For: Anna.Smith@gmail.com anna.smith@work.example",
)
#: What our own server adds before a mailbox is fetched by IMAP.
BY_OUR_SERVER = ("Return-Path: <anna.smith@work.example>", "X-Original-To: {to}", "Delivered-To: byleave@shop.example")


@pytest.mark.parametrize("trace", [BY_EXCHANGE, BY_OUR_SERVER], ids=["exchange", "our mailbox"])
async def test_mail_that_is_forwarded_to_work_is_answered_from_there(post: Post, trace: tuple[str, ...]) -> None:
    """Anna's mail goes on to her office, and she answers there. She is asked at home, answers from home, and has left.

    Her office's program quotes with a block of headers, not with marks.
    """
    letter = post.promotion(ANNA)
    to = reply_to(letter)
    block = f"From: {SENDER.company} <{SHOP}>\nSent: Friday, 20 November 2026 10:00\nTo: {ANNA}\nSubject: May sale\n"
    text = f"Please take me off your list.\n\nAnna\n\n________________________________\n{block}\n{words_of(letter)}"
    headers = (*(line.format(to=to) for line in trace), f"In-Reply-To: {letter['Message-ID']}")
    rcpt = "byleave@shop.example" if trace is BY_OUR_SERVER else to

    raw = a_letter(f"Anna Smith <{WORK}>", to, "RE: May sale", text, *headers, number=1)
    asked = await post.arrives(raw, WORK, rcpt)
    assert asked.sent == [("ask_owner", str(ANNA))]
    assert await post.nothing_changed()
    assert says_nothing_of(parse_address(WORK), [asked.letter])

    left = await post.replies(asked.letter, ANNA, "1 - yes, stop all promotions")
    assert left.sent == [("receipt", str(ANNA))]
    assert await post.events(ANNA) == [("withdraw_all", "reply", "token")]


@pytest.mark.parametrize(
    ("owner", "sender"),
    [
        (ANNA, "annasmith@gmail.com"),
        (ANNA, "a.n.n.a.smith@gmail.com"),
        (ANNA, "Anna.Smith+shop@gmail.com"),
        (ANNA, "Anna.Smith@googlemail.com"),
        (ANNA, "ANNASMITH+x@GOOGLEMAIL.COM"),
        (BOB, "bob+news@example.org"),
        (BOX, "info+Carla@bakery.example"),
    ],
)
async def test_another_spelling_of_the_same_mailbox_leaves_at_once(
    post: Post, owner: EmailAddress, sender: str
) -> None:
    """Plus-tags, Google's dots and its other name: the same person answers, and is asked nothing."""
    left = await post.replies(post.promotion(owner), f"Jo <{sender}>", "unsubscribe")

    assert left.sent == [("receipt", str(owner))]
    assert await post.events(owner) == [("withdraw_all", "reply", "token")]


@pytest.mark.parametrize(
    ("owner", "sender"),
    [
        (ANNA, "Anna.Smith+shop@gmail.com"),
        (ANNA, "Anna.Smith@googlemail.com"),
        (BOB, "bob+news@example.org"),
    ],
)
@pytest.mark.parametrize(("standing", "proof"), [(Standing.PROVEN, "authenticated"), (Standing.UNPROVEN, "alias")])
async def test_another_spelling_leaves_without_our_token_too(
    post: Post, owner: EmailAddress, sender: str, standing: Standing, proof: str
) -> None:
    """They write anew instead of replying; the receipt goes to the address that we mail."""
    post.witness.standing = standing

    left = await post.writes(f"Jo <{sender}>", "Please unsubscribe me from all your mails.")

    assert left.sent == [("receipt", str(owner))]
    assert await post.events(owner) == [("withdraw_all", "reply", proof)]


# -- a mailbox that two people read -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["Carla", "Dirk"])
async def test_either_reader_of_a_shared_mailbox_leaves_for_it_and_the_other_brings_it_back(
    post: Post, who: str
) -> None:
    """info@ is read by two. One leaves, the receipt comes to both, the other answers "undo": they get it as before."""
    other = {"Carla": "Dirk", "Dirk": "Carla"}[who]
    left = await post.replies(post.promotion(BOX), f"{who} <{BOX}>", f"unsubscribe\n\n{who}")
    assert left.sent == [("receipt", str(BOX))]
    assert await post.gets(BOX) == []

    back = await post.replies(left.letter, f"{other} <{BOX}>", "undo")
    assert back.actions == ["undo"]
    assert await post.gets(BOX) == ["deals"]
    assert [act for act, _, _ in await post.events(BOX)] == ["withdraw_all", "subscribe", "confirm"]
    assert {proof for _, _, proof in await post.events(BOX)} == {"token"}


@pytest.mark.parametrize("who", ["a stranger with the receipt", "a customer with his own token", "no token"])
async def test_nobody_else_can_bring_a_shared_mailbox_back(post: Post, who: str) -> None:
    """Only the mailbox itself, with the token of its own receipt, takes it back; what others say changes nothing."""
    receipt = (await post.replies(post.promotion(BOX), f"Carla <{BOX}>", "unsubscribe")).letter

    if who == "a stranger with the receipt":
        answer = await post.replies(receipt, f"Eve <{FRIEND}>", "undo")
    elif who == "no token":
        answer = await post.writes(f"Carla <{BOX}>", "undo")
    else:
        answer = await post.replies(receipt, f"Bob <{BOB}>", "undo", to=reply_to(post.promotion(BOB)))

    assert "undo" not in answer.actions
    assert says_nothing_of(BOX, [letter for kind, letter in answer.letters if kind != "hand_on"])
    assert await post.gets(BOX) == []
    assert await post.gets(BOB) == ["deals"]
    assert await post.events(BOX) == [("withdraw_all", "reply", "token")]


# -- a secretary ------------------------------------------------------------------------------------------------------

SARA = "sara.sands@example.org"


@pytest.mark.parametrize(
    ("sender", "headers"),
    [
        (f"Sara Sands <{SARA}>", ()),
        (f'"Sara Sands on behalf of Bob" <{SARA}>', ()),
        (f"Sara Sands <{SARA}>", (f"Sender: {SARA}", f"Reply-To: Bob <{BOB}>")),
        (f'"Sara Sands (im Auftrag von Bob)" <{SARA}>', (f"Reply-To: {BOB}", f"Cc: {BOB}")),
        (f'"{BOB}" <{SARA}>', (f"Sender: Bob <{BOB}>",)),
    ],
    ids=["plain", "on behalf", "sender and reply-to", "copy to the boss", "his address as her name"],
)
async def test_a_secretary_answers_and_her_boss_is_asked(post: Post, sender: str, headers: tuple[str, ...]) -> None:
    """Sara answers Bob's mail from her own address. Whatever her headers say of him, it is he who decides."""
    text = "Please remove Bob from your mailing list.\n\nKind regards\nSara Sands\nAssistant to Bob"

    asked = await post.replies(post.promotion(BOB), sender, text, *headers)
    assert asked.sent == [("ask_owner", str(BOB))]
    assert await post.nothing_changed()

    left = await post.replies(asked.letter, BOB, "1")
    assert left.sent == [("receipt", str(BOB))]
    assert await post.gets(BOB) == []


# -- a mailing list ---------------------------------------------------------------------------------------------------

LIST = "talk@lists.example"
BY_MAILMAN = (
    "Return-Path: <talk-bounces@lists.example>",
    "Received: from lists.example (localhost [IPv6:::1]) by lists.example (Postfix) with ESMTP id 4CdX1;",
    "\tFri, 20 Nov 2026 12:00:00 +0000",
    "X-Original-To: talk@lists.example",
    "Delivered-To: talk@lists.example",
    "X-BeenThere: talk@lists.example",
    "X-Mailman-Version: 2.1.39",
    "Precedence: list",
    "List-Id: Talk of the town <talk.lists.example>",
    "List-Unsubscribe: <mailto:talk-request@lists.example?subject=unsubscribe>",
    "List-Post: <mailto:talk@lists.example>",
    "Errors-To: talk-bounces@lists.example",
    'Sender: "talk" <talk-bounces@lists.example>',
)


@pytest.mark.parametrize(
    "sender",
    [f"Dora <{FRIEND}>", f"Dora via talk <{LIST}>", f"Anna Smith <{ANNA}>"],
    ids=["a member", "a member whose From the list rewrote", "the owner"],
)
@pytest.mark.parametrize("place", ["to us", "through our token"])
async def test_a_list_that_brings_unsubscribe_changes_nothing_and_is_not_answered(
    post: Post, sender: str, place: str
) -> None:
    """Anna sent our letter to a list; somebody answers all with "unsubscribe", and we get the list's copy.

    It may mean the list or us. Nobody is taken off, no machine writes to anybody, a person reads it.
    """
    letter = post.promotion(ANNA)
    to = reply_to(letter) if place == "through our token" else SHOP

    read_by = await post.replies(
        letter, sender, "unsubscribe", *BY_MAILMAN, f"Cc: {LIST}", to=to, mail_from="talk-bounces@lists.example"
    )

    assert read_by.sent == [("hand_on", str(SERVICE))]
    assert await post.nothing_changed()


async def test_a_list_member_answers_us_and_the_owner_is_asked_not_the_list(post: Post) -> None:
    """Dora got the letter over the list and answers to our address in it: Anna is asked, list and Dora hear nothing."""
    answer = await post.replies(post.promotion(ANNA), f"Dora <{FRIEND}>", "unsubscribe", f"Cc: {LIST}")

    assert answer.sent == [("ask_owner", str(ANNA))]
    assert says_nothing_of(parse_address(LIST), [answer.letter])
    assert await post.nothing_changed()


# -- coming back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Please subscribe me to Deals again.", "subscribe deals"])
async def test_who_wants_back_is_asked_and_only_their_own_yes_brings_them_back(post: Post, text: str) -> None:
    """Bob left. His proven address asks to come back: a confirmation goes out, and nothing is granted before his yes.

    Eve has the same address of confirmation, and her yes does nothing.
    """
    post.witness.standing = Standing.PROVEN
    await post.replies(post.promotion(BOB), BOB, "unsubscribe")
    before = await post.events(BOB)

    asked = await post.writes(f"Bob <{BOB}>", text)
    assert asked.sent == [("confirmation", str(BOB))]
    assert [act for act, _, _ in (await post.events(BOB))[len(before) :]] == ["subscribe"]
    assert await post.gets(BOB) == []

    stranger = await post.replies(asked.letter, f"Eve <{FRIEND}>", "yes")
    assert {address for _, address in stranger.sent} <= {str(SERVICE)}
    customer = await post.replies(asked.letter, f"Anna Smith <{ANNA}>", "yes")
    assert {address for _, address in customer.sent} <= {str(SERVICE)}
    assert await post.gets(BOB) == []

    back = await post.replies(asked.letter, f"Bob <{BOB}>", "Yes, please")
    assert (back.actions, back.letters) == (["confirm deals"], [])
    assert await post.gets(BOB) == ["deals"]
    assert await post.gets(ANNA) == ["courses", "deals"]
    assert (await post.events(BOB))[-1] == ("confirm", "reply", "token")
