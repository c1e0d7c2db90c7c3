"""What is read of a form: bounded, cleaned, and told field by field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from web.forms import Form, parse

URLENCODED = Headers({"content-type": "application/x-www-form-urlencoded; charset=utf-8"})


async def read(body: bytes, headers: Headers = URLENCODED) -> Form:
    return Form(await parse(headers, body))


async def test_a_line_is_trimmed_composed_and_without_controls() -> None:
    """What people paste brings all kinds of characters along."""
    form = await read(b"name=%20Zoe%CC%88%00%0D%0A%20")

    assert form.one("name") == "Zoë"
    assert not form.errors


async def test_too_long_missing_and_no_choice_are_said_once_each() -> None:
    """The first thing that is wrong stands beside the field."""
    form = await read(b"name=" + b"x" * 300 + b"&size=huge")

    assert form.one("name", required=True) == ""
    assert form.one("mail", required=True) == ""
    assert form.choice("size", {"s": 1, "m": 2}) == ""
    assert {name: wrong.key for name, wrong in form.errors.items()} == {
        "name": "errors.too_long", "mail": "errors.missing", "size": "errors.choice",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (URLENCODED, b"\xff\xfe=1"),
        (URLENCODED, b"a=%ff"),
        (URLENCODED, b"a=1&" * 60),
        (URLENCODED, b"justwords"),
        (Headers({"content-type": "application/json"}), b'{"a": 1}'),
        (Headers({}), b"a=1"),
        (Headers({"content-type": "multipart/form-data"}), b"--x\r\n"),
        (Headers({"content-type": "multipart/form-data; boundary=x"}), b"--y\r\n\r\n"),
    ],
    ids=["bytes", "half a letter", "many", "words", "json", "no type", "no boundary", "other boundary"],
)
async def test_what_is_no_form_is_told_so(headers: Headers, body: bytes) -> None:
    """It is no empty form: nothing may be done for it."""
    form = await read(body, headers)

    assert form.one("a") == ""
    assert not form.is_whole or headers.get("content-type", "").startswith("multipart")


@given(
    st.binary(max_size=400), st.sampled_from(["application/x-www-form-urlencoded", "multipart/form-data; boundary=a"])
)
async def test_any_bytes_are_a_form_or_none(body: bytes, kind: str) -> None:
    """Nothing raises."""
    form = await read(body, Headers({"content-type": kind}))
    form.one("a")
    form.many("a")


def test_a_form_is_exactly_what_was_agreed() -> None:
    """RFC 8058 3.1: one field, once; a second one of that name is another form."""
    assert Form({"a": ["1"]}).is_exactly(a="1")
    assert not Form({"a": ["1", "1"]}).is_exactly(a="1")
    assert not Form({"a": ["1"], "b": ["2"]}).is_exactly(a="1")
    assert not Form(None).is_exactly(a="1")
