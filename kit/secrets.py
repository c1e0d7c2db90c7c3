"""The secrets of an installation: made once, kept in one file that only its owner can read.

The file is JSON: numbered token keys (old numbers go on working after a rotation, so that the links of old mails never
die), and the key of the address hashes, which must never change: suppressions outlive the addresses they stand for.
"""

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from kit.addresses import EmailAddress
from kit.errors import InvalidSettings

KEY_OCTETS = 32


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys; never shown in logs or representations."""

    token_keys: dict[int, bytes] = field(repr=False)
    current_token_key: int
    address_key: bytes = field(repr=False)

    def address_hash(self, address: EmailAddress) -> str:
        """Return the keyed hash of an address, equal for all spellings that compare equal."""
        return hmac.new(self.address_key, address.key.encode(), hashlib.sha256).hexdigest()

    def mailbox_hash(self, address: EmailAddress) -> str:
        """Return the keyed hash of a mailbox, equal for all its spellings; of a plain address it is the same hash."""
        return hmac.new(self.address_key, address.mailbox.encode(), hashlib.sha256).hexdigest()


def load_or_make_secrets(file: Path) -> Secrets:
    """Read the secrets file; make it, with mode 0600 and on disk, where there is none yet."""
    if not file.exists():
        _write(file)
    try:
        raw = json.loads(file.read_text("ascii"))
        keys = {int(number): bytes.fromhex(key) for number, key in raw["token_keys"].items()}
        made = Secrets(keys, int(raw["current_token_key"]), bytes.fromhex(raw["address_key"]))
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as cause:
        raise InvalidSettings(f"the secrets file {file} can't be read; restore it from your backup") from cause
    if made.current_token_key not in keys or min(map(len, (*keys.values(), made.address_key))) < KEY_OCTETS:
        raise InvalidSettings(f"the secrets file {file} is incomplete; restore it from your backup")
    return made


def _write(file: Path) -> None:
    """Write new secrets through a link, so that of two processes that start at once one wins and both read the same."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = {
        "token_keys": {"1": secrets.token_hex(KEY_OCTETS)},
        "current_token_key": 1,
        "address_key": secrets.token_hex(KEY_OCTETS),
    }
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        json.dump(content, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
