"""Turns the HTML of a mail into lines, and says which the mail program marked as quoted or as a signature.

It reads marks (classes, ids, blockquotes) and layout, never words: `inbound.replies` reads those. It is no sanitizer
and its output is text. It reads any input in one pass, drops what a reader does not see (head, style, script,
comments, hidden elements), and never raises.
"""

import html as entities
import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

Zone = Literal["", "quote", "signature", "border"]

#: So many characters are read, after head, styles and comments are dropped; bounds the time spent on one mail.
MOST_MARKUP = 300_000
#: And so many tags and lines of it.
MOST_TAGS = 10_000
MOST_LINES = 2_500
MOST_RULES = 20
#: Elements open at a time; deeper ones are read without their marks.
MOST_DEPTH = 1_000


@dataclass(frozen=True, slots=True)
class MarkedLine:
    """A line as shown, the zone that the mail program put it in, and the mark that told."""

    text: str
    zone: Zone = ""
    mark: str = ""


_UNSEEN = ("head", "style", "script", "title", "template", "noscript", "svg", "math", "object", "xml")
#: No quantifier reaches over a "<", so that a row of them costs one pass.
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:]{0,30})([^<>]*)>?|<[!?][^<>]*>?")
_ATTRIBUTE = re.compile(
    r"(?<![\w-])(class|id|style|name|type|data-marker|data-smartmail)\s?=\s?(?:\"([^\"]{0,2000})|"
    r"'([^']{0,2000})|([^\s\"'>]{1,200}))",
    re.IGNORECASE,
)
_HIDDEN = re.compile(
    r"display\s?:\s?none|mso-hide\s?:\s?all|visibility\s?:\s?hidden|font-size\s?:\s?0(?:px|pt)?\s?(?:;|$)",
    re.IGNORECASE,
)
_RULED = re.compile(
    r"border(?:-top)?:[^;]{0,20}(?:;border-top:)?solid #?(?:e1e1e1|b5c4df|c4c4c4|cccccc|e5e5e5)|"
    r"border-top-color: ?rgb\(229",
    re.IGNORECASE,
)
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body center dd div dl dt fieldset footer form h1 h2 h3 h4 h5 h6 header hr "
        "html li main nav ol p pre section table tbody tfoot thead tr ul caption",
    )
)
_VOID = frozenset(re.findall(r"\w+", "area base br col embed hr img input link meta param source track wbr"))
_SPACE = re.compile(r"[ \t\r\n\f]+")

#: A piece of a class, id, name or data-marker -> what the element holds. "border": all from here on is quoted.
_MARKS: tuple[tuple[str, Zone, str], ...] = (
    ("gmail_attr", "quote", "gmail"),
    ("yahoo_quoted", "quote", "yahoo"),
    ("moz-cite-prefix", "quote", "thunderbird"),
    ("moz-email-headers-table", "quote", "thunderbird"),
    ("moz-forward-container", "quote", "thunderbird"),
    ("divrplyfwdmsg", "border", "outlook"),
    ("outlookmessageheader", "border", "outlook"),
    ("olk_src_body_section", "quote", "outlook"),
    ("mac_outlook_original", "quote", "outlook"),
    ("mail-editor-reference-message-container", "quote", "outlook"),
    ("messagereplysection", "quote", "spark"),
    ("protonmail_quote", "quote", "protonmail"),
    ("__quoted_text__", "quote", "zimbra"),
    ("zwchr", "border", "zimbra"),
    ("quoted_header", "quote", "samsung"),
    ("mail-quote-collapse", "quote", "mail.ru"),
    ("mail-app-auto-quote", "quote", "mail.ru"),
    ("reply-intro", "quote", "roundcube"),
    ("tutanota_quote", "quote", "tutanota"),
    ("zmail_extra", "quote", "zoho"),
    ("front-blockquote", "quote", "front"),
    ("cm_quote", "quote", "newton"),
    ("ae_replymail", "quote", "airmail"),
    ("wiseStamp_quote", "quote", "wisestamp"),
    ("reply_header", "quote", "naver"),
    ("qmquotecontent", "quote", "qq"),
    ("replycontent", "quote", "qq"),
    ("isreplycontent", "quote", "netease"),
    ("ntes-mailmaster-quote", "quote", "netease"),
    ("gmail_signature", "signature", "gmail"),
    ("applemailsignature", "signature", "apple mail"),
    ("moz-signature", "signature", "thunderbird"),
    ("ms-outlook-mobile-signature", "signature", "outlook"),
    ("protonmail_signature_block", "signature", "protonmail"),
    ("composer_signature", "signature", "samsung"),
    ("ymail_android_signature", "signature", "yahoo"),
    ("messagesignaturesection", "signature", "spark"),
    ("front-signature", "signature", "front"),
    ("edo-signature", "signature", "edison"),
    ("__sig_pre__", "signature", "zimbra"),
    ("ntes-mailmaster-sig", "signature", "netease"),
)
_ANY_MARK = re.compile("|".join(re.escape(mark.lower()) for mark, _, _ in _MARKS))
_MEANING = {mark.lower(): (zone, name) for mark, zone, name in _MARKS}


