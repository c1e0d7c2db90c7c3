"""The client's side of an SMTP conversation as a state machine: bytes in, events out; mails in, bytes out.

It keeps to RFC 5321 with PIPELINING (2920), 8BITMIME (6152), SMTPUTF8 (6531), SIZE (1870), STARTTLS (3207), AUTH PLAIN
and LOGIN (4954), CHUNKING (3030) and LIMITS (9422). It opens no socket, knows no time and reads no clock:
``mailer.smtp`` carries the bytes. One recipient a transaction, always.

With PIPELINING one write holds the body of a mail, its dot, and MAIL, RCPT and DATA of the next one; at most one mail
waits for the answer to its dot, and at most one more stands in its envelope. With CHUNKING the whole mail is one last
chunk behind BDAT and its length: there is no DATA to be answered, and the end of the chunk is what the dot is else.
"""

import base64
import re
from collections import deque
from dataclasses import dataclass

from mailer.answers import Features, NotSmtp, Reply, ReplyReader, read_features
from mailer.envelope import Letter, refused_here, stuffed
from mailer.relays import LOCAL_CODE, Deferred, Failed, Sent, Unknown, judged, printable
from mailer.steps import Answered, Event, NotSent, Over, Ready, StartTls, Step, Terms

_ALL_IS_WELL = re.compile(
    rb"(2[0-9][0-9]) ([^\r\n]{0,500})\r\n(?:2[0-9][0-9] [^\r\n]{0,500}\r\n){2}3[0-9][0-9] [^\r\n]{0,500}\r\n"
)
_ALL_IS_WELL_IN_CHUNKS = re.compile(rb"(2[0-9][0-9]) ([^\r\n]{0,500})\r\n(?:2[0-9][0-9] [^\r\n]{0,500}\r\n){2}")
_HELO = re.compile(r"(?:[A-Za-z0-9.\-]{1,255}|\[[A-Za-z0-9.:]{1,64}\])\Z")


_IN_WORDS = {
    Step.GREETING: "the connection",
    Step.EHLO: "our greeting",
    Step.HELO: "our greeting",
    Step.STARTTLS: "STARTTLS",
    Step.AUTH: "our user or password",
}


@dataclass(slots=True)
class _Transaction:
    letter: Letter
    body: bytes
    refusal: Deferred | Failed | None = None
    is_dot_on_its_way: bool = False


