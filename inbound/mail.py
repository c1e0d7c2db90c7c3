"""Bytes -> InboundMail: reads any mail within fixed limits, and never raises.

It splits the MIME tree itself, without recursion: the standard library's reader fails on deep nesting, takes seconds
over a megabyte of short lines, and each version of it fails elsewhere. It decides nothing about the mail; that is done
by bounces, complaints, automatic and replies.
"""

import email.utils
import re
from datetime import UTC, datetime, timedelta, timezone

from inbound import headers as fields_of
from inbound.charsets import clean_text, decode_base64, decode_header, decode_quoted_printable, decode_text
from inbound.headers import Fields
from inbound.model import InboundMail, Part
from kit.addresses import EmailAddress

MAIL_OCTETS = 10 * 1024 * 1024  # what is read of a mail
DEPTH = 50  # of the MIME tree; nobody's mail is deeper than ten
PARTS = 200
TEXT_OCTETS = 512 * 1024  # decoded text, of one part and of all together
FLOWED_LINES = 20_000  # beyond it, soft line breaks stay
MARKS = 20_000  # lines of a mail that begin as a boundary does
SCANS = 16  # how often, all in all, the octets of a mail may be searched for boundaries

#: Where a mail says at whose address it arrived, the most telling first.
DELIVERED_FIELDS = (
    "x-original-to", "x-gm-original-to", "delivered-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-rcpt-to",
    "resent-to",
)  # fmt: skip
_MULTIPART_ENDS = re.compile(r"[A-Za-z0-9'()+_,./:=?\- !#$%&*;@\[\]^`{|}~<>\"\\]{1,200}\Z")
_ENCLOSING = frozenset({"message/rfc822", "message/global", "message/news"})
_FIELD_LIKE = frozenset(
    {"message/delivery-status", "message/global-delivery-status", "message/feedback-report",
     "message/disposition-notification", "message/global-disposition-notification", "message/global-headers",
     "message/external-body", "message/partial"}
)  # fmt: skip


def read_mail(raw: bytes) -> InboundMail:
    """Read a mail. What is beyond the limits or can't be read is left out and named in ``limits_hit``."""
    return _Reader(raw).read()


