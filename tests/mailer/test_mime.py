"""The bytes of a letter: valid whatever the words are, and refused where they are not."""

import email
import email.policy
import re
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.addresses import EmailAddress
from kit.errors import InvalidSettings
from mailer.form import PromotionForm
from mailer.headers import mailbox_field, one_line, text_field
from mailer.mime import InvalidLetter, build_service, check
from mailer.model import OutgoingMail, Recipient, Rendered, Sender
from tests.mailer.letters_at_hand import MAILING, NOW, SENDER, TOKENS, a_recipient, unfolded

FORM = PromotionForm(SENDER, MAILING)
LINKS = TOKENS.links(SENDER, 17, 42)

bodies = st.text(st.characters(exclude_characters="\r\x02\x03\x04", exclude_categories=["Cs"]), max_size=300)
lines = st.text(max_size=300)


def build(
    subject: str = "Hello", text: str = "Hello", html: str = "<p>Hello", *, to: Recipient | None = None
) -> OutgoingMail:
    return FORM.build(to or a_recipient(), LINKS, Rendered(subject, text, html), NOW)


def decoded(value: str) -> str:
    return str(make_header(decode_header(value)))


@given(subject=lines, name=lines, text=bodies, html=bodies)
def test_any_words_make_a_valid_letter_that_reads_back(subject: str, name: str, text: str, html: str) -> None:
    """Decode(encode(x)) == x for the bodies and the cleaned headers; lines are short; nothing is added."""
    mail = build(subject, text, html, to=Recipient(17, EmailAddress("jo", "customer.example"), name))

    read = email.message_from_bytes(mail.content, policy=email.policy.compat32)
    parts = [part.get_payload(decode=True) for part in read.walk() if not part.is_multipart()]
    assert parts == [words.replace("\n", "\r\n").encode() for words in (text, html)]
    assert decoded(unfolded(mail.content).get("Subject", "")) == one_line(subject)
    assert mail.content.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", mail.content)
    assert len(read.keys()) == 18
    head, _, body = mail.content.partition(b"\r\n\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 76
    for line in head.split(b"\r\n"):
        assert len(line) <= (76 if b"=?" in line else 78) or b"<" in line


@given(lines)
def test_encoded_words_are_whole(text: str) -> None:
    """RFC 2047 2 and 5: at most 75 characters, and each decodes alone, so no character is split."""
    for word in re.findall(rb"=\?utf-8\?b\?[^?]*\?=", text_field("Subject", text)):
        assert len(word) <= 75
        assert decoded(word.decode())


@given(lines)
def test_a_display_name_reads_back(name: str) -> None:
    """The name is what it was, cleaned; the address is never touched."""
    written = mailbox_field("To", name, "jo@customer.example").decode()

    value = re.sub(r"\r\n(?=[ \t])", "", written).removeprefix("To: ").removesuffix("\r\n")
    assert value.endswith("<jo@customer.example>")
    phrase = value.removesuffix("<jo@customer.example>").strip()
    if phrase.startswith('"'):
        assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', phrase)
        phrase = re.sub(r"\\(.)", r"\1", phrase[1:-1])
    else:
        phrase = decoded(phrase)
    cleaned = one_line(name)[:100].strip()
    assert phrase in ({"", cleaned} if "@" in cleaned or "＠" in cleaned else {cleaned})


INJECTIONS = [
    "Hi\r\nBcc: eve@evil.example",
    "Hi\nBcc: eve@evil.example",
    "Hi\rBcc: eve@evil.example",
    "Hi\r\n\r\n<script>",
    "Hi\r\n.\r\nMAIL FROM:<eve@evil.example>",
    "Hi\x00Bcc: eve@evil.example",
    "Hi\x0bBcc: eve@evil.example\x0c",
    "Hi\x85Bcc: eve@evil.example",
    "Hi\u2028Bcc: eve@evil.example\u2029",
    "Hi\u202eelpmaxe.live",
    "=?utf-8?q?Test=0D=0ABcc:eve@evil.example?=",
    "=?x?q?alice=40evil.test=3e=00?=foo@good.test",
    "Hi\r\n\tfolded",
    "\r\n\r\n",
    '" <eve@evil.example>, "',
    "\\",
    "\ud83d",
    "x" * 2000,
    "é" * 2000,
]


@pytest.mark.parametrize("payload", INJECTIONS, ids=range(len(INJECTIONS)))
def test_header_injections_stay_words(payload: str) -> None:
    """Whatever stands in a subject or a name, there is one letter with our headers, to one person."""
    mail = build(payload, payload.replace("\r", ""), "<p>", to=Recipient(17, a_recipient().address, payload))

    names = email.message_from_bytes(mail.content).keys()
    assert "Bcc" not in names
    assert len(names) == len(set(names)) == 18
    read = email.message_from_bytes(mail.content, policy=email.policy.default)
    assert [address.addr_spec for address in read["To"].addresses] == ["jo@customer.example"]
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", str(read["Subject"]))


@given(st.text(alphabet="\0\r\n. aä\x85\u2028", max_size=30))
def test_no_words_smuggle_a_second_message(text: str) -> None:
    """An end of data can't be written by a template or a name: no bare CR or LF, no line that is a dot alone."""
    mail = build(text, text, text, to=Recipient(17, a_recipient().address, text))

    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\r\n\.\r\n|\0", mail.content)


GOOD = build().content
BROKEN = {
    "bare LF": GOOD.replace(b"Hello\r\n", b"Hello\n", 1),
    "bare CR": GOOD.replace(b"Hello\r\n", b"Hello\r", 1),
    "NUL": GOOD.replace(b"Hello", b"He\0llo", 1),
    "control in a header": GOOD.replace(b"Subject: Hello", b"Subject: Hel\x1blo", 1),
    "unknown header": b"Bcc: eve@evil.example\r\n" + GOOD,
    "second subject": b"Subject: Hi\r\n" + GOOD,
    "second subject, other case": b"SUBJECT: Hi\r\n" + GOOD,
    "no subject": GOOD.replace(b"Subject: Hello\r\n", b"", 1),
    "no date": re.sub(rb"Date: [^\r]*\r\n", b"", GOOD),
    "a line that is no header": b"What is this\r\n" + GOOD,
    "space before the colon": GOOD.replace(b"Subject:", b"Subject :", 1),
    "blank fold": GOOD.replace(b"Subject: Hello\r\n", b"Subject: Hello\r\n \r\n", 1),
    "fold first": b" folded\r\n" + GOOD,
    "long line": GOOD.replace(b"Hello\r\n", b"x" * 999 + b"\r\n", 1),
    "8-bit header": GOOD.replace(b"Subject: Hello", "Subject: Hellö".encode(), 1),
    "8-bit body": GOOD.replace(b"<p>Hello", "<p>Hellö".encode(), 1),
    "boundary in a part": GOOD.replace(b"<p>Hello", b"--" + re.findall(rb'boundary="([^"]+)"', GOOD)[0], 1),
    "no end": GOOD[:-4],
    "no body": GOOD.partition(b"\r\n\r\n")[0],
    "too large": GOOD + b"x" * 4_000_000,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_the_check_alone_stops_broken_bytes(content: bytes) -> None:
    """It trusts nothing that came before it."""
    check(GOOD)

    with pytest.raises(InvalidLetter):
        check(content)


def test_the_headers_of_a_promotion() -> None:
    """All of them, byte for byte where a standard says so."""
    headers = unfolded(build().content)

    assert headers == {
        "From": '"Pro Engineer Portal" <promotions@shop.example>',
        "To": '"Jo Doe" <jo@customer.example>',
        "Subject": "Hello",
        "Date": "Sun, 29 Mar 2026 00:59:58 +0000",
        "Message-ID": LINKS.message_id,
        "Reply-To": f'"Pro Engineer Portal" <{LINKS.reply_address}>',
        "List-Unsubscribe": f"<{LINKS.one_click}>, <mailto:{LINKS.reply_address}?subject=unsubscribe>",
        "CFBL-Feedback-ID": LINKS.feedback_id,
        "MIME-Version": "1.0",
        "Content-Type": headers["Content-Type"],
        "List-Id": "<deals.lists.shop.example>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Help": "<https://shop.example/help>",
        "List-Owner": "<mailto:owner@shop.example>",
        "List-Post": "NO",
        "Feedback-ID": "42:deals:promotion:lists.shop.example",
        "CFBL-Address": "complaints@shop.example; report=arf",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
    }


def test_list_headers_follow_their_grammar() -> None:
    """RFC 2369 2 and RFC 8058 3.1, after folding: brackets without white space, commas between, one https URI."""
    content = build().content
    headers = unfolded(content)
    uri = r"<(?:https|mailto):[!-;=?-~]+>"

    for name in ("List-Unsubscribe", "List-Help", "List-Owner"):
        assert re.fullmatch(rf"{uri}(?:,[ \t]{uri})*", headers[name])
    assert len(re.findall(r"<https:", headers["List-Unsubscribe"])) == 1
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in content
    for bracketed in re.findall(rb"<[^>]*>", content.partition(b"\r\n\r\n")[0]):
        assert not re.search(rb"\s", bracketed)
    assert re.fullmatch(r"<[a-z0-9\-]+(?:\.[a-z0-9\-]+)+>", headers["List-Id"])
    assert re.fullmatch(r"<m\.[a-z2-7]{50}@shop\.example>", headers["Message-ID"])


def test_the_envelope_names_the_delivery() -> None:
    """VERP: a bounce comes back to an address of this letter alone, and nothing of the person is in it."""
    mail = build()

    assert mail.mail_from == LINKS.bounce_address
    assert str(mail.rcpt_to) == "jo@customer.example"
    assert not mail.needs_smtputf8
    assert "jo" not in mail.mail_from.partition("@")[0].split("-")


def test_a_unicode_address_needs_smtputf8() -> None:
    """RFC 6531: UTF-8 in the header block only then, and said so."""
    mail = build("Grüße", to=a_recipient("用户@例え.jp"))

    assert mail.needs_smtputf8
    assert not mail.travels_as_it_is
    assert "<用户@xn--r8jz45g.jp>".encode() in mail.content
    assert b"Subject: =?utf-8?b?" in mail.content
    with pytest.raises(InvalidLetter):
        check(mail.content)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2199, 1, 1)), st.integers(-12, 14))  # noqa: DTZ001
