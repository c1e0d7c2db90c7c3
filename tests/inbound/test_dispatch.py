"""What a mail changes: the ledger, the decision, the outbox, all in one transaction."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from consent.subscribers import Profile, add
from consent.tables import SubscriberRow
from inbound.model import Envelope
from kit.addresses import parse_address
from kit.db import Base, Database
from mailer.outbox import Kind, Letter, claim, enqueue, record_done
from mailer.tokens import Purpose
from tests.database import NOW, SECRETS
from tests.inbound.taking import ANNA, BOB, HOUSE, SERVICE, TOKENS, Town, a_mail, an_envelope


async def test_the_owner_who_replies_leaves_at_once_and_gets_a_receipt(town: Town) -> None:
    """A reply to the token address by the person whom we mailed ends the topic, with the surest proof."""
    address = town.reply_address(town.anna)

    taken = await town.intake.take(a_mail(to=address, text="unsubscribe deals"), an_envelope(ANNA, address), NOW)

    assert taken.code == 250
    assert await town.events() == [("withdraw", ("deals",), "reply", "token")]
    (receipt,) = await town.outbox()
    assert (receipt.kind, receipt.address) == ("receipt", str(ANNA))
    assert receipt.details["topics"] == ["deals"]
    assert receipt.details["in_reply_to"] == "1@example.org"


async def test_a_bare_unsubscribe_ends_everything(town: Town) -> None:
    """No topic named means all of them."""
    await town.intake.take(a_mail(sender=BOB, text="unsubscribe"), an_envelope(BOB), NOW)

    assert await town.events() == [("withdraw_all", (), "reply", "exact_address")]


@pytest.mark.parametrize("sender", ["a.n.n.a.smith@gmail.com", "annasmith@googlemail.com"])
async def test_a_mailbox_is_known_without_a_token_however_it_is_spelt(town: Town, sender: str) -> None:
    """Dots put in or left out: the mailbox is looked up, not the spelling."""
    await town.intake.take(a_mail(sender=sender, text="unsubscribe"), an_envelope(sender), NOW)

    assert await town.events(town.anna) == [("withdraw_all", (), "reply", "alias")]


async def test_two_subscribers_with_one_mailbox_are_told_apart_by_a_person(town: Town) -> None:
    """Which of two subscriptions bob+other@ means can't be known; bob@ himself is one of them to the letter."""
    async with town.database.transaction() as session:
        await add(session, [Profile(parse_address("bob+shop@example.org"))], secrets=SECRETS, at=NOW)
    for place, sender in enumerate(("bob+other@example.org", "bob@example.org")):
        raw = a_mail(sender=sender, text="unsubscribe", message_id=f"{place}@x")
        await town.intake.take(raw, an_envelope(sender), NOW)

    assert [decision.actions[0] for decision in await town.decisions()] == ["handed on", "withdraw all"]


async def test_an_alias_of_the_mailed_address_leaves_too(town: Town) -> None:
    """Google's dots and plus-tags are spellings of one mailbox."""
    sender = "annasmith+shop@googlemail.com"
    address = town.reply_address(town.anna)

    await town.intake.take(a_mail(sender=sender, to=address, text="unsubscribe"), an_envelope(sender, address), NOW)
    plus = "bob+news@example.org"
    await town.intake.take(a_mail(sender=plus, text="unsubscribe", message_id="2@x"), an_envelope(plus), NOW)

    assert [(act, proof) for act, _, _, proof in await town.events()] == [
        ("withdraw_all", "token"),
        ("withdraw_all", "alias"),
    ]


async def test_a_friend_with_a_forwarded_copy_leads_to_a_question_to_the_owner(town: Town) -> None:
    """The token alone ends nobody else's mail; the owner is asked, and the friend is told nothing."""
    address = town.reply_address(town.anna)
    friend = "friend@elsewhere.example"

    await town.intake.take(a_mail(sender=friend, to=address, text="unsubscribe"), an_envelope(friend, address), NOW)

    assert await town.events() == []
    (asked,) = await town.outbox()
    assert (asked.kind, asked.address, asked.details["scope"]) == ("ask_owner", str(ANNA), "all")
    assert "in_reply_to" not in asked.details


async def test_the_unsubscribe_button_counts_from_any_address_and_the_owner_hears_of_it(town: Town) -> None:
    """RFC 8058 and RFC 2369: a mail program's button may send from another address; undo goes to the owner."""
    address = town.reply_address(town.anna)
    mail = a_mail(sender="other@work.example", to=address, subject="unsubscribe", text="")

    await town.intake.take(mail, an_envelope("other@work.example", address), NOW)

    assert await town.events() == [("withdraw_all", (), "mailto", "token")]
    (receipt,) = await town.outbox()
    assert (receipt.kind, receipt.address, receipt.details["scope"]) == ("receipt", str(ANNA), "all")


