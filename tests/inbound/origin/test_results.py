"""Authentication-Results: the examples of RFC 8601, whose word counts, and texts made to be misread."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound.origin.results import MOST_CHARACTERS, MOST_RESULTS, MethodResult, Results, parse_results, read_results

SECONDS = 1.0  # five times the aim of 200 ms, for a busy machine


def one(text: str) -> MethodResult:
    (found,) = parse_results(text).found
    return found


@pytest.mark.parametrize(
    ("text", "server", "found"),
    [
        pytest.param("example.org 1; none", "example.org", (), id="B.2"),
        pytest.param(
            "example.com;\r\n          spf=pass smtp.mailfrom=example.net",
            "example.com",
            (MethodResult("spf", "pass", {"smtp.mailfrom": "example.net"}),),
            id="B.3",
        ),
        pytest.param(
            "example.com;\r\n\tauth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
            "\tspf=pass smtp.mailfrom=example.net",
            "example.com",
            (
                MethodResult("auth", "pass", {"smtp.auth": "sender@example.net"}),
                MethodResult("spf", "pass", {"smtp.mailfrom": "example.net"}),
            ),
            id="B.4",
        ),
        pytest.param(
            'example.com; dkim=pass reason="good signature"\r\n  header.i=@mail-router.example.net;\r\n'
            '  dkim=fail reason="bad signature"\r\n  header.i=@newyork.example.com',
            "example.com",
            (
                MethodResult("dkim", "pass", {"reason": "good signature", "header.i": "@mail-router.example.net"}),
                MethodResult("dkim", "fail", {"reason": "bad signature", "header.i": "@newyork.example.com"}),
            ),
            id="B.6",
        ),
        pytest.param(
            "foo.example.net (foobar) 1 (baz);\r\n    dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
            "      policy (A dot can go here) . (like that) expired\r\n"
            "      (this surprised me) = (as I wasn't expecting it) 1362471462",
            "foo.example.net",
            (MethodResult("dkim", "fail", {"policy.expired": "1362471462"}),),
            id="B.7, comments everywhere",
        ),
        pytest.param(
            'mx.google.com;\r\n       dkim=pass header.i=@b.example header.s=k1 header.b="Ab/+c=";\r\n'
            "       spf=pass (google.com: domain of a@b.example designates 192.0.2.1 as permitted sender)"
            ' smtp.mailfrom="list+x=y@b.example";\r\n'
            "       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=b.example",
            "mx.google.com",
            (
                MethodResult("dkim", "pass", {"header.i": "@b.example", "header.s": "k1", "header.b": "Ab/+c="}),
                MethodResult("spf", "pass", {"smtp.mailfrom": "list+x=y@b.example"}),
                MethodResult("dmarc", "pass", {"header.from": "b.example"}),
            ),
            id="as Gmail writes",
        ),
        pytest.param("mx.example", "mx.example", (), id="nothing but a server"),
        pytest.param("", "", (), id="nothing"),
        pytest.param("; dkim=pass", "", (), id="no server"),
        pytest.param("dkim=pass header.d=a.example", "", (), id="a result for a server"),
        pytest.param("mx.example 2; dkim=pass", "mx.example", (), id="another version"),
    ],
)  # fmt: skip
def test_a_field_is_read(text: str, server: str, found: tuple[MethodResult, ...]) -> None:
    """The grammar of RFC 8601 2.2."""
    assert parse_results(text) == Results(server, found)


@pytest.mark.parametrize(
    ("text", "properties"),
    [
        pytest.param('smtp.mailfrom="a \\"b; dmarc=pass"@c', {"smtp.mailfrom": 'a "b; dmarc=pass@c'}, id="quoted"),
        pytest.param("smtp.mailfrom=a (; dmarc=pass (x) \\) )", {"smtp.mailfrom": "a"}, id="comment"),
        pytest.param("smtp.mailfrom=a+header.from=b@c", {"smtp.mailfrom": "a+header.from=b@c"}, id="signs"),
        pytest.param("smtp.mailfrom=header.from=b.example", {"smtp.mailfrom": "header.from=b.example"}, id="no name"),
        pytest.param("Header.From=B.example header.from=c", {"header.from": "B.example"}, id="twice"),
        pytest.param("smtp.mailfrom= header.from", {"smtp.mailfrom": "header.from"}, id="no value"),
        pytest.param("smtp.mailfrom=", {"smtp.mailfrom": ""}, id="empty value"),
        pytest.param("header.d=a words behind", {"header.d": "a"}, id="words"),
    ],
)  # fmt: skip
def test_a_value_never_becomes_a_name(text: str, properties: dict[str, str]) -> None:
    """A stranger chooses values, as in his return path; names are our server's."""
    assert one(f"mx.example; spf=pass {text}") == MethodResult("spf", "pass", properties)