class _Reader:
    """The state of one reading: what is left of each budget, and what was found."""

    def __init__(self, raw: bytes) -> None:
        self.size = len(raw)
        self.hit: set[str] = set()
        if len(raw) > MAIL_OCTETS:
            self.hit.add("size")
            raw = raw[:MAIL_OCTETS]
        self.raw = _line_feeds(raw)
        self.text_left = TEXT_OCTETS
        self.scan_left = SCANS * len(self.raw) + 4096
        self.marks_left = MARKS
        self.parts: list[Part] = []
        self.shown_text: list[str] = []
        self.shown_html: list[str] = []

    def read(self) -> InboundMail:
        fields, body = self._open(self.raw)
        named: dict[str, list[bytes]] = {}
        for name, value in fields:
            named.setdefault(name, []).append(value)
        top_type, top_parameters = self._content_type(fields, "text/plain")
        self._walk(fields, body)
        headers = fields_of.decode_fields(fields)
        sender, sender_name = self._sender(named)
        ids = fields_of.ids_of(headers, "message-id")
        references = [*fields_of.ids_of(headers, "in-reply-to"), *reversed(fields_of.ids_of(headers, "references"))]
        return InboundMail(
            headers=headers,
            subject=headers.get("subject", ("",))[0],
            sender=sender,
            sender_name=sender_name,
            reply_to=self._addresses(named, "reply-to"),
            recipients=self._addresses(named, "to", "cc"),
            delivered_to=self._addresses(named, *DELIVERED_FIELDS),
            message_id=ids[0] if ids else "",
            in_reply_to=tuple(dict.fromkeys(references)),
            date=_date(headers.get("date", ("",))[0]),
            content_type=top_type,
            content_parameters=top_parameters,
            text="\n".join(self.shown_text),
            html="\n".join(self.shown_html),
            parts=tuple(self.parts),
            size=self.size,
            limits_hit=tuple(sorted(self.hit)),
        )

    def _open(self, octets: bytes) -> tuple[Fields, bytes]:
        """Split an entity into its fields and its body (RFC 5322 2.1)."""
        if octets.startswith(b"\n"):
            return [], octets[1:]
        end = octets.find(b"\n\n")
        block, body = (octets, b"") if end < 0 else (octets[:end], octets[end + 2 :])
        fields, broken = fields_of.split_block(block, self.hit)
        return fields, body if broken < 0 else octets[broken:]

    def _content_type(self, fields: Fields, default: str) -> tuple[str, dict[str, str]]:
        for name, value in fields:
            if name == "content-type":
                kind, parameters = fields_of.parameters_of(value.decode("utf-8", "replace").replace("\n", ""), self.hit)
                # RFC 2045 5.2: what can't be understood is plain text.
                return (kind if kind.count("/") == 1 and not kind.endswith("/") else "text/plain"), parameters
        return default, {}

    def _walk(self, fields: Fields, body: bytes) -> None:
        """Visit the tree in the order of the mail. Depth counts levels of MIME, ``enclosed`` mails within mails."""
        todo: list[tuple[Fields | None, bytes, str, int, int, bool]] = [(fields, body, "text/plain", 0, 0, True)]
        while todo:
            opened, octets, default, depth, enclosed, shown = todo.pop()
            if len(self.parts) >= PARTS:
                self.hit.add("parts")
                return
            if opened is None:
                opened, octets = self._open(octets)
            kind, parameters = self._content_type(opened, default)
            named = {name: value for name, value in reversed(opened) if name.startswith("content-")}
            disposition, more = fields_of.parameters_of(
                decode_header(named.get("content-disposition", b"")), self.hit
            ) if "content-disposition" in named else ("", {})  # fmt: skip
            shown = shown and disposition != "attachment"
            deeper = depth < DEPTH
            if not deeper and (kind.startswith("multipart/") or kind in _ENCLOSING):
                self.hit.add("depth")
            if kind.startswith("multipart/") and deeper:
                pieces = self._pieces(octets, parameters.get("boundary", ""))
                if pieces is not None:
                    inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
                    todo += [(None, piece, inner, depth + 1, enclosed, shown) for piece in reversed(pieces)]
                    continue
                kind = "text/plain"  # no part of it can be found, so a reader is shown the whole
            encoding = decode_header(named.get("content-transfer-encoding", b"")).lower()
            if kind in _ENCLOSING and deeper:
                inner_fields, inner_body = self._open(_transfer_decoded(octets, encoding).lstrip(b"\n"))
                self.parts.append(
                    Part(kind, "", depth=enclosed, parameters=parameters, headers=fields_of.decode_fields(inner_fields))
                )
                todo.append((inner_fields, inner_body, "text/plain", depth + 1, enclosed + 1, False))
                continue
            filename = more.get("filename") or parameters.get("name", "")
            self._leaf(
                opened, octets, kind, parameters, encoding=encoding, filename=filename, enclosed=enclosed, shown=shown
            )

    def _pieces(self, body: bytes, boundary: str) -> list[bytes] | None:
        """Cut a multipart body at its boundary lines (RFC 2046 5.1.1); None where there are none."""
        boundary = boundary.rstrip()
        if not _MULTIPART_ENDS.match(boundary):
            return None
        if self.scan_left < len(body):
            self.hit.add("depth")
            return None
        self.scan_left -= len(body)
        mark = b"--" + boundary.encode("utf-8", "replace")
        pieces: list[bytes] = []
        start = -1
        at = 0 if body.startswith(mark) else body.find(b"\n" + mark) + 1 or -1
        while at >= 0:
            self.marks_left -= 1
            if self.marks_left < 0:
                self.hit.add("parts")
                break
            line_end = body.find(b"\n", at)
            line_end = len(body) if line_end < 0 else line_end
            rest = body[at + len(mark) : min(line_end, at + len(mark) + 80)].strip(b" \t\r")
            if rest in {b"", b"--"}:
                if start >= 0:
                    pieces.append(body[start : max(start, at - 1)])
                start = line_end + 1
                if rest == b"--":
                    return pieces
                if len(pieces) > PARTS:
                    self.hit.add("parts")
                    return pieces
            at = body.find(b"\n" + mark, max(at, line_end - 1)) + 1 or -1
        if start < 0:
            return None
        pieces.append(body[start:])  # the end boundary is missing: the mail was cut off
        return pieces

    def _leaf(
        self, fields: Fields, octets: bytes, kind: str, parameters: dict[str, str],
        *, encoding: str, filename: str, enclosed: int, shown: bool,
    ) -> None:  # fmt: skip
        charset = parameters.get("charset", "")
        text = ""
        if kind.startswith("text/") or kind in _FIELD_LIKE or kind in _ENCLOSING:
            octets = _transfer_decoded(octets, encoding)
            if len(octets) > self.text_left:
                self.hit.add("text")
                octets = octets[: self.text_left]
            self.text_left -= len(octets)
            text = clean_text(decode_text(octets, charset))
            if (
                kind == "text/plain"
                and parameters.get("format", "").lower() == "flowed"
                and text.count("\n") < FLOWED_LINES
            ):
                text = unflow(text, delsp=parameters.get("delsp", "").lower() == "yes")
            if shown and kind in {"text/plain", "text/html"} and text:
                (self.shown_text if kind == "text/plain" else self.shown_html).append(text)
        headers = fields_of.decode_fields(fields) if enclosed == 0 or not kind.startswith("text/") else {}
        self.parts.append(Part(kind, text, filename, charset.lower(), enclosed, parameters, headers))

    def _sender(self, named: dict[str, list[bytes]]) -> tuple[EmailAddress | None, str]:
        """RFC 5322 3.6.2: one From. Two of them, or two mailboxes in it, name nobody (A5)."""
        values = named.get("from", [])
        if len(values) != 1:
            return None, ""
        found = fields_of.mailboxes(values[0], self.hit)
        if len(found) != 1:
            return None, ""
        name, address = found[0]
        return address, fields_of.display_name(name)

    def _addresses(self, named: dict[str, list[bytes]], *names: str) -> tuple[EmailAddress, ...]:
        found: dict[EmailAddress, None] = {}
        for wanted in names:
            for value in named.get(wanted, ()):
                if len(found) < fields_of.ADDRESSES:
                    found.update(dict.fromkeys(fields_of.addresses_in(value, self.hit)))
        return tuple(found)[: fields_of.ADDRESSES]