async def test_with_a_forwarded_copy_both_are_asked_and_nobody_leaves_yet(town: Town) -> None:
    """Bob answers Anna's copy: each is asked at their own address, and nothing in Bob's letter names Anna."""
    address = town.reply_address(town.anna)

    await town.intake.take(a_mail(sender=BOB, to=address, text="unsubscribe"), an_envelope(BOB, address), NOW)

    assert await town.events() == []
    assert [(row.kind, row.address) for row in await town.outbox()] == [
        ("ask_owner", str(ANNA)),
        ("question", str(BOB)),
    ]
    assert ANNA.local.lower() not in json.dumps((await town.outbox())[1].details).lower()


async def test_a_stranger_without_a_token_changes_nothing_and_reaches_customer_service(town: Town) -> None:
    """Somebody whom we don't mail is read by a person."""
    raw = a_mail(sender="x@elsewhere.example", text="unsubscribe")

    await town.intake.take(raw, an_envelope("x@elsewhere.example"), NOW)

    assert await town.events() == []
    (row,) = await town.outbox()
    assert (row.kind, row.address, row.raw) == ("hand_on", str(SERVICE), raw)
    assert [row.review for row in await town.decisions()] == [True]


async def test_a_human_letter_is_handed_on_and_kept_nowhere_else(town: Town) -> None:
    """P9: the bytes are in the outbox until they are handed over; inbound keeps none."""
    raw = a_mail(text="Where is my order 4711?")

    await town.intake.take(raw, an_envelope(), NOW)

    (row,) = await town.outbox()
    assert (row.kind, row.raw) == ("hand_on", raw)
    assert [(mail.state, mail.raw, mail.envelope) for mail in await town.mails()] == [("decided", None, {})]


async def test_nothing_of_a_human_letter_stands_anywhere_once_it_was_handed_on(town: Town) -> None:
    """P9: no column of any table holds a word of its text, its subject or its sender; only that there was one."""
    words = ("Zanzibar4711", "quagga", "quite.private")
    raw = a_mail(text=f"Where is {words[0]}?", subject=f"My {words[1]}", sender=f"{words[2]}@elsewhere.example")
    await town.intake.take(raw, an_envelope(f"{words[2]}@elsewhere.example"), NOW)
    assert [await everywhere(town.database, one) for one in words] == [["outbox"]] * 3

    async with town.database.transaction() as session:
        (claimed,) = await claim(session, worker="w", token="t", at=NOW, most=5)
        assert await record_done(session, claimed, "sent", at=NOW)

    assert [await everywhere(town.database, one) for one in words] == [[]] * 3


async def everywhere(database: Database, text: str) -> list[str]:
    """Return the tables in which a text stands in any column, also within bytes."""
    async with database.reading() as session:
        return [
            table.name
            for table in Base.metadata.sorted_tables
            if any(
                text in str(value)  # of bytes: their ASCII as it is
                for row in await session.execute(sa.select(table))
                for value in row
            )
        ]


async def test_the_same_mail_by_any_channel_counts_once(town: Town) -> None:
    """Trace lines differ by channel; the content doesn't."""
    raw = a_mail(text="unsubscribe")

    first = await town.intake.take(raw, an_envelope(), NOW)
    again = await town.intake.take(b"Received: from x by y; z\r\nDelivered-To: a@b\r\n" + raw, an_envelope(), NOW)
    bare = await town.intake.take(raw.replace(b"\r\n", b"\n"), Envelope(str(ANNA)), NOW + timedelta(days=1))

    assert {first.code, again.code, bare.code} == {250}
    assert len(await town.events()) == len(await town.decisions()) == len(await town.outbox()) == 1


async def test_a_bare_unsubscribe_without_id_and_date_counts_again_another_day(town: Town) -> None:
    """Two mails that look the same and carry no time are two wishes when days lie between them."""
    raw = b"From: bob@example.org\r\nSubject: unsubscribe\r\n\r\n"

    for day in (0, 0, 3):
        await town.intake.take(raw, an_envelope(BOB), NOW + timedelta(days=day))

    assert len(await town.decisions()) == 2


