"""Service mails: please confirm, you are out, what did you mean, may your child. Short, in their language, signed.

They carry nothing that came from outside: not a word, a subject or a name of the mail they answer, only its Message-ID,
so they can't be made a carrier of somebody's advertisement. Whether one may be sent (once in seven days for an address
and kind, never in answer to automatic mail) is decided in the database by those who call this.
"""

import dataclasses
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from kit.addresses import EmailAddress
from kit.errors import InvalidSettings
from mailer.alternatives import html_from_text
from mailer.footer import RIGHT_TO_LEFT, language_of
from mailer.headers import one_line
from mailer.mime import build_service
from mailer.model import OutgoingMail, Rendered, Sender
from mailer.signing import Signer
from mailer.tokens import Purpose, Tokens

Kind = Literal[
    "confirmation", "receipt", "question", "ask_owner", "sign_up", "already_in", "guardian_request", "guardian_second",
    "guardian_receipt", "guardian_question", "policy", "account_link", "move_new", "move_old", "erased", "reminder",
]  # fmt: skip
SignUpKind = Literal["sign_up", "guardian_request", "guardian_second", "guardian_receipt", "guardian_question"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_NOTHING = re.compile(r"(?!)")
#: In Message-IDs sign-ups are numbered from here on, where no subscriber's number is (they have 48 bits of room).
SIGN_UPS = 1 << 47
_SECONDS = 1 << 28  # room for the moment in the Message-ID, beside the kind: eight years without a repeat


class _Text(NamedTuple):
    subject: str
    text: str
    topics: str
    all: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The mail that a service mail answers: its Message-ID and References, with angle brackets, as they were found."""

    message_id: str = ""
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """To whom a service mail goes, and about which mailing (0: none)."""

    subscriber_id: int
    address: EmailAddress
    language: str = "en"
    mailing_id: int = 0


@dataclass(frozen=True, slots=True)
class Applicant:
    """To whom a mail about a sign-up goes: its owner, or the guardian of a child. No subscriber yet."""

    number: int
    nonce: int
    address: EmailAddress
    language: str = "en"


class Letters:
    """Writes the service mails of one sender. Threads may share it."""

    def __init__(self, sender: Sender, tokens: Tokens, signer: Signer, folder: Path) -> None:
        """Read the texts of all kinds and languages from ``folder/<kind>/texts.toml`` (``templates/email/service``).

        Raises :class:`InvalidSettings` if one can't be read: better at the start than when somebody waits for it.
        """
        self._sender, self._tokens, self._signer = sender, tokens, signer
        self._texts = {kind: _read(folder / kind / "texts.toml") for kind in KINDS}

    def confirmation(self, to: Person, topic_names: Sequence[str], now: datetime, *, extra: int = 0) -> OutgoingMail:
        """Ask whether a sign-up was meant: by the button behind the link, or by replying "yes".

        ``extra`` comes back in both tokens (e.g. the event that waits).
        """
        base, domain = self._sender.link_base, self._sender.reply_domain
        return self._letter(
            "confirmation", to, now, topics=topic_names,
            url=self._tokens.confirm_url(base, to.subscriber_id, extra),
            reply_to=self._tokens.confirm_address(domain, to.subscriber_id, extra),
        )  # fmt: skip

    def receipt(
        self,
        to: Person,
        topic_names: Sequence[str] | None,
        now: datetime,
        *,
        extra: int = 0,
        answered: Answered | None = None,
    ) -> OutgoingMail:
        """Say that an opt-out is done (None: from everything) and where it can be taken back (``extra``: the event)."""
        url = self._tokens.undo_url(self._sender.link_base, to.subscriber_id, extra)
        return self._letter("receipt", to, now, topics=topic_names, url=url, answered=answered)

    def question(self, to: Person, now: datetime, *, answered: Answered | None = None) -> OutgoingMail:
        """Ask what an unclear reply meant: 1 leaves everything, 2 changes nothing."""
        return self._letter("question", to, now, url=self._preferences(to), answered=answered)

    def ask_owner(self, to: Person, now: datetime) -> OutgoingMail:
        """Ask the owner of a token whether the opt-out that came from another address was theirs; 1 or 2 as above.

        It names no stranger and stands in no thread: the mail it is about was never in the owner's hands.
        """
        return self._letter("ask_owner", to, now, url=self._preferences(to))

    def already_in(self, to: Person, topic_names: Sequence[str], now: datetime) -> OutgoingMail:
        """Tell a subscriber, whose address was typed into a form, that there is nothing to do."""
        return self._letter("already_in", to, now, topics=topic_names, url=self._preferences(to))

    def about_sign_up(
        self,
        kind: SignUpKind,
        to: Applicant,
        topic_names: Sequence[str],
        now: datetime,
        *,
        child: str = "",
        days: int = 0,
    ) -> OutgoingMail:
        """Write to the owner of a sign-up, or to the guardian of a child.

        ``child`` is the child's address, for the letters after the guardian has agreed: what strangers typed stands in
        no letter that a stranger can cause. ``days`` is how long an answer is waited for.
        """
        purpose = Purpose.SIGN_UP if kind == "sign_up" else Purpose.GUARDIAN
        sender, tokens = self._sender, self._tokens
        url = tokens.sign_up_url(sender.link_base, purpose, to.number, to.nonce)
        return self._letter(
            kind, Person(SIGN_UPS + to.number, to.address, to.language), now, topics=topic_names, url=url,
            reply_to=tokens.sign_up_address(sender.reply_domain, purpose, to.number, to.nonce),
            further={"child": child, "days": str(days), "no": f"{url}/no"},
        )  # fmt: skip

    def account_link(self, to: Person, address_hash: str, now: datetime, *, until: datetime) -> OutgoingMail:
        """Send the way to the account page, which works until a moment."""
        url = self._tokens.account_url(self._sender.link_base, to.subscriber_id, address_hash, until)
        minutes = str(max(1, round((until - now).total_seconds() / 60)))
        return self._letter("account_link", to, now, url=url, further={"minutes": minutes})

    def move(self, kind: Literal["move_new", "move_old"], to: Person, number: int, now: datetime) -> OutgoingMail:
        """Ask the new address to confirm a change of address, or tell the old one, which can say no."""
        purpose = Purpose.MOVE_NEW if kind == "move_new" else Purpose.MOVE_OLD
        # the new address is nobody's before it has confirmed: it gets no address that speaks for the person
        reply_to = str(self._sender.customer_service) if kind == "move_new" else ""
        url = self._tokens.url(purpose, self._sender.link_base, to.subscriber_id, number)
        return self._letter(kind, to, now, url=url, reply_to=reply_to)

    def erased(self, to: Person, now: datetime) -> OutgoingMail:
        """Say that everything is erased. Nothing follows it."""
        return self._letter("erased", to, now, url=f"{self._sender.link_base}/policy")

    def policy(
        self, to: Person, topic_names: Sequence[str] | None, now: datetime, *, effective_on: date, extra: int
    ) -> OutgoingMail:
        """Tell of a new version of the policy; where it asks to agree anew, name the topics that would pause.

        ``extra`` is the letter's own number in the outbox, by which a "yes, I agree" is understood.
        """
        base, tokens = self._sender.link_base, self._tokens
        asks = topic_names is not None
        return self._letter(
            "policy", to, now, topics=topic_names, further={"date": effective_on.isoformat()},
            url=tokens.url(Purpose.POLICY, base, to.subscriber_id) if asks else f"{base}/policy",
            reply_to=tokens.confirm_address(self._sender.reply_domain, to.subscriber_id, extra) if asks else "",
        )  # fmt: skip

    def reminder(self, to: Person, topic_names: Sequence[str], now: datetime) -> OutgoingMail:
        """Ask whether what they receive is still right (P6)."""
        return self._letter("reminder", to, now, topics=topic_names, url=self._preferences(to))

    def _preferences(self, to: Person) -> str:
        return self._tokens.preferences_url(self._sender.link_base, to.subscriber_id, to.mailing_id)

    def _letter(
        self,
        kind: Kind,
        to: Person,
        now: datetime,
        *,
        url: str,
        topics: Sequence[str] | None = None,
        reply_to: str = "",
        answered: Answered | None = None,
        further: Mapping[str, str] | None = None,
    ) -> OutgoingMail:
        """Return one finished letter; ``further`` fills places that only some kinds have."""
        language = language_of(to.language)
        text = self._texts[kind].get(language) or self._texts[kind]["en"]
        sender, answered = self._sender, answered or Answered()
        extra = KINDS.index(kind) * _SECONDS + int(now.timestamp()) % _SECONDS
        token = self._tokens.make(Purpose.MESSAGE, to.subscriber_id, to.mailing_id, extra)
        mail = build_service(
            sender,
            to.address,
            _words(text, sender, language, topics=topics, places={"url": url, **(further or {})}),
            now,
            message_id=f"<m.{token}@{sender.from_address.domain}>",
            reply_to=reply_to or self._tokens.reply_address(sender.reply_domain, to.subscriber_id, to.mailing_id),
            # RFC 3834 5.1: "replied" only where a mail is answered
            auto_submitted="auto-replied" if answered.message_id else "auto-generated",
            in_reply_to=answered.message_id,
            references=answered.references,
        )
        return dataclasses.replace(mail, content=self._signer.sign(mail.content, now))


def own_words(folder: Path, company: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the subjects and the lines of all service mails in all languages: what an answer quotes is not its own.

    A line may hold slots such as ``{url}``; subjects are as they are sent.
    """
    texts = [text for kind in KINDS for text in _read(folder / kind / "texts.toml").values()]
    subjects = (text.subject.format_map({"company": one_line(company)}) for text in texts)
    words = "\n".join(part for text in texts for part in (text.text, text.topics, text.all))
    lines = (line.strip() for line in words.split("\n"))
    # a choice ("1 - stop all promotions") that comes back may be the answer itself
    return tuple(dict.fromkeys(subjects)), tuple(dict.fromkeys(line for line in lines if line and line[0] not in "12"))


def _words(
    text: _Text, sender: Sender, language: str, *, topics: Sequence[str] | None, places: Mapping[str, str]
) -> Rendered:
    """Return the words of a letter: all of them ours, and filled in before anything is escaped."""
    filled = {
        "company": one_line(sender.company),
        "topics": ", ".join(one_line(topic) for topic in topics or ()),
        **places,
    }
    said = text.all if topics is None else text.topics
    closing = (
        f"{one_line(f'{sender.company}, {sender.postal_address}')}\n{sender.customer_service}\n{sender.policy_url}"
    )
    blocks = [part.strip().format_map(filled) for part in (said, text.text) if part] + [closing]
    body = "\n\n".join(blocks) + "\n"
    html = html_from_text(body, statement=_NOTHING, url=_NOTHING)
    direction = ' dir="rtl"' if language in RIGHT_TO_LEFT else ""
    html = html.replace("<html>", f'<html lang="{language}"{direction}>', 1)
    return Rendered(text.subject.format_map(filled), body, html)


def _read(path: Path) -> dict[str, _Text]:
    """Return the texts of one kind by language; English has to be among them."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        texts = {
            language: _Text(words["subject"], words["text"], words.get("topics", ""), words.get("all", ""))
            for language, words in raw.items()
        }
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise InvalidSettings(f"the texts of the service mail '{path.parent.name}' can't be read") from cause
    if "en" not in texts:
        raise InvalidSettings(f"the service mail '{path.parent.name}' has no English text")
    return texts
