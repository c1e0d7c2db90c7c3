"""The seal of a form: what a person was shown, signed, so that it comes back with the form as it was. Pure.

Wording, policy version, language, the moment and the name of the form travel in a hidden field (P3). Nobody can change
them on the way, and nothing is kept for a form that is never sent.
"""

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime

from consent.admission import Form
from kit.secrets import Secrets

MAC_OCTETS = 16
MOST_CHARACTERS = 3000  # bounds the work on what a stranger sends


class Seals:
    """Makes and reads seals. One that was made with any key that is still kept can be read."""

    def __init__(self, secrets: Secrets) -> None:
        """Take the keys; seals have keys of their own, derived from those of the tokens."""
        self._keys = {
            number: hmac.digest(key, b"byleave form 1", hashlib.sha256) for number, key in secrets.token_keys.items()
        }
        self._current = secrets.current_token_key

    def seal(self, form: Form) -> str:
        """Return a form as a text that can stand in a field."""
        content = [form.wording, form.policy_version, form.language, int(form.shown_at.timestamp()), form.name]
        raw = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        return f"{self._current}.{_text(raw)}.{_text(self._mac(self._current, raw))}"

    def read(self, text: str) -> Form | None:
        """Return what a seal says, or None unless it is genuine."""
        number, _, rest = text[:MOST_CHARACTERS].partition(".")
        body, _, mac = rest.partition(".")
        if not number.isascii() or not number.isdecimal() or int(number[:4]) not in self._keys:
            return None
        raw, proof = _octets(body), _octets(mac)
        if not raw or not hmac.compare_digest(proof, self._mac(int(number[:4]), raw)):
            return None
        wording, version, language, shown, name = json.loads(raw)
        return Form(wording, version, language, datetime.fromtimestamp(shown, UTC), name)

    def _mac(self, number: int, raw: bytes) -> bytes:
        return hmac.digest(self._keys[number], raw, hashlib.sha256)[:MAC_OCTETS]


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return b""
