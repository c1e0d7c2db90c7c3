"""The people whom a group of mails can be from or about: by token, by the address we mail, by a further one of theirs.

One look into the database for the whole group. It judges nothing (:mod:`inbound.authenticity` does).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consent import known_addresses
from consent.model import Subscriber, SubscriberId
from consent.subscribers import among
from kit.addresses import EmailAddress
from kit.db import Session
from kit.secrets import Secrets


@dataclass(frozen=True, slots=True)
class Circle:
    """Whom we know of those whom some mails can be from."""

    by_number: Mapping[SubscriberId, Subscriber]
    further: frozenset[tuple[SubscriberId, str]]  # person and hashed mailbox: former and second addresses
    secrets: Secrets

    def whose(self, address: EmailAddress | None) -> Subscriber | None:
        """Return whom we mail at an address; else the only one for whom it is another spelling, or a further one."""
        if address is None:
            return None
        same = [one for one in self.by_number.values() if one.address and one.address.mailbox == address.mailbox]
        exact = next((one for one in same if one.address and one.address.key == address.key), None)
        if exact or same:
            return exact or (same[0] if len(same) == 1 else None)
        former = [one for one in self.by_number.values() if one.address and self.is_further(address, one)]
        return former[0] if len(former) == 1 else None

    def is_further(self, address: EmailAddress | None, person: Subscriber | None) -> bool:
        """Whether an address was proven to be a former or second one of a person."""
        if address is None or person is None or not self.further:
            return False
        return (person.id, self.secrets.mailbox_hash(address)) in self.further


async def circle_of(
    session: Session, *, numbers: Iterable[SubscriberId], senders: Iterable[EmailAddress | None], secrets: Secrets
) -> Circle:
    """Look up everybody whom some mails can be from or about."""
    addresses = {address for address in senders if address is not None}
    mailboxes = {secrets.mailbox_hash(address) for address in addresses}
    further = await known_addresses.owners(session, mailboxes)
    people = await among(session, numbers=[*numbers, *(person for person, _ in further)], addresses=addresses)
    return Circle({person.id: person for person in people}, further, secrets)
