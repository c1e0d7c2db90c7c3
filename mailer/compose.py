"""Templates to words: subject, text and HTML of one letter, compiled once a campaign and filled in for each person.

Staff write templates, and templates are programs, so they run fenced (Jinja2's immutable sandbox, and inside it far
less than it allows): no calls, no macros, no imports, no attributes of anything but our dictionaries, few filters,
a budget for loops, a bound on the output. The person's values are plain copies, cleaned of everything that breaks or
turns a line. Every letter gets the footer, whatever the template says. It builds no bytes: :mod:`mailer.mime` does.

What a template can use: ``name``, ``email``, ``language``, ``customer`` (the person's attributes), ``campaign`` (the
values of the campaign file), ``subject``, ``topic``, ``company``, ``preferences_url``, ``unsubscribe_url``.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
from jinja2 import nodes
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailer.alternatives import Masked, UnfitTemplate, html_from_text, inlined, is_inside_tag, text_from_html
from mailer.footer import footer_formats
from mailer.headers import one_line
from mailer.links import refuse_disguised
from mailer.mime import SEAM, LineCache
from mailer.model import Links, MailingInfo, Recipient, Rendered, Sender
from mailer.values import (
    CONTROLS,
    LARGEST_NUMBER,
    VALUE_CHARACTERS,
    CampaignValue,
    paragraphs,
    person_value,
    plain,
    refuse,
    rounded,
    settled,
    short,
)

SOURCE_CHARACTERS = 512_000  # bounds compile time
OUTPUT_CHARACTERS = 1_000_000  # bounds memory for each part of a letter
EXPRESSIONS = 5_000  # nodes besides text: with VALUE_CHARACTERS bounds what concatenation can build
EFFORT = 20_000  # of one rendering: tags evaluated in loops, and 50 characters that a filter changes are one
SUBJECT_CHARACTERS = 300  # longer ones are a text

_FILTERS = frozenset(
    {
        "abs", "capitalize", "count", "d", "default", "e", "escape", "first", "float", "int", "last", "length",
        "lower", "paragraphs", "round", "title", "trim", "truncate", "upper", "urlencode",
    }
)  # fmt: skip
_TESTS = frozenset(
    {
        "defined", "undefined", "none", "odd", "even", "eq", "ne", "lt", "le", "gt", "ge", "in", "number",
        "string", "true", "false",
    }
)  # fmt: skip
_COSTLY = ("capitalize", "lower", "paragraphs", "title", "trim", "upper", "urlencode")  # work grows with the text
_LOOP_FACTS = frozenset({"index", "index0", "first", "last", "length", "revindex", "revindex0"})
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.If,
    nodes.For, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg,
    nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.Concat, nodes.CondExpr, nodes.Keyword, nodes.List, nodes.Tuple,
)  # fmt: skip
_FOOTERS_KEPT = 100  # by language tag; more are made each time
_FAILURES = (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError, MemoryError)
_URL_TAG = re.compile(r"\{\{-?\s*(?:preferences_url|unsubscribe_url)\s*-?\}\}")
_TEMPLATE_NAME = re.compile(r"[a-z0-9][a-z0-9_\-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Source:
    """A letter as staff wrote it; one of text and HTML may be empty, and an empty subject means the campaign's."""

    subject: str = ""
    text: str = ""
    html: str = ""


def read_template(folder: Path, name: str) -> Source:
    """Return the template ``folder/name/`` with its subject.txt, body.txt and body.html, or raise UnfitTemplate."""
    if not _TEMPLATE_NAME.match(name):
        raise UnfitTemplate("the name of a template is made of a-z, 0-9, - and _")
    files = [folder / name / file for file in ("subject.txt", "body.txt", "body.html")]
    try:
        return Source(*(path.read_text(encoding="utf-8") if path.is_file() else "" for path in files))
    except (OSError, UnicodeError) as cause:
        raise UnfitTemplate(f"the template {name} can't be read as UTF-8") from cause


