"""The real mail servers of the tests do what the tests take them for."""

import imaplib
import smtplib
import ssl

import pytest

from tests.peers.dovecot import Dovecot
from tests.peers.fixtures import StartPostfix, StartSmtpSink
from tests.peers.smtp_sink import parse_dump, smtp_source

pytestmark = pytest.mark.peer

LETTER = (
    b"From: Shop <shop@shop.test>\r\nTo: ann@inbox.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Date: Sun, 22 Nov 2026 21:34:14 +0000\r\nMessage-ID: <1@shop.test>\r\n"
    b"\r\n.a line with a dot\r\n..and two\r\nend\r\n"
)


def test_a_letter_goes_through_postfix_into_dovecot_and_wakes_an_idle_reader(
    start_postfix: StartPostfix, dovecot: Dovecot
) -> None:
    """SMTP in, LMTP on, IMAP IDLE out (RFC 2177), and the letter is the same to the byte."""
    postfix = start_postfix({"inbox.test": f"lmtp:[{dovecot.host}]:{dovecot.lmtp_port}"})
    with dovecot.imap("ann@inbox.test") as session:
        session.send(b"I1 IDLE\r\n")
        assert session.readline().startswith(b"+ ")

        with smtplib.SMTP(postfix.host, postfix.port, timeout=10) as smtp:
            smtp.sendmail("shop@shop.test", ["ann@inbox.test"], LETTER)
        heard = session.readline()
        session.send(b"DONE\r\n")
        while not session.readline().startswith(b"I1 OK"):
            pass

    (stored,) = dovecot.fetch("ann@inbox.test")
    assert heard.startswith(b"* 1 EXISTS")
    assert stored.raw.endswith(LETTER)
    assert stored.raw.startswith(b"Return-Path: <shop@shop.test>\r\n")
    postfix.wait_empty()


def test_postfix_takes_a_flood_and_hands_it_on(start_postfix: StartPostfix, start_smtp_sink: StartSmtpSink) -> None:
    """smtp-source through Postfix into smtp-sink loses nothing."""
    sink = start_smtp_sink()
    postfix = start_postfix({"sink.test": f"smtp:[{sink.host}]:{sink.port}"})

    smtp_source(postfix.port, messages=20, sessions=4, sender="bulk@source.test", recipient="all@sink.test")
    captured = sink.wait_for(20)

    assert {(mail.mail_from, mail.rcpt_to) for mail in captured} == {("bulk@source.test", ("all@sink.test",))}


def test_postfix_refuses_bare_line_feeds(start_postfix: StartPostfix) -> None:
    """RFC 5321 2.3.8: CR and LF only together, from loopback too."""
    postfix = start_postfix({"inbox.test": "discard:"})

    with smtplib.SMTP(postfix.host, postfix.port, timeout=10) as smtp:
        smtp.ehlo()
        smtp.mail("a@shop.test")
        smtp.rcpt("b@inbox.test")
        smtp.docmd("DATA")
        smtp.send(b"Subject: x\r\n\r\none\ntwo\r\n.\r\n")
        code, text = smtp.getreply()

    assert code == 550
    assert b"bare <LF>" in text


def test_postfix_keeps_mail_while_the_next_hop_is_down(
    start_postfix: StartPostfix, start_smtp_sink: StartSmtpSink
) -> None:
    """What is deferred waits in the queue and leaves it after a flush."""
    sink = start_smtp_sink()
    sink.stop()
    postfix = start_postfix({"sink.test": f"smtp:[{sink.host}]:{sink.port}"}, minimal_backoff_time="300s")
    smtp_source(postfix.port, recipient="late@sink.test")

    (waiting,) = postfix.queue()
    sink.start()
    postfix.flush()
    (mail,) = sink.wait_for(1)

    assert waiting["recipients"][0]["address"] == "late@sink.test"
    assert mail.rcpt_to == ("late@sink.test",)


def test_postfix_tells_the_sender_of_a_refusal_further_on(
    start_postfix: StartPostfix, start_smtp_sink: StartSmtpSink
) -> None:
    """A real bounce (RFC 3464) comes to the return path, from the null sender."""
    sink, refusing = start_smtp_sink(), start_smtp_sink("-f", "RCPT")
    routes = {"shop.test": f"smtp:[{sink.host}]:{sink.port}", "full.test": f"smtp:[{refusing.host}]:{refusing.port}"}
    postfix = start_postfix(routes)

    with smtplib.SMTP(postfix.host, postfix.port, timeout=10) as smtp:
        smtp.sendmail("bounces+7@shop.test", ["who@full.test"], LETTER)
    (bounce,) = sink.wait_for(1)

    assert bounce.mail_from == ""
    assert bounce.rcpt_to == ("bounces+7@shop.test",)
    assert b"Action: failed\r\nStatus: 5." in bounce.raw


def test_smtp_sink_refuses_softly_when_told(start_smtp_sink: StartSmtpSink) -> None:
    """`-r RCPT` answers each RCPT with 450."""
    sink = start_smtp_sink("-r", "RCPT")

    with smtplib.SMTP(sink.host, sink.port, timeout=10) as smtp:
        smtp.ehlo()
        smtp.mail("a@shop.test")
        code, _ = smtp.rcpt("b@sink.test")

    assert code == 450


def test_smtp_sink_keeps_the_bytes(start_smtp_sink: StartSmtpSink) -> None:
    """Dots are taken off again (RFC 5321 4.5.2), the envelope is apart from the letter."""
    sink = start_smtp_sink()

    with smtplib.SMTP(sink.host, sink.port, timeout=10) as smtp:
        smtp.sendmail("a@shop.test", ["b@sink.test", "c@sink.test"], LETTER)
    (mail,) = sink.wait_for(1)

    assert mail.raw == LETTER
    assert mail.rcpt_to == ("b@sink.test", "c@sink.test")


def test_a_dump_with_parameters_is_read() -> None:
    """Parameters behind the path, RFC 5321 4.1.1.11, do not become part of the address."""
    mail = parse_dump(b"X-Mail-Args: <> SIZE=3 BODY=8BITMIME\nX-Rcpt-Args: <b@x.test>\nSubject: hi\n\nho\n\n")

    assert (mail.mail_from, mail.parameters) == ("", "SIZE=3 BODY=8BITMIME")
    assert mail.raw == b"Subject: hi\r\n\r\nho\r\n"


def test_dovecot_gives_new_uids_under_a_new_uidvalidity(dovecot: Dovecot) -> None:
    """RFC 3501 2.3.1.1: after renumbering, the old UIDs mean nothing; the mails are still there."""
    dovecot.deliver(LETTER, "ann@inbox.test")
    dovecot.deliver(LETTER, "ann@inbox.test")
    with dovecot.imap("ann@inbox.test") as session:
        session.uid("STORE", "1", "+FLAGS", "(\\Deleted)")
        session.expunge()
    before = dovecot.uid_validity("ann@inbox.test")

    after = dovecot.renumber("ann@inbox.test")

    assert after == dovecot.uid_validity("ann@inbox.test") != before
    assert [stored.uid for stored in dovecot.fetch("ann@inbox.test")] == [1]


def test_dovecot_speaks_tls_with_a_name_that_can_be_checked(dovecot: Dovecot) -> None:
    """Its certificate is good for 127.0.0.1 when the fixture's authority is trusted."""
    context = ssl.create_default_context(cafile=dovecot.ca_file)

    with imaplib.IMAP4_SSL(dovecot.host, dovecot.imaps_port, ssl_context=context, timeout=10) as session:
        answer, _ = session.login("bob@inbox.test", dovecot.password)

    assert answer == "OK"
