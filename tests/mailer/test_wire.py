"""The SMTP conversation, byte by byte and without a socket."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.answers import NotSmtp, ReplyReader
from mailer.envelope import stuffed
from mailer.relays import Deferred, Failed, Sent, Unknown
from mailer.steps import Answered, Event, NotSent, Over, Ready, Step
from mailer.wire import Dialogue
from tests.mailer.conversation import CLEAR, MAIL, NEXT, OFFERS, Mail, ehlo_reply, in_dot, in_pieces, ready, wants_mail

GROUP = b"MAIL FROM:<back@us.example> SIZE=19\r\nRCPT TO:<%s@there.example>\r\nDATA\r\n"
BODY = b"Subject: x\r\n\r\n..hi\r\n.\r\n"


def test_nothing_is_said_before_the_greeting() -> None:
    """RFC 5321 3.1: the client waits for 220."""
    wire = Dialogue(CLEAR)

    assert wire.take_output() == b""
    assert wire.awaited is Step.GREETING
    assert not wants_mail(wire)


def test_the_next_envelope_travels_with_the_body_before_it() -> None:
    wire = ready()

    wire.start(MAIL)
    assert wire.take_output() == GROUP % b"ann"
    assert not wants_mail(wire)
    assert wire.receive(b"250 ok\r\n250 ok\r\n354 go\r\n") == []
    assert wants_mail(wire)
    wire.start(NEXT)

    assert wire.take_output() == BODY + GROUP % b"bob"
    assert wire.receive(b"250 2.0.0 one\r\n250 ok\r\n250 ok\r\n354 go\r\n") == [Answered(MAIL, Sent(250, "2.0.0 one"))]
    assert wire.take_output() == BODY


@pytest.mark.parametrize(
    "first", [b"250 2.0.0 one\r\n", b"299 x\xff\x01\r\n", b"451 4.0.0 no\r\n", b"250-a\r\n250 b\r\n"]
)
@pytest.mark.parametrize(
    "rest", [b"250 a\r\n250 b\r\n354 c\r\n", b"250 a\r\n550 b\r\n354 c\r\n", b"250\r\n250\r\n354\r\n"]
)
@pytest.mark.parametrize("tail", [b"", b"250 next\r\n", b"2"])
def test_a_group_in_one_piece_means_what_it_means_in_many(first: bytes, rest: bytes, tail: bytes) -> None:
    received = first + rest + tail

    in_one, in_many = (in_pieces(in_dot(ready()), received, size) for size in (len(received), 1))

    assert in_one == in_many


def test_without_pipelining_each_command_waits_for_its_answer() -> None:
    wire = ready(b"")
    said = []

    wire.start(MAIL)
    for answer in (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
        said.append(wire.take_output())
        assert not wants_mail(wire)
        assert wire.receive(answer) == []
    said.append(wire.take_output())

    assert said == [b"MAIL FROM:<back@us.example>\r\n", b"RCPT TO:<ann@there.example>\r\n", b"DATA\r\n", BODY]
    assert not wants_mail(wire)
    assert wire.receive(b"250 done\r\n") == [Answered(MAIL, Sent(250, "done"))]
    assert wants_mail(wire)


@pytest.mark.parametrize("offers", [OFFERS, b""], ids=["pipelined", "one by one"])
def test_a_refused_recipient_is_reset_before_the_next_mail(offers: bytes) -> None:
    wire = ready(offers)

    wire.start(MAIL)
    wire.take_output()
    events: list[Event] = []
    for answer in (b"250 ok\r\n", b"550 5.1.1 no such user\r\n", b"554 none\r\n" if offers else b""):
        events += wire.receive(answer)

    assert events == [Answered(MAIL, Failed(550, "5.1.1", "5.1.1 no such user", hard_bounce=True))]
    assert wire.take_output().endswith(b"RSET\r\n")
    wire.receive(b"250 ok\r\n")
    assert wants_mail(wire)


def test_a_temporary_refusal_of_mail_is_not_the_echo_that_follows() -> None:
    """RFC 2920: MAIL 451 with RCPT and DATA in flight; 503 and 503 say nothing."""
    wire = ready()
    wire.start(MAIL)

    events = wire.receive(b"451 4.3.0 later\r\n503 bad\r\n503 5.5.1 bad\r\n")

    assert events == [Answered(MAIL, Deferred(451, "4.3.0", "4.3.0 later"))]


def test_a_refusal_of_the_sender_never_blames_the_recipient() -> None:
    wire = ready()
    wire.start(MAIL)

    events = wire.receive(b"550 5.1.1 who\r\n503 bad\r\n503 bad\r\n")

    assert events == [Answered(MAIL, Failed(550, "5.1.1", "5.1.1 who", hard_bounce=False))]


def test_a_354_for_nobody_gets_a_lone_dot_whose_answer_is_ignored() -> None:
    """RFC 2920 3.1."""
    wire = ready()
    wire.start(MAIL)
    wire.take_output()

    events = wire.receive(b"250 ok\r\n452 4.2.2 full\r\n354 go\r\n")

    assert events == [Answered(MAIL, Deferred(452, "4.2.2", "4.2.2 full"))]
    assert wire.take_output() == b".\r\n"
    assert wire.receive(b"250 taken\r\n") == []
    assert wants_mail(wire)


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (b"250 2.0.0 ok\r\n", Sent(250, "2.0.0 ok")),
        (b"299 odd\r\n", Sent(299, "odd")),
        (b"250-one\r\n250 two\r\n", Sent(250, "one two")),
        (b"250\r\n", Sent(250, "")),
        (b"451 4.3.0 disk\r\n", Deferred(451, "4.3.0", "4.3.0 disk")),
        (b"499 odd\r\n", Deferred(499, "", "odd")),
        (b"599 odd\r\n", Failed(599, "", "odd")),
        (b"554 5.7.1 spam\r\n", Failed(554, "5.7.1", "5.7.1 spam", policy=True)),
        (b"354 what\r\n", Unknown("the relay's answer does not fit the question")),
        (b"199 what\r\n", Unknown("the relay's answer is not an SMTP reply")),
        (b"25\r\n", Unknown("the relay's answer is not an SMTP reply")),
        (b"250 a\nb\r\n", Unknown("the relay's answer is not an SMTP reply")),
        (b"250-a\r\n550 b\r\n", Unknown("the lines of the relay's answer contradict each other")),
    ],
)
def test_what_the_answer_to_the_dot_means(answer: bytes, result: object) -> None:
    events = in_dot(ready()).receive(answer)

    assert events[0] == Answered(MAIL, result)  # type: ignore[arg-type]  # the table holds results of every kind


def test_a_421_to_the_dot_is_a_refusal_and_ends_the_conversation() -> None:
    wire = in_dot(ready())
    wire.start(NEXT)

    assert wire.receive(b"421 4.3.2 closing\r\n") == [
        Answered(MAIL, Deferred(421, "4.3.2", "4.3.2 closing")),
        NotSent(NEXT, "421 4.3.2 closing"),
        Over("421 4.3.2 closing"),
    ]


@pytest.mark.parametrize("answers", [b"", b"250 ok\r\n", b"250 ok\r\n250 ok\r\n"])
def test_a_421_in_the_envelope_gives_the_mail_back(answers: bytes) -> None:
    wire = ready()
    wire.start(MAIL)

    assert wire.receive(answers + b"421 bye\r\n") == [NotSent(MAIL, "421 bye"), Over("421 bye")]
    assert wire.is_over
    assert wire.receive(b"250 ok\r\n") == []


def test_a_lost_answer_to_the_dot_leaves_the_fate_unknown() -> None:
    wire = in_dot(ready())
    wire.start(NEXT)

    assert wire.lost("cut") == [Answered(MAIL, Unknown("cut")), NotSent(NEXT, "cut"), Over("cut")]


def test_a_dot_that_never_left_this_process_is_not_unknown() -> None:
    wire = ready()
    wire.start(MAIL)
    wire.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    wire.take_output()

    assert wire.lost("cut") == [NotSent(MAIL, "cut"), Over("cut")]


def test_what_follows_an_unflushed_dot_makes_it_unknown() -> None:
    """Bytes left over may be those behind the dot."""
    wire = ready()
    wire.start(MAIL)
    wire.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    wire.start(NEXT)
    wire.take_output()

    assert wire.lost("cut")[0] == Answered(MAIL, Unknown("cut"))


SESSION = (
    b"220 hi\r\n"
    + ehlo_reply()
    + b"250 ok\r\n250-o\r\n250 k\r\n354 go\r\n250 2.0.0 one\r\n"
    + (b"250 ok\r\n550 5.1.1 no\r\n554 no\r\n250 reset\r\n221 bye\r\n")
)


def play(received: list[bytes]) -> tuple[list[Event], bytes]:
    """Play a client of two mails that leaves when both are answered; return all events and all that was said."""
    wire, waiting, events, said = Dialogue(CLEAR), [MAIL, NEXT], [], b""
    for piece in received:
        events += wire.receive(piece)
        while waiting and wire.wants_mail:
            wire.start(waiting.pop(0))
        if not waiting and wire.is_idle:
            wire.quit()
        said += wire.take_output()
        wire.flushed()
    events += wire.lost("cut")
    return events, said


@pytest.mark.parametrize("length", range(len(SESSION) + 1))
def test_a_session_cut_at_any_byte_ends_in_a_true_state(length: int) -> None:
    events, said = play([SESSION[at : at + 1] for at in range(length)])

    fates = [event for event in events if isinstance(event, Answered | NotSent)]
    started = said.count(b"MAIL FROM")
    assert len(fates) == started
    answered_at = SESSION.index(b"250 2.0.0 one\r\n") + len(b"250 2.0.0 one\r\n")
    body_at = SESSION.index(b"354 go\r\n") + len(b"354 go\r\n")
    if started:
        if length >= answered_at:
            assert fates[0] == Answered(MAIL, Sent(250, "2.0.0 one"))
        elif length >= body_at:
            assert fates[0] == Answered(MAIL, Unknown("cut"))
        else:
            assert fates[0] == NotSent(MAIL, "cut")
    assert isinstance(events[-1], Over)
    assert said.count(b"\r\n.\r\n") == (length >= body_at)


@given(st.lists(st.integers(0, len(SESSION)), max_size=8))
def test_how_the_bytes_are_cut_into_pieces_changes_no_reply(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SESSION)]
    pieces = [SESSION[a:b] for a, b in itertools.pairwise(edges)]
    reader, replies = ReplyReader(), []
    for piece in pieces:
        replies += list(reader.read(piece))
    assert [reply.code for reply in replies] == [220, 250, 250, 250, 354, 250, 250, 550, 554, 250, 221]


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_of_a_server_break_the_conversation(pieces: list[bytes]) -> None:
    wire = in_dot(ready())
    events: list[Event] = []

    for piece in pieces:
        events += wire.receive(piece)
    events += wire.lost("cut")

    assert [type(event) for event in events].count(Answered) == 1
    assert isinstance(events[-1], Over)


@pytest.mark.parametrize(
    "received",
    [b"250 " + b"x" * 5000, b"250 " + b"x" * 5000 + b"\r\n", b"250-x\r\n" * 101, b"250?x\r\n", b"\r\n", b"25x y\r\n"],
    ids=["endless line", "long line", "endless reply", "bad mark", "empty", "no code"],
)
def test_an_answer_without_end_or_sense_ends_the_conversation(received: bytes) -> None:
    with pytest.raises(NotSmtp):
        list(ReplyReader().read(received))


def test_an_answer_that_nobody_asked_for_ends_the_conversation() -> None:
    assert isinstance(ready().receive(b"250 ok\r\n")[-1], Over)


def test_an_old_server_is_greeted_with_helo() -> None:
    wire = Dialogue(CLEAR)
    wire.receive(b"220 hi\r\n")
    wire.receive(b"502 what\r\n")

    assert wire.take_output() == b"EHLO us.example\r\nHELO us.example\r\n"
    assert wire.receive(b"250 hi\r\n") == [Ready()]


@pytest.mark.parametrize(
    ("mail", "offers", "enhanced"),
    [
        (Mail(rcpt_to="a b@x.example"), OFFERS, "5.1.3"),
        (Mail(rcpt_to="a@x.example>\r\nRCPT TO:<b@x.example"), OFFERS, "5.1.3"),
        (Mail(rcpt_to="a@x.example\n"), OFFERS, "5.1.3"),
        (Mail(rcpt_to=""), OFFERS, "5.1.3"),
        (Mail(mail_from="<>"), OFFERS, "5.1.3"),
        (Mail(mail_from="a@x.example\0"), OFFERS, "5.1.3"),
        (Mail(content=b"a\nb\r\n"), OFFERS, "5.6.0"),
        (Mail(content=b"a\rb\r\n"), OFFERS, "5.6.0"),
        (Mail(content=b".\n.\r\n"), OFFERS, "5.6.0"),
        (Mail(content=b"a\0\r\n"), OFFERS, "5.6.0"),
        (Mail(content=b"a"), OFFERS, "5.6.0"),
        (Mail(content=b"x" * 5000 + b"\r\n"), OFFERS, "5.3.4"),
        (Mail(content=b"\xc3\xa4\r\n"), b"PIPELINING", "5.6.3"),
        (Mail(needs_smtputf8=True), b"PIPELINING|8BITMIME", "5.6.7"),
        (Mail(needs_smtputf8=True), b"PIPELINING|SMTPUTF8", "5.6.7"),
        (Mail(rcpt_to="\u7528@x.example"), b"8BITMIME", "5.6.7"),
    ],
)
def test_what_can_not_travel_is_refused_before_a_byte_is_written(mail: Mail, offers: bytes, enhanced: str) -> None:
    wire = ready(offers)

    refusal = wire.start(mail)

    assert refusal is not None
    assert (refusal.code, refusal.enhanced, refusal.hard_bounce) == (0, enhanced, False)
    assert wire.take_output() == b""
    assert wants_mail(wire)


def test_international_mail_says_so() -> None:
    wire = ready()

    wire.start(Mail(mail_from="", rcpt_to="\u7528@x.example", content=b"\xc3\xa4\r\n"))

    assert wire.take_output() == (
        "MAIL FROM:<> SIZE=4 BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<\u7528@x.example>\r\nDATA\r\n".encode()
    )


def test_a_stated_limit_of_mails_is_read() -> None:
    """RFC 9422."""
    assert ready(b"LIMITS RCPTMAX=1 MAILMAX=7|PIPELINING").features.mail_max == 7
    assert ready(b"LIMITS MAILMAX=x|SIZE").features.mail_max == 0


@given(st.lists(st.sampled_from([b".", b"a", b"\r", b"\n", b"\r\n", b"\0", b"\xff"]), max_size=12).map(b"".join))
def test_stuffing_keeps_every_byte_and_lets_no_end_through(content: bytes) -> None:
    body = stuffed(content)

    rest = content.replace(b"\r\n", b"")
    is_sound = content.endswith(b"\r\n") and not any(bad in rest for bad in (b"\r", b"\n", b"\0"))
    assert (body is not None) == is_sound
    if body is not None:
        assert b"\r\n.\r\n" not in b"\r\n" + body
        assert b"".join(line.removeprefix(b".") for line in body.splitlines(keepends=True)) == content
