"""What machines wrote, and forgers: wrapped return paths, forged wishes, forged reports.

The house is that of :mod:`tests.scenarios.correspondence`; people: t07_who_wrote.py.
"""

from collections.abc import Sequence
from datetime import timedelta
from email.message import EmailMessage

import pytest

from inbound.model import Standing
from kit.addresses import EmailAddress, parse_address
from tests.database import NOW
from tests.inbound.taking import ANNA, BOB, TOKENS
from tests.mailer.letters_at_hand import SENDER
from tests.scenarios.correspondence import SHOP, Post, reply_to, words_of

# -- return paths that servers wrapped --------------------------------------------------------------------------------


def a_bounce(letter: EmailMessage, owner: EmailAddress, to: str, *, fields: Sequence[str] = ("Message-ID",)) -> bytes:
    """Return a delivery status notification as Postfix writes it, with some header fields of the letter."""
    returned = "".join(f"{name}: {letter[name]}\r\n" for name in ("From", "To", "Subject", *fields))
    return (
        "Return-Path: <>\r\nReceived: by mx.example.org (Postfix) id 4Cd12; Fri, 20 Nov 2026 12:00:00 +0000 (UTC)\r\n"
        "Date: Fri, 20 Nov 2026 12:00:00 +0000 (UTC)\r\nFrom: MAILER-DAEMON@mx.example.org (Mail Delivery System)\r\n"
        f"Subject: Undelivered Mail Returned to Sender\r\nTo: {to}\r\nAuto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\nMessage-ID: <20261120120000.4Cd12@mx.example.org>\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="4Cd12"\r\n\r\n--4Cd12\r\n\r\n'
        f"This is the mail system at host mx.example.org.\r\n\r\n<{owner}>: host mx.example.org said: 550 5.1.1\r\n"
        f" <{owner}>: Recipient address rejected: User unknown\r\n\r\n--4Cd12\r\n"
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n"
        f"Final-Recipient: rfc822; {owner}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n--4Cd12\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"{returned}\r\n--4Cd12--\r\n"
    ).encode()


WRAPPINGS = {
    "bare": "{0}@bounce.shop.example",
    "upper case": "{1}@BOUNCE.SHOP.EXAMPLE",
    "BATV": "prvs=1234abcdef={0}@bounce.shop.example",
    "BATV, the older way": "prvs={0}/1234abcdef@bounce.shop.example",
    "Barracuda": "btv1==123abc4567d=={0}@bounce.shop.example",
    "SRS0": "SRS0=4Ab+=XY=bounce.shop.example={0}@forward.example",
    "SRS0 with a plus": "SRS0+4Ab+=XY=bounce.shop.example={0}@forward.example",
    "SRS1": "SRS1=9Fz=first.example==4Ab+=XY=bounce.shop.example={0}@second.example",
    "SRS0 round BATV": "SRS0=4Ab+=XY=bounce.shop.example=prvs=1234abcdef={0}@forward.example",
}


@pytest.mark.parametrize("way", WRAPPINGS)
async def test_a_bounce_finds_its_person_through_every_wrapping(post: Post, way: str) -> None:
    """The mailbox behind Bob's forwarder is gone; the report comes to our return path as servers had wrapped it."""
    letter = post.promotion(BOB)
    local = TOKENS.bounce_address("bounce.shop.example", post.people[BOB.key], post.town.mailing).partition("@")[0]
    to = WRAPPINGS[way].format(local, local.upper())

    bounced = await post.arrives(a_bounce(letter, parse_address("bob@new.example"), to), "", to)

    assert (bounced.actions, bounced.letters, bounced.is_for_staff) == (["suppress bounce"], [], False)
    assert [(act, door) for act, door, _ in await post.events(BOB)] == [("suppress", "bounce")]
    assert await post.events(ANNA) == []


@pytest.mark.parametrize(
    "mail_from",
    [
        "prvs=1234abcdef=bob@example.org",
        "prvs=bob/1234abcdef@example.org",
        "btv1==123abc4567d==bob@example.org",
        "msprvs1=20777abcd=bob@example.org",
        "SRS0=4Ab+=XY=example.org=bob@forward.example",
        "SRS1=9Fz=first.example==4Ab+=XY=example.org=bob@second.example",
    ],
)
@pytest.mark.parametrize("has_token", [True, False])
async def test_the_owner_whose_server_wraps_the_return_path_is_the_owner(
    post: Post, mail_from: str, *, has_token: bool
) -> None:
    """The envelope names a wrapped address, the letter is Bob's: he leaves, and the receipt goes to his own address."""
    to = "" if has_token else SHOP
    letter = post.promotion(BOB)
    if not has_token:
        del letter["Message-ID"]
        letter["Message-ID"] = "<lost@example.org>"

    left = await post.replies(letter, f"Bob <{BOB}>", "unsubscribe", to=to, mail_from=mail_from)

    assert left.sent == [("receipt", str(BOB))]
    assert await post.events(BOB) == [("withdraw_all", "reply", "token" if has_token else "exact_address")]


# -- forgers ----------------------------------------------------------------------------------------------------------

LEAVE = "Please unsubscribe me from all your mails."


