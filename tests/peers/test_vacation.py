"""Dovecot's vacation responder and ours: whatever it answers, peace comes (RFC 3834, RFC 5230)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from kit.db import Database
from mailer.letters import Letters
from mailer.postman import Parcel, Postman
from mailer.relays import Result, Sent
from mailer.signing import Signer
from tests.database import NOW, database
from tests.inbound.taking import ANNA, TOKENS, Town, a_mail, an_envelope, town_on
from tests.inbound.test_two_houses import TEXTS, read_really, without_marks
from tests.mailer.letters_at_hand import SENDER, dkim_keys
from tests.peers.dovecot import Dovecot

__all__ = ["database"]

pytestmark = pytest.mark.peer

#: Answers everything at once, as often as mail comes.
EAGER = """require ["vacation", "vacation-seconds"];
vacation :seconds 0 :addresses ["anna.smith@gmail.com"] :subject "Re: unsubscribe" "{words}";
"""


@pytest.fixture
async def town(database: Database) -> AsyncIterator[Town]:
    async with town_on(database, read=read_really) as made:
        yield made


class Lmtp:
    """A relay that delivers into Dovecot's mailboxes."""

    outage: str | None = None

    def __init__(self, dovecot: Dovecot, *, is_stripping: bool) -> None:
        self.dovecot, self.is_stripping, self.sent = dovecot, is_stripping, 0

    async def send(self, mail: Parcel, *, may_start: object) -> Result:
        self.sent += 1
        sender = "promotions@shop.example" if self.is_stripping else mail.mail_from
        content = without_marks(mail.content) if self.is_stripping else mail.content
        await asyncio.to_thread(self.dovecot.deliver, content, mail.rcpt_to.lower(), sender=sender)
        return Sent(250, "ok")


@pytest.mark.parametrize("words", ["unsubscribe", "I am away. Please unsubscribe me maybe?", "subscribe deals"])
@pytest.mark.parametrize("is_stripping", [False, True], ids=["as sent", "marks of machines lost on the way"])
async def test_a_vacation_responder_and_we_fall_silent(town: Town, words: str, *, is_stripping: bool) -> None:
    """A customer leaves and goes on holiday: her responder gets our receipt, and after its answer there is peace.

    Seven days of our clock; a gateway may lose the marks by which Dovecot knows a letter of a machine.
    """
    async with town.listening() as listener:
        with Dovecot(sieve=EAGER.format(words=words), submission_port=listener.port) as dovecot:
            relay = Lmtp(dovecot, is_stripping=is_stripping)
            postman = Postman(
                town.database, relay, letters=Letters(SENDER, TOKENS, Signer(dkim_keys()), TEXTS),
                sender=SENDER, tokens=TOKENS, worker="w", clock=lambda: town.now,
            )  # fmt: skip
            address = town.reply_address(town.anna)
            await town.intake.take(a_mail(to=address, text="unsubscribe"), an_envelope(ANNA, address), town.now)
            for hour in range(7 * 24):
                town.now = NOW + timedelta(hours=hour)
                if await postman.deliver():
                    await asyncio.sleep(1.0)  # time for an answer to come, if there is one
            stored = await asyncio.to_thread(dovecot.fetch, str(ANNA).lower())

    heard = [decision.verdict for decision in await town.decisions()]
    assert len(stored) == relay.sent == 1
    assert heard == (["unsubscribe", "auto"] if is_stripping else ["unsubscribe"])
    assert [event[0] for event in await town.events()] == ["withdraw_all"]
