"""Whether a real peer is on this machine.

A developer without Postfix sees the test skipped and the package named; where `BYLEAVE_REQUIRE_PEERS=1` is set, as
it is in `.ci/run`, a missing peer is a failure, so that a proof never disappears unseen. Installs nothing.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/lib/postfix/sbin", "/usr/libexec/postfix")
"""Where servers live that an ordinary PATH leaves out."""


def find(program: str) -> Path | None:
    """Return the path of a program on PATH or in the folders for servers, or None."""
    found = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS]))
    return Path(found) if found else None


def need(program: str, package: str) -> Path:
    """Return the path of a program, or skip the calling test; fail it where peers are required."""
    found = find(program)
    if found is None:
        missing(f"'{program}' is not installed (Debian: apt-get install {package})")
    return found


def need_root(peer: str) -> None:
    """Skip the calling test, or fail it where peers are required, unless this process may act as root."""
    if os.geteuid() != 0:
        missing(f"{peer} needs root to give its parts their own users")


def missing(reason: str) -> NoReturn:
    """Skip with this reason, or fail where peers are required."""
    if os.environ.get("BYLEAVE_REQUIRE_PEERS") == "1":
        pytest.fail(f"peers are required here, but {reason}", pytrace=False)
    pytest.skip(reason)