@dataclass(slots=True)
class _Open:
    tag: str
    zone: Zone = ""
    hidden: bool = False
    mark: str = ""
    gmail_quote: bool = False
    ruled: bool = False


@dataclass(slots=True)
class _Page:
    """The state of one pass: open elements, the line being written, the lines that are done."""

    open: list[_Open] = field(default_factory=list)
    done: list[MarkedLine] = field(default_factory=list)
    here: list[str] = field(default_factory=list)
    zone: tuple[Zone, str] = ("", "")
    quotes: list[str] = field(default_factory=list)  # the marks of the quotes that are open
    signatures: list[str] = field(default_factory=list)
    hidden: int = 0
    pre: int = 0
    rest_is_quoted: str = ""
    rules: list[int] = field(default_factory=list)  # the first lines below rules as Outlook draws them
    heads: list[int] = field(
        default_factory=list
    )  # the first lines of open gmail_quote elements without their blockquote yet

    def newline(self, *, blank: bool = False) -> None:
        """End the line; an empty one is kept only where the markup asks for it."""
        text = "".join(self.here).strip(" \t\r\n\f")
        self.here.clear()
        if text or blank:
            zone, mark = self.zone
            if self.rest_is_quoted:
                zone, mark = "quote", self.rest_is_quoted
            self.done.append(MarkedLine(text, zone, mark))

    def quote_from(self, first: int, mark: str) -> None:
        """Quote the lines from one on that no mark has told of yet."""
        for index in range(first, len(self.done)):
            if self.done[index].zone != "quote":
                self.done[index] = MarkedLine(self.done[index].text, "quote", mark)

    def enter(self, element: _Open) -> None:
        """Count an element in that puts its text into a zone."""
        (self.quotes if element.zone == "quote" else self.signatures).append(element.mark)
        self.settle()

    def leave(self, element: _Open) -> None:
        """Count an element out again."""
        (self.quotes if element.zone == "quote" else self.signatures).pop()
        self.settle()

    def settle(self) -> None:
        """Work out the zone: quotes win over signatures."""
        if self.quotes:
            self.zone = ("quote", self.quotes[-1])
        else:
            self.zone = ("signature", self.signatures[-1]) if self.signatures else ("", "")


def lines_of(markup: str) -> list[MarkedLine]:
    """Return the lines that a reader sees, each with its zone; whatever the markup, in one pass."""
    page = _Page()
    markup = _seen(markup)[:MOST_MARKUP]
    at = 0
    for tag in islice(_TAG.finditer(markup), MOST_TAGS):
        if len(page.done) >= MOST_LINES:
            break
        if tag.start() > at and not page.hidden:
            _write(page, markup[at : tag.start()])
        at = tag.end()
        name = tag.group(2)
        if name is None:
            continue
        if tag.group(1):
            _close(page, name.lower())
        else:
            _start(page, name.lower(), tag.group(3))
    else:
        following = _TAG.search(markup, at)
        if not page.hidden:
            _write(page, markup[at : following.start() if following else len(markup)])
    page.newline()
    if page.heads:  # a gmail_quote without a blockquote: all in it was forwarded
        page.quote_from(page.heads[0], "gmail")
    _quote_below_rule(page)
    return page.done


def _seen(markup: str) -> str:
    """Drop comments and the elements that hold no text of a reader; each search goes on where the last one ended."""
    markup = _without(markup, "<!--", "-->")
    lower = _lower(markup)
    for name in _UNSEEN:
        if f"<{name}" in lower:
            markup = _without(markup, f"<{name}", f"</{name}>", lower=lower)
            lower = _lower(markup)
    return markup


def _lower(markup: str) -> str:
    """Return markup in lower case, as long as it was: the Turkish capital I alone would grow."""
    return markup.replace("\u0130", "i").lower()


