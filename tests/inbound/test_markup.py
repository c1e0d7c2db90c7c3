"""HTML becomes the lines a reader sees, each in its zone; whatever the markup."""

import pytest

from inbound.markup import MOST_LINES, MarkedLine, lines_of


def texts(markup: str) -> list[str]:
    return [line.text for line in lines_of(markup) if line.text]


def zones(markup: str) -> list[tuple[str, str]]:
    return [(line.text, line.zone) for line in lines_of(markup) if line.text]


@pytest.mark.parametrize(
    ("markup", "lines"),
    [
        ("a<br>b<br/>c", ["a", "b", "c"]),
        ("<p>a</p><p>b</p>", ["a", "b"]),
        ("<div>a<div>b</div>c</div>", ["a", "b", "c"]),
        ("<b>a</b><i> b</i>", ["a b"]),
        ("a\n  b", ["a b"]),
        ("<pre>a\n  b</pre>", ["a", "b"]),
        ("a&nbsp;&lt;b&gt; &amp; &#x41;", ["a\xa0<b> & A"]),
        ("<table><tr><td>From:</td><td>x</td></tr><tr><td>To:</td></tr></table>", ["From:\tx", "To:"]),
        ("<ul><li>a<li>b</ul>", ["a", "b"]),
        ("<style>a{}</style><title>t</title><script>s</script>x<!-- c -->", ["x"]),
        ("<HEAD><meta x></HEAD><header>x</header>", ["x"]),
        ('<div style="display: none">a</div>b', ["b"]),
        ('<span style="mso-hide:all">a</span>b', ["b"]),
        ("a <b", ["a"]),
        ("1 < 2 and 3 > 2", ["1 < 2 and 3 > 2"]),
        ("<!-- a", ["<!-- a"][:0]),
        ("<STYLE>a</STYLE>\u0130x", ["\u0130x"]),
        ("", []),
    ],
)
def test_lines_are_those_that_a_reader_sees(markup: str, lines: list[str]) -> None:
    assert texts(markup) == lines


def test_an_element_puts_its_lines_into_its_zone() -> None:
    markup = 'a<blockquote>b<div class="gmail_signature">c</div></blockquote><div class="gmail_signature">d</div>e'

    assert zones(markup) == [("a", ""), ("b", "quote"), ("c", "quote"), ("d", "signature"), ("e", "")]


def test_a_border_quotes_all_that_follows() -> None:
    assert zones('a<div id="x_divRplyFwdMsg">b</div>c') == [("a", ""), ("b", "quote"), ("c", "quote")]


def test_a_mark_in_the_middle_of_a_line_ends_the_line() -> None:
    assert zones('stop <span class="gmail_attr">On Sunday</span>') == [("stop", ""), ("On Sunday", "quote")]


def test_elements_that_are_never_closed_or_opened_do_no_harm() -> None:
    assert texts("</div></blockquote><div><span>a</div>b") == ["a", "b"]


def test_the_rule_of_outlook_counts_only_above_a_header() -> None:
    """People draw lines too."""
    rule = '<div style="border:none;border-top:solid #E1E1E1 1.0pt">'

    assert zones(f"a{rule}<p>b</p></div>c") == [("a", ""), ("b", ""), ("c", "")]
    assert zones(f"a{rule}V: x<br>N: y<br>G: z</div>c")[1:] == [(t, "quote") for t in ("V: x", "N: y", "G: z", "c")]


def test_the_number_of_lines_is_bounded() -> None:
    assert len(lines_of("a<br>" * 50_000)) <= MOST_LINES + 1


def test_a_line_is_a_value() -> None:
    assert lines_of("<blockquote>a") == [MarkedLine("a", "quote", "blockquote")]
