"""Why it was decided so: JSON with fixed keys, and text in which nothing is lost."""

from hypothesis import given
from hypothesis import strategies as st

from inbound.explain import as_json, as_text, highlight
from inbound.reading import read
from tests.inbound.test_reading import mail
from tests.inbound.test_topics import WORLD


def test_json_has_the_agreed_keys() -> None:
    told = as_json(read(mail("unsubscribe Deals", ""), world=WORLD))

    assert set(told) == {"verdict", "scope", "recipients", "bounce", "confidence", "reasons"}
    assert (told["verdict"], told["scope"], told["recipients"], told["bounce"]) == ("unsubscribe", ["deals"], [], None)


def test_words_that_counted_are_marked() -> None:
    segments = as_text(read(mail("Re: hello", "Please take me off your mailing list."), world=WORLD))

    assert any(style == "counted" and "take me off" in text.lower() for text, style in segments)


@given(st.text(max_size=200), st.lists(st.text(max_size=10), max_size=4))
def test_highlighting_loses_no_letter(text: str, words: list[str]) -> None:
    assert "".join(piece for piece, _ in highlight(text, tuple(words), ())) == text
