"""A promotion some of whose letters kill the process that writes them, as a fault in a library can."""

import os
import signal
from collections.abc import Callable
from datetime import datetime

from mailer.model import OutgoingMail, Recipient
from mailer.promotion import Promotion


class Deadly(Promotion):
    """Kills its process over everybody with the attribute ``deadly``."""

    def __reduce__(self) -> tuple[type[Promotion], tuple]:  # type: ignore[type-arg]  # the parts of a promotion
        """Travel as what it is."""
        return Deadly, super().__reduce__()[1]

    def written(self, recipient: Recipient, now: datetime) -> Callable[[], OutgoingMail]:
        """Return a letter, or never return."""
        if recipient.attributes.get("deadly"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().written(recipient, now)
