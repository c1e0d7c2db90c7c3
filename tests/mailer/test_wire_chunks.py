"""The SMTP conversation where the relay offers CHUNKING (RFC 3030), byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.channel import Timeouts
from mailer.relays import Deferred, Failed, Sent, Unknown
from mailer.steps import Answered, NotSent, Over, Step
from mailer.wire import Dialogue
from tests.mailer.conversation import MAIL, NEXT, OFFERS, Mail, in_pieces, ready, wants_mail

CHUNKED = OFFERS + b"|CHUNKING"
ENVELOPE = b"MAIL FROM:<back@us.example> SIZE=19\r\nRCPT TO:<%s@there.example>\r\n"
CHUNK = b"BDAT 19 LAST\r\nSubject: x\r\n\r\n.hi\r\n"  # no dot is doubled, and none ends it


def in_chunk(wire: Dialogue, mail: Mail = MAIL) -> Dialogue:
    """Bring a mail to where its last chunk has gone and is not answered."""
    assert wire.start(mail) is None
    assert wire.take_output()
    assert wire.receive(b"250 ok\r\n250 ok\r\n") == []
    assert wire.take_output().startswith(b"BDAT ")
    wire.flushed()
    return wire


def test_the_next_envelope_travels_with_the_chunk_before_it() -> None:
    """No DATA is said and no 354 is waited for; the chunk follows when the recipient is taken."""
    wire = ready(CHUNKED)

    wire.start(MAIL)
    assert wire.take_output() == ENVELOPE % b"ann"
    assert not wants_mail(wire)
    assert wire.receive(b"250 ok\r\n250 ok\r\n") == []
    assert wants_mail(wire)
    wire.start(NEXT)

    assert wire.take_output() == CHUNK + ENVELOPE % b"bob"
    assert wire.awaited is Step.DOT
    assert wire.receive(b"250 2.0.0 one\r\n250 ok\r\n250 ok\r\n") == [Answered(MAIL, Sent(250, "2.0.0 one"))]
    assert wire.take_output() == CHUNK


def test_without_pipelining_each_command_waits_for_its_answer() -> None:
    """And the chunk for that to RCPT."""
    wire = ready(b"CHUNKING")
    said = []

    wire.start(MAIL)
    for answer in (b"250 ok\r\n", b"250 ok\r\n"):
        said.append(wire.take_output())
        assert wire.receive(answer) == []
    said.append(wire.take_output())

    assert said == [b"MAIL FROM:<back@us.example>\r\n", b"RCPT TO:<ann@there.example>\r\n", CHUNK]
    assert wire.receive(b"250 done\r\n") == [Answered(MAIL, Sent(250, "done"))]
    assert wants_mail(wire)


@pytest.mark.parametrize("first", [b"250 one\r\n", b"299 x\xff\r\n", b"451 4.0.0 no\r\n", b"250-a\r\n250 b\r\n"])
@pytest.mark.parametrize("rest", [b"250 a\r\n250 b\r\n", b"250 a\r\n550 b\r\n", b"250\r\n250\r\n"])
@pytest.mark.parametrize("tail", [b"", b"250 next\r\n", b"2"])
def test_a_group_in_one_piece_means_what_it_means_in_many(first: bytes, rest: bytes, tail: bytes) -> None:
    """The quick way through a group of good answers changes nothing."""
    received = first + rest + tail

    in_one, in_many = (in_pieces(in_chunk(ready(CHUNKED)), received, size) for size in (len(received), 1))

    assert in_one == in_many


@pytest.mark.parametrize("offers", [CHUNKED, b"CHUNKING"], ids=["pipelined", "one by one"])
def test_a_refused_recipient_gets_no_chunk(offers: bytes) -> None:
    """The transaction is reset, and the next mail goes its way."""
    wire = ready(offers)
    wire.start(MAIL)
    wire.take_output()

    events = wire.receive(b"250 ok\r\n")
    wire.take_output()
    events += wire.receive(b"550 5.1.1 no such user\r\n")

    assert events == [Answered(MAIL, Failed(550, "5.1.1", "5.1.1 no such user", hard_bounce=True))]
    assert wire.take_output() == b"RSET\r\n"
    assert wire.receive(b"250 ok\r\n") == []
    assert wants_mail(wire)


def test_a_refused_sender_gets_no_chunk_though_the_recipient_was_taken() -> None:
    """What the relay says of the first command stands."""
    wire = ready(CHUNKED)
    wire.start(MAIL)
    wire.take_output()

    events = wire.receive(b"451 4.7.1 later\r\n250 ok\r\n")

    assert events == [Answered(MAIL, Deferred(451, "4.7.1", "4.7.1 later"))]
    assert wire.take_output() == b"RSET\r\n"


def test_a_refused_chunk_is_the_fate_of_its_mail_alone() -> None:
    """The mail behind it is already in its envelope."""
    wire = in_chunk(ready(CHUNKED))
    wire.start(NEXT)
    wire.take_output()

    events = wire.receive(b"554 5.6.0 no\r\n250 ok\r\n250 ok\r\n")

    assert events == [Answered(MAIL, Failed(554, "5.6.0", "5.6.0 no", policy=True))]
    assert wire.take_output() == CHUNK


def test_a_lost_answer_to_the_chunk_leaves_the_fate_unknown() -> None:
    """As behind a dot; the mail in its envelope was surely not sent."""
    wire = in_chunk(ready(CHUNKED))
    wire.start(NEXT)
    wire.take_output()

    assert wire.lost("cut") == [Answered(MAIL, Unknown("cut")), NotSent(NEXT, "cut"), Over("cut")]


def test_a_chunk_that_never_left_this_process_is_not_unknown() -> None:
    """The length stands in front, so a part of it delivers nothing."""
    wire = ready(CHUNKED)
    wire.start(MAIL)
    wire.take_output()
    wire.receive(b"250 ok\r\n250 ok\r\n")
    wire.take_output()

    assert wire.lost("cut") == [NotSent(MAIL, "cut"), Over("cut")]


@given(st.binary(max_size=60))
def test_what_could_be_two_messages_elsewhere_is_refused_in_chunks_too(content: bytes) -> None:
    """A relay may pass it on by DATA: no lone CR or LF, no NUL. Else the chunk is the very bytes."""
    wire = ready(CHUNKED)
    whole = b"Subject: x\r\n\r\n" + content + b"\r\n"

    refusal = wire.start(Mail(content=whole))

    rest = whole.replace(b"\r\n", b"")
    if b"\r" in rest or b"\n" in rest or b"\0" in rest:
        assert refusal is not None
        assert wire.take_output() == b""
    else:
        assert refusal is None
        wire.take_output()
        wire.receive(b"250 ok\r\n250 ok\r\n")
        assert wire.take_output() == b"BDAT %d LAST\r\n" % len(whole) + whole


@pytest.mark.parametrize(
    ("step", "seconds"),
    [
        (Step.GREETING, 300), (Step.EHLO, 300), (Step.MAIL, 300), (Step.RCPT, 300), (Step.DATA, 120), (Step.DOT, 600),
    ],
)  # fmt: skip
def test_the_time_limits_are_those_of_the_standard(step: Step, seconds: float) -> None:
    """RFC 5321 4.5.3.2.1 to 4.5.3.2.6, as the least; a chunk waits as a dot does."""
    limits = Timeouts()

    assert limits.of(step) == seconds
    assert limits.block == 180
