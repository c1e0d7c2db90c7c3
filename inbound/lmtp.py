"""LMTP (RFC 2033): for a mail server in front of us. Like SMTP, but each recipient gets a reply of its own."""

from inbound.connection import Command
from inbound.intake import Taken
from inbound.model import Channel
from inbound.session import Session


class LmtpSession(Session):
    """One LMTP conversation."""

    channel = Channel.LMTP

    def commands(self) -> dict[str, Command]:
        """Return the verbs: LHLO in place of HELO and EHLO, which are not known (RFC 2033 4.1)."""
        known = {verb: command for verb, command in super().commands().items() if verb not in {"HELO", "EHLO"}}
        return {**known, "LHLO": self.on_ehlo}

    def answers(self, taken: Taken) -> str:
        """Return one reply for each accepted recipient, in their order (RFC 2033 4.2); aiosmtpd gives one in all.

        A mail is decided as a whole, so all of them say the same.
        """
        return "\r\n".join([super().answers(taken)] * len(self.recipients))