def compile_mailing(
    sender: Sender, mailing: MailingInfo, source: Source, values: Mapping[str, CampaignValue] | None = None
) -> "CompiledMailing":
    """Return the letter of one campaign, ready to be filled in, or raise :class:`UnfitTemplate` saying why not.

    A campaign without a topic has no consent behind it and no footer that tells the truth: it is refused. Styles are
    moved into the HTML and the missing one of text and HTML is made here, before any personal value is known.
    """
    if not one_line(mailing.topic_key) or not one_line(mailing.topic_name):
        raise UnfitTemplate("a campaign has to be about a topic that people can agree to and leave")
    subject, text, page = (settled(part) for part in (source.subject or mailing.subject, source.text, source.html))
    if not subject.strip() or not (text.strip() or page.strip()):
        raise UnfitTemplate("a campaign needs a subject, and a text or HTML")
    refuse_disguised(page, text, subject, repr(dict(values or {})))
    if page.strip():
        page, made_text = _inline_page(page)
        text = text if text.strip() else made_text
    else:
        page = _page_of(text)
    return CompiledMailing(sender, mailing, Source(subject, text, page), values or {})


class CompiledMailing:
    """The letter of one campaign. Filling it in changes nothing in it, so threads may share it."""

    def __init__(
        self,
        sender: Sender,
        mailing: MailingInfo,
        settled_source: Source,
        values: Mapping[str, CampaignValue],
    ) -> None:
        """Compile what :func:`compile_mailing` has settled, looked at and completed."""
        self._sender = sender
        self._mailing = mailing
        self._made_of = settled_source, values
        self.lines = LineCache()
        self._subject = _compiled(_PLAIN, settled_source.subject)
        self._text = _compiled(_PLAIN, settled_source.text, self.lines)
        self._html = _compiled(_HTML, settled_source.html, self.lines)
        self._shared = {
            "campaign": {str(key): plain(value, deep=3) for key, value in values.items()},
            "topic": one_line(mailing.topic_name),
            "company": one_line(sender.company),
        }
        self._footers: dict[str, tuple[str, str]] = {}

    def __reduce__(self) -> tuple[type["CompiledMailing"], tuple[Any, ...]]:
        """Travel to a process of ours as the source, and be compiled there."""
        return CompiledMailing, (self._sender, self._mailing, *self._made_of)

    def render(self, recipient: Recipient, links: Links) -> Rendered:
        """Return the words for one person, footer included, or raise :class:`UnfitTemplate` (a value is missing)."""
        filled = self.fill(recipient, links)
        return Rendered(filled.subject, self.lines.unfolded(filled.text), self.lines.unfolded(filled.html))

    def fill(self, recipient: Recipient, links: Links) -> Rendered:
        """Return the words as :meth:`render` does, with marks of :attr:`lines` for what all letters share."""
        address = str(recipient.address)
        known: dict[str, Any] = {
            **self._shared,
            "name": one_line(recipient.name[:VALUE_CHARACTERS]),
            "email": address,
            "language": one_line(recipient.language[:20]),
            "customer": {key: person_value(value) for key, value in recipient.attributes.items()},
            "preferences_url": links.preferences,
            "unsubscribe_url": links.one_click,
        }
        subject = one_line(_filled(self._subject, known))
        if not subject or len(subject) > SUBJECT_CHARACTERS:
            raise UnfitTemplate("the subject is empty or too long once the values are in it")
        known["subject"] = subject
        text, html = _filled(self._text, known), _filled(self._html, known)
        text_footer, html_footer = self._footer(recipient.language)
        personal = {"address": address, "preferences": links.preferences}
        text = f"{text.rstrip()}\n\n{text_footer % personal}"
        personal["address"] = markupsafe.escape(address)
        before, body_end, after = html.rpartition("</body>")
        html = "".join(
            (before, html_footer % personal, body_end, after) if body_end else (html, html_footer % personal)
        )
        return Rendered(subject, text, html)

    def _footer(self, language: str) -> tuple[str, str]:
        """Return the footer in a language as text and HTML: formats with room for the address and the link."""
        if language not in self._footers:
            made = footer_formats(self._sender, topic_name=self._mailing.topic_name, language=language, seam=SEAM)
            if len(self._footers) > _FOOTERS_KEPT:
                return made
            self._footers[language] = made
        return self._footers[language]


