"""Which relays there are, and what a relay's answer means for a message and for the person it was for.

Parses the relay URLs of the settings and judges replies by RFC 5321 and RFC 3463. It opens no connection
(``mailer.smtp`` does), and it never decides when to try again (``mailer.retry`` does).
"""

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from kit.errors import InvalidSettings
from mailer.throttle import Limit, read_plan, read_rate

TlsMode = Literal["implicit", "starttls", "none"]

DEFAULT_PORTS = {"smtp": 25, "smtps": 465}
TEXT_CHARACTERS = 500  # bounds what a relay can make us store for each message
NAME_CHARACTERS = 80  # of a relay, as it is kept with each delivery
LOCAL_CODE = 0  # the code of a result that no relay has spoken: the text is ours


@dataclass(frozen=True, slots=True)
class Relay:
    """One SMTP server that takes our mail, and on what terms we talk to it."""

    host: str
    port: int
    tls: TlsMode
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    weight: int = 1
    name: str = ""
    ca: str | None = None
    """A file of certificate authorities to trust instead of the system's."""
    is_sandbox: bool = False
    """The built-in relay; whoever starts it puts its port here with ``dataclasses.replace``."""
    connections: int | None = None
    """The most connections that one worker keeps to it; None is as many as there are."""
    rate: Limit | None = None
    """The most messages that it may be given, by all workers together."""
    warmup: tuple[int, ...] = ()
    """The most messages on its first day, its second, and so on; after the last there is no limit."""

    @property
    def is_loopback(self) -> bool:
        """Whether the relay is this machine, where nobody listens in on the way."""
        return is_loopback(self.host)

    @property
    def requires_tls(self) -> bool:
        """Whether no mail may be sent before TLS is on: always, but for loopback and where an operator wrote it off."""
        return self.tls == "implicit" or (self.tls == "starttls" and not self.is_loopback)

    @property
    def verifies_tls(self) -> bool:
        """Whether the certificate must be right. On loopback it need not be, unless a CA file was named."""
        return not self.is_loopback or self.ca is not None


@dataclass(frozen=True, slots=True)
class Sent:
    """The relay has taken the message into its care (RFC 5321 6.1)."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """The message was not taken now; it was surely not sent, and trying again later is safe."""

    code: int
    enhanced: str
    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The message was refused for good. Only ``hard_bounce`` says something about the address itself."""

    code: int
    enhanced: str
    text: str
    hard_bounce: bool = False
    policy: bool = False
    """The relay objects to us or to the content, never to the person: a matter for the operator."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The message went out whole but the answer was lost. It may have arrived, so it is never sent again by itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """Nothing of this message was sent: the last look said no, or it is not its turn (:mod:`mailer.pace`)."""

    again_seconds: float = 0.0
    """After how long asking again makes sense."""


Result = Sent | Deferred | Failed | Unknown | Withheld


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply code means."""

    kind: Literal["sent", "deferred", "failed"]
    hard_bounce: bool = False
    policy: bool = False


_SENT = Verdict("sent")
_DEFERRED = Verdict("deferred")

# RFC 3463 3.2 and RFC 7505 4.1: the recipient's address leads nowhere. (5.1.7 and 5.1.8 speak of the sender's.)
_DEAD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
_DISABLED = "5.2.1"  # RFC 3463 3.3; some say it also of a mailbox that gets too much mail
_OUR_OWN_TROUBLE = frozenset({530, 534, 535, 538})  # RFC 4954 6: we are not signed in; no word on the mail
_DEAD_WORDS = re.compile(
    r"no such (?:user|mailbox|recipient|person|address)|(?:user|mailbox|recipient|address|account)\W.{0,60}"
    r"(?:unknown|does ?n[o']t exist|not found|doesn.t have an? |no longer (?:exists|valid|available))"
    r"|unknown (?:user|mailbox|recipient|address)|(?:user|recipient) unknown|invalid (?:mailbox|recipient)",
    re.IGNORECASE,
)
_POLICY_WORDS = re.compile(
    r"spam|block|black ?list|deny ?list|policy|dmarc|\bspf\b|dkim|reputation|relay|authenticat|\brate\b|rbl|dnsbl|"
    r"access denied|not (?:permitted|allowed|authori[sz]ed)|unsolicited|content",
    re.IGNORECASE,
)
_GREY_WORDS = re.compile(r"gr[ea]y-?list", re.IGNORECASE)
_MUCH_WORDS = re.compile(r"too (?:many|much|fast)|throttl|\brate\b|slow down|exceeded|\blimit", re.IGNORECASE)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")


