"""The pages as text: Jinja2 templates of ``templates/web``, autoescaped, compiled once."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

from web.guard import HEADERS

TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "web"


class Pages:
    """Renders pages with what stands on each of them: company, policy link (P7), customer service (P17)."""

    def __init__(self, *, company: str, policy_url: str, customer_service: str) -> None:
        """Compile nothing yet; templates are read at first use and kept."""
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            auto_reload=False,
        )
        self._everywhere = {"company": company, "policy_url": policy_url, "customer_service": customer_service}

    def page(self, template: str, values: Mapping[str, object] | None = None, *, status: int = 200) -> HTMLResponse:
        """Return a page as an answer with all headers that customers' pages carry."""
        text = self._environment.get_template(template).render({**self._everywhere, **(values or {})})
        return HTMLResponse(text, status_code=status, headers=dict(HEADERS))
