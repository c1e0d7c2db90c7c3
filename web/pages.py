"""The pages as text: Jinja2 templates of ``templates/web``, autoescaped, compiled once for each language.

Templates know ``t(key, …)`` (plain text) and ``rich(key, …)`` (markup: what is filled in stands out, and is kept apart
from the text's direction). A page that asks for personal data without the policy notice can't be rendered (P7).
"""

import hashlib
import html
import re
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined, Template
from jinja2.bccache import Bucket
from markupsafe import Markup
from starlette.responses import HTMLResponse

from kit.errors import InvalidSettings
from web import catalogues
from web.catalogues import Catalogue
from web.guard import HEADERS
from web.kept import KeptPages

TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "web"
STYLE = (TEMPLATES / "style.css").read_bytes()
STYLE_PATH = f"/style.{hashlib.sha256(STYLE).hexdigest()[:16]}.css"  # a new content is a new address, so it may be kept

#: where people put data about themselves; boxes and buttons alone ask for none
_ASKS = re.compile(r"<(?:textarea|select)\b|<input\b(?![^>]*\btype=\"(?:checkbox|radio|hidden)\")", re.IGNORECASE)
_NOTICE = 'class="policy-notice"'


class PolicyNoticeMissing(RuntimeError):
    """A page asks for personal data and does not show the policy notice, or was not declared as one that asks (P7)."""


class Pages:
    """Renders pages with what stands on each of them: company, policy link (P7), customer service (P17)."""

    def __init__(
        self, *, company: str, policy_url: str, customer_service: str, policy_version: str, language: str = "en"
    ) -> None:
        """Read the texts of all languages; ``language`` is spoken to whom no better one is known for."""
        self.catalogues = catalogues.load()
        if language not in self.catalogues:
            raise InvalidSettings(f"web.language: there are no texts in '{language}', only {sorted(self.catalogues)}")
        self.language = language
        self._kept = KeptPages()
        self._policy = f'href="{html.escape(policy_url)}"' if policy_url else ""
        self._version = html.escape(policy_version)
        everywhere = {
            "company": company, "policy_url": policy_url, "customer_service": customer_service,
            "policy_version": policy_version, "style": STYLE_PATH,
            "languages": [(key, catalogue.name) for key, catalogue in self.catalogues.items()],
        }  # fmt: skip
        self._environments = {key: _environment(one, everywhere) for key, one in self.catalogues.items()}

    def text(self, language: str, key: str, **values: object) -> str:
        """Return one text, such as the wording that a consent names."""
        return self.catalogues[language].text(key, **values)

    def page(
        self, template: str, values: Mapping[str, object] | None = None, *,
        language: str = "", status: int = 200, asks: bool = False, switch: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:  # fmt: skip
        """Return a page as an answer with all headers that customers' pages carry.

        ``switch`` is whether the footer offers other languages. ``asks`` is whether the page was
        declared to ask for personal data; :class:`PolicyNoticeMissing` is raised where template and word differ.
        """
        text = self._rendered(template, {"switch": switch, **(values or {})}, language or self.language, asks=asks)
        return HTMLResponse(text, status_code=status, headers={**HEADERS, **(headers or {})})

    def kept_page(
        self, template: str, personal: Mapping[str, str], *, state: Hashable,
        values: Callable[[], Mapping[str, object]], language: str, asks: bool, switch: bool,
    ) -> HTMLResponse:  # fmt: skip
        """Return a page as :meth:`page` does, rendered once for all who are in the same state.

        ``state`` names all that ``values`` depend on; ``personal`` is filled in for each.
        """

        def render(marks: Mapping[str, str]) -> str:
            return self._rendered(template, {"switch": switch, **values(), **marks}, language, asks=asks)

        text = self._kept.page((template, language, asks, switch, state), personal, render)
        return HTMLResponse(text, headers=HEADERS)

    def fragment(self, template: str, values: Mapping[str, object], *, language: str) -> str:
        """Return a piece of a page of somebody else that asks for personal data; never without the policy notice."""
        return self._rendered(template, values, language, asks=True)

    def compiled(self, language: str, template: str) -> Template:
        """Return a template with the words of a language; compiled at first use."""
        return self._environments[language].get_template(template)

    def _rendered(self, template: str, values: Mapping[str, object], language: str, *, asks: bool) -> str:
        text = self.compiled(language, template).render(values)
        self._see_to_notice(text, asks=asks)
        return text

    def _see_to_notice(self, text: str, *, asks: bool) -> None:
        has_notice = bool(self._policy) and _NOTICE in text and self._policy in text and self._version in text
        if _ASKS.search(text) is not None and not (asks and has_notice):
            raise PolicyNoticeMissing


class _Compiled(BytecodeCache):
    """What templates were compiled to, the same for all languages; compiling all of them takes a tenth of a second."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def _environment(catalogue: Catalogue, everywhere: Mapping[str, object]) -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, auto_reload=False,
        trim_blocks=True, lstrip_blocks=True, bytecode_cache=_COMPILED,
    )  # fmt: skip
    for name in made.list_templates(["html"]):  # now, not while the first who ask for a page wait for it
        made.get_template(name)

    def rich(key: str, **values: object) -> Markup:
        text = Markup(html.escape(catalogue.template(key, values.get("n")), quote=False))  # noqa: S704 - just escaped
        return text.format(**{name: _set_apart(value) for name, value in values.items()})

    plain = {key: Markup(html.escape(text)) for key, text in catalogue.plain.items()}  # noqa: S704 - just escaped

    def text(key: str, **values: object) -> str:
        return catalogue.text(key, **values) if values or key not in plain else plain[key]

    def policy_link() -> Markup:
        return Markup('<a href="{}">{}</a>').format(everywhere["policy_url"], catalogue.text("common.policy"))

    made.globals |= everywhere
    made.globals |= {
        "t": text, "rich": rich, "day": catalogue.day, "lang": catalogue.language,
        "direction": catalogue.direction, "policy_link": policy_link, "mail_link": _mail_link,
    }  # fmt: skip
    return made


def _set_apart(value: object) -> object:
    """Return a value as markup of its own direction; markup and numbers stay as they are."""
    if isinstance(value, Markup | int):
        return value
    return Markup("<b><bdi>{}</bdi></b>").format(value)


def _mail_link(address: str) -> Markup:
    return Markup('<a href="mailto:{0}"><bdi>{0}</bdi></a>').format(address)
