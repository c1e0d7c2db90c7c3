"""Signed names for "this person, this mailing" in addresses, links and Message-IDs: made and read here. Pure.

A token carries ids, never an address; it is its own proof, so that a reply is understood without a look-up and a link
of ten years ago still works as long as its key is kept. It never says what may be done with it: the purpose is
part of the proof, so that a reply address opens no preference page.

The construction is that of a synthetic IV (as in RFC 5297, with HMAC-SHA256 in place of AES): the MAC over key id,
purpose and ids is both the proof and the seed of a key stream that hides the ids. Equal input gives an equal
token, which makes Message-IDs reproducible; without the secret it tells neither ids nor whether two tokens of different
purposes belong to the same person.
"""

import base64
import binascii
import enum
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from kit.errors import InvalidSettings
from mailer.model import MAILING_IDS, SUBSCRIBER_IDS, Links, Sender

MAC_OCTETS = 16  # RFC 8058 section 3.1 wants "hard to forge": 128 bits
EXTRAS = 1 << 32  # room for one more number, e.g. the event to undo or a topic
SECRET_OCTETS = 32  # the least a secret has to have; as much as the hash gives out
_IDS_OCTETS = 6 + 4 + 4
_TOKEN_OCTETS = 1 + MAC_OCTETS + _IDS_OCTETS
TOKEN_CHARACTERS = -(-_TOKEN_OCTETS * 8 // 5)  # 50, so that "r-" + token fits the 64 octets of RFC 5321 4.5.3.1.1
_PADDING = "=" * (-TOKEN_CHARACTERS % 8)
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 section 6, in lower case
_ALPHABET = frozenset(_LETTERS)
_OF_DIGIT = _LETTERS.encode().ljust(256, b"?")
_SPARE_BITS = TOKEN_CHARACTERS * 5 - _TOKEN_OCTETS * 8
_WRAPPINGS = 4  # SRS1 around SRS0 around BATV and one to spare; bounds the work on an address that nests


class Purpose(enum.StrEnum):
    """What a token is for; bound into its proof. The value is the mark in front of it in an address."""

    REPLY = "r"  # Reply-To and the mailto of List-Unsubscribe
    BOUNCE = "b"  # VERP return path
    FEEDBACK = "f"  # CFBL-Feedback-ID, or an address for complaints
    ONE_CLICK = "u"  # RFC 8058
    PREFERENCES = "p"  # the preference page
    CONFIRM = "c"  # a sign-up waiting for its yes
    MESSAGE = "m"  # Message-ID
    UNDO = "z"  # taking back an opt-out
    SIGN_UP = "s"  # a wish to join of somebody who is no subscriber yet; the ids are the sign-up's number and nonce
    ACCOUNT = "a"  # the account page; the numbers beside the person are the address it went to, and until when it works
    MOVE_NEW = "n"  # confirming a change of address, from the new one
    MOVE_OLD = "o"  # refusing it or taking it back, from the old one
    POLICY = "y"  # agreeing to a new version of the privacy policy
    GUARDIAN = "g"  # the guardian's word about a child's sign-up; the same ids


#: what :meth:`Tokens.links` needs, in its order
_LINKED = (
    Purpose.ONE_CLICK, Purpose.PREFERENCES, Purpose.REPLY, Purpose.BOUNCE, Purpose.MESSAGE, Purpose.FEEDBACK
)  # fmt: skip
_IN_ADDRESSES = {
    purpose.value: purpose
    for purpose in (
        Purpose.REPLY, Purpose.BOUNCE, Purpose.FEEDBACK, Purpose.CONFIRM, Purpose.SIGN_UP, Purpose.GUARDIAN,
    )
}  # fmt: skip
#: Tokens whose first number is no subscriber's but a sign-up's.
OF_SIGN_UPS = frozenset({Purpose.SIGN_UP, Purpose.GUARDIAN})


@dataclass(frozen=True, slots=True)
class Token:
    """What a genuine token says."""

    purpose: Purpose
    subscriber_id: int
    mailing_id: int  # 0 where the letter was no mailing
    extra: int
    key_id: int


class _Mac:
    """HMAC-SHA256 (RFC 2104) with the key's two blocks hashed once: half the time of ``hmac.digest``."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = hashlib.sha256(key).digest() if len(key) > 64 else key
        block = block.ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in block))
        self._outer = hashlib.sha256(bytes(octet ^ 0x5C for octet in block))

    def digest(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


@dataclass(frozen=True, slots=True)
class _Keys:
    """The two keys that one secret stands for: a MAC and a key stream never share one."""

    proof: _Mac
    stream: _Mac


class Tokens:
    """Makes tokens with the current secret and reads those of any secret that is still kept.

    To rotate, add a secret under a new id and make it current; drop an old one only when no link of it shall work
    any more.
    """

    def __init__(self, secrets: Mapping[int, bytes], current: int) -> None:
        """Take the secrets by key id (0 to 255), each 32 octets or more."""
        if current not in secrets:
            raise InvalidSettings("the current token key is not among the token secrets")
        for key_id, secret in secrets.items():
            if not 0 <= key_id <= 255:  # one octet
                raise InvalidSettings("the id of a token key has to be between 0 and 255")
            if len(secret) < SECRET_OCTETS:
                raise InvalidSettings(f"a token secret has to have {SECRET_OCTETS} octets or more")
        self._secrets = dict(secrets)
        self._keys = {
            key_id: _Keys(
                _Mac(_Mac(secret).digest(b"byleave token 1 proof")),
                _Mac(_Mac(secret).digest(b"byleave token 1 stream")),
            )
            for key_id, secret in secrets.items()
        }
        self._current = current

    def __reduce__(self) -> tuple[type["Tokens"], tuple[dict[int, bytes], int]]:
        """Travel to a process of ours as the secrets."""
        return Tokens, (self._secrets, self._current)

    def make(self, purpose: Purpose, subscriber_id: int, mailing_id: int, extra: int = 0) -> str:
        """Return the token: 50 characters of a-z and 2-7. Equal input gives an equal token.

        Raises ``ValueError`` for numbers that have no room (48, 32 and 32 bits).
        """
        if not (0 <= subscriber_id < SUBSCRIBER_IDS and 0 <= mailing_id < MAILING_IDS and 0 <= extra < EXTRAS):
            raise ValueError("an id does not fit into a token")
        ids = (subscriber_id << 64 | mailing_id << 32 | extra).to_bytes(_IDS_OCTETS, "big")
        keys = self._keys[self._current]
        proof = _proof(keys, self._current, purpose, ids)
        raw = bytes((self._current,)) + proof + _hidden(keys, proof, ids)
        return _spelled(raw)

    def read(self, purpose: Purpose, text: str) -> Token | None:
        """Return what a token says, or None unless it is genuine, whole and made for this purpose.

        Upper case is read too: mail servers and people change it.
        """
        text = text.lower() if len(text) == TOKEN_CHARACTERS else ""
        if not text or not _ALPHABET.issuperset(text):
            return None
        try:
            raw = base64.b32decode(text.upper() + _PADDING)
        except binascii.Error:
            return None
        keys = self._keys.get(raw[0])
        if keys is None or _spelled(raw) != text:
            return None  # an unknown key, or spare bits at the end that are not zero: one token, one spelling
        proof = raw[1 : 1 + MAC_OCTETS]
        ids = _hidden(keys, proof, raw[1 + MAC_OCTETS :])
        if not hmac.compare_digest(proof, _proof(keys, raw[0], purpose, ids)):
            return None
        number = int.from_bytes(ids, "big")
        return Token(purpose, number >> 64, number >> 32 & MAILING_IDS - 1, number & EXTRAS - 1, raw[0])

    def reply_address(self, domain: str, subscriber_id: int, mailing_id: int) -> str:
        """Return the address that a reply to one letter goes to; the sender need not be known to understand it."""
        return f"r-{self.make(Purpose.REPLY, subscriber_id, mailing_id)}@{domain}"

    def bounce_address(self, domain: str, subscriber_id: int, mailing_id: int) -> str:
        """Return the return path of one letter (VERP: a bounce names its delivery by the address it comes to)."""
        return f"b-{self.make(Purpose.BOUNCE, subscriber_id, mailing_id)}@{domain}"

    def confirm_address(self, domain: str, subscriber_id: int, extra: int = 0) -> str:
        """Return the address to which a "yes" confirms a sign-up."""
        return f"c-{self.make(Purpose.CONFIRM, subscriber_id, 0, extra)}@{domain}"

    def parse_local(self, local: str) -> Token | None:
        """Return the token in the local part of an address of ours (reply, bounce, feedback, confirm), or None.

        Looks through the wrappings that servers on the way put round a return path.
        """
        mark, dash, text = unwrap(local).partition("-")
        purpose = _IN_ADDRESSES.get(mark)
        return self.read(purpose, text) if dash and purpose else None

    def message_id(self, domain: str, subscriber_id: int, mailing_id: int) -> str:
        """Return the Message-ID of one letter, the same each time, so that In-Reply-To alone names the delivery."""
        return f"<m.{self.make(Purpose.MESSAGE, subscriber_id, mailing_id)}@{domain}>"

    def parse_message_id(self, message_id: str) -> Token | None:
        """Return the token in a Message-ID of ours, with or without angle brackets, or None; any domain will do."""
        mark, dot, text = message_id.strip().strip("<>").rpartition("@")[0].lower().partition(".")
        return self.read(Purpose.MESSAGE, text) if dot and mark == "m" else None

    def one_click_url(self, base: str, subscriber_id: int, mailing_id: int) -> str:
        """Return the URL whose POST takes the person off the list of this mailing (RFC 8058)."""
        return f"{base}/u/{self.make(Purpose.ONE_CLICK, subscriber_id, mailing_id)}"

    def preferences_url(self, base: str, subscriber_id: int, mailing_id: int = 0) -> str:
        """Return the URL of the person's preference page."""
        return f"{base}/p/{self.make(Purpose.PREFERENCES, subscriber_id, mailing_id)}"

    def confirm_url(self, base: str, subscriber_id: int, extra: int = 0) -> str:
        """Return the URL of the page whose button confirms a sign-up."""
        return f"{base}/c/{self.make(Purpose.CONFIRM, subscriber_id, 0, extra)}"

    def undo_url(self, base: str, subscriber_id: int, extra: int = 0) -> str:
        """Return the URL of the page whose button takes an opt-out back; ``extra`` may name the event."""
        return f"{base}/z/{self.make(Purpose.UNDO, subscriber_id, 0, extra)}"

    def account_url(self, base: str, subscriber_id: int, address_hash: str, until: datetime) -> str:
        """Return the URL of the account page; it works until a moment, and for whom the address belongs to by then."""
        mark, moment = account_mark(address_hash), int(until.timestamp()) % EXTRAS
        return f"{base}/a/{self.make(Purpose.ACCOUNT, subscriber_id, mark, moment)}"

    def url(self, purpose: Purpose, base: str, subscriber_id: int, extra: int = 0) -> str:
        """Return the URL of a page about one matter of a person, such as the change of address ``extra``."""
        return f"{base}/{purpose.value}/{self.make(purpose, subscriber_id, 0, extra)}"

    def sign_up_url(self, base: str, purpose: Purpose, number: int, nonce: int) -> str:
        """Return the URL of the page about a sign-up, for its owner or for the guardian."""
        return f"{base}/{purpose.value}/{self.make(purpose, number, 0, nonce)}"

    def sign_up_address(self, domain: str, purpose: Purpose, number: int, nonce: int) -> str:
        """Return the address to which its owner or the guardian answers a letter about a sign-up."""
        return f"{purpose.value}-{self.make(purpose, number, 0, nonce)}@{domain}"

    def links(self, sender: Sender, subscriber_id: int, mailing_id: int) -> Links:
        """Return all ways back from one letter."""
        one_click, preferences, reply, bounce, message, feedback = self._all(_LINKED, subscriber_id, mailing_id)
        return Links(
            one_click=f"{sender.link_base}/u/{one_click}",
            preferences=f"{sender.link_base}/p/{preferences}",
            reply_address=f"r-{reply}@{sender.reply_domain}",
            bounce_address=f"b-{bounce}@{sender.bounce_domain}",
            message_id=f"<m.{message}@{sender.from_address.domain}>",
            feedback_id=feedback,
        )

    def _all(self, purposes: Sequence[Purpose], subscriber_id: int, mailing_id: int) -> list[str]:
        """Return what :meth:`make` returns for each purpose, at a third of its cost: each letter needs all of them."""
        if not (0 <= subscriber_id < SUBSCRIBER_IDS and 0 <= mailing_id < MAILING_IDS):
            raise ValueError("an id does not fit into a token")
        number = subscriber_id << 64 | mailing_id << 32
        ids = number.to_bytes(_IDS_OCTETS, "big")
        keys, together = self._keys[self._current], 0
        for purpose in purposes:
            proof = _proof(keys, self._current, purpose, ids)
            hidden = number ^ int.from_bytes(keys.stream.digest(proof)[:_IDS_OCTETS], "big")
            raw = (self._current << MAC_OCTETS * 8 | int.from_bytes(proof, "big")) << _IDS_OCTETS * 8 | hidden
            together = together << TOKEN_CHARACTERS * 5 | raw << _SPARE_BITS
        text = _letters(together, len(purposes) * TOKEN_CHARACTERS)
        return [text[at : at + TOKEN_CHARACTERS] for at in range(0, len(text), TOKEN_CHARACTERS)]


def account_mark(address_hash: str) -> int:
    """Return what of the hash of an address has room in a token."""
    return int(address_hash[:8], 16)


def unwrap(local: str) -> str:
    """Return a local part in lower case without what BATV and SRS put round it.

    ``prvs=1234abcdef=LOCAL`` and its older ``prvs=LOCAL/1234abcdef``, ``btv1==tag==LOCAL``, ``msprvs1=tag=LOCAL``,
    ``SRS0=hash=day=domain=LOCAL``, ``SRS1=hash=domain==hash=day=domain=LOCAL`` (also with + or - after the 0 or 1). Our
    own local parts hold no "=", so the last piece is ours.
    """
    local = local.strip().lower()
    for _ in range(_WRAPPINGS):
        if not local.startswith(("prvs=", "btv1=", "msprvs1=", "srs0=", "srs0+", "srs0-", "srs1=", "srs1+", "srs1-")):
            break
        inner = local.rpartition("=")[2]
        local = inner.partition("/")[0] if local.startswith("prvs=") else inner
    return local


def _proof(keys: _Keys, key_id: int, purpose: Purpose, ids: bytes) -> bytes:
    """Return the MAC over everything that a token says; all fields have fixed lengths, so no two readings exist."""
    return keys.proof.digest(bytes((key_id, ord(purpose))) + ids)[:MAC_OCTETS]


def _hidden(keys: _Keys, proof: bytes, ids: bytes) -> bytes:
    """Return the ids XOR the key stream of this proof; doing it twice gives them back."""
    stream = keys.stream.digest(proof)[:_IDS_OCTETS]
    return (int.from_bytes(ids, "big") ^ int.from_bytes(stream, "big")).to_bytes(_IDS_OCTETS, "big")


def _spelled(raw: bytes) -> str:
    """Return the octets in base32 (RFC 4648 section 6), lower case, without padding."""
    return _letters(int.from_bytes(raw, "big") << _SPARE_BITS, TOKEN_CHARACTERS)


def _letters(number: int, count: int) -> str:
    """Return so many letters, one for each five bits of a number.

    The digits are drawn apart from five bits to eight, half by half, in a few operations on the whole number; letter by
    letter it takes three times as long.
    """
    for lower, upper, shift in _steps(count):
        number = number & lower | (number & upper) << shift
    return number.to_bytes(count, "big").translate(_OF_DIGIT).decode("ascii")


@lru_cache(maxsize=8)
def _steps(count: int) -> list[tuple[int, int, int]]:
    """Return masks and shifts by which ``count`` digits are drawn apart: of halves of 2^n digits, down to one digit."""
    steps = []
    half = 1 << (count - 1).bit_length() - 1
    while half:
        lower = upper = 0
        for start in range(
            0, count, 2 * half
        ):  # a block of two halves, which begins at its place of eight bits a digit
            lower |= ((1 << 5 * half) - 1) << 8 * start
            upper |= ((1 << 5 * half) - 1) << 8 * start + 5 * half
        steps.append((lower, upper, 3 * half))
        half //= 2
    return steps
