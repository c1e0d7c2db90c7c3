"""The other half of a letter: HTML made from a text, a text made from HTML, and styles moved to where they apply. Pure.

It works on templates before personal values are in them, once a campaign: the tags of the template are then marks
(plain words, or comments) that have to come out as they went in. It knows no template language:
:mod:`mailer.compose` does.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html.parser import HTMLParser

import css_inline

from kit.errors import Permanent

_TAGS = 4_000  # in one page: the HTML tool's depth of recursion is theirs, and beyond some 10,000 it crashes
_URL = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)\]'»”]")
_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "center", "div", "dl", "dt", "dd", "fieldset", "figure",
        "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p",
        "pre", "section", "table", "tbody", "thead", "tr", "ul",
    }
)  # fmt: skip
_PARAGRAPHS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "blockquote", "table"})
_UNSEEN = frozenset({"head", "style", "script", "title", "template"})
_PAGE = (
    '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
    '<meta name="color-scheme" content="light dark">\n</head>\n'
    '<body style="margin:0;padding:16px">\n'
    '<div style="max-width:600px;margin:0 auto;font:16px/1.5 Arial,sans-serif">\n{}\n</div>\n</body>\n</html>\n'
)


class UnfitTemplate(Permanent):
    """This template can't be used as it is."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A template whose tags are marks, so that HTML tools can't harm them."""

    source: str
    tags: list[str]
    mark: str

    def any_of(self, numbers: Iterable[int]) -> re.Pattern[str]:
        """Return a pattern that matches the marks with these numbers, or nothing if there are none."""
        chosen = "|".join(map(str, numbers))
        return re.compile(rf"{self.mark}(?:{chosen})z" if chosen else r"(?!)")

    def restored(self, source: str, *, each_once: bool) -> str:
        """Return the tags to their places; refuse if a tool has moved, lost or doubled one."""
        pattern = re.compile(rf"(?:<!--|&lt;!--)?{self.mark}([0-9]+)z(?:-->|--&gt;)?")
        if each_once:
            found = [int(number) for number in pattern.findall(source)]
            if found != list(range(len(self.tags))) or re.search(rf'{self.mark}[0-9]+z=""', source):
                raise UnfitTemplate("a template tag stands where HTML allows none (between table rows, in a style)")
        return pattern.sub(lambda match: self.tags[int(match[1])], source)


def is_inside_tag(literal: str) -> bool:
    """Whether HTML source ends within the angle brackets of a tag, or within a comment."""
    return literal.rfind("<") > literal.rfind(">") or literal.rfind("<!--") > literal.rfind("-->")


def html_from_text(text: str, *, statement: re.Pattern[str], url: re.Pattern[str]) -> str:
    """Return a plain page of the same words: a paragraph for each, links where there are URLs.

    ``statement`` matches marks that are no words of their own, ``url`` marks that will be a URL.
    """
    pieces = []
    for paragraph in re.split(r"\n[ \t]*\n", text.strip("\n")):
        lines = [line for line in paragraph.split("\n") if statement.sub("", line).strip()]
        if not lines:
            pieces.append(html.escape(paragraph))
            continue
        body = ""
        for line in paragraph.split("\n"):
            is_words = bool(statement.sub("", line).strip())
            body += _with_links(line, url) + ("<br>\n" if is_words and line is not lines[-1] else "\n")
        pieces.append(f"<p>{body.rstrip()}</p>")
    return _PAGE.replace("{}", "\n".join(pieces))


def text_from_html(page: str) -> str:
    """Return the words of a page as plain text, with the targets of its links behind them."""
    reader = _Words()
    reader.feed(page)
    reader.close()
    lines = (re.sub(r"[ \t\xa0]+", " ", line).strip() for line in "".join(reader.pieces).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"


def inlined(page: str) -> str:
    """Return a page with its style sheet moved into the elements; @media rules stay in the head.

    Nothing is ever fetched: a style sheet or an image elsewhere stays where it is.
    """
    if len(re.findall("<[A-Za-z]", page)) > _TAGS:
        raise UnfitTemplate(f"the HTML has more than {_TAGS} tags")
    inliner = css_inline.CSSInliner(
        inline_style_tags=True, keep_style_tags=False, keep_at_rules=True, keep_link_tags=False,
        load_remote_stylesheets=False,
    )  # fmt: skip
    try:
        return inliner.inline(page)
    except (css_inline.InlineError, ValueError) as cause:
        raise UnfitTemplate("the styles of the HTML can't be read") from cause


def _with_links(line: str, url: re.Pattern[str]) -> str:
    """Return a line escaped, its URLs and URL marks as links."""
    result, end = "", 0
    for found in re.finditer(f"{_URL.pattern}|{url.pattern}", line):
        target = html.escape(found[0])
        result += f'{html.escape(line[end : found.start()])}<a href="{target}">{target}</a>'
        end = found.end()
    return result + html.escape(line[end:])


class _Words(HTMLParser):
    """Collects the words of a page. Comments are kept: they are marks of the template, or are left out below."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unseen = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "br":
            self.pieces.append("\n")
        elif tag == "img":
            self._add(given.get("alt") or "")
        elif tag == "a":
            self._links.append((given.get("href") or "", len(self.pieces)))
        elif tag in {"td", "th"}:
            self.pieces.append(" ")
        elif tag in _BLOCKS:
            self._break(tag)
            if tag == "li":
                self.pieces.append("* ")
            elif tag == "hr":
                self.pieces.append("----\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == "a" and self._links:
            target, start = self._links.pop()
            shown = "".join(self.pieces[start:]).strip()
            if target and not target.startswith("#") and target.removeprefix("mailto:") != shown:
                self.pieces.append(f" ({target})" if shown else target)
        elif tag in _BLOCKS:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        self._add(re.sub(r"\s+", " ", data))

    def handle_comment(self, data: str) -> None:
        if re.fullmatch(r"[a-z]+[0-9]+z", data):  # a mark of the template
            self._add(data)

    def _add(self, words: str) -> None:
        if not self._unseen:
            self.pieces.append(words)

    def _break(self, tag: str) -> None:
        self.pieces.append("\n\n" if tag in _PARAGRAPHS else "\n")
