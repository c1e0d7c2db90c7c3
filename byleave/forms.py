"""``byleave signup``: the sign-up form as HTML, for the company's other sites."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from byleave import console
from byleave.context import settings_of
from byleave.wiring import open_ground
from consent.policy import all_topics
from kit.config import Settings
from kit.errors import InvalidSettings
from mailer.model import is_plain_url
from web.embedding import embedded_form
from web.pages import Pages
from web.seals import Seals

app = typer.Typer(help="How people join.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """How people join."""


@app.command("form")
def form(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Where the form will stand, such as shop-footer; kept with each consent.")],
    language: Annotated[str, typer.Option(help="The language of the form.")] = "en",
) -> None:
    """Print a form as HTML to put into another page; it posts to ours."""
    with console.plain_errors():
        text = asyncio.run(_form(settings_of(context), name, language))
    console.out.print(text, markup=False, highlight=False, soft_wrap=True, end="")


async def _form(settings: Settings, name: str, language: str) -> str:
    company, version = settings.company, settings.consent.default_policy_version
    if not is_plain_url(company.policy_url):
        raise InvalidSettings("company.policy_url: a form that asks for data must link the privacy policy (P7)")
    if not settings.signup.enabled:
        raise InvalidSettings("signup.enabled is false: our page would take nothing from the form")
    pages = Pages(
        company=company.name, policy_url=company.policy_url, policy_version=version,
        customer_service=company.customer_service, language=settings.web.language,
    )  # fmt: skip
    async with open_ground(settings) as ground:
        async with ground.database.reading() as session:
            topics = await all_topics(session)
        return embedded_form(
            pages, Seals(ground.secrets), topics, base_url=settings.web.base_url.rstrip("/"), policy_version=version,
            language=language, name=name, at=datetime.now(UTC),
        )  # fmt: skip
