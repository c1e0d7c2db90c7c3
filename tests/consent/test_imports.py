"""A file of subscribers, line by line."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports import ImportRefused, Line, read_lines
from consent.model import AgeBand

TODAY = date(2026, 3, 1)


def lines(content: bytes | str, *, over_13: bool = False) -> list[Line]:
    raw = content.encode() if isinstance(content, str) else content
    return list(read_lines(raw, over_13=over_13, today=TODAY))


def test_columns_become_a_profile_and_others_attributes() -> None:
    """Known columns are known in any case and order; what else there is is kept as attributes."""
    (line,) = lines("Plan,E-mail Note,EMAIL,Name,birth_date\ngold,x,Anna@Example.org,Anna,1990-12-31\n")

    assert line.profile is not None
    assert str(line.profile.address) == "Anna@example.org"
    assert line.profile.birth_date == date(1990, 12, 31)
    assert line.profile.age_band is AgeBand.OVER_13
    assert line.profile.attributes == {"plan": "gold", "e_mail_note": "x"}


@pytest.mark.parametrize(
    "content", ["\ufeffemail;name\na@b.test;Ä\n", "email,name\r\na@b.test,Ä\r\n", "email;name\n\na@b.test;Ä"]
)
def test_marks_separators_and_line_ends_of_all_kinds_are_read(content: str) -> None:
    """With or without BOM, comma or semicolon, any line end, empty lines passed over."""
    (line,) = lines(content)

    assert line.profile is not None
    assert line.profile.name == "Ä"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (",Nobody,,,,", "no address"),
        ("not an address,,,,,", "not one that mail"),
        ("child@b.test,,2020-01-01,,,", "under 13"),
        ("a@b.test,,31.13.1990,,,", "date of birth"),
        ("a@b.test,,,german please,,", "language"),
        ("a@b.test,,,,Mars/Base,", "time zone"),
        ("a@b.test,,,,,call me", "telephone"),
        ("a@b.test,,,,,,,,", "fields for"),
    ],
)
def test_a_line_that_cannot_be_imported_says_why(row: str, why: str) -> None:
    """The other lines go on."""
    first, second = lines(f"email,name,birth_date,language,time_zone,phone\n{row}\nok@b.test,,,,,\n")

    assert first.profile is None
    assert why in first.refusal
    assert second.profile is not None


def test_the_second_of_two_equal_addresses_is_refused() -> None:
    """Also when it is spelt in another case."""
    _, second = lines("email\na@b.test\nA@B.TEST\n")

    assert "twice" in second.refusal


def test_a_card_number_refuses_the_whole_file_and_names_the_line_only() -> None:
    """The number itself is not repeated."""
    with pytest.raises(ImportRefused) as refused:
        lines("email,note\na@b.test,\nb@b.test,4111 1111 1111 1111\n")

    assert "line 3" in refused.value.public
    assert "4111" not in refused.value.public


@pytest.mark.parametrize(
    "content",
    [
        b"name\nAnna\n",
        b"",
        "email\nä@b.test\n".encode("utf-16"),
        b"email\na\x00@b.test\n",
        b'email,name\n"a@b.test,x\n',
    ],
)
def test_what_is_no_list_of_people_is_refused_with_a_hint(content: bytes) -> None:
    """No email column, nothing at all, another encoding, NUL, broken quoting."""
    with pytest.raises(ImportRefused):
        lines(content)


@given(st.binary(max_size=400))
def test_any_bytes_are_lines_or_a_refusal(content: bytes) -> None:
    """Nothing else ever comes out of a file."""
    try:
        found = lines(b"email,name\n" + content)
    except ImportRefused:
        return
    assert all((line.profile is None) == bool(line.refusal) for line in found)
