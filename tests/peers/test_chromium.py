"""The browser shows pages as somebody without scripts sees them."""

from pathlib import Path

import pytest

from tests.peers.chromium import rendered, screenshot

pytestmark = pytest.mark.peer

PAGE = """<!doctype html><meta charset="utf-8"><title>t</title><p id="p">no script ran</p>
<p>Grüße · 配信停止 · إلغاء</p><script>document.getElementById("p").textContent = "a script " + "ran"</script>"""


@pytest.fixture
def page(tmp_path: Path) -> str:
    """Give the address of a page that shows whether scripts run."""
    file = tmp_path / "page.html"
    file.write_text(PAGE, encoding="utf-8")
    return file.as_uri()


def test_scripts_are_off_unless_asked_for(page: str) -> None:
    """What a test sees by default is the page without scripts."""
    assert '<p id="p">no script ran</p>' in rendered(page)
    assert '<p id="p">a script ran</p>' in rendered(page, javascript=True)


def test_a_picture_is_taken(page: str, tmp_path: Path) -> None:
    """The picture is a PNG of the size asked for."""
    picture = screenshot(page, tmp_path / "page.png", width=400, height=300).read_bytes()

    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20]) == 400
