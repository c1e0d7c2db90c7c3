"""Recognises mails in which a mail server says that a delivery failed: whose, and whether for good. Pure.

The fields of a delivery status notification come first, then X-Failed-Recipients, then the words of the notice, then
the address of the returned mail, and last a second opinion (flufl.bounce). It never takes a person's mail that quotes a
bounce for one, and never says which subscriber is meant: triage accepts an address only where we sent to it.
"""

import email
import email.policy
import re
from collections.abc import Iterable
from dataclasses import dataclass

from flufl.bounce import scan_message

from inbound import bounce_shapes
from inbound.bounce_status import any_of, is_dead, status_of
from inbound.headers import decode_fields, split_block
from inbound.model import Bounce, InboundMail, Part
from kit.addresses import EmailAddress, try_address

SECOND_OPINION_OCTETS = 262_144  # what flufl.bounce, which has no limits of its own, is given
#: Runs without a space, and of nothing but spaces: longer than any address (RFC 5321 4.5.3.1.3: 256 octets), and its
#: patterns take time in the square of them.
_ENDLESS = re.compile(rb"[^\s]{300,}|[ \t\f\v]{100,}")
GROUPS = 100  # recipients of one notification
DIAGNOSTIC_CHARACTERS = 1_000

_STATUS_PARTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED_PARTS = frozenset({"message/rfc822", "message/global"})
_HEADER_PARTS = frozenset({"text/rfc822-headers", "message/global-headers"})
_DAEMON = re.compile(
    r"(?:^|[<\"\s.\-_+=])(?:mailer[-_.]?daemon|mail[-_. ]?daemon|maildaemon|post[-_]?master|mdaemon|sysadmin|ndr|dsn"
    r"|jetmail|mail[-_. ]?(?:deliver\w*|system|administrator|admin|router|sweeper|marshal|server)"
    r"|delivery[-_. ]?(?:sub)?system|system[-_. ]?administrator|bounce[sd]?|groupwise|mailenable"
    r"|internet mail|smtp[-_. ]?gateway)\b",
    re.IGNORECASE,
)
_SUBJECT = any_of(r"""
    undeliver|un-deliver|not (?:be )?deliver|non[- ]?deliver|failure notice|could not send|\bdsn\b
    user unknown|unknown user
    deliver\w*.{0,30}(?:fail|error|problem|status|notif|delay|report|unable|impossible)
    (?:fail|error|problem|unable|impossible).{0,40}(?:deliver|mail|message|send|recipient)
    (?:could ?n.t|delay|warning).{0,40}(?:deliver|mail|message|send|recipient)
    (?:mail|message).{0,25}(?:fail|error|return|reject|bounce|refused|undeliver|not sent|could not|delay|denied|blocked)
    return(?:ed|ing).{0,10}(?:mail|message|to sender)|\bbounced?\b|failed mail|processing error|not member article
    unzustellbar|zustellung|nicht zugestellt|non remis|echec|échec|non distribu
    mancat[ao] (?:recapito|consegna|notifica)
    no (?:se ha )?(?:podido )?entreg|entrega|devuelto|devolvid|não entregue|falha|niet (?:worden )?bezorgd|onbestelbaar
    ikke (?:blive )?lever|kunde inte levereras|olevererbart|nedoručiteln|nedoručen|kézbesít|iletilemedi|teslim edil
    недостав|не доставлен|ошибка доставки|возврат|nie dostarczon|niedoręcz|zwrot|配信|送信エラー|配送|届け|エラー
    不达|退信|投递|无法|退回|無法|반송|전송 실패
""")
#: Subjects that no person writes; enough where the sender's name tells nothing.
_SERVER_SUBJECT = any_of(r"""
    ^(?:undeliverable|undelivered mail|returned mail|failure notice|nondeliver|non-?delivery|not delivered|failed mail)
    ^mail (?:delivery (?:failed|failure|problem|error|system)|system error|not delivered)|^delayed mail|^ndn:
    ^delivery (?:status notification|failure|failed|notification)|^message status - undeliver|^unzustellbar|^non remis
    ^message (?:could not be delivered|undeliverable|delivery failure)|^warning: (?:message|could not send)
    ^your message (?:could not be|was not) delivered
""")
_WORDS = any_of(r"""
    (?:could not|couldn'?t|can'?t|cannot|was not|were not|not) (?:be )?(?:deliver|reach|sent|send|relay|accept)
    (?:unable to|wasn'?t able to|failed to) (?:be )?(?:deliver|reach|sent|send|relay|accept)
    undeliverable|delivery (?:has )?failed|delivery (?:failure|error|status notification)|delivery to the following
    returned to (?:you|sender)|mail delivery (?:system|failed)|did not reach|permanent(?:ly)? (?:fatal )?(?:error|fail)
    (?:following|some) (?:address|recipient)|transcript of session|had (?:delivery|trouble|permanent)
    delivery failed|was aborted|user unknown|unknown user|no such user|invalid user|no valid recipients
    rejected (?:recipient|by)|was rejected|not delivered
    reported an? (?:delivery )?error|smtp error|\b[45]\d\d[ -][45]\.\d\.\d|\baccount is disabled|has been delayed
    encountered an error|error was encountered|is not from a member
    konnte nicht|n'a pas pu|no se (?:ha )?pudo|não (?:foi|pôde)|impossibile|kon niet|не удалось|не может быть
    できません|届け|无法|無法
""")
_NO_FAILURE = frozenset({"delivered", "relayed", "expanded", "success"})
_STILL_TRYING = any_of(r"""
    warning message only|has been delayed|not yet been delivered|still (?:trying|being|awaiting)|temporarily delayed
    will (?:be retried|continue|keep trying)|delivery attempts will continue
""")
_XTEXT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_FIELDS_IN_TEXT = re.compile(r"^[ \t>]{0,4}(?:final|original)-recipient\s*:", re.IGNORECASE | re.MULTILINE)
_HUMAN_SUBJECT = re.compile(r"\s*(?:re|aw|sv|antw|r|res|odp|回复|答复|返信)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Failure:
    """One recipient that was not reached."""

    recipient: EmailAddress
    dead: bool  # the address itself is dead (hard)
    status: str
    diagnostic: str
    told_by: str  # what said so
    given_up: bool = True  # the server tries no more


def find_bounce(mail: InboundMail, raw: bytes = b"") -> Bounce | None:
    """Return the bounce that a mail is, or None.

    ``kind`` is hard only where each recipient named is dead: a full mailbox must not go the way of its dead neighbour.
    :func:`find_failures` tells of each recipient apart.
    """
    failures = find_failures(mail, raw)
    if not failures:
        return None
    worst = next((failure for failure in failures if failure.dead), failures[0])
    hard = all(failure.dead for failure in failures)
    why = "each address is dead for good" if hard else "the delivery failed, which need not be the fault of the address"
    return Bounce(
        recipients=tuple(dict.fromkeys(failure.recipient for failure in failures)),
        kind="hard" if hard else "soft",
        status=worst.status,
        diagnostic=worst.diagnostic,
        given_up=any(failure.given_up for failure in failures),
        reasons=(f"a mail server reports a failed delivery ({worst.told_by})", why),
    )


def find_failures(mail: InboundMail, raw: bytes = b"") -> list[Failure]:
    """Return the recipients that a delivery notice names as not reached; empty where the mail is no such notice."""
    machine = is_from_mail_server(mail)
    if not _may_be_notice(mail, machine=machine):
        return []
    notice, returned = bounce_shapes.notice_of(_shown(mail))
    groups, settled = _status_groups(mail, machine=machine)
    if groups:
        return [
            _failure_of(group, recipient, notice, alone=len(groups) == 1)
            for group in groups
            if (recipient := _recipient_of(group)) is not None
        ]
    if settled or not _is_notice(mail, notice, machine=machine):
        return []
    trying = _STILL_TRYING.search(notice) is not None
    own = _own_addresses(mail, returned)
    named = bounce_shapes.mentions(notice, apart_from=own) or bounce_shapes.mentions(notice, apart_from=frozenset())
    failed_field = _addresses(value for value in mail.headers.get("x-failed-recipients", ()))
    if failed_field:
        about = {mention.address.key: mention.words for mention in named}
        pairs = [(address, about.get(address.key, notice), "X-Failed-Recipients") for address in failed_field]
    elif named:
        pairs = [(mention.address, mention.words, "the words of the notice") for mention in named]
    else:
        pairs = [(address, notice, "the address of the returned mail") for address in _returned_to(mail, returned)]
    if not pairs and raw:
        pairs = [(address, notice, "flufl.bounce") for address in _second_opinion(mail, raw)]
    return [
        _judged(address, "", words, told_by, trying=trying, context=notice, alone=len(pairs) == 1)
        for address, words, told_by in pairs
    ]


def is_from_mail_server(mail: InboundMail) -> bool:
    """Whether the mail says of itself that a mail server wrote it."""
    senders = " ".join((*mail.headers.get("from", ()), *mail.headers.get("sender", ()))[:4])
    if mail.headers.get("return-path", ("x",))[0].strip(" <>") == "":
        return True
    return bool(_DAEMON.search(senders)) or senders.strip().endswith("<>")


def _may_be_notice(mail: InboundMail, *, machine: bool) -> bool:
    """Whether it is worth reading the words at all: most mail is neither from a server nor a report."""
    if machine or mail.content_type == "multipart/report" or "x-failed-recipients" in mail.headers:
        return True
    if _SERVER_SUBJECT.search(mail.subject) and not mail.in_reply_to:
        return True
    return any(part.content_type in _STATUS_PARTS | _RETURNED_PARTS | _HEADER_PARTS for part in mail.parts)


def _is_notice(mail: InboundMail, notice: str, *, machine: bool) -> bool:
    """Whether a mail without status fields is a delivery notice: its sender, and its subject or its words."""
    if "x-failed-recipients" in mail.headers:
        return True
    automatic = "x-autoreply" in mail.headers or "vacation" in mail.header("auto-submitted").lower()
    if automatic or (_HUMAN_SUBJECT.match(mail.subject) and not machine):
        return False
    report_type = mail.content_parameters.get("report-type", "").lower()
    report = mail.content_type == "multipart/report" and report_type in {"", "delivery-status"}
    subject = bool(_SUBJECT.search(mail.subject))
    words = bool(_WORDS.search(notice))
    returns_mail = any(part.content_type in _RETURNED_PARTS | _HEADER_PARTS for part in mail.parts)
    if machine and mail.in_reply_to and _HUMAN_SUBJECT.match(mail.subject) and not returns_mail:
        return False  # a postmaster is a person, too
    told = words and (returns_mail or (_SERVER_SUBJECT.search(mail.subject) is not None and not mail.in_reply_to))
    return (machine and (subject or words)) or (report and (subject or words)) or (subject and told)


def _status_groups(mail: InboundMail, *, machine: bool) -> tuple[list[dict[str, str]], bool]:
    """Return the per-recipient fields of failures, and whether fields settled the matter (RFC 3464 2.3)."""
    parts = [part for part in mail.parts if part.content_type in _STATUS_PARTS and part.depth <= (1 if machine else 0)]
    texts = [part.text for part in parts]
    if not texts and machine:  # Amazon WorkMail and others write the fields as plain text
        texts = [text for text in (_shown(mail),) if _FIELDS_IN_TEXT.search(text)]
    groups: list[dict[str, str]] = []
    settled = False
    for text in texts:
        for group in _groups(text):
            action = group.get("action", "failed").split()[0:1]
            if action and action[0].lower().strip(";,") in _NO_FAILURE:
                settled = True  # RFC 3464 2.3.3: only "failed" fails; "delayed" has not failed yet
            else:
                groups.append(group)
        if groups:
            break
    return groups[:GROUPS], settled and not groups


def _groups(text: str) -> list[dict[str, str]]:
    """Read the fields of a delivery-status body into one group a recipient, forgiving missing and extra blank lines."""
    fields = decode_fields_in_order(text)
    groups: list[dict[str, str]] = []
    current: dict[str, str] = {}
    for name, value in fields:
        if name == "" or (name in current and name in {"final-recipient", "original-recipient", "action", "status"}):
            if _recipient_of(current) is not None:
                groups.append(current)
            if name == "" and current and _recipient_of(current) is None and "action" in current:
                continue  # a stray blank line inside a group
            current = {}
        if name:
            current.setdefault(name, value)
    if _recipient_of(current) is not None:
        groups.append(current)
    return groups


def decode_fields_in_order(text: str) -> list[tuple[str, str]]:
    """Return (lower-case name, value) of the fields of a text, unfolded; an empty name stands for a blank line."""
    found: list[tuple[str, str]] = []
    for line in text.split("\n")[:2_000]:
        name, colon, value = line.partition(":")
        if not line.strip():
            found.append(("", ""))
        elif line[0] in " \t" and found and found[-1][0] and "-recipient" not in name.lower():
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}"[:4_000])
        elif colon and name.strip() and " " not in name.strip():
            found.append((name.strip(" \t>").lower(), value.strip()))
        elif found and found[-1][0] == "diagnostic-code":
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}"[:4_000])
    return found


