"""What makes two mails the same, and the argument of MAIL and RCPT: both see any octets."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from inbound.content import content_key, count_hops, header_values
from inbound.paths import read_path

AT = datetime(2026, 11, 20, tzinfo=UTC)
MAIL = b"From: a@x.example\r\nDate: Fri, 20 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@x>\r\nSubject: s\r\n\r\nbody\r\n"


def key(raw: bytes) -> str:
    return content_key(raw, at=AT)


def test_trace_lines_folding_and_line_ends_make_no_other_mail() -> None:
    """What servers and mailboxes change on the way."""
    assert key(b"Received: x\r\n\ty\r\nReturn-Path: <>\r\n" + MAIL) == key(MAIL)
    assert key(MAIL.replace(b"\r\n", b"\n")) == key(MAIL)
    assert key(MAIL.replace(b"From: a@x.example", b"from:\r\n a@x.example")) == key(MAIL)
    assert key(MAIL + b"\r\n\r\n") == key(MAIL)
    assert key(MAIL.replace(b"Subject: s", b"Subject: [SPAM] s")) == key(MAIL)


def test_what_a_person_changes_makes_another_mail() -> None:
    """Author, moment, id and body."""
    changed = [MAIL.replace(old, new) for old, new in (
        (b"a@x", b"b@x"), (b"12:00", b"12:01"), (b"<1@x>", b"<2@x>"), (b"body", b"other"),
    )]  # fmt: skip

    assert len({key(MAIL), *map(key, changed)}) == 5


def test_without_an_id_subject_and_recipient_count_too() -> None:
    """Buttons of mail programs send nothing else."""
    bare = b"From: a@x.example\r\nTo: r-1@x\r\nSubject: unsubscribe deals\r\n\r\n"

    assert key(bare) != key(bare.replace(b"deals", b"all"))
    assert key(bare) != key(bare.replace(b"r-1", b"r-2"))
    assert key(bare) == key(b"Delivered-To: z\r\n" + bare)
    assert key(bare) != content_key(bare, at=AT.replace(day=21))


def test_headers_are_found_unfolded() -> None:
    """And only in the header."""
    raw = b"Received: a\r\n b\r\nreceived: c\r\n\r\nReceived: d\r\n"

    assert header_values(raw, "Received") == ("a b", "c")
    assert count_hops(raw) == 2


@given(st.binary(max_size=300))
def test_any_octets_have_a_key(raw: bytes) -> None:
    """Never raises, and says the same twice."""
    assert key(raw) == key(raw)
    header_values(raw, "x")


@given(st.text(max_size=80))
def test_any_argument_is_read_or_refused(text: str) -> None:
    """No crash, and nothing that could end a line or a path comes through."""
    for keyword in ("FROM", "TO"):
        path = read_path(f"{keyword}:{text}", keyword)
        if path is not None:
            assert not set(path.domain) & set('<>@"\r\n\0 ')
            assert not set(path.local) & set("\r\n\0")