class Dialogue:
    """One conversation with one server, from the greeting to QUIT.

    Call :meth:`receive`, :meth:`lost` and :meth:`secured` with what happens on the connection and act on the events;
    call :meth:`start` whenever :attr:`wants_mail`; write what :meth:`take_output` gives after each call.
    """

    def __init__(self, terms: Terms) -> None:
        if not _HELO.match(terms.helo):
            raise ValueError("the name given in EHLO must be a domain or an address literal")
        self._terms = terms
        self._is_secure = terms.is_secure
        self._features = Features()
        self._awaited: deque[Step] = deque([Step.GREETING])
        self._queued: deque[tuple[Step, bytes]] = deque()
        self._output: list[bytes] = []
        self._reader = ReplyReader()
        self._secrets: deque[bytes] = deque()
        self._envelope: _Transaction | None = None
        self._dotted: _Transaction | None = None
        self._is_ready = False
        self._is_over = False
        self._events: list[Event] = []
        self.started = 0
        """How many mails this conversation has begun."""

    @property
    def features(self) -> Features:
        """What the server offers; it means something from :class:`Ready` on."""
        return self._features

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be said."""
        return self._is_over

    @property
    def is_idle(self) -> bool:
        """Whether no answer is owed by the server."""
        return not self._awaited

    @property
    def awaited(self) -> Step | None:
        """The step whose answer is due next; the time limits hang on it."""
        return self._awaited[0] if self._awaited else None

    @property
    def wants_mail(self) -> bool:
        """Whether :meth:`start` may be called now, so that its MAIL FROM is part of the next output."""
        return self._is_ready and self._envelope is None and (self._features.pipelining or not self._awaited)

    @property
    def pending_octets(self) -> int:
        """How much :meth:`take_output` would give."""
        return sum(map(len, self._output))

    def take_output(self) -> bytes:
        """Return the bytes to be written now, each of them once."""
        output = self._output
        if not output:
            return b""
        written = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        return written

    def flushed(self) -> None:
        """Note that all bytes taken have left this process: a dot among them may have arrived."""
        if self._dotted is not None and not self._output:
            self._dotted.is_dot_on_its_way = True

    def start(self, letter: Letter) -> Failed | None:
        """Begin the transaction of a mail; a result at once means that it can't travel here and nothing is written."""
        if not self.wants_mail:
            raise RuntimeError("no mail can be begun now")
        features = self._features
        content = letter.content
        is_eight_bit = not (letter.travels_as_it_is or content.isascii())
        is_international = letter.needs_smtputf8 or not (letter.mail_from.isascii() and letter.rcpt_to.isascii())
        refusal = refused_here(letter, features, is_eight_bit=is_eight_bit, is_international=is_international)
        if refusal is not None:
            return refusal
        body = content if letter.travels_as_it_is else stuffed(content)
        if body is None:
            return Failed(LOCAL_CODE, "5.6.0", "the message holds a lone CR or LF, or a NUL, or does not end in CRLF")
        options = f" SIZE={len(content)}" if features.size_declared else ""  # RFC 1870 6.1
        if is_eight_bit or is_international:
            options += " BODY=8BITMIME"
        if is_international:
            options += " SMTPUTF8"  # RFC 6531 3.4
        mail = f"MAIL FROM:<{letter.mail_from}>{options}\r\n"
        rcpt = f"RCPT TO:<{letter.rcpt_to}>\r\n"
        if features.chunking:
            body = b"BDAT %d LAST\r\n%b" % (len(content), content)  # RFC 3030 2: counted, so nothing is stuffed
        self._envelope = _Transaction(letter, body)
        if self._dotted is not None:
            # Something follows the dot: from here on bytes that are left over don't prove that the dot is among them.
            self._dotted.is_dot_on_its_way = True
        self.started += 1
        data = "" if features.chunking else "DATA\r\n"
        if features.pipelining:
            # RFC 2920 3.1: DATA ends a group; nothing follows it before its answer is here.
            self._output.append(f"{mail}{rcpt}{data}".encode())
            self._awaited += (Step.MAIL, Step.RCPT, Step.DATA) if data else (Step.MAIL, Step.RCPT)
        else:
            self._queued += ((Step.RCPT, rcpt.encode()), (Step.DATA, data.encode()))[: 2 if data else 1]
            self._say(Step.MAIL, mail.encode())
        return None

    def quit(self) -> None:
        """Say good-bye; only where no mail is under way. Before :class:`Ready` the conversation just ends."""
        if self._is_ready and not self._awaited:
            self._is_ready = False
            self._say(Step.QUIT, b"QUIT\r\n")

    def secured(self) -> None:
        """Go on after the TLS handshake. RFC 3207 4.2: all that was learnt in the clear is forgotten."""
        if self.awaited is not Step.HANDSHAKE:
            raise RuntimeError("TLS was not asked for")
        self._awaited.clear()
        self._is_secure = True
        self._features = Features()
        self._reader = ReplyReader()
        self._say(Step.EHLO, f"EHLO {self._terms.helo}\r\n".encode())

    def receive(self, received: bytes) -> list[Event]:
        """Read what the server sent and return what it means, in order."""
        if self._is_over:
            return []
        try:
            # With both mails under way the answers due are those to the dot, MAIL, RCPT and DATA, and no others.
            due, well = (3, _ALL_IS_WELL_IN_CHUNKS) if self._features.chunking else (4, _ALL_IS_WELL)
            is_steady = len(self._awaited) == due and self._dotted is not None and self._envelope is not None
            if is_steady and self._reader.is_empty and (group := well.fullmatch(received)) is not None:
                return self._go_on(group)
            self._read(received)
        except NotSmtp as cause:
            self._end(str(cause))
        events, self._events = self._events, []
        return events

    def lost(self, reason: str) -> list[Event]:
        """End the conversation because the connection or the patience did; tell what becomes of each mail under way."""
        if not self._is_over:
            self._end(reason, is_orderly=self.awaited is Step.QUIT)
        events, self._events = self._events, []
        return events

    def _go_on(self, group: re.Match[bytes]) -> list[Event]:
        """Take a whole group of good answers at once: what :meth:`_read` makes of it at a fraction of the work."""
        dotted, envelope = self._dotted, self._envelope
        if dotted is None or envelope is None:
            raise NotSmtp("the relay answered what was not asked")
        self._awaited.clear()
        self._send_content(envelope)
        return [Answered(dotted.letter, Sent(int(group[1]), printable(group[2])))]

    def _read(self, received: bytes) -> None:
        for reply in self._reader.read(received):
            if self._awaited and self._awaited[0] is Step.HANDSHAKE:
                break
            self._answer(reply)
            if self._is_over:
                return
        else:
            if self.awaited is not Step.HANDSHAKE or self._reader.is_empty:
                return
        # RFC 3207 4.2: what stands in the clear behind the 220 may have been put there by a stranger.
        raise NotSmtp("bytes in the clear followed the answer to STARTTLS")

    def _answer(self, reply: Reply) -> None:
        """Match one reply with what it answers."""
        step = self._awaited[0] if self._awaited else None
        if reply.code == 421 and step is not Step.DOT:  # RFC 5321 3.8: it may come at any time
            self._end(f"421 {reply.text}")
            return
        if step is None:
            raise NotSmtp("the relay answered what was not asked")
        self._awaited.popleft()
        if step is Step.DOT:
            self._answer_dot(reply)
        elif step is Step.MAIL or step is Step.RCPT or step is Step.DATA:
            self._answer_envelope(step, reply)
        elif step is Step.RSET and reply.code >= 300:
            self._end(f"the relay did not take RSET: {reply.text}")
        elif step is Step.QUIT:
            self._end("closed", is_orderly=True)
        elif step not in {Step.RSET, Step.LONE_DOT}:  # RFC 2920 3.1: the answer to a lone dot means nothing
            self._answer_setup(step, reply)

    def _answer_setup(self, step: Step, reply: Reply) -> None:
        terms = self._terms
        is_accepted = reply.code < 300
        match step:
            case Step.GREETING if is_accepted:
                self._say(Step.EHLO, f"EHLO {terms.helo}\r\n".encode())
            case Step.EHLO if is_accepted:
                self._features = read_features(reply)
                self._set_up()
            case Step.EHLO if reply.code >= 500 and terms.user is None and (self._is_secure or not terms.require_tls):
                self._say(Step.HELO, f"HELO {terms.helo}\r\n".encode())  # RFC 5321 3.2
            case Step.STARTTLS if is_accepted:
                self._awaited.append(Step.HANDSHAKE)
                self._events.append(StartTls())
            case Step.STARTTLS if not terms.require_tls:
                self._sign_in()
            case Step.AUTH if 300 <= reply.code < 400 and self._secrets:
                self._say(Step.AUTH, self._secrets.popleft())
            case Step.HELO | Step.AUTH if is_accepted:
                self._is_ready = True
                self._events.append(Ready())
            case _:
                self._end(f"the relay refused {_IN_WORDS[step]}: {reply.code} {reply.text}")

    def _set_up(self) -> None:
        terms = self._terms
        if not self._is_secure and terms.use_starttls and self._features.starttls:
            self._say(Step.STARTTLS, b"STARTTLS\r\n")
        elif not self._is_secure and terms.require_tls:
            self._end("the relay does not offer STARTTLS, and mail goes to it over TLS only")
        else:
            self._sign_in()

    def _sign_in(self) -> None:
        """Give user and password, if there are any: over TLS, or on loopback; never else."""
        user, password = self._terms.user, self._terms.password
        if user is None:
            self._is_ready = True
            self._events.append(Ready())
        elif not (self._is_secure or self._terms.is_loopback):
            self._end("the password is not sent in the clear")
        elif "PLAIN" in self._features.auth:
            # RFC 4616 2: authorisation identity (none), user, password.
            self._say(Step.AUTH, b"AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()) + b"\r\n")
        elif "LOGIN" in self._features.auth:
            self._secrets.extend(base64.b64encode(part.encode()) + b"\r\n" for part in (user, password))
            self._say(Step.AUTH, b"AUTH LOGIN\r\n")
        else:
            self._end("the relay offers neither AUTH PLAIN nor AUTH LOGIN")

    def _answer_envelope(self, step: Step, reply: Reply) -> None:
        """Take the answer to MAIL, RCPT or DATA of the one mail that is in its envelope."""
        transaction = self._envelope
        if transaction is None:
            raise NotSmtp("the relay answered what was not asked")
        is_refused = reply.code >= 400
        if not is_refused and (reply.code >= 300) != (step is Step.DATA):
            raise NotSmtp("the relay's answer does not fit the question")
        if is_refused and transaction.refusal is None:
            # What follows the first refusal of a group (503, 554) is only its echo.
            transaction.refusal = _refusal(reply, may_blame_recipient=step is not Step.MAIL)
        is_last = step is (Step.RCPT if self._features.chunking else Step.DATA)
        if is_last and not is_refused and not (self._features.chunking and transaction.refusal is not None):
            self._send_content(transaction)
        elif is_last or (is_refused and not self._features.pipelining):
            self._queued.clear()
            self._conclude(transaction)
            self._say(Step.RSET, b"RSET\r\n")
        elif self._queued:
            self._say(*self._queued.popleft())

    def _send_content(self, transaction: _Transaction) -> None:
        if transaction.refusal is not None:
            # RFC 2920 3.1: 354 though nobody was accepted: nothing is sent, and what is said of it does not count.
            self._conclude(transaction)
            self._say(Step.LONE_DOT, b".\r\n")
            return
        self._output.append(transaction.body)
        if self._features.chunking:
            self._awaited.append(Step.DOT)
        else:
            self._say(Step.DOT, b".\r\n")
        self._envelope, self._dotted = None, transaction

    def _answer_dot(self, reply: Reply) -> None:
        transaction = self._dotted
        if transaction is None or 300 <= reply.code < 400:
            raise NotSmtp("the relay's answer does not fit the question")
        self._dotted = None
        self._events.append(Answered(transaction.letter, judged(reply.code, reply.text)))
        if reply.code == 421:
            self._end(f"421 {reply.text}")

    def _conclude(self, transaction: _Transaction) -> None:
        self._envelope = None
        if transaction.refusal is not None:
            self._events.append(Answered(transaction.letter, transaction.refusal))

    def _end(self, reason: str, *, is_orderly: bool = False) -> None:
        """Tell what becomes of what is under way: unknown behind the dot, surely not sent before it."""
        self._is_over, self._is_ready = True, False
        dotted, envelope = self._dotted, self._envelope
        self._dotted = self._envelope = None
        self._output.clear()
        self._awaited.clear()
        if dotted is not None and dotted.is_dot_on_its_way:
            self._events.append(Answered(dotted.letter, Unknown(reason)))
        elif dotted is not None:
            self._events.append(NotSent(dotted.letter, reason))
        if envelope is not None:
            self._events.append(NotSent(envelope.letter, reason))
        self._events.append(Over(reason, is_orderly))

    def _say(self, step: Step, command: bytes) -> None:
        self._output.append(command)
        self._awaited.append(step)


def _refusal(reply: Reply, *, may_blame_recipient: bool) -> Deferred | Failed:
    result = judged(reply.code, reply.text, may_blame_recipient=may_blame_recipient)
    if not isinstance(result, Deferred | Failed):
        raise NotSmtp("the relay's answer does not fit the question")
    return result
