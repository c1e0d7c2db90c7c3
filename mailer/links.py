"""Links that look like others: letters of two scripts in one name, and words that name another host than the link's.

It judges a template before personal values are in it, so what a tag of the template writes is not seen. A name in one
script (``bücher.example``, ``пример.example``) is as good as any. Pure.
"""

import html
import re
import unicodedata
from html.parser import HTMLParser
from urllib.parse import unquote

from kit.addresses import domain_to_ascii
from kit.errors import InvalidAddress
from mailer.alternatives import UnfitTemplate

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_OPEN = "\ue002"  # a private character that stands for a template's tag: what is written there is open
_URL = re.compile(r"(?:https?:[/\\]{2}|\bwww\.)([^\s/\\?#\"'<>()]+)", re.IGNORECASE)
_TARGET = re.compile(r"\s*(?:https?:[/\\]*|[/\\]{2,})([^/\\?#]*)", re.IGNORECASE)  # as browsers read a href
_LABEL = r"[^\s./\\?#:@,;!()<>\"]+"
_SHOWN = re.compile(rf"(?:https?:/*)?((?:{_LABEL}\.)+[^\W\d_]{_LABEL})\.?(?::\d+)?(?:[/?#]\S*)?", re.IGNORECASE)
_FILES = frozenset({"css", "csv", "doc", "docx", "html", "jpg", "js", "json", "pdf", "png", "txt", "xls", "xlsx"})
#: scripts that are written together (UTS 39 5.2, "highly restrictive")
_TOGETHER = {"LATIN", "CJK", "HIRAGANA", "KATAKANA"}, {"LATIN", "CJK", "BOPOMOFO"}, {"LATIN", "CJK", "HANGUL"}


def refuse_disguised(page: str, *texts: str) -> None:
    """Raise :class:`UnfitTemplate` where a link of an HTML page or of texts pretends to lead elsewhere."""
    pieces = [piece for source in (page, *texts) for piece in (_TAG.sub(_OPEN, source), *_TAG.findall(source))]
    for found in _URL.finditer(html.unescape("\n".join(pieces))):
        _refuse_mixed(found[0], found[1])
    reader = _Anchors()
    reader.feed(_TAG.sub(_OPEN, page))
    reader.close()
    for target, words in reader.found:
        leads = _TARGET.match(re.sub(r"[\t\r\n]", "", target))
        if leads is None or not leads[1] or _OPEN in leads[1]:
            continue
        _refuse_mixed(target, leads[1])
        seen = unicodedata.normalize("NFKC", "".join(char for char in words if unicodedata.category(char) != "Cf"))
        shown = _SHOWN.fullmatch(seen.strip())
        if shown and shown[1].rpartition(".")[2].lower() not in _FILES and not _leads_to(leads[1], shown[1]):
            raise UnfitTemplate(f"the link to {target[:200]} shows another host: {seen.strip()[:200]}")


def _host(written: str) -> str:
    """Return the host of what stands behind the slashes, without user and port, its letters as IDNA maps them."""
    host = re.sub(r":\d*\Z", "", unquote(written).rpartition("@")[2])
    return unicodedata.normalize("NFKC", host).replace("。", ".").strip(".").lower()


def _leads_to(written: str, shown: str) -> bool:
    """Whether a link leads to the host that is shown or to one beneath it, which belongs to the same owner."""
    try:
        target, named = (domain_to_ascii(_host(host)).removeprefix("www.") for host in (written, shown))
    except InvalidAddress:  # what is no name can't be the one that is shown
        return _host(written) == _host(shown)
    return target == named or target.endswith(f".{named}")


def _refuse_mixed(link: str, written: str) -> None:
    for label in _host(written).split("."):
        scripts = _scripts(label)
        if len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER):
            raise UnfitTemplate(f"the link {link[:200]} mixes {' and '.join(sorted(scripts)).lower()} letters")


def _scripts(label: str) -> set[str]:
    """Return the scripts of a label's letters, the first words of their names. No valid name is asked for (IDNA)."""
    if label.startswith("xn--"):
        try:
            label = label[4:].encode("ascii").decode("punycode")
        except UnicodeError:
            return set()
    return {re.split(r"[ \-]", unicodedata.name(char, "UNKNOWN"))[0] for char in label if char.isalpha()}


class _Anchors(HTMLParser):
    """Collects the links of a page with the words that are shown for them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str]] = []
        self._is_open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":  # HTML ends an open link where the next one begins
            self.found.append((dict(attrs).get("href") or "", ""))
            self._is_open = True
        elif tag == "img":
            self.handle_data(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        self._is_open = self._is_open and tag != "a"

    def handle_data(self, data: str) -> None:
        if self._is_open:
            target, words = self.found[-1]
            self.found[-1] = (target, words + data)
