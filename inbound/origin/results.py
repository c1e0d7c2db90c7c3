"""What a mail server says that it found out about a mail: Authentication-Results (RFC 8601). Pure.

Anybody can write such a field. It is worth something only where our own server put it there, above all that came with
the mail, and removes those that name it falsely (RFC 8601 5).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MOST_CHARACTERS = 16 * 1024  # of one field
MOST_RESULTS = 50

#: Possessive, so that no letter is read twice
_PIECE = re.compile(
    r'"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<mark>[;=])|(?P<open>\()|\s++|(?P<word>[^\s;=()"]++)', re.DOTALL
)
_COMMENT_PIECE = re.compile(r"[^()\\]++|\\.|[()]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

Words = list[str]


@dataclass(frozen=True, slots=True)
class MethodResult:
    """What one method found: ``dkim``, ``pass``, ``{"header.d": "example.com"}``; all but the values in lower case."""

    method: str
    result: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Results:
    """What one server found; the server is empty where nothing could be read."""

    server: str
    found: tuple[MethodResult, ...]


def read_results(fields: Sequence[str], *, server: str) -> Results:
    """Read the topmost field that names ``server``; those below may have come with the mail. It never raises."""
    named = (results for text in fields if (results := parse_results(text)).server.lower() == server.lower())
    return next(named, Results("", ()))


def parse_results(text: str) -> Results:
    """Read one field, whoever wrote it. Where a part of it can't be read, none of its results count."""
    statements = _statements(text[:MOST_CHARACTERS])
    parts = next(statements)
    server, *version = parts[0] if len(parts) == 1 and parts[0] else [""]
    if not server or version not in ([], ["1"]) or len(text) > MOST_CHARACTERS:
        return Results(server, ())
    try:
        found = [_result(parts) for parts in statements if len(parts) > 1]  # not "none", nor an empty one
    except ValueError:
        return Results(server, ())
    return Results(server, tuple(found[:MOST_RESULTS]))


def _result(parts: list[Words]) -> MethodResult:
    """Read one result: behind each equals sign stands a value and, after a gap, the name before the next sign.

    Without the gap the sign belongs to the value, as in ``smtp.mailfrom=list+ann=example.com@lists.example``.
    """
    names, values = ["".join(parts[0])], list[str]()
    for words in parts[1:]:
        value, *name_words = words or [""]
        if len(values) < len(names):
            values.append(value)
        else:
            values[-1] += "=" + value
        if name_words:
            names.append("".join(name_words))
    properties: dict[str, str] = {}
    for name, value in zip(names[1:], values[1:], strict=False):  # what follows the last value means nothing
        properties.setdefault(name.lower(), value)
    return MethodResult(names[0].partition("/")[0].lower(), values[0].lower(), properties)


def _statements(text: str) -> Iterator[list[Words]]:
    """Yield what stands between semicolons, split at equals signs into words; raise behind what can't be read."""
    parts: list[Words] = [[]]
    at, apart = 0, True
    while at < len(text):
        piece = _PIECE.match(text, at)
        end = piece.end() if piece else -1
        if piece and piece["open"]:
            end = _comment_end(text, end)
        if piece is None or end < 0:
            yield parts
            raise ValueError("a quote or a comment does not end")
        at, quoted, mark, word = end, piece["quoted"], piece["mark"], piece["word"]
        if mark == ";":
            yield parts
            parts = [[]]
        elif mark:
            parts.append([])
        elif quoted is not None or word:
            word = word or _ESCAPED.sub(r"\1", quoted)
            if apart or not parts[-1]:
                parts[-1].append(word)
            else:  # a quoted local part with its domain
                parts[-1][-1] += word
        apart = quoted is None and not word
    yield parts


def _comment_end(text: str, at: int) -> int:
    """Return where a comment ends that is open (RFC 5322 3.2.2: comments nest), or -1."""
    depth = 1
    while depth and (piece := _COMMENT_PIECE.match(text, at)):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        at = piece.end()
    return -1 if depth else at