class _Budget:
    """How much effort one rendering has left."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = EFFORT

    def spend(self, effort: int) -> None:
        self.left -= effort
        if self.left < 0:
            raise UnfitTemplate(
                "the template takes too long: its loops go round too often, or it changes too much text"
            )


class _Fenced(ImmutableSandboxedEnvironment):
    """The sandbox within the sandbox: what is not named here does not exist."""

    intercepted_binops = frozenset({"*", "+"})

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(
            undefined=jinja2.StrictUndefined, autoescape=autoescape, keep_trailing_newline=True, optimized=False,
            trim_blocks=True, lstrip_blocks=False, loader=None, cache_size=0,
        )  # fmt: skip
        self.globals = {}
        self.filters = {name: call for name, call in self.filters.items() if name in _FILTERS}
        self.filters |= {"round": rounded, "paragraphs": paragraphs if autoescape else str}
        self.filters |= {name: _paid(self.filters[name]) for name in _COSTLY}
        self.filters |= {"bounded_": _bounded, "short_": short}
        self.tests = {name: call for name, call in self.tests.items() if name in _TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict:
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if isinstance(obj, LoopContext) and attribute in _LOOP_FACTS:
            return getattr(obj, attribute)
        if isinstance(obj, jinja2.Undefined):
            return self.undefined(obj=obj, name=attribute)
        return refuse(f"'{attribute}' can't be asked for")

    def getitem(self, obj: Any, argument: Any) -> Any:
        if type(obj) is dict and isinstance(argument, str):
            return self.getattr(obj, argument)
        if type(obj) in {list, tuple} and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return refuse("only dictionaries and lists can be looked into")

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002  the sandbox's own signature
        return False

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ARG002  the sandbox's own signature
        return False

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002  as above
        """Multiply numbers, and only numbers: a text times a million is a memory hog. Add short texts or numbers."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return short(left) + short(right)
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            return refuse("only numbers can be multiplied, and only numbers or texts added")
        result = left + right if operator == "+" else left * right
        return result if -LARGEST_NUMBER <= result <= LARGEST_NUMBER else refuse("a number is too large")


def _compiled(environment: _Fenced, source: str, lines: LineCache | None = None) -> jinja2.Template:
    """Return a template that does nothing but what ``_NODES`` allows, or raise; whole lines are kept in ``lines``."""
    if len(source) > SOURCE_CHARACTERS:
        raise UnfitTemplate("the template is too large")
    try:
        tree = environment.parse(source)
        _check_tree(tree)
        if lines is not None:
            _fold(tree, lines)
        for loop in list(tree.find_all(nodes.For)):
            inside = nodes.Const(sum(1 for _ in loop.find_all(nodes.Node)), lineno=loop.lineno)
            loop.iter = nodes.Filter(loop.iter, "bounded_", [inside], [], None, None, lineno=loop.lineno)
        for joined in list(tree.find_all(nodes.Concat)):
            joined.nodes = [
                nodes.Filter(part, "short_", [], [], None, None, lineno=joined.lineno) for part in joined.nodes
            ]
        return jinja2.Template.from_code(environment, environment.compile(tree), environment.globals)
    except jinja2.TemplateSyntaxError as cause:
        raise UnfitTemplate(f"the template has a mistake in line {cause.lineno}: {cause.message}") from cause
    except (*_FAILURES, SyntaxError) as cause:
        raise UnfitTemplate("the template can't be compiled") from cause


def _fold(tree: nodes.Template, lines: LineCache) -> None:
    """Put marks in place of the template's own whole lines; not in loops, where a short mark could become anything."""
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, nodes.TemplateData):
            node.data = lines.folded(node.data)
        elif not isinstance(node, nodes.For):
            waiting.extend(node.iter_child_nodes())


