"""How sure we are that the owner of the mailed address wrote: the rungs of a ladder, and what each may do. Pure.

A rung is found from the token, the sender's address and the address that was mailed. Signatures and the sender's
network (DKIM, SPF, DMARC) are not looked at here yet: they will decide between the rungs below the token.
"""

import enum
from dataclasses import dataclass

from consent.model import Proof
from kit.addresses import EmailAddress, try_address

_GOOGLE = frozenset({"gmail.com", "googlemail.com"})


class Rung(enum.StrEnum):
    """Who wrote, as far as can be shown; the surest first."""

    OWNER_WITH_TOKEN = "owner_with_token"  # noqa: S105 - the sender is the owner, and the mail carries our token
    STRANGER_WITH_TOKEN = "stranger_with_token"  # noqa: S105 - our token, but somebody else sent the mail
    SAME_ADDRESS = "same_address"  # no token; the sender's address is the one that was mailed
    ALIAS = "alias"  # no token; a spelling of the mailed address that reaches the same mailbox
    STRANGER = "stranger"  # nothing of the kind

    @property
    def is_owner(self) -> bool:
        """Whether the mail counts as the owner's own."""
        return self in {Rung.OWNER_WITH_TOKEN, Rung.SAME_ADDRESS, Rung.ALIAS}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rung, the level of proof that goes into the ledger, and why."""

    rung: Rung
    proof: Proof
    reasons: tuple[str, ...]


def judge(*, has_token: bool, sender: EmailAddress | None, owner: EmailAddress | None) -> Verdict:
    """Say how sure we are that ``sender`` speaks for ``owner``, whose letter a valid token names (or doesn't)."""
    same = sender is not None and owner is not None and sender.key == owner.key
    alias = sender is not None and owner is not None and mailbox(sender) == mailbox(owner)
    if has_token:
        if same or alias:
            how = "is" if same else "is another spelling of"
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
    if same:
        return Verdict(Rung.SAME_ADDRESS, Proof.EXACT_ADDRESS, ("the sender's address is one that we mail",))
    if alias:
        return Verdict(Rung.ALIAS, Proof.ALIAS, ("the sender's address is another spelling of one that we mail",))
    return Verdict(Rung.STRANGER, Proof.NONE, ("the sender is nobody whom we mail",))


def mailbox(address: EmailAddress) -> str:
    """Return the form in which the spellings of one mailbox are equal: no plus-tag; Google knows no dots."""
    local, _, domain = address.key.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GOOGLE:
        local, domain = local.replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


def spellings(address: EmailAddress) -> tuple[EmailAddress, ...]:
    """Return the other spellings under which a sender may be known, the likeliest first; at most five."""
    bare = address.local.partition("+")[0] or address.local
    locals_ = [bare, bare.replace(".", "")] if address.domain in _GOOGLE else [bare]
    domains = sorted(_GOOGLE) if address.domain in _GOOGLE else [address.domain]
    if address.domain in _GOOGLE:
        locals_.insert(0, address.local)
    found = (try_address(f"{local}@{domain}") for local in locals_ for domain in domains)
    return tuple(dict.fromkeys(one for one in found if one is not None and one.key != address.key))
