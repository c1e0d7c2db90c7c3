"""Recognises feedback reports: a provider passes on that a reader called a mail of ours spam, or wants no more. Pure.

Reports come as ARF (RFC 5965, also over the address of RFC 9477), as Microsoft's returned mail without a report, and as
opt-out notes. It says who complained where the report tells it, and always collects what may lead to the mail of ours;
it never decides for itself which subscriber is meant.
"""

from collections.abc import Iterable, Mapping

from inbound.bounce_status import any_of
from inbound.bounces import decode_fields_in_order
from inbound.charsets import clean_line
from inbound.headers import ids_in, read_block
from inbound.model import Complaint, InboundMail
from kit.addresses import EmailAddress, harvest

#: RFC 5965 7.3, RFC 6430, RFC 6591 and what providers add: the types after which nothing may change.
CHANGES_NOTHING = frozenset({"not-spam", "auth-failure", "dmarc", "virus", "malware"})
RECIPIENTS = 100
IDENTIFIERS = 50

_REPORT_PART = "message/feedback-report"
_RETURNED = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"})
_RECIPIENT_FIELDS = ("original-rcpt-to", "removal-recipient", "redacted-rcpt-to", "x-original-rcpt-to")
#: Where the mail that came back says to whom it went, the most telling first.
_RETURNED_TO = (
    "x-hmxmroriginalrecipient",
    "to",
    "x-apparently-to",
    "x-original-to",
    "delivered-to",
    "envelope-to",
    "cc",
)
#: What in the report or the returned mail was put there by the sender, and leads back to one mail.
_IDENTIFIER_FIELDS = (
    "cfbl-feedback-id", "feedback-id", "return-path", "original-mail-from", "original-envelope-id", "list-unsubscribe",
    "list-id", "x-feedback-id", "x-campaign", "x-campaign-id", "x-mailer-recptid", "x-job", "errors-to", "reply-to",
)  # fmt: skip
_REPORTED_SUBJECT = any_of(r"""
    ^\s*(?:complaint about message from|abuse report|spam (?:report|complaint|notification)|email feedback report)
    ^\s*(?:feedback loop|\[?fbl\]?\b|junk (?:mail )?report|report:? spam)
    ^\s*unsolicited (?:bulk )?e-?mail (?:report|complaint)
""")
_REPORTER = any_of(r"""
    (?:^|[<\s])(?:staff@hotmail|staff@microsoft|fbl|feedback|abuse|complaints?|arf|scomp|spam)[\w.+\-]*@
    (?:^|[<\s])(?:jmrp|noreply-fbl|no-reply-fbl|postmaster|mailer-daemon|unsubscribe|no-?reply)[\w.+\-]*@
""")
_OPT_OUT_SUBJECT = any_of(r"""
    ^\s*(?:e-?mail )?opt[- ]?out(?: request| list| notification)?\b
    ^\s*(?:unsubscribe request|removal request|list removal)\b
""")
_OPT_OUT_BODY = any_of(r"""
    (?:this|the|following) (?:user|recipient|subscriber|customer|person)s?\b[^.]{0,160}opt(?:ed)?[- ]?out
    (?:this|the|following) (?:user|recipient|subscriber|customer|person)s?\b[^.]{0,160}(?:unsubscribe|remove)
    (?:this|the|following) (?:user|recipient|subscriber|customer|person)s?\b[^.]{0,160}no longer wish
    (?:opt(?:ed)?[- ]?out|unsubscribed?)\b[^.]{0,80}from (?:this|your) (?:sender|mailing|list|e-?mails?)
""")
_DMARC_SUBJECT = any_of(r"""
    dmarc.{0,20}(?:forensic|failure)|(?:forensic|failure) report.{0,20}dmarc|authentication failure report
""")


def find_complaint(mail: InboundMail, raw: bytes = b"") -> Complaint | None:  # noqa: ARG001  # same call as find_bounce
    """Return the complaint that a mail is, or None."""
    returned = _returned_headers(mail)
    if (report := _report_fields(mail)) is not None:
        return _from_report(report, returned, mail)
    if returned and _is_bare_report(mail, returned):
        # Microsoft's junk mail reporting returns the mail and says the rest in its own header field.
        return _complaint("abuse", [], returned, {}, "a mail of ours came back as reported spam")
    if mail.header("x-apple-unsubscribe").lower() == "true" and mail.sender is not None:
        # Apple Mail's button writes to our List-Unsubscribe address in the name of the reader.
        return _complaint("opt-out", [mail.sender], returned, {}, "the reader pressed Unsubscribe in Apple Mail")
    if _is_opt_out_note(mail):
        body = mail.text or mail.html
        named = [
            address for address in harvest(body[:4_096]) if address not in mail.recipients and address != mail.sender
        ]
        return _complaint("opt-out", named, returned, {}, "a provider passes on that a reader opted out")
    if mail.content_parameters.get("report-type", "").lower() == "feedback-report":
        kind = (
            "auth-failure" if _DMARC_SUBJECT.search(mail.subject) or "dmarc" in mail.text[:4_096].lower() else "other"
        )
        return _complaint(kind, [], returned, {}, "a feedback report without its fields")
    return None