def _recipient_of(group: dict[str, str]) -> EmailAddress | None:
    for name in ("final-recipient", "original-recipient", "x-actual-recipient"):
        if (address := _typed_address(group.get(name, ""))) is not None:
            return address
    return None


def _typed_address(value: str) -> EmailAddress | None:
    """Read "rfc822; a@b" or "utf-8; …" (RFC 3464 2.3.2, RFC 6533 3)."""
    kind, semicolon, address = value.partition(";")
    if not semicolon:
        kind, address = "rfc822", value
    if kind.strip().lower() in {"utf-8", "rfc822", "rfc/822", "smtp", "x400", ""}:
        address = _XTEXT.sub(lambda m: chr(int(m[1], 16)) if int(m[1], 16) < 0x110000 else "", address)
    address = address.strip().strip("<>'\" \t;").removeprefix("SMTP:")
    return try_address(address.split()[0].strip("<>,;") if address.split() else "")


def _failure_of(group: dict[str, str], recipient: EmailAddress, notice: str, *, alone: bool) -> Failure:
    diagnostic = group.get("diagnostic-code", "")
    words = diagnostic.partition(";")[2].strip() or diagnostic
    status = group.get("status", "")
    if alone and len(words) < 8:
        words = f"{words} {notice}"
    trying = group.get("action", "").lower().startswith("delayed")
    return _judged(recipient, status, words, "delivery status notification", trying=trying, context=notice, alone=alone)


