"""A customer's own letter on its way to customer service: the letter byte for byte, a few lines put before it. Pure.

RFC 5322 3.6.6: Resent fields say who passed a letter on; From, Subject, Message-ID and the thread stay the customer's,
so that an answer goes to the customer. Nothing of the letter is read, and nothing is answered.
"""

import re
from datetime import datetime
from email.utils import format_datetime

from kit.addresses import EmailAddress

LOOP_HEADER = b"Byleave-Loop"  # by this the reader knows a mail of ours that came back

_LONE_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def handed_on(
    raw: bytes, *, sender: EmailAddress, to: EmailAddress, message_id: str, at: datetime, loop_mark: str
) -> bytes:
    """Return the letter as it is handed on; ``message_id`` with its angle brackets names this handing on.

    Only what SMTP can't carry is mended: a CR or LF that stands alone (mailboxes hold such), a NUL, a missing end.
    """
    lines = (
        b"Resent-Date: " + format_datetime(at).encode("ascii"),
        b"Resent-From: " + str(sender).encode("utf-8"),
        b"Resent-To: " + str(to).encode("utf-8"),
        b"Resent-Message-ID: " + message_id.encode("ascii"),
        LOOP_HEADER + b": " + loop_mark.encode("ascii"),
    )
    letter = _LONE_LINE_END.sub(b"\r\n", raw.replace(b"\0", b""))
    if letter[:1] in {b" ", b"\t"}:  # would continue our last line
        letter = letter.lstrip(b" \t")
    if not letter.endswith(b"\r\n"):
        letter += b"\r\n"
    return b"".join(line + b"\r\n" for line in lines) + letter