@pytest.mark.parametrize(
    "text",
    [
        'spf=pass smtp.mailfrom="; dmarc=pass',
        "spf=pass (; dmarc=pass",
        "spf=pass ); dmarc=pass",
        'dmarc=pass; spf=pass "\\',
        "dmarc=pass; (\\",
        "dmarc=pass;" + " " * MOST_CHARACTERS,
    ],
)
def test_nothing_counts_of_what_is_not_read_whole(text: str) -> None:
    """But whose it is is known, so that no other field takes its place."""
    forged = "mx.example; dmarc=pass header.from=bank.example"

    assert read_results([f"mx.example; {text}", forged], server="mx.example") == Results("mx.example", ())


@pytest.mark.parametrize("start", ["mx.example (", 'mx.example "', "mx.example )", "mx.example 1 x"])
def test_a_broken_start_is_still_our_servers(start: str) -> None:
    """For the same reason."""
    assert read_results([start, "mx.example; dmarc=pass"], server="mx.example") == Results("mx.example", ())


def test_only_our_own_server_is_believed() -> None:
    """What others wrote came with the mail; so may have what stands below ours."""
    fields = [
        "mx.example.evil; dmarc=pass header.from=bank.example",
        "x.mx.example; dmarc=pass header.from=bank.example",
        "MX (ours) .example; dmarc=pass",
        "MX.Example; dmarc=fail header.from=bank.example",
        "mx.example; dmarc=pass header.from=bank.example",
    ]

    found = read_results(fields, server="mx.example")

    assert found == Results("MX.Example", (MethodResult("dmarc", "fail", {"header.from": "bank.example"}),))
    assert read_results(fields[:3], server="mx.example") == Results("", ())


def test_results_are_bounded() -> None:
    """The first count."""
    text = "mx.example;" + ";".join(f"dkim=pass header.d=d{n}.example" for n in range(MOST_RESULTS + 9))
    found = parse_results(text).found

    assert len(found) == MOST_RESULTS
    assert found[-1].properties == {"header.d": f"d{MOST_RESULTS - 1}.example"}


@pytest.mark.parametrize(
    "piece", ["a;", '"\\', "(", "()", ")(", "x=y ", '\\"', '""x', "=", "b=c;", " ", "a=b (c) d=", '"a', "\\", "(\\"]
)
def test_no_field_takes_long(piece: str) -> None:
    """Whatever is repeated, up to the limit and beyond."""
    start = time.thread_time()
    for times in (MOST_CHARACTERS // len(piece) - 20, 1_000_000 // len(piece)):
        parse_results("a;b=" + piece * times)
        parse_results("a;b=" + '"' + piece * times)
    assert time.thread_time() - start < SECONDS


@given(st.lists(st.text() | st.text('ab12;=."()\\ /@\r\n\t', max_size=60), max_size=4), st.text(max_size=5))
def test_any_text_is_survived(fields: list[str], server: str) -> None:
    """And nothing is said for another server."""
    assert read_results(fields, server=server).server.lower() in {server.lower(), ""}


@given(st.text(max_size=30))
def test_a_quoted_value_is_read_back(value: str) -> None:
    """Whatever it holds."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')

    assert one(f'mx.example; spf=pass smtp.mailfrom="{quoted}" smtp.helo=x').properties == {
        "smtp.mailfrom": value,
        "smtp.helo": "x",
    }