def test_dates_are_true_in_any_zone(moment: datetime, hours: int) -> None:
    """RFC 5322 3.3: the right weekday, a numeric zone, the very second."""
    now = moment.replace(tzinfo=UTC) + timedelta(hours=hours)
    mail = FORM.build(a_recipient(), LINKS, Rendered("a", "b", "c"), now)

    date = unfolded(mail.content)["Date"]
    assert email.utils.parsedate_to_datetime(date) == now.replace(microsecond=0)
    assert date.startswith(now.strftime("%a, "))


def test_service_mails_say_that_a_machine_wrote_them() -> None:
    """RFC 3834: null return path, Auto-Submitted, the thread kept; no List headers."""
    mail = build_service(
        SENDER, a_recipient().address, Rendered("Done", "Done", "<p>Done"), NOW, message_id="<s.1@shop.example>",
        reply_to="r-x@reply.shop.example", auto_submitted="auto-replied", in_reply_to="<their@id.example>",
        references=("<first@id.example>", "<bad\r\nBcc: x@y.example>", "no brackets"),
    )  # fmt: skip

    headers = unfolded(mail.content)
    assert mail.mail_from == ""
    assert headers["Auto-Submitted"] == "auto-replied"
    assert headers["In-Reply-To"] == "<their@id.example>"
    assert headers["References"] == "<first@id.example> <their@id.example>"
    assert not [name for name in headers if name.startswith("List-")]