def _judged(
    recipient: EmailAddress, status_field: str, words: str, told_by: str, *, trying: bool, context: str, alone: bool
) -> Failure:
    words = " ".join(words.split())
    status = status_of(status_field, words)
    dead = not trying and is_dead(status=status, words=words, domain=recipient.domain, context=context, alone=alone)
    return Failure(recipient, dead, status, words[:DIAGNOSTIC_CHARACTERS], told_by, given_up=not trying)


def _shown(mail: InboundMail) -> str:
    if mail.text.strip():
        return mail.text
    if mail.html:
        return bounce_shapes.plain_of(mail.html)
    return "\n".join(part.text for part in mail.parts if part.content_type == "text/plain" and part.depth == 0)


def _own_addresses(mail: InboundMail, returned: str) -> frozenset[str]:
    """Keys of the addresses in a notice that are the sender's or the server's, and so not the failed recipient's."""
    own = {address.key for address in (*mail.recipients, *mail.delivered_to, *([mail.sender] if mail.sender else []))}
    for headers in _returned_headers(mail, returned):
        for name in ("from", "return-path", "reply-to", "sender", "errors-to"):
            own |= {address.key for address in _addresses(headers.get(name, ()))}
    return frozenset(own)


def _returned_headers(mail: InboundMail, returned: str) -> list[dict[str, tuple[str, ...]]]:
    found = [dict(part.headers) for part in mail.parts if part.content_type in _RETURNED_PARTS]
    for block in (returned, *(part.text for part in mail.parts if _may_be_headers(part))):
        lines = block.lstrip("\n").split("\n")
        while lines and ":" not in lines[0]:
            lines = lines[1:]
        fields, _ = split_block("\n".join(lines[:300]).partition("\n\n")[0].encode("utf-8", "replace"), set())
        if fields:
            found.append(decode_fields(fields))
    return found