def unflow(text: str, *, delsp: bool = False) -> str:
    """Join the soft line breaks of format=flowed; quoted lines keep their marks, each depth apart (RFC 3676 4)."""
    out: list[str] = []
    paragraph: list[str] = []
    depth_before = -1
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")  # RFC 3676 4.4: space-stuffing
        signature = content.rstrip("\n") == "-- "
        if paragraph and (depth != depth_before or signature):
            out.append("".join(paragraph).rstrip(" "))
            paragraph = []
        flowed = content.endswith(" ") and not signature
        mark = ">" * depth + " " if depth and not paragraph else ""
        paragraph.append(mark + (content[:-1] if flowed and delsp else content))
        depth_before = depth
        if not flowed:
            out.append("".join(paragraph))
            paragraph = []
    if paragraph:
        out.append("".join(paragraph))
    return "\n".join(out)


def _line_feeds(raw: bytes) -> bytes:
    """Return the octets with line feeds as line ends; bare CR counts only where nothing else is (old Mac files)."""
    if b"\r" not in raw:
        return raw
    if b"\n" not in raw:
        return raw.replace(b"\r", b"\n")
    return raw.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n")


def _transfer_decoded(octets: bytes, encoding: str) -> bytes:
    if encoding.startswith("base64"):
        return decode_base64(octets)
    if encoding.startswith("quoted-printable"):
        return decode_quoted_printable(octets)
    return octets


_MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"
#: As nearly all programs write it; the rest is read by the standard library, which takes longer.
_PLAIN_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([1-9]\d{3}) "
    r"(\d\d):(\d\d):(\d\d) ([+-])(\d\d)([0-5]\d)", re.ASCII
)  # fmt: skip


def _date(text: str) -> datetime | None:
    """RFC 5322 3.3; a zone of -0000 or none is taken as UTC."""
    if not text or len(text) > 100:
        return None
    try:
        if plain := _PLAIN_DATE.fullmatch(text):
            day, month, year, hour, minute, second, sign, hours, minutes = plain.groups()
            month_number = _MONTHS.index(month.lower()) // 3 + 1
            east = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
            local = datetime(
                int(year), month_number, int(day), int(hour), int(minute), int(second), tzinfo=timezone(east)
            )
            return local.astimezone(UTC)
        when = email.utils.parsedate_to_datetime(text)
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None
