"""What is shipped to run Byleave names settings, commands and folders that exist, and may do no more than it needs."""

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from byleave.cli import MODULES, build
from byleave.engine import PARTS
from kit.config import Settings
from kit.config_section import Section

ROOT = Path(__file__).resolve().parents[1]
UNITS = sorted((ROOT / "packaging" / "systemd").glob("*.service"))
CONTAINERFILE = (ROOT / "Containerfile").read_text("utf-8")
ROOMS = ("kit", "consent", "mailer", "inbound", "campaigns", "web", "byleave")
SHIPPED = [ROOT / "compose.yaml", ROOT / "Containerfile", *UNITS]


@functools.cache
def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))


def services() -> dict[str, Any]:
    """The services that run our image."""
    return {name: one for name, one in compose()["services"].items() if "build" in one}


def setting(name: str) -> Any:
    """Return the default of BYLEAVE_SECTION__KEY; raise KeyError where there is no such setting."""
    model: type[Section | Settings] = Settings
    *path, key = name.removeprefix("BYLEAVE_").lower().split("__")
    for step in path:
        found = model.model_fields[step].annotation
        assert isinstance(found, type)
        assert issubclass(found, Section), f"{name}: {step} is no section"
        model = found
    return model.model_fields[key].default


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def parse_command(arguments: list[str]) -> None:
    """Parse a command line of ours as the program does; raise where it is wrong. Nothing is run."""
    name, *rest = arguments
    assert name in MODULES, f"there is no command '{name}'"
    group: Any = typer.main.get_command(build())
    made = group.commands[name].make_context(name, list(rest))
    parts = made.params.get("only") or ""
    assert set(filter(None, parts.split(","))) <= set(PARTS)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_every_setting_that_is_named_exists(file: Path) -> None:
    names = set(re.findall(r"BYLEAVE_[A-Z_]+[A-Z]", file.read_text("utf-8")))

    assert names
    for name in names:
        setting(name)


@pytest.mark.parametrize("name", services())
def test_every_service_runs_a_command_that_exists(name: str) -> None:
    parse_command(services()[name]["command"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_unit_runs_a_command_that_exists(unit: Path) -> None:
    (started,) = re.findall(r"^ExecStart=(.*)$", unit.read_text("utf-8"), re.MULTILINE)
    program, *arguments = started.split()

    assert program == "/opt/byleave/.venv/bin/byleave"
    parse_command(arguments)


def test_every_part_runs_somewhere_and_each_once() -> None:
    """Save the watched mailbox, which is off as shipped."""
    for runs in (
        [" ".join(one["command"]) for one in services().values()],
        [line for unit in UNITS for line in unit.read_text("utf-8").splitlines() if line.startswith("ExecStart=")],
    ):
        parts = sorted(line.partition("--only ")[2] for line in runs if "--only" in line)
        assert parts == sorted(set(PARTS) - {"imap"})


@pytest.mark.parametrize("name", services())
def test_no_service_may_do_more_than_it_needs(name: str) -> None:
    """No root, no capability, nothing to write but the volume and a /tmp of its own."""
    service = services()[name]

    assert service["user"].partition(":")[0] not in {"", "0", "root"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert [volume for volume in service["volumes"] if not volume.endswith(":ro")] == ["state:/var/lib/byleave"]


def test_letters_on_their_way_have_time_to_finish() -> None:
    """A stop waits longer than mailer.drain_seconds."""
    drain = setting("BYLEAVE_MAILER__DRAIN_SECONDS")

    assert all(seconds(service["stop_grace_period"]) > drain for service in services().values())
    for unit in UNITS:
        (limit,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit.read_text("utf-8"), re.MULTILINE)
        assert int(limit) > drain


def test_parts_wait_for_the_tables_and_the_tables_for_the_database() -> None:
    database = compose()["services"]["database"]

    assert "pg_isready" in database["healthcheck"]["test"]
    for name, service in services().items():
        wanted = ("database", "service_healthy") if name == "init" else ("init", "service_completed_successfully")
        assert {one: how["condition"] for one, how in service["depends_on"].items()} == dict([wanted])


def test_no_secret_and_no_registry_is_written_down() -> None:
    """Passwords come from the environment, images by name and version alone."""
    text = (ROOT / "compose.yaml").read_text("utf-8")

    for line in text.splitlines():
        if "PASSWORD" in line and not line.startswith("#"):
            assert "${DATABASE_PASSWORD:?" in line
    images = [one["image"] for one in compose()["services"].values()]
    images += re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)
    for image in images:
        assert re.fullmatch(r"[a-z]+:[0-9][0-9a-z.-]*", image), image


def test_the_image_holds_folders_that_exist_and_all_that_the_program_needs() -> None:
    sources = [
        name for line in re.findall(r"^COPY (?!--from)(.*)$", CONTAINERFILE, re.MULTILINE) for name in line.split()[:-1]
    ]

    assert [name for name in sources if not (ROOT / name).exists()] == []
    assert {*ROOMS, "migrations", "templates", "config.toml"} <= set(sources)
    assert not {".", "tests", "var"} & set(sources)
    ignore = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignore
    assert sorted(line.removeprefix("!") for line in ignore if line.startswith("!")) == sorted(sources)
    assert "--require-hashes" in CONTAINERFILE
    (user,) = re.findall(r"^USER (\S+)$", CONTAINERFILE, re.MULTILINE)
    assert user == next(iter(services().values()))["user"]


def test_the_image_has_what_the_program_needs_of_the_lock_and_nothing_else() -> None:
    """packaging/requirements.lock is that part of requirements.lock that no developer alone wants, word for word."""
    assert (ROOT / "packaging" / "requirements.lock").read_text("utf-8") == needed(
        (ROOT / "requirements.lock").read_text("utf-8")
    )


def needed(lock: str) -> str:
    """Return the entries of a lock that the program or something it needs asks for."""
    entries = re.split(r"(?m)^(?=[a-z0-9])", lock)
    wanted_by = {
        entry.partition("==")[0]: {one.strip() for one in entry.rpartition("# via ")[2].split(",")}
        for entry in entries
        if "==" in entry
    }
    found = {"byleave (pyproject.toml)"}
    while more := {name for name, by in wanted_by.items() if by & found} - found:
        found |= more
    return "".join(entry for entry in entries if entry.partition("==")[0] in found)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    """With a program that is there in the place of ours."""
    copy = tmp_path / unit.name.replace("@", "@1")
    copy.write_text(unit.read_text("utf-8").replace("/opt/byleave/.venv/bin/byleave", sys.executable), "utf-8")

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_fenced_in(unit: Path) -> None:
    lines = unit.read_text("utf-8").splitlines()

    for line in ("User=byleave", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes",
                 "CapabilityBoundingSet=", "Restart=on-failure", "UMask=0077"):  # fmt: skip
        assert line in lines


if __name__ == "__main__":  # make lock
    Path(sys.argv[1]).write_text(needed((ROOT / "requirements.lock").read_text("utf-8")), "utf-8")
