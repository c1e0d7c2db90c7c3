"""Postfix's smtp-sink and smtp-source: a mail server that keeps what arrives, and one that floods ours.

The sink stores line ends as LF; they are given back as CRLF. Neither program looks into the letters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.peers.process import LOOPBACK, Peer, answers, free_port, run, wait_until
from tests.peers.require import need


@dataclass(frozen=True, slots=True)
class Captured:
    """One mail as the sink received it: the envelope, the parameters of MAIL FROM, and the bytes after DATA."""

    mail_from: str
    parameters: str
    rcpt_to: tuple[str, ...]
    raw: bytes


class SmtpSink(Peer):
    """A running smtp-sink on `host`:`port`.

    `options` are its own: `-r RCPT` answers that command with 4xx, `-f RCPT` with 5xx, `-q DATA` hangs up,
    `-w 2` waits before it answers a mail, `-L` speaks LMTP, `-p` offers no PIPELINING, `-A` aborts,
    `-m 5` allows five sessions.
    """

    name = "smtp-sink"
    host = LOOPBACK

    def __init__(self, *options: str, backlog: int = 200) -> None:
        super().__init__()
        self._program = need("smtp-sink", "postfix")
        self.port = free_port()
        self.options = options
        self.backlog = backlog

    @property
    def store(self) -> Path:
        """The folder with one file for each mail."""
        return self.folder / "mail"

    def prepare(self) -> Sequence[str | Path]:
        """Make the store, writable for the sink's user."""
        self.store.mkdir(exist_ok=True)
        self.store.chmod(0o777)
        where = f"{self.host}:{self.port}"
        return [self._program, *self.options, "-d", self.store / "%H%M%S.", where, str(self.backlog)]

    def ready(self) -> bool:
        """Return whether the port answers."""
        return answers(self.port)

    def captured(self) -> list[Captured]:
        """Return all mails received so far, in no order; a mail still on the wire may show up cut short."""
        return [parse_dump(file.read_bytes()) for file in sorted(self.store.iterdir()) if file.stat().st_size]

    def wait_for(self, count: int, *, seconds: float = 15.0) -> list[Captured]:
        """Return the mails as soon as there are `count` of them; a file is there, and empty, before its mail is."""
        wait_until(lambda: len(self.captured()) >= count, f"smtp-sink has {count} mails", seconds=seconds)
        return self.captured()


_TRACE = re.compile(rb"Received: from [^\n]*\n(?:[ \t][^\n]*\n)*")


def parse_dump(dump: bytes) -> Captured:
    """Read one file of `smtp-sink -d`: lines about the envelope, the sink's own trace, the mail, a line feed."""
    sender, parameters, recipients = "", "", []
    rest = dump
    while rest.startswith(b"X-"):
        line, _, rest = rest.partition(b"\n")
        name, _, value = line.decode("utf-8", "surrogateescape").partition(": ")
        if name == "X-Mail-Args":
            sender, parameters = _path(value)
        elif name == "X-Rcpt-Args":
            recipients.append(_path(value)[0])
    trace = _TRACE.match(rest)
    mail = rest[trace.end() :] if trace else rest
    return Captured(sender, parameters, tuple(recipients), mail.removesuffix(b"\n").replace(b"\n", b"\r\n"))


def _path(argument: str) -> tuple[str, str]:
    """Split `<a@b.test> SIZE=5` into the address and the parameters behind it."""
    path, _, parameters = argument.partition(">")
    return path.removeprefix("<"), parameters.strip()


def smtp_source(
    port: int,
    *options: str,
    sender: str = "bulk@source.test",
    recipient: str = "sink@sink.test",
    messages: int = 1,
    sessions: int = 1,
    recipients: int = 1,
    length: int | None = None,
    host: str = LOOPBACK,
) -> str:
    """Send mails with Postfix's smtp-source and wait until all are accepted; raise RuntimeError at the first refusal.

    `length` is the size of each body in bytes; `options` are smtp-source's own, such as `-L` for LMTP.
    """
    counts = ["-m", str(messages), "-s", str(min(sessions, messages)), "-r", str(recipients)]
    size = [] if length is None else ["-l", str(length)]
    envelope = ["-f", sender, "-t", recipient]
    return run([need("smtp-source", "postfix"), *counts, *size, *envelope, *options, f"{host}:{port}"])
