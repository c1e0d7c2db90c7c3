"""The sign-up form for another site: plain HTML that posts to us, sealed with what it shows (P3).

It is made once for all its visitors. It can't be made without the policy link (P7), and once the policy has a new
version, what it sends leads to the form of our own page.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from consent.admission import Form
from consent.policy import TopicValue
from kit.errors import InvalidSettings
from web.pages import Pages
from web.seals import Seals
from web.signup import PAGE

_NAME = re.compile(r"[a-z0-9][a-z0-9_\-]{0,39}\Z")


def embedded_form(
    pages: Pages, seals: Seals, topics: Sequence[TopicValue], *,
    base_url: str, policy_version: str, language: str, name: str, at: datetime,
) -> str:  # fmt: skip
    """Return the form in one language, or raise :class:`InvalidSettings` saying why there can be none.

    ``name`` is kept with each consent: where the person saw the form.
    """
    if language not in pages.catalogues:
        raise InvalidSettings(f"there are no texts in '{language}', only in {', '.join(sorted(pages.catalogues))}")
    if not _NAME.match(name) or name == PAGE:
        raise InvalidSettings(f"the name of a form is made of a-z, 0-9, _ and -, and is not '{PAGE}'")
    wording = pages.text(language, "signup.wording")
    seal = seals.seal(Form(wording, policy_version, language, at, name))
    values = {
        "action": f"{base_url}/signup?lang={language}", "seal": seal, "topics": topics, "wording": wording,
    }  # fmt: skip
    return pages.fragment("signup_embed.html", values, language=language)