def classify(code: int, enhanced: str, text: str) -> Verdict:
    """Judge a reply to RCPT or to the final dot.

    RFC 5321 4.2.1: what an unknown code means is told by its first digit. RFC 3463: of the refusals only those about
    the recipient's address (X.1.1 and its kin) make it a dead one; X.6 (content) and X.7 (policy) are about us. Without
    an enhanced code the text is read, and when in doubt the person is not blamed.
    """
    if 200 <= code < 300:
        return _SENT
    if not 500 <= code < 600 or code in _OUR_OWN_TROUBLE:
        return _DEFERRED
    is_policy = enhanced.startswith(("5.6.", "5.7."))
    speaks_of_policy = _POLICY_WORDS.search(text) is not None
    if enhanced in _DEAD:
        return Verdict("failed", hard_bounce=True)
    if enhanced == _DISABLED:
        return Verdict("failed", hard_bounce=not speaks_of_policy)
    if enhanced and enhanced != "5.0.0":
        return Verdict("failed", policy=is_policy)
    is_dead = code in {550, 551, 553} and not speaks_of_policy and _DEAD_WORDS.search(text) is not None
    return Verdict("failed", hard_bounce=is_dead, policy=speaks_of_policy)


def asks_for_less(code: int, enhanced: str, text: str) -> Literal["relay", "domain", ""]:
    """Say who has had enough of us for now, by a reply that defers: the relay, the recipient's domain, or neither.

    RFC 5321 3.8: 421 is the whole server's word; RFC 3463 3.4 and 3.5: so are X.3.2 and X.4.5. Limits of a receiving
    domain come as X.7.z or in words. Greylisting (RFC 6647) and a full mailbox (X.2.2) are about one message and ask
    for time, not for less.
    """
    if not 400 <= code < 500 or enhanced == "4.2.2" or _GREY_WORDS.search(text):
        return ""
    if code == 421 or enhanced in {"4.3.2", "4.4.5"}:
        return "relay"
    return "domain" if enhanced.startswith("4.7.") or _MUCH_WORDS.search(text) else ""


def enhanced_code(code: int, text: str) -> str:
    """Return the RFC 2034 status at the start of a reply's text, or "" where none stands there or it contradicts."""
    found = _ENHANCED.match(text)
    return found[1] if found is not None and found[1][0] == str(code)[0] else ""


