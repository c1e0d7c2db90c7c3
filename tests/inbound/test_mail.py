"""Reading bytes into an InboundMail: within limits, without surprises, whatever the bytes."""

from datetime import UTC, datetime

import pytest

from inbound.charsets import codec_for, decode_header, decode_text, decode_words
from inbound.headers import mailboxes, parameters_of
from inbound.mail import read_mail, unflow
from inbound.model import InboundMail
from tests.corpora import corpus


def mail(*lines: str) -> InboundMail:
    return read_mail("\r\n".join(lines).encode())


def test_a_plain_reply_is_read_whole() -> None:
    """Each field that a decision needs is there, decoded."""
    read = mail(
        "Return-Path: <ann@example.org>",
        "Delivered-To: reply+abc@shop.example",
        'From: "Berg, Ann" <Ann.Berg@Example.org>',
        "To: Shop <reply+abc@shop.example>, other@shop.example",
        "Subject: Re: =?utf-8?q?Fr=C3=BChling?=",
        "Date: Fri, 20 Mar 2026 22:14:00 +0900",
        "Message-ID: <m1@example.org>",
        "In-Reply-To: <c1@shop.example>",
        "References: <c0@shop.example> <c1@shop.example>",
        "Content-Type: text/plain; charset=utf-8",
        "",
        "unsubscribe",
    )

    assert str(read.sender) == "Ann.Berg@example.org"
    assert read.sender_name == "Berg, Ann"
    assert [str(a) for a in read.recipients] == ["reply+abc@shop.example", "other@shop.example"]
    assert [str(a) for a in read.delivered_to] == ["reply+abc@shop.example"]
    assert read.subject == "Re: Frühling"
    assert read.date == datetime(2026, 3, 20, 13, 14, tzinfo=UTC)
    assert read.message_id == "m1@example.org"
    assert read.in_reply_to == ("c1@shop.example", "c0@shop.example")
    assert read.text == "unsubscribe"
    assert read.limits_hit == ()


@pytest.mark.parametrize(
    "field",
    [
        pytest.param("From: a@one.example\r\nFrom: b@two.example", id="two From fields"),
        pytest.param("From: a@one.example, b@two.example", id="two mailboxes"),
        pytest.param("From: =?x?q?alice=40evil.test=3e=00?=foo@good.test", id="encoded-word inside the address"),
        pytest.param("From: <=?utf-8?q?alice=40evil.test?=@good.test>", id="encoded-word in angle brackets"),
        pytest.param("From: =?utf-8?q?=3Calice=40evil.test=3E?=", id="an address hidden in an encoded-word"),
        pytest.param("From: <a@one.example> <b@two.example>", id="two pairs of brackets"),
        pytest.param("From: <@relay.example:a@one.example>", id="route"),
        pytest.param("From: friends: a@one.example;", id="group"),
        pytest.param('From: "a b"@one.example', id="quoted local part"),
        pytest.param('From: "', id="a lone quote"),
        pytest.param("From: a@one.example b@two.example", id="two words"),
        pytest.param("X: y", id="no From"),
    ],
)
def test_a_doubtful_from_names_nobody(field: str) -> None:
    """Where two readers could disagree about the sender, there is none."""
    assert mail(field, "", "unsubscribe").sender is None


@pytest.mark.parametrize(
    ("field", "address", "name"),
    [
        ("From: a@one.example (Ann)", "a@one.example", ""),
        ("From: =?utf-8?q?b=40evil.test?= <a@one.example>", "a@one.example", "b@evil.test"),
        ('From: "x@evil.test, y" <a@one.example>', "a@one.example", "x@evil.test, y"),
        ("From: J\u00f6rg <j\u00f6rg@b\u00fccher.example>", "j\u00f6rg@xn--bcher-kva.example", "J\u00f6rg"),
        ("From: Ann\r\n <a@one.example>", "a@one.example", "Ann"),
    ],
)
def test_one_mailbox_is_the_sender(field: str, address: str, name: str) -> None:
    read = mail(field, "", "hi")

    assert (str(read.sender), read.sender_name) == (address, name)


