"""Feedback reports: who complained, of which mail, and whether anything follows from it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound.complaints import find_complaint
from inbound.mail import read_mail
from inbound.model import Complaint
from tests.corpora import corpus

RETURNED = (
    "Return-Path: <bounce+v1@shop.example>\nTo: Ann <ann@reader.example>\nFrom: Shop <deals@shop.example>\n"
    "Message-ID: <c1.77@shop.example>\nCFBL-Feedback-ID: shop:c1:77\n"
    "List-Unsubscribe: <https://shop.example/u/77>\nSubject: Sale\n"
)


def complaint_of(text: str) -> Complaint | None:
    raw = text.encode()
    return find_complaint(read_mail(raw), raw)


def arf(fields: str, returned: str = RETURNED, kind: str = "message/rfc822") -> str:
    return (
        "From: feedback@provider.example\nTo: fbl@shop.example\nSubject: FW: Sale\n"
        "Message-ID: <theirs@provider.example>\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        "--b\n\nThis is an email abuse report.\n\n--b\nContent-Type: message/feedback-report\n\n"
        f"{fields}\n\n--b\nContent-Type: {kind}\n\n{returned}\nHello\n--b--\n"
    )


@pytest.mark.parametrize(
    ("kind", "acts"),
    [
        ("abuse", True),
        ("fraud", True),
        ("opt-out", True),
        ("opt-out-list", True),
        ("other", True),
        ("something-new", True),
        ("not-spam", False),
        ("auth-failure", False),
        ("dmarc", False),
        ("virus", False),
    ],
)
def test_which_types_act(kind: str, acts: bool) -> None:
    """RFC 5965 7.3; RFC 6430: not-spam never unsubscribes; RFC 6591: auth-failure is about us."""
    found = complaint_of(
        arf(f"Feedback-Type: {kind}\nUser-Agent: X/1\nVersion: 1\nOriginal-Rcpt-To: <ann@reader.example>")
    )

    assert found is not None
    assert (found.feedback_type, found.acts) == (kind, acts)
    assert [str(a) for a in found.recipients] == ["ann@reader.example"]


@pytest.mark.parametrize(
    ("fields", "recipients"),
    [
        ("Original-Rcpt-To: bo@reader.example", ["bo@reader.example"]),
        ("Original-Rcpt-To: rfc822; bo@reader.example", ["bo@reader.example"]),
        (
            "Original-Rcpt-To: bo@reader.example\nOriginal-Rcpt-To: cy@reader.example",
            ["bo@reader.example", "cy@reader.example"],
        ),
        ("Removal-Recipient: bo@reader.example", ["bo@reader.example"]),
        ("Source-IP: 192.0.2.1", ["ann@reader.example"]),
    ],
)
def test_who_complained_is_told_by_the_report_or_else_by_the_returned_mail(fields: str, recipients: list[str]) -> None:
    found = complaint_of(arf(f"Feedback-Type: abuse\n{fields}"))

    assert found is not None
    assert [str(a) for a in found.recipients] == recipients


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
def test_what_leads_back_to_our_mail_is_collected(kind: str) -> None:
    """The Message-ID is that of the returned mail, not of the report; RFC 9477 3.1.5 gives the feedback id."""
    found = complaint_of(arf("Feedback-Type: abuse\nOriginal-Envelope-Id: e77", kind=kind))

    assert found is not None
    assert found.message_ids == ("c1.77@shop.example",)
    assert set(found.identifiers) == {"e77", "shop:c1:77", "<bounce+v1@shop.example>", "<https://shop.example/u/77>"}


def test_a_redacted_report_still_leads_back() -> None:
    found = complaint_of(arf("Feedback-Type: abuse\nRedacted-Address: redacted", "Message-ID: <c1.77@shop.example>\n"))

    assert found is not None
    assert found.recipients == ()
    assert found.message_ids == ("c1.77@shop.example",)


def test_an_encoded_report_is_read() -> None:
    found = complaint_of(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/feedback-report\n"
        "Content-Transfer-Encoding: base64\n\nRmVlZGJhY2stVHlwZTogYWJ1c2UKT3JpZ2luYWwtUmNwdC1U\n"
        "bzogYW5uQHJlYWRlci5leGFtcGxlCg==\n--b--\n"
    )

    assert found is not None
    assert [str(a) for a in found.recipients] == ["ann@reader.example"]


def test_microsoft_returns_the_mail_and_no_report() -> None:
    found = complaint_of(
        "From: <staff@hotmail.com>\nSubject: complaint about message from 192.0.2.222\n"
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n"
        "X-HmXmrOriginalRecipient: ann@hotmail.example\n" + RETURNED + "\nHello\n--b--\n"
    )

    assert found is not None
    assert (found.feedback_type, found.acts) == ("abuse", True)
    assert [str(a) for a in found.recipients] == ["ann@hotmail.example"]


def test_the_button_of_apple_mail_opts_its_owner_out() -> None:
    found = complaint_of(
        "From: Ann <ann@icloud.example>\nX-Apple-Unsubscribe: true\nSubject: unsubscribe\n\nAutomatic."
    )

    assert found is not None
    assert (found.feedback_type, found.acts) == ("opt-out", True)
    assert [str(a) for a in found.recipients] == ["ann@icloud.example"]


def test_an_opt_out_passed_on_as_plain_text() -> None:
    found = complaint_of(
        "From: fbl@provider.example\nTo: fbl@shop.example\nSubject: Opt-out request\nAuto-Submitted: auto-generated\n\n"
        "The following user has opted out from your mailing:\n  ann@reader.example\n"
    )

    assert found is not None
    assert (found.feedback_type, found.acts) == ("opt-out", True)
    assert [str(a) for a in found.recipients] == ["ann@reader.example"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("From: a@b.example\nSubject: Re: Sale\n\nThis is spam, stop it", id="a person is angry"),
        pytest.param("From: a@b.example\nSubject: Spam complaint\n\nYou send spam.", id="a person complains"),
        pytest.param("From: a@b.example\nSubject: unsubscribe request\n\nunsubscribe", id="a person opts out"),
        pytest.param(
            "From: a@b.example\nSubject: Fwd: Sale\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nlook\n--b\n"
            "Content-Type: message/rfc822\n\n" + RETURNED + "\nHello\n--b--\n",
            id="a person forwards our mail",
        ),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_no_report_is_left_alone(text: str) -> None:
    assert complaint_of(text) is None


@given(st.binary(max_size=1_000))
def test_no_bytes_raise(tail: bytes) -> None:
    raw = b"Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nOriginal-Rcpt-To: " + tail

    assert find_complaint(read_mail(raw), raw) is not None


def test_the_addresses_of_real_reports() -> None:
    """Each report that carries an address gives it; those about failed authentication change nothing."""
    folder = corpus("complaints")
    for row in map(json.loads, (folder / "expected.jsonl").read_text().splitlines()):
        raw = (folder / "eml" / row["file"]).read_bytes()
        found = find_complaint(read_mail(raw), raw)

        if row["kind"] == "complaint":
            assert found is not None, row["file"]
            assert {str(a) for a in found.recipients} == set(row["recipients"]), row["file"]
            assert found.acts is all(result["feedback_type"] != "auth-failure" for result in row["results"]), row[
                "file"
            ]
        else:
            assert found is None or not found.acts, row["file"]


@pytest.mark.parametrize("name", ["replies", "auto-replies", "bounces-sisimai", "bounces-flufl"])
def test_no_mail_of_another_kind_is_called_a_complaint(name: str) -> None:
    for file in sorted(corpus(name).glob("eml/*")):
        raw = file.read_bytes()

        assert find_complaint(read_mail(raw), raw) is None, file.name
