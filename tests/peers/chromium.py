"""Debian's Chromium without a screen: what a page looks like, also where scripts are off.

Looks at addresses on loopback only; its own calls home are switched off.
"""

import json
from pathlib import Path

from tests.peers.process import run, workspace
from tests.peers.require import need

_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)


def screenshot(
    url: str, target: Path, *, javascript: bool = False, width: int = 800, height: int = 1200, language: str = "en"
) -> Path:
    """Save a page as a PNG file and return its path; scripts run only when asked for."""
    _run(url, [f"--screenshot={target}", f"--window-size={width},{height}"], javascript=javascript, language=language)
    if not target.is_file():
        raise RuntimeError(f"Chromium made no picture of {url}")
    return target


def rendered(url: str, *, javascript: bool = False, language: str = "en") -> str:
    """Return the HTML of a page as the browser has it after loading."""
    return _run(url, ["--dump-dom"], javascript=javascript, language=language)


def _run(url: str, wish: list[str], *, javascript: bool, language: str) -> str:
    chromium = need("chromium", "chromium")
    with workspace() as profile:
        if not javascript:
            # Not `--blink-settings=scriptEnabled=false`: with it the browser can neither print the page nor picture it.
            settings = profile / "profile" / "Default" / "Preferences"
            settings.parent.mkdir(parents=True)
            settings.write_text(json.dumps({"profile": {"default_content_setting_values": {"javascript": 2}}}))
        home = {"HOME": str(profile), "XDG_RUNTIME_DIR": str(profile)}
        options = [*_QUIET, f"--lang={language}", f"--user-data-dir={profile}/profile"]
        return run([chromium, *options, *wish, url], env=home)
