"""Who touches many links of one mail at once is a machine: a scanner that opens everything, and presses. Pure.

Its one-click is honoured all the same, because nobody can tell for sure and leaving must never be refused (RFC 8058
3.2). But the evidence says what was seen, so that staff know it when the person asks why they get nothing any more,
and the receipt's way back is there for them. A person who opened the page and then presses the button in their mail
program within seconds looks the same; the words therefore say "like", and nothing is decided by them.

What is seen is kept for seconds, in this process alone: of several processes each sees its share. A scanner that
presses first and opens the rest afterwards is not known when the act is written, and the ledger is never amended.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from mailer.tokens import Purpose, Token

BURST_SECONDS = 10.0  # within which a person does not open one link, come back to the mail and use another
MOST_MAILS = 20_000  # bounds memory; the one touched longest ago is forgotten first

_NAMES = {Purpose.ONE_CLICK: "unsubscribe page", Purpose.PREFERENCES: "preferences"}


@dataclass(slots=True)
class Touches:
    """Which links of which mail were opened lately."""

    most: int = MOST_MAILS
    #: (person, mailing) -> page -> when it was opened last
    _seen: OrderedDict[tuple[int, int], dict[str, float]] = field(default_factory=OrderedDict)

    def opened(self, token: Token, now: float) -> None:
        """Note that a link was opened by GET or HEAD."""
        name = _NAMES.get(token.purpose)
        if name is None or not token.mailing_id:
            return
        mail = (token.subscriber_id, token.mailing_id)
        pages = self._seen.pop(mail, {})
        pages[name] = now
        self._seen[mail] = pages
        if len(self._seen) > self.most:
            self._seen.popitem(last=False)

    def evidence(self, token: Token, now: float) -> dict[str, str]:
        """Return what to note beside a one-click: nothing, or which other links were opened within seconds."""
        pages = self._seen.get((token.subscriber_id, token.mailing_id), {})
        fresh = sorted(name for name, at in pages.items() if 0 <= now - at <= BURST_SECONDS)
        return {"machine-like": f"opened within {BURST_SECONDS:.0f} s before: {', '.join(fresh)}"} if fresh else {}