def _without(markup: str, start: str, end: str, *, lower: str | None = None) -> str:
    where = markup if lower is None else lower
    kept: list[str] = []
    at = 0
    while True:
        begin = where.find(start, at)
        after = where[begin + len(start) : begin + len(start) + 1] if begin >= 0 else ""
        if begin >= 0 and lower is not None and after not in {">", " ", "\n", "\t", "\r", "/"}:
            kept.append(markup[at : begin + len(start)])
            at = begin + len(start)
            continue
        finish = where.find(end, begin) if begin >= 0 else -1
        if begin < 0 or finish < 0:
            kept.append(markup[at:])
            return "".join(kept)
        kept.append(markup[at:begin])
        at = finish + len(end)


def _write(page: _Page, text: str) -> None:
    if "&" in text:
        text = entities.unescape(text)
    if page.pre:
        first, *others = text.split("\n", MOST_LINES)
        page.here.append(first)
        for line in others:
            page.newline(blank=True)
            page.here.append(line)
        return
    text = _SPACE.sub(" ", text)
    if text != " " or page.here:
        page.here.append(text)


def _start(page: _Page, tag: str, attributes: str) -> None:
    if tag == "br":
        page.newline(blank=True)
        return
    if tag in {"td", "th"} and page.here:
        page.here.append("\t")
    if tag in _BLOCKS:
        page.newline(blank=tag == "p" and bool(page.done) and bool(page.done[-1].text))
    element = _described(tag, attributes)
    if element.zone == "border":
        page.newline()
        page.rest_is_quoted = page.rest_is_quoted or element.mark
        element.zone = ""
    if tag in _VOID or attributes.endswith("/"):
        return
    if tag == "blockquote" and page.heads:
        _quote_heads(page)
    if len(page.open) < MOST_DEPTH:
        if element.zone and tag not in _BLOCKS and page.here and not page.rest_is_quoted:
            page.newline()
        page.open.append(element)
        page.hidden += element.hidden
        page.pre += tag == "pre"
        if element.ruled and len(page.rules) < MOST_RULES:
            page.rules.append(len(page.done))
        if element.gmail_quote:
            page.heads.append(len(page.done))
        if element.zone:
            page.enter(element)


def _quote_heads(page: _Page) -> None:
    """Quote what stood in a gmail_quote before its blockquote: an attribution line, in whatever language."""
    page.newline()
    page.quote_from(page.heads[-1], "gmail")
    page.heads.clear()


def _quote_below_rule(page: _Page) -> None:
    """Quote what stands below the first rule under which three lines "Label: value" follow, in whatever language."""
    for first in page.rules:
        labels = sum(0 < line.text.find(":") < 40 or "：" in line.text[:20] for line in page.done[first : first + 5])
        if labels >= 3:
            page.quote_from(first, "outlook")
            return


def _described(tag: str, attributes: str) -> _Open:
    """Read the marks of an element."""
    element = _Open(tag)
    if tag == "blockquote":
        element.zone, element.mark = "quote", "blockquote"
    if "=" not in attributes:
        return element
    for found in _ATTRIBUTE.finditer(attributes):
        name, value = found.group(1).lower(), found.group(2) or found.group(3) or found.group(4) or ""
        if name == "style":
            element.hidden = element.hidden or _HIDDEN.search(value) is not None
            element.ruled = _RULED.search(value) is not None
            continue
        value = value.lower()
        marked = _ANY_MARK.search(value)
        if marked and element.zone != "quote":
            element.zone, element.mark = _MEANING[marked.group()]
        elif name == "id" and value in {"signature", "x_signature"} and not element.zone:
            element.zone, element.mark = "signature", "outlook"
        element.gmail_quote = element.gmail_quote or (tag == "div" and "gmail_quote" in value)
    return element


def _close(page: _Page, tag: str) -> None:
    if tag == "p":
        page.newline()
        page.newline(blank=bool(page.done) and bool(page.done[-1].text))
    elif tag in _BLOCKS:
        page.newline()
    for index in range(len(page.open) - 1, max(-1, len(page.open) - 64), -1):
        if page.open[index].tag == tag:
            closed = page.open[index:]
            if len(closed) == 1 and not (closed[0].zone or closed[0].hidden) and tag != "pre":
                page.open.pop()
                return
            if any(element.zone for element in closed):
                page.newline()
            del page.open[index:]
            page.hidden -= sum(element.hidden for element in closed)
            page.pre -= sum(element.tag == "pre" for element in closed)
            for element in reversed(closed):
                if element.zone:
                    page.leave(element)
            return