def _from_report(
    report: Mapping[str, tuple[str, ...]], returned: list[Mapping[str, tuple[str, ...]]], mail: InboundMail
) -> Complaint:
    kind = clean_line(report.get("feedback-type", ("",))[0].split(";")[0].lower()) or "abuse"
    if "auth-failure" in report and kind not in {"abuse", "fraud", "opt-out"}:
        kind = "auth-failure"
    named = [
        address
        for name in _RECIPIENT_FIELDS
        for value in report.get(name, ())
        for address in _addresses(value.partition(";")[2] if value.lower().startswith("rfc822;") else value)
    ]
    if not named and mail.content_type == "multipart/report":
        named = [address for value in report.get("x-hmxmroriginalrecipient", ()) for address in _addresses(value)]
    return _complaint(kind, named, returned, report, f"a feedback report of the type {kind[:40]}")


def _complaint(
    kind: str,
    named: Iterable[EmailAddress],
    returned: list[Mapping[str, tuple[str, ...]]],
    report: Mapping[str, tuple[str, ...]],
    why: str,
) -> Complaint:
    acts = kind not in CHANGES_NOTHING
    recipients = list(dict.fromkeys(named)) or _returned_to(returned)
    ids = [found for headers in returned for value in headers.get("message-id", ()) for found in ids_in(value)]
    ids += [
        found for name in ("message-id", "original-message-id") for v in report.get(name, ()) for found in ids_in(v)
    ]
    identifiers = [
        value
        for headers in (report, *returned)
        for name in _IDENTIFIER_FIELDS
        for value in headers.get(name, ())
        if value.strip(" <>")
    ]
    reasons = [why] if acts else [why, "this type of report changes nothing"]
    return Complaint(
        recipients=tuple(recipients[:RECIPIENTS]),
        feedback_type=kind,
        acts=acts,
        message_ids=tuple(dict.fromkeys(ids))[:IDENTIFIERS],
        identifiers=tuple(dict.fromkeys(identifiers))[:IDENTIFIERS],
        reasons=tuple(reasons),
    )


def _report_fields(mail: InboundMail) -> dict[str, tuple[str, ...]] | None:
    """Return the fields of the machine-readable part (RFC 5965 3), wherever a sender put it."""
    for part in mail.parts:
        if part.depth == 0 and part.content_type == _REPORT_PART:
            return _fields(part.text)
    for part in mail.parts:  # reports whose part lost its type on the way
        if part.depth == 0 and part.content_type in {"text/plain", "application/octet-stream"}:
            head = part.text.lstrip()[:2_000].lower()
            if head.startswith(("feedback-type:", "user-agent:", "version:")) and "feedback-type:" in head:
                return _fields(part.text)
    return None


def _fields(text: str) -> dict[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in decode_fields_in_order(text):
        if name:
            fields[name] = (*fields.get(name, ()), value)
    return fields


def _returned_headers(mail: InboundMail) -> list[Mapping[str, tuple[str, ...]]]:
    """Return the header fields of each mail that came back, in order."""
    found: list[Mapping[str, tuple[str, ...]]] = []
    for part in mail.parts:
        if part.content_type in {"message/rfc822", "message/global"}:
            found.append(part.headers)
        elif part.content_type in _RETURNED:
            found.append(read_block(part.text))
    return found


def _returned_to(returned: list[Mapping[str, tuple[str, ...]]]) -> list[EmailAddress]:
    for headers in returned:
        for name in _RETURNED_TO:
            found = [address for value in headers.get(name, ()) for address in _addresses(value)]
            if found:
                return list(dict.fromkeys(found))
    return []


def _addresses(value: str) -> list[EmailAddress]:
    """Return the addresses of a field; "a@b via 192.0.2.1" is Yahoo's way."""
    return list(harvest(value.partition(" via ")[0]))


def _is_bare_report(mail: InboundMail, returned: list[Mapping[str, tuple[str, ...]]]) -> bool:
    if any("x-hmxmroriginalrecipient" in headers for headers in returned):
        return True
    sender = " ".join(mail.headers.get("from", ()))
    return bool(_REPORTED_SUBJECT.match(mail.subject) and _REPORTER.search(sender))


def _is_opt_out_note(mail: InboundMail) -> bool:
    """An opt-out passed on by a provider as plain text: its sender, its subject and its words must all say so."""
    sender = " ".join(mail.headers.get("from", ()))
    if mail.in_reply_to and not _REPORTER.search(sender):
        return False
    body = (mail.text or mail.html)[:4_096]
    subject = _OPT_OUT_SUBJECT.match(mail.subject) is not None
    machine = "auto-submitted" in mail.headers or _REPORTER.search(sender) is not None
    return machine and subject and _OPT_OUT_BODY.search(body) is not None