def test_letters_from_encoded_words_build_no_address_in_an_address_field() -> None:
    """The decoded field keeps no "<", ">" or "@" that was hidden."""
    read = mail("To: =?utf-8?q?=3Cvictim=40shop.example=3E?= <a@one.example>", "", "")

    assert read.header("to") == "victim shop.example  <a@one.example>"
    assert [str(a) for a in read.recipients] == ["a@one.example"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"=?utf-8?q?Test=0D=0ABcc:_x=40evil.test?=", "Test  Bcc: x@evil.test"),
        (b"=?utf-8?b?0JDQ?= =?utf-8?b?stGC0L4=?=", "Авто"),
        (b"=?utf-8?b?0A==?= =?utf-8?b?kA==?=", "А"),  # one letter split over two words
        (b"=?iso-2022-jp?b?GyRCPCtGMEpWPy4bKEI=?=", "自動返信"),
        (b"=?koi8-r?b?8NLJ18XU?=", "Привет"),
        (b"=?gb2312?b?19S2r7vYuLQ=?=", "自动回复"),
        (b"=?euc-kr?b?wNq1v8i4vcU=?=", "자동회신"),
        (b"=?windows-1251*ru?q?=CF=F0=E8=E2=E5=F2?=", "Привет"),
        (b"=?utf-7?q?+ADw-b+AD4-?=", "+ADw-b+AD4-"),
        (b"=?nonsense?q?a=E9b?=", "aéb"),
        (b"plain \xc3\xa9 raw", "plain é raw"),
        (b"latin \xe9 raw", "latin é raw"),
        ("a\u202eb\u2066c\ufeffd".encode(), "abcd"),
        (b"a\x00b\x1bc", "ab c"),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
    ],
)
def test_header_values_are_decoded_and_cleaned(raw: bytes, shown: str) -> None:
    assert decode_header(raw) == shown


def test_only_so_many_encoded_words_are_decoded() -> None:
    text = decode_words("=?utf-8?q?a?= " * 1_000)

    assert text.startswith("a" * 200)
    assert text.count("=?utf-8?q?a?=") == 800


@pytest.mark.parametrize(
    "charset", ["utf-7", "UNICODE-1-1-UTF-7", "base64", "zlib", "rot13", "unicode_escape", "idna", "x" * 99, "no"]
)
def test_what_is_no_character_set_is_refused(charset: str) -> None:
    assert codec_for(charset) == ""


@pytest.mark.parametrize(
    ("octets", "charset", "text"),
    [
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("Grüße".encode("cp1252"), "utf-8", "Grüße"),
        ("“quoted”".encode("cp1252"), "iso-8859-1", "“quoted”"),
        ("Отписаться".encode("cp1251"), "windows-1251", "Отписаться"),
        ("停止".encode("iso2022_jp"), "", "停止"),
        ("停止".encode("cp932"), "shift_jis", "停止"),
        ("退订".encode("gb18030"), "gb2312", "退订"),
        ("수신거부".encode("cp949"), "ks_c_5601-1987", "수신거부"),
        ("ยกเลิก".encode("cp874"), "tis-620", "ยกเลิก"),
        ("hi".encode("utf-16"), "utf-16", "hi"),
    ],
)
def test_texts_in_old_character_sets(octets: bytes, charset: str, text: str) -> None:
    assert decode_text(octets, charset) == text


def test_names_split_and_encoded_after_rfc_2231() -> None:
    kind, found = parameters_of("application/x; name*0*=utf-8''%E2%82; name*1*=%AC; name*2=uros.txt; a=\"b;c\"", set())

    assert kind == "application/x"
    assert found == {"a": "b;c", "name": "€uros.txt"}


