"""Reports of machines: what a bounce or a complaint changes, and what a forged one doesn't."""

from datetime import timedelta

import pytest

from consent import ledger
from consent.ledger import Source
from consent.model import Door, Proof
from consent.tables import SuppressionRow
from inbound.mail import read_mail
from inbound.model import Bounce, Reading, Verdict
from inbound.returned import is_report_ours, returned_headers
from inbound.traces import Trace
from mailer.signing import Signer
from mailer.tokens import Purpose, Token
from tests.database import NOW, SECRETS
from tests.inbound.taking import ANNA, TOKENS, Town, a_mail, an_envelope
from tests.mailer.letters_at_hand import dkim_keys


async def test_a_hard_bounce_counts_with_our_token_only(town: Town) -> None:
    """A20: anybody can write a bounce; only the return path of the letter proves it."""
    verp = TOKENS.bounce_address("bounce.shop.example", town.anna, town.mailing)

    forged = a_mail(sender="mailer-daemon@x.example", text="bounced", message_id="1@x")
    await town.intake.take(forged, an_envelope("", "promotions@shop.example"), NOW)
    assert await _suppressed(town) is None
    real = a_mail(sender="mailer-daemon@x.example", to=verp, text="bounced", message_id="2@x")
    await town.intake.take(real, an_envelope("", f"prvs=1234abcdef={verp}"), NOW)

    assert await _suppressed(town) == "bounce"
    assert [row.review for row in await town.decisions()] == [True, False]
    assert await town.outbox() == []


async def _suppressed(town: Town) -> str | None:
    async with town.database.reading() as session:
        row = await session.get(SuppressionRow, SECRETS.address_hash(ANNA))
        return row.reason if row else None


async def test_a_soft_bounce_is_counted_and_suppresses_nobody(town: Town) -> None:
    """A full mailbox is no dead address."""
    verp = TOKENS.bounce_address("bounce.shop.example", town.anna, town.mailing)

    await town.intake.take(a_mail(sender="mailer-daemon@x.example", text="bounced soft"), an_envelope("", verp), NOW)

    assert (await town.decisions())[0].actions == ["soft bounce 5.1.1"]
    assert await town.events() == []


async def test_soft_bounces_that_last_suppress_and_begin_anew_when_lifted(town: Town) -> None:
    """Ten weeks of a full mailbox; after staff lifted it, the count begins at nothing."""
    verp = TOKENS.bounce_address("bounce.shop.example", town.anna, town.mailing)

    async def bounced(week: int) -> list[str]:
        mail = a_mail(sender="mailer-daemon@x.example", text="bounced soft", message_id=f"{week}@x")
        await town.intake.take(mail, an_envelope("", verp), NOW + timedelta(weeks=week))
        return (await town.decisions())[-1].actions

    done = [await bounced(week) for week in range(12)]

    first = next(week for week, actions in enumerate(done) if "suppress soft bounces" in actions)
    assert 7 <= first <= 10
    assert await _suppressed(town) == "soft bounces"
    async with town.database.transaction() as session:
        source = Source(Door.STAFF, Proof.STAFF, {"by": "operator"})
        await ledger.lift(session, town.anna, source=source, at=NOW + timedelta(weeks=12))
    assert await bounced(13) == ["soft bounce 5.1.1"]


async def test_a_complaint_with_our_identifier_ends_everything(town: Town) -> None:
    """RFC 9477: at once, all marketing; without an identifier, or with one that readers see, it is only listed."""
    message_id = TOKENS.message_id("shop.example", town.anna, town.mailing)
    address = f"f-{TOKENS.make(Purpose.FEEDBACK, town.anna, town.mailing)}@bounce.shop.example"

    await town.intake.take(a_mail(sender="fbl@isp.example", text="complained"), an_envelope("fbl@isp.example"), NOW)
    forged = a_mail(sender="fbl@isp.example", text="complained", message_id="2@x", In_Reply_To=message_id)
    await town.intake.take(forged, an_envelope("fbl@isp.example"), NOW)
    assert await town.events() == []
    report = a_mail(sender="fbl@isp.example", to=address, text="complained", message_id="3@x")
    await town.intake.take(report, an_envelope("fbl@isp.example", address), NOW)

    assert [(act, door) for act, _, door, _ in await town.events()] == [
        ("withdraw_all", "complaint"),
        ("suppress", "complaint"),
    ]
    assert [row.review for row in await town.decisions()] == [True, True, False]


