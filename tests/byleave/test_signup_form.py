"""``byleave signup form``: prints what can be embedded, or says why not."""

from pathlib import Path

import pytest

from tests.scenarios.installation import Installation, installed


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    with installed(tmp_path_factory.mktemp("house")) as made:
        return made


def test_it_prints_a_form_with_the_topics_of_the_settings(installation: Installation) -> None:
    """Whole lines of HTML, whatever the width of the terminal."""
    said = installation.byleave("signup", "form", "--name", "shop-footer", "--language", "de")

    assert said.lstrip().startswith('<form action="https://preferences.proengineer.example/signup?lang=de"')
    assert said.rstrip().endswith("</form>")
    assert 'value="newsletter"' in said
    assert "https://www.proengineer.example/privacy" in said


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [("COMPANY__POLICY_URL", "", "privacy policy"), ("SIGNUP__ENABLED", "false", "enabled")],
)
def test_it_refuses_to_print_what_must_not_stand_anywhere(
    tmp_path: Path, installation: Installation, key: str, value: str, why: str
) -> None:
    """No form without a policy link (P7), and none that leads to a closed door."""
    other = Installation(tmp_path, {**installation.settings, key: value})

    other.byleave("signup", "form", "--name", "shop-footer", expect=1)

    assert why in other.complaint