def test_flowed_lines_are_joined_and_quoted_ones_stay_apart() -> None:
    """RFC 3676 4: soft breaks, space-stuffing, signature, DelSp."""
    assert (
        unflow("please \nstop\n From here\n> quoted \n> text\n-- \nAnn")
        == "please stop\nFrom here\n> quoted text\n-- \nAnn"
    )
    assert unflow("配信 \n停止", delsp=True) == "配信停止"


def test_what_a_reader_is_shown_is_neither_attached_nor_enclosed() -> None:
    read = mail(
        "From: a@one.example",
        "Content-Type: multipart/mixed; boundary=o",
        "",
        "preamble unsubscribe",
        "--o",
        "Content-Type: multipart/alternative; boundary=i",
        "",
        "--i",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "sch=C3=B6n",
        "--i",
        "Content-Type: text/html",
        "Content-Transfer-Encoding: base64",
        "",
        "PGI+aGk8L2I+",
        "--i--",
        "--o",
        'Content-Type: text/plain; name="note.txt"',
        "Content-Disposition: attachment; filename=note.txt",
        "",
        "attached",
        "--o",
        "Content-Type: message/rfc822",
        "",
        "To: inner@two.example",
        "Subject: inner",
        "",
        "enclosed",
        "--o--",
        "epilogue",
    )

    assert read.text == "schön"
    assert read.html == "<b>hi</b>"
    assert [(part.content_type, part.text, part.depth) for part in read.parts] == [
        ("text/plain", "schön", 0),
        ("text/html", "<b>hi</b>", 0),
        ("text/plain", "attached", 0),
        ("message/rfc822", "", 0),
        ("text/plain", "enclosed", 1),
    ]
    assert read.parts[2].filename == "note.txt"
    assert read.parts[3].headers["to"] == ("inner@two.example",)


def test_a_delivery_status_part_keeps_its_fields_as_text() -> None:
    read = mail(
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        "",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example",
        "",
        "Final-Recipient: rfc822; a@one.example",
        "--b--",
    )

    assert read.content_parameters["report-type"] == "delivery-status"
    assert read.parts[0].text == "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; a@one.example"


def test_a_multipart_without_its_boundary_is_shown_as_it_is() -> None:
    assert mail("Content-Type: multipart/mixed; boundary=x", "", "--y", "", "stop").text == "--y\n\nstop"


def test_a_mail_cut_off_in_the_middle_keeps_what_came() -> None:
    assert mail("Content-Type: multipart/mixed; boundary=x", "", "--x", "", "stop it").text == "stop it"


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r", "\r\r\n"])
def test_any_line_end_will_do(line_end: str) -> None:
    read = read_mail(line_end.join(["From: a@one.example", "Subject: x", "", "one", "two"]).encode())

    assert (str(read.sender), read.subject, read.text) == ("a@one.example", "x", "one\ntwo")


def test_a_bare_carriage_return_makes_no_field() -> None:
    """Else a signature check and we could disagree about what the fields are."""
    read = read_mail(b"Subject: x\rFrom: victim@one.example\r\nTo: b@two.example\r\n\r\nhi")

    assert read.sender is None
    assert "from" not in read.headers


def test_mailboxes_are_read_in_order_with_their_names() -> None:
    found = mailboxes(b'"A, B" <a@one.example>, (note) b@two.example, Team: c@three.example;, <d@four.example>', set())

    assert [(name, address and str(address)) for name, address in found] == [
        ('"A, B"', "a@one.example"),
        ("", "b@two.example"),
        ("", None),
        ("", "d@four.example"),
    ]


def test_each_mail_of_the_corpora_names_its_sender() -> None:
    """The replies are all from one person each."""
    for file in sorted(corpus("replies").glob("eml/*.eml")):
        read = read_mail(file.read_bytes())

        assert read.sender is not None, file.name
        assert read.limits_hit == (), file.name
        assert read.text or read.html, file.name