async def test_not_spam_changes_nothing(town: Town) -> None:
    """RFC 6430."""
    message_id = TOKENS.message_id("shop.example", town.anna, town.mailing)
    report = a_mail(sender="fbl@isp.example", text="complained notspam", In_Reply_To=message_id)

    await town.intake.take(report, an_envelope("fbl@isp.example"), NOW)

    assert await town.events() == []


SIGNER = Signer(dkim_keys())


def signed_letter(person: int) -> bytes:
    """Return a letter of ours to a person, signed."""
    head = "From: Shop <promotions@shop.example>\r\nTo: anna@x.example\r\nSubject: May\r\nMessage-ID: "
    named = f"<{TOKENS.message_id('shop.example', person, 1).strip('<>')}>"
    return SIGNER.sign(f"{head}{named}\r\n\r\nBuy!\r\n".encode(), NOW)


SIGNED = signed_letter(1)


def a_report_with(returned: bytes, purpose: Purpose = Purpose.MESSAGE) -> tuple[Reading, Trace, bytes]:
    """Return a bounce that encloses something, and the token found in it."""
    raw = (
        b"From: mailer-daemon@x.example\r\nDKIM-Signature: v=1; a=rsa-sha256; d=x.example\r\n"
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nIt failed.\r\n--b\r\n"
        b"Content-Type: message/rfc822\r\n\r\n" + returned + b"\r\n--b--\r\n"
    )
    reading = Reading(Verdict.BOUNCE, None, 1.0, (), read_mail(raw), bounce=Bounce((), "hard"))
    return reading, Trace(Token(purpose, 1, 1, 0, key_id=1), "message id"), raw


@pytest.mark.parametrize(
    ("returned", "purpose", "holds"),
    [
        (SIGNED, Purpose.MESSAGE, True),
        (SIGNED.partition(b"\r\n\r\n")[0], Purpose.MESSAGE, True),  # the header alone, as many servers return it
        (SIGNED.replace(b"\r\n", b"\n"), Purpose.MESSAGE, True),
        (SIGNED.replace(b"Buy!", b"Sell"), Purpose.MESSAGE, True),  # the body is not what is proved
        (SIGNED.replace(b"anna@", b"bob@"), Purpose.MESSAGE, False),
        (signed_letter(2), Purpose.MESSAGE, False),  # their own letter, beside the token of somebody else's
        (SIGNED.replace(b"d=shop.example", b"d=evil.example"), Purpose.MESSAGE, False),
        (SIGNED.replace(b"Subject: May", b"Subject: May\r\nTo: bob@x.example"), Purpose.MESSAGE, False),
        (b"From: promotions@shop.example\r\nTo: anna@x.example\r\n\r\nBuy!\r\n", Purpose.MESSAGE, False),
        (b"", Purpose.MESSAGE, False),
        (b"", Purpose.REPLY, False),
        (b"", Purpose.ONE_CLICK, False),
        (b"", Purpose.BOUNCE, True),
        (b"", Purpose.FEEDBACK, True),
    ],
)
def test_what_proves_that_a_report_is_about_a_letter_of_ours(returned: bytes, purpose: Purpose, holds: bool) -> None:
    """The token of the return path or feedback field, or our signature on the header that came back."""
    reading, trace, raw = a_report_with(returned, purpose)

    assert is_report_ours(reading, trace, raw, tokens=TOKENS, signed_by_us=SIGNER.has_signed) is holds


def test_the_signature_of_the_report_itself_is_not_ours() -> None:
    """Only what is within the report is looked at, and of that no more than a few headers."""
    assert list(returned_headers(SIGNED)) == []
    assert len(list(returned_headers(b"From: x\r\n\r\n" + SIGNED * 50))) <= 10


def test_a_signature_of_other_keys_is_none() -> None:
    """Whoever makes a key for our domain has not made ours."""
    others = Signer(dkim_keys.__wrapped__())  # made anew: the same names, other keys

    assert not SIGNER.has_signed(others.sign(b"From: promotions@shop.example\r\n\r\nx\r\n", NOW))
