"""A DNS without a network."""

import dns.reversename


class Zone:
    """Answers out of records given by name and type; a record that is an exception is raised."""

    def __init__(self, records: dict[tuple[str, str], list[object]] | None = None) -> None:
        self.records = {
            (name.lower().rstrip("."), kind): list(found) for (name, kind), found in (records or {}).items()
        }

    def texts(self, name: str) -> tuple[bytes, ...]:
        """See :class:`Dns`."""
        return tuple(text if isinstance(text, bytes) else str(text).encode() for text in self._find(name, "TXT"))

    def addresses(self, name: str, version: int) -> tuple[str, ...]:
        """See :class:`Dns`."""
        return tuple(str(found) for found in self._find(name, "A" if version == 4 else "AAAA"))

    def exchangers(self, name: str) -> tuple[tuple[int, str], ...]:
        """See :class:`Dns`."""
        return tuple((int(found[0]), str(found[1])) for found in self._find(name, "MX") if isinstance(found, tuple))

    def pointers(self, address: str) -> tuple[str, ...]:
        """See :class:`Dns`."""
        return tuple(str(found) for found in self._find(dns.reversename.from_address(address).to_text(), "PTR"))

    def _find(self, name: str, kind: str) -> list[object]:
        found = self.records.get((name.lower().rstrip("."), kind), [])
        for one in found:
            if isinstance(one, Exception):
                raise one
        return found