async def test_one_receipt_a_week(town: Town) -> None:
    """RFC 3834 2: a thousand wishes get one answer, and each wish counts."""
    for number in range(5):
        mail = a_mail(text="unsubscribe deals", message_id=f"{number}@x")
        await town.intake.take(mail, an_envelope(), NOW + timedelta(hours=number))
    await town.intake.take(a_mail(text="unsubscribe", message_id="9@x"), an_envelope(), NOW + timedelta(days=8))

    assert [row.kind for row in await town.outbox()] == ["receipt", "receipt"]
    assert len(await town.decisions()) == 6


async def test_joining_waits_for_the_mailed_address(town: Town) -> None:
    """Subscribe leads to pending and a confirmation mail; only an answer to that grants."""
    await town.intake.take(a_mail(text="unsubscribe"), an_envelope(), NOW)
    later = NOW + timedelta(minutes=5)
    await town.intake.take(a_mail(text="subscribe deals", message_id="2@x"), an_envelope(), later)
    confirmation = (await town.outbox())[-1]
    assert (confirmation.kind, confirmation.details["topics"]) == ("confirmation", ["deals"])

    address = TOKENS.confirm_address("reply.shop.example", town.anna, confirmation.id)
    answer = a_mail(to=address, text="Yes!", message_id="3@x")
    await town.intake.take(answer, an_envelope(ANNA, address), later + timedelta(minutes=1))

    assert [event[0] for event in await town.events()] == ["withdraw_all", "subscribe", "confirm"]


async def test_a_child_who_asks_by_mail_is_not_asked_to_confirm(town: Town) -> None:
    """P8: leaving works, joining is not even noted and no question goes to the child; a person reads the mail."""
    async with town.database.transaction() as session:
        await session.execute(sa.update(SubscriberRow).values(age_band="under_13"))
    await town.intake.take(a_mail(text="unsubscribe"), an_envelope(), NOW)

    later = NOW + timedelta(minutes=5)
    await town.intake.take(a_mail(text="subscribe deals", message_id="2@x"), an_envelope(), later)

    assert [event[0] for event in await town.events()] == ["withdraw_all"]
    assert [row.kind for row in await town.outbox()] == ["receipt", "hand_on"]


async def test_a_forwarded_confirmation_grants_nothing(town: Town) -> None:
    """Joining is hard: only the mailed address says yes."""
    await town.intake.take(a_mail(text="unsubscribe"), an_envelope(), NOW)
    await town.intake.take(a_mail(text="subscribe deals", message_id="2@x"), an_envelope(), NOW + timedelta(minutes=5))
    address = TOKENS.confirm_address("reply.shop.example", town.anna, (await town.outbox())[-1].id)

    answer = a_mail(sender=BOB, to=address, text="yes", message_id="3@x")
    await town.intake.take(answer, an_envelope(BOB, address), NOW + timedelta(minutes=6))

    assert [event[0] for event in await town.events()] == ["withdraw_all", "subscribe"]


async def test_undo_brings_back_what_the_receipt_names(town: Town) -> None:
    """The owner answers the receipt with "undo"; a stranger's answer changes nothing."""
    await town.intake.take(a_mail(text="unsubscribe deals"), an_envelope(), NOW)
    address = TOKENS.confirm_address("reply.shop.example", town.anna, (await town.outbox())[0].id)
    later = NOW + timedelta(hours=1)

    stranger = a_mail(sender=BOB, to=address, text="undo", message_id="2@x")
    await town.intake.take(stranger, an_envelope(BOB, address), later)
    await town.intake.take(a_mail(to=address, text="Undo", message_id="3@x"), an_envelope(ANNA, address), later)

    assert [event[0] for event in await town.events()] == ["withdraw", "subscribe", "confirm"]
    assert (await town.decisions())[-1].actions == ["undo"]


async def test_an_unclear_mail_asks_once_and_a_number_answers(town: Town) -> None:
    """One short question; "1" leaves. Asked again within the week, customer service reads the letter instead."""
    await town.intake.take(a_mail(text="perhaps I had enough"), an_envelope(), NOW)
    (question,) = await town.outbox()
    assert (question.kind, question.details["scope"]) == ("question", "all")
    address = TOKENS.confirm_address("reply.shop.example", town.anna, question.id)

    await town.intake.take(a_mail(text="perhaps more", message_id="2@x"), an_envelope(), NOW + timedelta(hours=1))
    answer = a_mail(to=address, text="1", message_id="3@x")
    await town.intake.take(answer, an_envelope(ANNA, address), NOW + timedelta(hours=2))

    assert [row.kind for row in await town.outbox()] == ["question", "hand_on", "receipt"]
    assert await town.events() == [("withdraw_all", (), "reply", "token")]


