"""What went wrong, and whether trying again can help.

An expected outcome (a refused clearance, an unclear reply, a bounced delivery) is a value, never one of these. The text
of an error is public: it may be shown to a stranger or a member of staff; the private cause travels as ``__cause__``.
"""


class ByleaveError(Exception):
    """Something went wrong."""

    def __init__(self, public: str | None = None) -> None:
        """Keep the public text; without one the docstring of the class is the message."""
        self.public = public or (self.__doc__ or "").strip()
        super().__init__(self.public)


class Temporary(ByleaveError):
    """This did not work now; trying again later can help."""

    def __init__(self, public: str | None = None, *, delay: float = 60.0) -> None:
        """Keep the text and the delay in seconds after which another try makes sense."""
        super().__init__(public)
        self.delay = delay


class Permanent(ByleaveError):
    """This will not work however often it is tried."""


class InvalidAddress(Permanent):
    """This is not an e-mail address that mail can be sent to."""


class InvalidSettings(Permanent):
    """The settings can't be used as they are."""