def _may_be_headers(part: Part) -> bool:
    return part.content_type in _HEADER_PARTS


def _returned_to(mail: InboundMail, returned: str) -> list[EmailAddress]:
    for headers in _returned_headers(mail, returned):
        for name in ("x-original-to", "envelope-to", "x-envelope-to", "to", "delivered-to", "cc"):
            if found := _addresses(headers.get(name, ())):
                return found
    later = [part.text for part in mail.parts if part.content_type == "text/plain" and part.depth == 0]
    return bounce_shapes.returned_recipients("\n".join((returned, *later)))


def _addresses(values: Iterable[str]) -> list[EmailAddress]:
    found: dict[EmailAddress, None] = {}
    for value in values:
        found.update(dict.fromkeys(bounce_shapes.addresses_of(value)))
    return list(found)[:GROUPS]


def _second_opinion(mail: InboundMail, raw: bytes) -> list[EmailAddress]:
    """Ask flufl.bounce for addresses. It can raise on odd mail, and is asked last."""
    if len(raw) > SECOND_OPINION_OCTETS or mail.limits_hit:
        return []
    try:
        found = scan_message(email.message_from_bytes(_ENDLESS.sub(b" ", raw), policy=email.policy.compat32))
    except Exception:  # noqa: BLE001  # any failure of a second opinion is no opinion
        return []
    candidates = (try_address(item.decode("utf-8", "replace")) for item in sorted(found))
    return [address for address in candidates if address is not None]
