"""One call from a person to the signed letter: the words, the bytes and the signatures of a campaign joined.

Made once a campaign and shared by threads; it reads no database and no clock, and whether the person may be
written to is decided before (consent.gate).
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from mailer.compose import CompiledMailing
from mailer.form import PERSONAL, Draft, PromotionForm
from mailer.model import MailingInfo, OutgoingMail, Recipient, Rendered, Sender
from mailer.signing import Signer
from mailer.tokens import Tokens


class Promotion:
    """The letters of one campaign."""

    def __init__(
        self, sender: Sender, mailing: MailingInfo, compiled: CompiledMailing, tokens: Tokens, signer: Signer
    ) -> None:
        """Join the parts and make what all letters share."""
        self._sender, self._mailing, self._compiled = sender, mailing, compiled
        self._tokens, self._signer = tokens, signer
        self._form = PromotionForm(sender, mailing, compiled.lines)
        self._seal = signer.seal(fixed=self._form.fixed, personal=[name.lower().encode() for name in PERSONAL])

    def __reduce__(self) -> tuple[type["Promotion"], tuple[Sender, MailingInfo, CompiledMailing, Tokens, Signer]]:
        """Travel to a process of ours as the parts; what they share is made anew there."""
        return Promotion, (self._sender, self._mailing, self._compiled, self._tokens, self._signer)

    def words(self, recipient: Recipient) -> Rendered:
        """Return subject, text and HTML as the person would read them (for a look at it, not for sending)."""
        links = self._tokens.links(self._sender, recipient.subscriber_id, self._mailing.id)
        return self._compiled.render(recipient, links)

    def unsigned(self, recipient: Recipient, now: datetime) -> OutgoingMail:
        """Return the checked letter without signatures (for a look at it, not for sending)."""
        return self._draft(recipient, now).mail()

    def letter(self, recipient: Recipient, now: datetime) -> OutgoingMail:
        """Return the finished letter to one person; raises as :meth:`written` does."""
        return self.written(recipient, now)()

    def written(self, recipient: Recipient, now: datetime) -> Callable[[], OutgoingMail]:
        """Return the letter to one person but for its signatures; what comes back signs it.

        Raises :class:`mailer.alternatives.UnfitTemplate` or :class:`mailer.mime.InvalidLetter` (both Permanent)
        where this person's values make no valid letter.
        """
        return partial(self._signed, self._draft(recipient, now), now)

    def _signed(self, draft: Draft, now: datetime) -> OutgoingMail:
        return draft.mail(self._seal.fields(draft.personal, draft.body[2:], now))

    def _draft(self, recipient: Recipient, now: datetime) -> Draft:
        links = self._tokens.links(self._sender, recipient.subscriber_id, self._mailing.id)
        return self._form.draft(recipient, links, self._compiled.fill(recipient, links), now)
