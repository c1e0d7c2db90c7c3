"""The second copy of opt-outs: one writer, whole lines, nothing lost behind a torn one."""

from pathlib import Path

from byleave.second_copy import SecondCopy, lines_of
from tests.database import LATER, NOW


def test_lines_are_appended_month_by_month(tmp_path: Path) -> None:
    """In the order in which they were written."""
    copy = SecondCopy(tmp_path / "optouts")
    assert copy.hold()
    copy.append(["1", "2"], now=NOW)
    copy.append([], now=NOW)
    copy.append(["3"], now=LATER.replace(month=12))
    copy.close()

    assert list(lines_of(tmp_path / "optouts")) == ["1", "2", "3"]
    assert list(lines_of(tmp_path / "optouts" / "2026-12.jsonl")) == ["3"]


def test_one_process_writes_and_another_takes_over(tmp_path: Path) -> None:
    """A file lock, which ends with its process."""
    first, second = SecondCopy(tmp_path), SecondCopy(tmp_path)

    assert first.hold()
    assert first.hold()
    assert not second.hold()
    first.close()
    assert second.hold()
    second.close()


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    """A crash cut it short; what comes next begins on a line of its own."""
    copy = SecondCopy(tmp_path)
    copy.hold()
    copy.append(["1"], now=NOW)
    with (tmp_path / "2026-11.jsonl").open("a") as stream:
        stream.write('{"seq": 2, "ha')

    copy.append(["2", "3"], now=NOW)
    copy.close()

    assert list(lines_of(tmp_path)) == ["1", '{"seq": 2, "ha', "2", "3"]
