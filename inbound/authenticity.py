"""How sure we are that the owner of the mailed address wrote: the rungs of a ladder, and what each may do. Pure.

A rung is found from the token, the sender's address beside the mailed one, and what signatures and network say about
the sender's domain (:mod:`inbound.origin`). What a rung may do is in :mod:`inbound.triage`, as a table in
``docs/security.md``, and cell by cell in the tests.
"""

import enum
from dataclasses import dataclass

from consent.model import Proof
from inbound.model import Origin, Standing
from kit.addresses import EmailAddress


class Rung(enum.StrEnum):
    """Who wrote, as far as can be shown; the surest first."""

    OWNER_WITH_TOKEN = "owner_with_token"  # noqa: S105 - the sender is the owner, and the mail carries our token
    PROVEN_ADDRESS = "proven_address"  # no token; the mailed address or a spelling of it, vouched for by its domain
    SAME_ADDRESS = "same_address"  # no token; the mailed address, and nothing vouches for it
    ALIAS = (
        "alias"  # no token; another spelling of the mailed address, or a former or second one; nothing vouches for it
    )
    FORGED_ADDRESS = "forged_address"  # the mailed address, but its domain says that such a mail is not its own
    STRANGER_WITH_TOKEN = "stranger_with_token"  # noqa: S105 - our token, but somebody else sent the mail
    STRANGER = "stranger"  # nothing of the kind

    @property
    def is_owner(self) -> bool:
        """Whether the mail counts as the owner's own."""
        return self in {Rung.OWNER_WITH_TOKEN, Rung.PROVEN_ADDRESS, Rung.SAME_ADDRESS, Rung.ALIAS}

    @property
    def is_unproven(self) -> bool:
        """Whether it claims the mailed address, and nothing vouches for that."""
        return self in {Rung.SAME_ADDRESS, Rung.ALIAS, Rung.FORGED_ADDRESS}


_FURTHER = "one that was proven as a former or second one of a person whom we mail"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rung, the level of proof that goes into the ledger, and why."""

    rung: Rung
    proof: Proof
    reasons: tuple[str, ...]


def judge(
    *,
    has_token: bool,
    sender: EmailAddress | None,
    owner: EmailAddress | None,
    is_further: bool = False,
    origin: Origin | None = None,
) -> Verdict:
    """Say how sure we are that ``sender`` speaks for ``owner``, whose letter a valid token names (or doesn't).

    ``is_further`` is whether the sender's address was proven to be the owner's before, as a former or second one: it is
    worth what another spelling of the mailed one is. ``origin`` is None where it was not looked at, which proves
    nothing and accuses nobody.
    """
    same = sender is not None and owner is not None and sender.key == owner.key
    spelling = sender is not None and owner is not None and sender.mailbox == owner.mailbox
    alias = spelling or (is_further and owner is not None)
    if has_token:
        if same or alias:
            how = "is" if same else "is another spelling of" if spelling else "was proven as another of the owner of"
            return Verdict(
                Rung.OWNER_WITH_TOKEN,
                Proof.TOKEN,
                ("it carries the signed token of the letter we sent", f"the sender's address {how} the mailed one"),
            )
        return Verdict(
            Rung.STRANGER_WITH_TOKEN,
            Proof.TOKEN,
            ("it carries the signed token of a letter we sent", "the sender is not the person whom we mailed"),
        )
    if not (same or alias):
        return Verdict(Rung.STRANGER, Proof.NONE, ("the sender is nobody whom we mail",))
    how = "one that we mail" if same else "another spelling of one that we mail" if spelling else _FURTHER
    reasons = (f"the sender's address is {how}", *(origin.reasons if origin else ()))
    match origin.standing if origin else None:
        case Standing.PROVEN:
            return Verdict(Rung.PROVEN_ADDRESS, Proof.AUTHENTICATED, reasons)
        case Standing.FORGED:
            return Verdict(Rung.FORGED_ADDRESS, Proof.NONE, reasons)
        case _ if same:
            return Verdict(Rung.SAME_ADDRESS, Proof.EXACT_ADDRESS, reasons)
        case _:
            return Verdict(Rung.ALIAS, Proof.ALIAS, reasons)