def _check_tree(tree: nodes.Template) -> None:
    """Raise unless a template is made of allowed parts only."""
    count = 0
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.iter_child_nodes())
        count += not isinstance(node, nodes.TemplateData | nodes.Output)
        line = getattr(node, "lineno", 0)
        if type(node) not in _NODES:
            raise UnfitTemplate(f"line {line}: '{type(node).__name__.lower()}' can't be used in a template")
        hidden = str(getattr(node, "name", "") or getattr(node, "attr", ""))
        if hidden.startswith("_") or hidden.endswith("_"):
            raise UnfitTemplate(f"line {line}: names that begin or end with _ can't be used")
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            raise UnfitTemplate(f"line {line}: there is no filter '{node.name}'")
        if isinstance(node, nodes.Test) and node.name not in _TESTS:
            raise UnfitTemplate(f"line {line}: there is no test '{node.name}'")
        if isinstance(node, nodes.Const) and isinstance(node.value, str) and CONTROLS.search(node.value):
            raise UnfitTemplate(f"line {line}: a text holds control characters")
        if isinstance(node, nodes.For) and node.recursive:
            raise UnfitTemplate(f"line {line}: loops can't call themselves")
    if count > EXPRESSIONS:
        raise UnfitTemplate("the template has too many tags")


def _filled(template: jinja2.Template, known: Mapping[str, Any]) -> str:
    """Return what a template says with these values, or raise; never more than ``OUTPUT_CHARACTERS``."""
    try:
        values = {**known, "budget_": _Budget()}
        return "".join(_limited(template.root_render_func(template.new_context(values, shared=True))))
    except jinja2.UndefinedError as cause:
        raise UnfitTemplate(f"a value that the template needs is missing: {cause.message}") from cause
    except _FAILURES as cause:
        raise UnfitTemplate("the template can't be filled in with these values") from cause


def _limited(chunks: Iterator[str]) -> list[str]:
    kept, left = [], OUTPUT_CHARACTERS
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise UnfitTemplate("the letter is too large")
        kept.append(chunk)
    return kept


@jinja2.pass_context
def _bounded(context: Context, items: Any, inside: int) -> list[Any]:
    """Return what a loop goes through, paid for; wrapped round the head of each loop by ``_compiled``."""
    if not isinstance(items, list | tuple):
        refuse("a loop needs a list")
    context["budget_"].spend((len(items) + 1) * inside)
    return list(items)


def _paid(change: Callable[[Any], Any]) -> Callable[[Context, Any], Any]:
    """Return a filter without arguments that costs what the length of its text is."""

    @jinja2.pass_context
    def paid(context: Context, words: Any) -> Any:
        if isinstance(words, str):
            context["budget_"].spend(1 + len(words) // 50)
        return change(words)

    return paid


def _masked(source: str, *, is_html: bool) -> Masked:
    """Return the template with a mark for each tag: a word, or in HTML a comment for a tag that shows nothing."""
    mark = "blvq"
    while mark in source.lower():
        mark += "q"
    pieces: list[str] = []
    tags: list[str] = []
    literal, tag = "", ""
    try:
        for _, kind, value in _PLAIN.lex(source):
            if kind == "data" and not tag.startswith("{% raw"):
                pieces.append(value)
                literal += value
                continue
            tag += value
            if kind not in {"variable_end", "block_end", "comment_end", "raw_end"}:
                continue
            word = f"{mark}{len(tags)}z"
            hidden = is_html and kind != "variable_end" and not is_inside_tag(literal)
            pieces.append(f"<!--{word}-->" if hidden else word)
            tags.append(tag)
            tag = ""
    except jinja2.TemplateSyntaxError as cause:
        raise UnfitTemplate(f"the template has a mistake in line {cause.lineno}: {cause.message}") from cause
    return Masked("".join(pieces), tags, mark)


def _inline_page(page: str) -> tuple[str, str]:
    """Return the page with its styles inlined, and the text made from it."""
    masked = _masked(page, is_html=True)
    text = masked.restored(text_from_html(masked.source), each_once=False)
    return masked.restored(inlined(masked.source), each_once=True), text


def _page_of(text: str) -> str:
    """Return a page made from a text."""
    masked = _masked(text, is_html=False)
    urls = [number for number, tag in enumerate(masked.tags) if _URL_TAG.fullmatch(tag)]
    statements = [number for number, tag in enumerate(masked.tags) if not tag.startswith("{{")]
    page = html_from_text(masked.source, statement=masked.any_of(statements), url=masked.any_of(urls))
    return masked.restored(page, each_once=False)


_PLAIN = _Fenced(autoescape=False)
_HTML = _Fenced(autoescape=True)