def judged(code: int, text: str, *, may_blame_recipient: bool = True) -> Sent | Deferred | Failed:
    """Turn a reply into the result of a message; a refusal of the sender (MAIL) never blames the recipient."""
    if 200 <= code < 300:
        return Sent(code, text)
    enhanced = enhanced_code(code, text)
    verdict = classify(code, enhanced, text)
    if verdict.kind == "deferred":
        return Deferred(code, enhanced, text)
    return Failed(code, enhanced, text, verdict.hard_bounce and may_blame_recipient, verdict.policy)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is surely this machine itself; names are not looked up."""
    if host.lower() in {"localhost", "ip6-localhost"}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_relay(url: str) -> Relay:
    """Read ``smtp://[user:pass@]host[:port]``, ``smtps://…`` or ``sandbox:``; raise :class:`InvalidSettings`.

    Options follow a ``?``: ``starttls=off`` (only smtp), ``ca=/file``, ``weight=3``, ``name=first``, ``connections=2``,
    ``rate=20/s``, ``warmup=50,100,500``. The text of an error never holds the URL, because the URL may hold a password.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as cause:
        raise InvalidSettings("a relay's URL can't be read: its host or port is not valid") from cause
    options = _options(parts.query)
    weight, name = _number("weight", options.pop("weight", "1")), options.pop("name", "")
    if not name.isprintable() or len(name) > NAME_CHARACTERS:
        raise InvalidSettings(f"a relay's name is printable and has at most {NAME_CHARACTERS} letters")
    limits = _limits(options)
    if parts.scheme == "sandbox":
        return replace(_sandbox(parts.netloc or parts.path, options, weight=weight, name=name), **limits)
    if parts.scheme not in DEFAULT_PORTS:
        raise InvalidSettings("a relay's URL starts with smtp://, smtps:// or is sandbox:")
    host = parts.hostname or ""
    if not re.fullmatch(r"[A-Za-z0-9.:_%\-]{1,255}", host) or parts.path not in {"", "/"} or parts.fragment:
        raise InvalidSettings("a relay's URL names one host and no path: smtp://relay.example:587")
    tls: TlsMode = "implicit" if parts.scheme == "smtps" else "starttls"
    wish = options.pop("starttls", "on")
    if wish not in {"on", "off"} or (tls == "implicit" and wish == "off"):
        raise InvalidSettings("starttls=off is the one thing that can be said of STARTTLS, and only with smtp://")
    if wish == "off":
        tls = "none"
    ca = options.pop("ca", None)
    _refuse_unknown(options)
    user, password = _credentials(parts.username, parts.password)
    if user is not None and tls == "none" and not is_loopback(host):
        raise InvalidSettings("a password is never sent in the clear: leave out starttls=off or the password")
    port = DEFAULT_PORTS[parts.scheme] if port is None else port
    return Relay(host, port, tls, user, password, weight, name or f"{host}:{port}"[-NAME_CHARACTERS:], ca, **limits)


def parse_relays(urls: list[str] | tuple[str, ...]) -> tuple[Relay, ...]:
    """Read the relays of the settings, in order; none at all is an error, and so are two of one name."""
    relays = tuple(parse_relay(url) for url in urls)
    if not relays:
        raise InvalidSettings("at least one relay is needed; sandbox: is the built-in one")
    if len({relay.name for relay in relays}) != len(relays):
        raise InvalidSettings("two relays have the same name; give one of them another with ?name=")
    return relays


def printable(raw: bytes) -> str:
    """Return a relay's words as text that can be stored and shown: no control characters, bounded."""
    text = raw.decode("utf-8", "replace")
    return text[:TEXT_CHARACTERS] if text.isprintable() else _cleaned(text)


def _cleaned(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text[:TEXT_CHARACTERS])


def _options(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as cause:
        raise InvalidSettings("the options after the ? of a relay's URL are name=value, joined by &") from cause
    return dict(pairs)


def _refuse_unknown(options: dict[str, str]) -> None:
    if options:
        known = "starttls, ca, weight, name, connections, rate and warmup"
        raise InvalidSettings(f"a relay's URL knows {known}, not {min(options)!r}")


def _number(what: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:5]) <= 1000:
        raise InvalidSettings(f"a relay's {what} is a whole number from 1 to 1000")
    return int(text)


def _limits(options: dict[str, str]) -> dict[str, Any]:
    """Take the options that say how much a relay may be given."""
    connections, rate, warmup = (options.pop(key, None) for key in ("connections", "rate", "warmup"))
    return {
        "connections": None if connections is None else _number("connections", connections),
        "rate": None if rate is None else read_rate(rate),
        "warmup": () if warmup is None else read_plan(warmup),
    }


def _sandbox(where: str, options: dict[str, str], *, weight: int, name: str) -> Relay:
    _refuse_unknown(options)
    if where and not (where.isascii() and where.isdigit() and int(where[:6]) < 65536):
        raise InvalidSettings("the built-in relay is written sandbox: or sandbox:PORT")
    return Relay("127.0.0.1", int(where or 0), "none", None, None, weight, name or "sandbox", is_sandbox=True)


def _credentials(user: str | None, password: str | None) -> tuple[str | None, str | None]:
    if user is None and password is None:
        return None, None
    if not user or password is None:
        raise InvalidSettings("a relay's URL needs both a user and a password, or neither: smtp://user:pass@host")
    user, password = unquote(user), unquote(password)
    if "\0" in user or "\0" in password:  # RFC 4616 2: NUL parts the fields
        raise InvalidSettings("a relay's user or password holds a NUL")
    return user, password