@pytest.mark.parametrize("bad", ["no brackets", "<a b@c>", "<a@b>\r\nBcc: x@y.example", "<" + "a" * 900 + "@b>", ""])
def test_a_strange_message_id_is_not_answered_to(bad: str) -> None:
    """What we quote of a stranger's header is a plain Message-ID or nothing."""
    mail = build_service(
        SENDER, a_recipient().address, Rendered("Done", "Done", "<p>Done"), NOW, message_id="<s.1@shop.example>",
        reply_to="r-x@reply.shop.example", auto_submitted="auto-replied", in_reply_to=bad,
    )  # fmt: skip

    assert not {"In-Reply-To", "References", "Bcc"} & unfolded(mail.content).keys()


@pytest.mark.parametrize(
    "change",
    [
        {"link_base": "http://mail.shop.example"},
        {"link_base": "https://mail.shop.example/"},
        {"postal_address": " "},
        {"company": ""},
        {"reply_domain": "Reply.Example"},
        {"help_url": "https://x.example/a b"},
        {"owner_url": "javascript:alert(1)"},
        {"policy_url": "https://x.example/>\r\nBcc: y"},
        {"from_address": EmailAddress("jö", "shop.example")},
    ],
)
def test_a_sender_that_the_law_would_not_let_write_is_refused(change: dict[str, str]) -> None:
    """CAN-SPAM and RFC 8058 are checked before the first letter."""
    good = {name: getattr(SENDER, name) for name in SENDER.__dataclass_fields__}

    with pytest.raises(InvalidSettings):
        Sender(**{**good, **change})
