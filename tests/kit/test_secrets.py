"""Secrets: made once, for the owner's eyes, equal for all who start at the same time."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kit.addresses import parse_address
from kit.errors import InvalidSettings
from kit.secrets import load_or_make_secrets


def test_they_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    """A second start reads the same ones."""
    file = tmp_path / "var" / "secrets.json"
    first, second = load_or_make_secrets(file), load_or_make_secrets(file)

    assert first == second
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "secret" not in repr(first).lower().replace("secrets(", "")


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    """One of them wins, and no draft is left lying about."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: load_or_make_secrets(tmp_path / "s.json"), range(16)))

    assert all(one == made[0] for one in made)
    assert [file.name for file in tmp_path.iterdir()] == ["s.json"]


@pytest.mark.parametrize(
    "damage", ["", "{}", '{"token_keys": {"1": "00"}, "current_token_key": 1, "address_key": "00"}']
)
def test_a_damaged_file_stops_the_start(tmp_path: Path, damage: str) -> None:
    """New secrets would silently void every link and suppression."""
    file = tmp_path / "s.json"
    file.write_text(damage)

    with pytest.raises(InvalidSettings, match="backup"):
        load_or_make_secrets(file)


def test_the_hash_of_an_address_is_keyed_and_blind_to_case(tmp_path: Path) -> None:
    """Without the key nobody can try addresses against it."""
    one, other = load_or_make_secrets(tmp_path / "1.json"), load_or_make_secrets(tmp_path / "2.json")
    anna = parse_address("Anna@x.test")

    assert one.address_hash(anna) == one.address_hash(parse_address("anna@x.test"))
    assert one.address_hash(anna) != other.address_hash(anna)
    assert len(json.dumps(one.address_hash(anna))) == 66
