"""Settings: the shipped file, the environment, and what is said of a slip of the pen."""

import itertools
import os
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from kit.config import CHECKOUT, Settings, load_settings
from kit.errors import InvalidSettings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BYLEAVE_")]:
        monkeypatch.delenv(name)


def written(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text, "utf-8")
    return file


def keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= keys(field.annotation, f"{prefix}{name}.")
        else:
            found.add(prefix + name)
    return found


def flat(values: dict[str, object], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name}
    return found


def test_the_shipped_file_names_every_key_with_its_shipped_value() -> None:
    """Whoever reads config.toml reads what is so."""
    shipped = tomllib.loads((CHECKOUT / "config.toml").read_text("utf-8"))

    assert flat(shipped) == keys(Settings) - {"root"}
    assert load_settings(CHECKOUT / "config.toml") == Settings(root=CHECKOUT)


def test_every_key_of_the_file_is_explained_by_a_comment() -> None:
    """The line before a key is a comment, or the key of a topic."""
    lines = (CHECKOUT / "config.toml").read_text("utf-8").split("[[topics]]")[0].splitlines()

    for before, line in itertools.pairwise(lines):
        assert " = " not in line or line.startswith("#") or before.startswith("#"), line


def test_every_key_stands_in_the_documentation() -> None:
    """docs/configuration.md is complete."""
    page = (CHECKOUT / "docs" / "configuration.md").read_text("utf-8")

    names = {key.rpartition(".")[2] for key in keys(Settings) - {"root", "topics"}}
    missing = [name for name in names if f"`{name}`" not in page]
    assert missing == []


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nested keys by two underscores, lists as JSON; the rest of a section stays as in the file."""
    monkeypatch.setenv("BYLEAVE_INBOUND__SMTP__PORT", "2526")
    monkeypatch.setenv("BYLEAVE_MAILER__RELAYS", '["smtp://127.0.0.1:2525"]')
    file = written(tmp_path, "[inbound.smtp]\nport = 99\nhost = '::1'\n[mailer]\nfrom_name = 'Shop'\n")

    settings = load_settings(file)

    assert (settings.inbound.smtp.port, settings.inbound.smtp.host) == (2526, "::1")
    assert settings.mailer.relays == ("smtp://127.0.0.1:2525",)
    assert settings.mailer.from_name == "Shop"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[mailer]\nrelay = []\n", "did you mean 'relays'"),
        ("[inbound.smpt]\nport = 1\n", "did you mean 'smtp'"),
        ("[[topics]]\nkey = 'a'\nname = 'A'\nabuot = ''\n", "did you mean 'about'"),
        ("[company]\ntime_zone = 'Mars'\n", "no time zone"),
        ("[mailer]\nfrom_address = 'nobody'\n", "from_address"),
        ("[worker]\nbeat_seconds = 2\ndead_after_seconds = 7.9\n", "make it 8 or more"),
        ("[worker]\nbeat_seconds = 1.6\n", "worker: Value error, dead_after_seconds (6) must be at least 4 times"),
        ("[mailer\n", "can't be read"),
    ],
)
def test_a_slip_of_the_pen_is_named(tmp_path: Path, text: str, said: str) -> None:
    """And the nearest known key with it."""
    with pytest.raises(InvalidSettings) as refused:
        load_settings(written(tmp_path, text))

    assert said in refused.value.public


def test_an_unknown_section_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would otherwise be passed over in silence."""
    monkeypatch.setenv("BYLEAVE_DATABSE__URL", "sqlite+aiosqlite:///x.db")

    with pytest.raises(InvalidSettings, match="did you mean 'database'"):
        load_settings()


def test_relative_paths_start_from_the_folder_of_the_file(tmp_path: Path) -> None:
    """Wherever the command is called."""
    settings = load_settings(written(tmp_path, "[database]\nurl = 'sqlite+aiosqlite:///here/x.db'\n"))

    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/here/x.db"
    assert settings.var_folder == tmp_path / "var"


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    """Not silently replaced by the shipped one."""
    with pytest.raises(InvalidSettings, match="there is no settings file"):
        load_settings(tmp_path / "none.toml")
