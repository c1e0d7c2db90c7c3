"""The mails of one call to the relay pool: who may still begin, what became of each, and the caller who waits for all.

It opens no connection and chooses no relay (:mod:`mailer.smtp` does).
"""

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from mailer.envelope import Letter
from mailer.relays import Result


class Outgoing(Letter, Protocol):
    """A mail with the leave to send it."""

    @property
    def clearance(self) -> object:
        """The gate's word that this mail may go to this person; made by ``consent.gate`` alone."""


MailT = TypeVar("MailT", bound=Outgoing)
#: told of each mail what became of it, and the name of the relay that had it last ("" where none had)
OnResult = Callable[[MailT, Result, str], None]


class Batch(Generic[MailT]):
    """The mails of one call of send_many, and the one who waits for their fates."""

    def __init__(
        self, may_start: Callable[[MailT], bool], on_result: OnResult[MailT], *, is_paced: bool = True
    ) -> None:
        self.is_paced = is_paced
        self.may_start = may_start
        self.on_result = on_result
        self.is_abandoned = False
        self._open = 0
        self._wanted = 0
        self._error: Exception | None = None
        self._change = asyncio.Event()

    def job(self, mail: MailT) -> "Waiting[MailT]":
        """Count one mail more."""
        self._open += 1
        return Waiting(self, mail)

    def settled(self) -> None:
        """Count one mail less."""
        self._open -= 1
        if self._open < self._wanted:
            self._change.set()

    def fail(self, error: Exception) -> None:
        """End the call with what one of the caller's functions raised."""
        self._error = self._error or error
        self.is_abandoned = True
        self._change.set()

    async def until_below(self, mails: int) -> None:
        """Wait until fewer mails than that are open."""
        self._wanted = mails
        while self._error is None and self._open >= mails:
            self._change.clear()
            await self._change.wait()
        if self._error is not None:
            raise self._error


class Waiting(Generic[MailT]):
    """One mail of a batch, as a channel sees it."""

    __slots__ = ("_batch", "mail", "relay", "since", "tries")

    def __init__(self, batch: Batch[MailT], mail: MailT) -> None:
        self._batch = batch
        self.mail = mail
        self.tries = 0
        self.relay = ""
        self.since = 0.0

    @property
    def is_abandoned(self) -> bool:
        """Whether the caller is gone."""
        return self._batch.is_abandoned

    @property
    def is_paced(self) -> bool:
        """Whether it waits for its turn where mail is limited."""
        return self._batch.is_paced

    def may_start(self) -> bool:
        """Ask the caller; where asking fails nothing is sent."""
        try:
            return not self._batch.is_abandoned and self._batch.may_start(self.mail)
        except Exception as error:  # noqa: BLE001 - any fault of the caller's goes back to the caller
            self._batch.fail(error)
            return False

    def settle(self, result: Result) -> None:
        """Tell the caller, unless the caller is gone."""
        batch = self._batch
        if not batch.is_abandoned:
            try:
                batch.on_result(self.mail, result, self.relay)
            except Exception as error:  # noqa: BLE001 - as above
                batch.fail(error)
        batch.settled()
