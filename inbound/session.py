"""What an SMTP peer may say and what it is told: MAIL, RCPT, DATA and the rest. It decides nothing about a mail.

Addresses are read strictly (:mod:`inbound.paths`), we are no relay, and a mail with a bare CR or LF is refused, so that
nothing can be smuggled. The answer after the dot is the intake's.
"""

import asyncio
import re
from datetime import datetime
from email.utils import format_datetime

from inbound.connection import PATIENCE, Command, Connection, Floor
from inbound.content import count_hops
from inbound.intake import Taken
from inbound.model import Channel, Envelope
from inbound.paths import Path, read_path

HOPS = 100  # RFC 5321 6.3
BARE = Taken(550, "5.6.11", "a CR or LF stands alone")


class Session(Connection):
    """One SMTP conversation (RFC 5321)."""

    channel = Channel.SMTP

    def __init__(self, floor: Floor) -> None:
        """Take the shared terms; nothing is said yet."""
        super().__init__(floor)
        self.helo = ""
        self.sender: str | None = None
        self.recipients: list[str] = []
        self._is_extended = False
        self._is_utf8 = False
        self._held = 0

    def commands(self) -> dict[str, Command]:
        """Return the verbs of RFC 5321 4.1.1, and STARTTLS."""
        return {
            "HELO": self.on_helo, "EHLO": self.on_ehlo, "MAIL": self.on_mail, "RCPT": self.on_rcpt,
            "DATA": self.on_data, "RSET": self.on_rset, "NOOP": self.on_noop, "QUIT": self.on_quit,
            "VRFY": self.on_vrfy, "EXPN": self.on_expn, "STARTTLS": self.on_starttls, "BDAT": self.on_bdat,
        }  # fmt: skip

    def forget(self) -> None:
        """Drop greeting and mail; under TLS the peer starts afresh (RFC 3207 4.2)."""
        self.helo = ""
        self._reset()

    async def on_helo(self, name: str) -> None:
        """Greet the old way."""
        if await self._greeted(name):
            self._is_extended = False
            await self.push(f"250 {self.hostname}")

    async def on_ehlo(self, name: str) -> None:
        """Greet and list what is offered (RFC 5321 4.1.1.1, 1870, 2034, 2920, 3207, 6152, 6531)."""
        if not await self._greeted(name):
            return
        self._is_extended = True
        size = f"SIZE {self.floor.terms.max_bytes}"
        offers = [self.hostname, size, "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8"]
        if self.tls_context and not self._tls_protocol:
            offers.append("STARTTLS")
        await self.push("\r\n".join([*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}"]))

    async def on_starttls(self, argument: str) -> None:
        """Go over to TLS; what came in clear behind the command is thrown away (RFC 3207 4.2)."""
        if self._tls_protocol is not None or self.tls_context is None:
            await self.push("503 5.5.1 not now")
        elif argument:
            await self.push("501 5.5.4 STARTTLS takes no parameter")
        else:
            await super().smtp_STARTTLS("")

    async def on_vrfy(self, argument: str) -> None:
        """Answer the same for everybody (RFC 5321 3.5.3): whom we know is nobody's business."""
        del argument
        await self.push("252 2.5.0 no word on who is here; send the mail")

    async def on_expn(self, argument: str) -> None:
        """Expand no lists."""
        del argument
        await self.push("502 5.5.1 not done here")

    async def on_bdat(self, argument: str) -> None:
        """Refuse it: CHUNKING (RFC 3030) is not offered, and the octets behind the command are no commands."""
        del argument
        self.is_spoilt = True
        await self.push("500 5.5.1 command not known")

    async def on_noop(self, argument: str) -> None:
        """Do nothing."""
        del argument
        await self.push("250 2.0.0 fine")

    async def on_rset(self, argument: str) -> None:
        """Drop the mail that was begun."""
        self._reset()
        await self.push("501 5.5.4 RSET takes no parameter" if argument else "250 2.0.0 forgotten")

    async def on_quit(self, argument: str) -> None:
        """Say goodbye and close."""
        del argument
        await self.push("221 2.0.0 goodbye")
        if self.transport is not None:
            self.transport.close()

    async def on_mail(self, argument: str) -> None:
        """Begin a mail (RFC 5321 4.1.1.2)."""
        if not self.helo:
            await self.push("503 5.5.1 greet first")
        elif self.sender is not None:
            await self.push("503 5.5.1 a sender was given already")
        elif (path := read_path(argument, "FROM")) is None:
            await self.push("501 5.1.7 this is no sender's address")
        elif (why := self._objection_to_sender(path)) is not None:
            await self.push(why)
        else:
            self.sender = str(path)  # the null sender is an empty text (RFC 5321 4.5.5)
            self._is_utf8 = "SMTPUTF8" in path.parameters
            await self.push("250 2.1.0 sender noted")

    def _objection_to_sender(self, path: Path) -> str | None:
        given = dict(path.parameters)
        size, body, utf8 = given.pop("SIZE", "0"), given.pop("BODY", "7BIT").upper(), given.pop("SMTPUTF8", None)
        given.pop("AUTH", None)  # RFC 4954 5: may always be sent along; it means nothing to us
        if utf8 or not (size.isascii() and size.isdecimal() and len(size) <= 20) or body not in {"7BIT", "8BITMIME"}:
            return "501 5.5.4 a parameter is not well-formed"
        if given:
            return "555 5.5.4 a parameter is not known here"
        if int(size) > self.floor.terms.max_bytes:
            return "552 5.3.4 the mail is larger than what is taken here"  # RFC 1870 6.1
        if not path.is_ascii and utf8 is None:
            return "553 5.6.7 this address needs SMTPUTF8"  # RFC 6531 3.5
        return None

    async def on_rcpt(self, argument: str) -> None:
        """Take a recipient of ours (RFC 5321 4.1.1.3); we are no relay for others."""
        terms = self.floor.terms
        if self.sender is None:
            await self.push("503 5.5.1 a sender is needed first")
        elif (path := read_path(argument, "TO")) is None:
            await self.push("501 5.1.3 this is no recipient's address")
        elif path.parameters:
            await self.push("555 5.5.4 a parameter is not known here")
        elif not path.is_ascii and not self._is_utf8:
            await self.push("553 5.6.7 this address needs SMTPUTF8")
        elif path.domain not in terms.domains and (path.domain or path.local.lower() != "postmaster"):
            await self.push("550 5.7.1 no mail for this domain is taken here")
        elif len(self.recipients) >= terms.max_recipients:
            await self.push("452 4.5.3 too many recipients; send the rest in another mail")  # RFC 5321 4.5.3.1.10
        else:
            self.recipients.append(str(path))
            await self.push("250 2.1.5 recipient noted")

    async def on_data(self, argument: str) -> None:
        """Read a mail to its CRLF.CRLF and have it decided (RFC 5321 4.1.1.4)."""
        if not self.recipients:
            await self.push("503 5.5.1 a recipient is needed first")
            return
        if argument:
            await self.push("501 5.5.4 DATA takes no parameter")
            return
        await self.push("354 end with CR LF . CR LF")
        try:
            at = self.floor.clock()
            raw, refusal = await self._mail(self._trace(at))
            if refusal is None and count_hops(raw) > HOPS + 1:
                refusal = Taken(554, "5.4.6", "the mail goes round in circles")
            taken = refusal or await self._decided(raw, at)
        finally:
            self.floor.hold(-self._held)
            self._held = 0
        answers = self.answers(taken)
        self._reset()
        self._reset_timeout()
        self.is_spoilt = refusal is BARE  # who ends lines otherwise may end mails otherwise
        await self.push(answers)

    def answers(self, taken: Taken) -> str:
        """Return the reply after the dot: one for the whole mail."""
        return f"{taken.code} {taken.enhanced} {taken.text}"

    async def _decided(self, raw: bytes, at: datetime) -> Taken:
        envelope = Envelope(self.sender or "", tuple(self.recipients), self.peer, self.helo, self.channel)
        self.is_deciding = True
        try:
            return await self.floor.take(raw, envelope, at)
        finally:
            self.is_deciding = False
            self.useful_at, self.patience, self.has_brought_mail = self.loop.time(), PATIENCE, True
            self.floor.welcome(self.peer)

    async def _mail(self, trace: bytes) -> tuple[bytes, Taken | None]:
        """Return the mail without its dots behind our trace line, and why it is refused.

        All of it is read in any case (RFC 5321 4.2.5).
        """
        refusal: Taken | None = None
        lines = [trace]
        size, at_start = 0, True
        while True:
            try:
                line: bytes = await self._reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as overrun:
                await self._reader.read(max(overrun.consumed, 1))
                refusal, at_start = refusal or Taken(554, "5.6.0", "a line is longer than 64 KiB"), False
                continue
            if at_start and line == b".\r\n":
                return b"".join(lines), refusal
            at_start = True
            size += len(line)
            refusal = refusal or self._objection_to_line(line, size)
            if refusal is None:
                lines.append(line[1:] if line.startswith(b".") else line)
            else:
                lines.clear()
            if not len(lines) % 64:
                self._reset_timeout()

    def _objection_to_line(self, line: bytes, size: int) -> Taken | None:
        """Refuse what is too much, and any CR or LF that stands alone.

        RFC 5321 2.3.8: only CRLF ends a line. Servers that see it otherwise can be made to find a second mail in the
        first (CVE-2023-51764 and its kin), so neither meaning is guessed.
        """
        if line.find(b"\n") != len(line) - 1 or line.find(b"\r") != len(line) - 2:
            return BARE
        if size > self.floor.terms.max_bytes:
            return Taken(552, "5.3.4", "the mail is larger than what is taken here")
        if not self.floor.hold(len(line)):
            return Taken(452, "4.3.1", "no room at this moment, please try again")
        self._held += len(line)
        return None

    def _trace(self, at: datetime) -> bytes:
        """Return our trace line (RFC 5321 4.4). It names no recipient: the mail may be handed on."""
        way = self.channel.value.upper()
        if self._is_utf8:
            way = f"UTF8{way}"  # RFC 6531 4.3
        elif self._is_extended and self.channel is Channel.SMTP:
            way = "ESMTP"
        way += "S" if self._tls_protocol else ""  # RFC 3848
        text = (
            f"Received: from {self.helo} ([{self.peer}])\r\n\tby {self.hostname} with {way};\r\n\t{format_datetime(at)}"
        )
        return re.sub(r"[^\x20-\x7e\r\n\t]", "?", text).encode("ascii") + b"\r\n"

    async def _greeted(self, name: str) -> bool:
        """Note a greeting. Any host name or literal will do, in whatever form; only nonsense is refused."""
        self._reset()
        if not re.fullmatch(r"[^\s<>@()]{1,255}", name):
            await self.push("501 5.5.2 a host name is needed")
            return False
        self.helo = name
        return True

    def _reset(self) -> None:
        self.sender, self.recipients, self._is_utf8 = None, [], False