@pytest.mark.parametrize(("said", "left"), [("2", False), ("1", True)])
async def test_a_forged_wish_is_put_to_the_owner(post: Post, said: str, *, left: bool) -> None:
    """Bob's domain says that this mail is not its own: he is asked, stays, and staff see it. His answer decides."""
    post.witness.standing = Standing.FORGED

    asked = await post.writes(f"Bob <{BOB}>", LEAVE)
    assert asked.sent == [("ask_owner", str(BOB))]
    assert asked.is_for_staff
    assert await post.nothing_changed()

    answer = await post.replies(asked.letter, BOB, said)
    assert answer.sent == ([("receipt", str(BOB))] if left else [])
    assert await post.gets(BOB) == ([] if left else ["deals"])


async def test_a_proven_wish_is_carried_out_at_once(post: Post) -> None:
    """Bob's domain vouches for the mail: no token, no question, a receipt."""
    post.witness.standing = Standing.PROVEN

    left = await post.writes(f"Bob <{BOB}>", LEAVE)

    assert left.sent == [("receipt", str(BOB))]
    assert not left.is_for_staff
    assert await post.events(BOB) == [("withdraw_all", "reply", "authenticated")]


async def test_a_forger_of_whom_nothing_is_known_never_works_in_silence(post: Post) -> None:
    """Nothing vouches, nothing accuses: Bob leaves, and hears of it each time, and each time takes it back."""
    for _ in range(3):  # within one hour
        left = await post.writes(f"Bob <{BOB}>", LEAVE)
        assert left.sent == [("receipt", str(BOB))]
        assert await post.gets(BOB) == []
        assert f"{SENDER.link_base}/z/" in words_of(left.letter)

        back = await post.replies(left.letter, BOB, "undo")
        assert back.actions == ["undo"]
        assert await post.gets(BOB) == ["deals"]

    assert post.clock.now - NOW < timedelta(days=1)
    assert [act for act, _, _ in await post.events(BOB)] == ["withdraw_all", "subscribe", "confirm"] * 3


# -- forged reports ---------------------------------------------------------------------------------------------------


def a_complaint(letter: EmailMessage, owner: EmailAddress, to: str, *, returned: str) -> bytes:
    """Return a feedback report (RFC 5965)."""
    return (
        "Received: from fbl.provider.example ([192.0.2.9]) by mx.shop.example; Fri, 20 Nov 2026 12:00:00 +0000\r\n"
        f"From: <feedback@provider.example>\r\nTo: {to}\r\nSubject: FW: {letter['Subject']}\r\n"
        "Date: Fri, 20 Nov 2026 12:00:00 +0000\r\nMessage-ID: <fbl.1@provider.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b1"\r\n\r\n--b1\r\n'
        "Content-Type: text/plain\r\n\r\nThis is an email abuse report.\r\n\r\n--b1\r\n"
        "Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: Provider/1.0\r\nVersion: 1"
        f"\r\nOriginal-Rcpt-To: <{owner}>\r\nSource-IP: 192.0.2.1\r\n\r\n--b1\r\nContent-Type: message/rfc822\r\n\r\n"
        f"{returned}\r\n\r\nThe spring sale has begun.\r\n--b1--\r\n"
    ).encode()


SEEN_BY_A_FRIEND = ("Message-ID", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id")


@pytest.mark.parametrize("place", ["to us", "to our feedback address", "through the reply address"])
@pytest.mark.parametrize("kind", ["bounce", "complaint"])
async def test_a_forged_report_about_a_forwarded_letter_changes_nothing(post: Post, kind: str, place: str) -> None:
    """Dora knows the ids and links of the letter that Anna gave her, and writes a machine's report with them."""
    letter = post.promotion(ANNA)
    to = {"to us": SHOP, "to our feedback address": str(SENDER.feedback_address)}.get(place, reply_to(letter))
    if kind == "bounce":
        raw = a_bounce(letter, ANNA, to, fields=SEEN_BY_A_FRIEND)
    else:
        known = "\r\n".join(f"{name}: {letter[name]}" for name in ("From", "To", "Subject", *SEEN_BY_A_FRIEND))
        raw = a_complaint(letter, ANNA, to, returned=known)

    answer = await post.arrives(raw, "" if kind == "bounce" else "feedback@provider.example", to)

    assert (answer.actions, answer.is_for_staff, answer.letters) == (["listed for staff"], True, [])
    assert (await post.town.decisions())[-1].verdict == kind
    assert await post.nothing_changed()


async def test_the_provider_s_own_report_returns_our_signature_and_counts(post: Post) -> None:
    """The same report with the letter's whole header, as the provider has it: Anna is mailed no more."""
    letter = post.promotion(ANNA)
    head = letter.as_bytes().partition(b"\r\n\r\n")[0].decode()

    answer = await post.arrives(a_complaint(letter, ANNA, SHOP, returned=head), "feedback@provider.example", SHOP)

    assert answer.letters == []
    assert [(act, door) for act, door, _ in await post.events(ANNA)] == [
        ("withdraw_all", "complaint"),
        ("suppress", "complaint"),
    ]