async def test_the_owner_says_that_the_friend_was_right(town: Town) -> None:
    """An answer to the question about another's wish is the owner's own act; the letter says that 1 ends everything."""
    address = town.reply_address(town.anna)
    friend = "friend@elsewhere.example"
    mail = a_mail(sender=friend, to=address, text="unsubscribe deals")
    await town.intake.take(mail, an_envelope(friend, address), NOW)
    token = TOKENS.make(Purpose.MESSAGE, town.anna, town.mailing, (3 << 28) + 5)  # as mailer.letters makes it

    answer = a_mail(to=address, text="1", message_id="2@x", In_Reply_To=f"<m.{token}@shop.example>")
    await town.intake.take(answer, an_envelope(ANNA, address), NOW)

    assert await town.events() == [("withdraw_all", (), "reply", "token")]


@pytest.mark.parametrize("asked", [True, False])
async def test_a_bare_number_means_something_only_after_a_question(town: Town, *, asked: bool) -> None:
    """Mail programs drop In-Reply-To; an answer to a promotion that happens to be "1" is for a person to read."""
    address = town.reply_address(town.anna)
    if asked:
        await town.intake.take(a_mail(text="perhaps"), an_envelope(), NOW)
    promotion = TOKENS.message_id("shop.example", town.anna, town.mailing)

    mail = a_mail(to=address, text="1", message_id="2@x", In_Reply_To=promotion)
    await town.intake.take(mail, an_envelope(ANNA, address), NOW)
    assert await town.events() == []
    await town.intake.take(a_mail(to=address, text="1", message_id="3@x"), an_envelope(ANNA, address), NOW)

    assert [event[0] for event in await town.events()] == (["withdraw_all"] if asked else [])


@pytest.mark.parametrize(
    ("sender", "headers"),
    [
        ("", {}),
        (str(ANNA), {"Auto_Submitted": "auto-generated"}),
        (str(ANNA), {"Precedence": "bulk"}),
        (str(ANNA), {"List_Id": "<x.example>"}),
        (str(ANNA), {"X_Auto_Response_Suppress": "All"}),
        ("owner-list@x.example", {}),
        ("noreply@x.example", {}),
    ],
)
async def test_machines_are_never_answered_and_their_opt_outs_count(
    town: Town, sender: str, headers: dict[str, str]
) -> None:
    """RFC 3834: no receipt, but the wish is carried out."""
    address = town.reply_address(town.anna)

    await town.intake.take(a_mail(to=address, text="unsubscribe", **headers), an_envelope(sender, address), NOW)

    assert [event[0] for event in await town.events()] == ["withdraw_all"]
    assert await town.outbox() == []


async def test_our_own_mail_coming_back_goes_nowhere(town: Town) -> None:
    """A loop ends at the first mail: nothing is handed on, staff see it."""
    await town.intake.take(a_mail(sender=SERVICE, text="hello"), an_envelope(SERVICE), NOW)
    mail = a_mail(text="hello", message_id="2@x", Byleave_Loop="reply.shop.example")
    await town.intake.take(mail, an_envelope(), NOW)

    assert await town.outbox() == []
    assert [row.review for row in await town.decisions()] == [True, True]


async def test_what_is_kept_of_a_mail_is_no_letter_and_no_address(town: Town) -> None:
    """The decision has reasons and words that counted; addresses in them are blotted out."""
    await town.intake.take(a_mail(text="bounced secret"), an_envelope(), NOW)

    (decision,) = await town.decisions()
    kept = json.dumps([decision.reasons, decision.counted, decision.ignored, decision.actions])
    assert "@" not in kept
    assert "secret" not in kept


async def test_an_erased_person_is_not_written_to(town: Town) -> None:
    """The token of somebody who is gone withdraws what is left and writes to nobody."""
    async with town.database.transaction() as session:
        await session.execute(
            sa.update(SubscriberRow)
            .where(SubscriberRow.id == town.anna)
            .values(address=None, address_key=None, address_hash=None)
        )
    address = town.reply_address(town.anna)

    mail = a_mail(to=address, subject="unsubscribe", text="")
    taken = await town.intake.take(mail, an_envelope(ANNA, address), NOW)

    assert taken.code == 250
    assert await town.outbox() == []


async def test_the_rule_of_one_a_week_is_by_kind(town: Town) -> None:
    """A receipt does not keep a question from being asked."""
    async with town.database.transaction() as session:
        numbers = [
            await enqueue(session, Letter(kind, ANNA, "a" * 64), at=NOW, once_in=HOUSE.answer_every)
            for kind in (Kind.RECEIPT, Kind.QUESTION, Kind.RECEIPT)
        ]

    assert [number is not None for number in numbers] == [True, True, False]
