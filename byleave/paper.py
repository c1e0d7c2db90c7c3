"""A consent record as one HTML file that can be printed: no script, nothing fetched, every word escaped.

It is made for people who don't know this program (a court, an authority, the person): a sentence for each event, the
very wording that was shown, and the hashes by which the event can be found in the ledger.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any

from byleave.console import harmless
from consent.sentences import when

_STYLE = (
    "body{font:16px/1.5 Georgia,serif;max-width:46em;margin:2em auto;padding:0 1em;color:#111;background:#fff}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}blockquote{border-left:3px solid #888;margin:.5em 0;"
    "padding:.2em 1em;white-space:pre-wrap}table{border-collapse:collapse}"
    "td,th{border:1px solid #999;padding:.2em .6em;"
    "text-align:left}small,code{font-size:.8em;overflow-wrap:anywhere}section{break-inside:avoid}"
)
_HOW = (
    "<p>Each event carries SHA-256 over its fields and the hash of the event before it. The ledger to which they "
    "belong ended at that moment with</p><p><code>{head}</code></p><p>An export of it is verified by "
    "<code>byleave ledger verify --file FILE</code> without database and without secrets; the format is open.</p>"
)


def page(record: Mapping[str, Any], *, company: str, head: str, at: datetime) -> str:
    """Return the record as HTML; ``head`` is the end of the ledger at that moment."""
    whom = record["email"] or f"number {record['id']} (erased: nothing but the number is left)"
    states = {**record["topics"], "reminders": record["reminder"], "sharing": record["third_party_sharing"]}
    parts = [
        f"<h1>Record of consent: {_text(whom)}</h1>",
        f"<p>{_text(company)}, {_text(when(at))}. Person number {record['id']}. {len(record['events'])} events.</p>",
        "<h2>What holds now</h2>",
        _table(("agreement", "state"), states.items()),
        f"<p>The address is closed to all mail: {_text(record['suppressed'])}.</p>" if record["suppressed"] else "",
        "<h2>What happened</h2>",
        *(_event(event) for event in record["events"]),
        "<h2>Versions of the privacy policy</h2>",
        _table(
            ("version", "kept since", "SHA-256 of its text"),
            ((name, one["effective_at"][:10], one["sha256"]) for name, one in record["policies"].items()),
        ),
        "<h2>How to verify this</h2>",
        _HOW.format(head=_text(head)),
    ]
    title = f"Record of consent {record['id']}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{title}</title><style>{_STYLE}</style></head>\n<body>\n'
        + "\n".join(filter(None, parts))
        + "\n</body></html>\n"
    )


def _event(event: Mapping[str, Any]) -> str:
    shown = (
        f"<p>The wording that was shown{_in(event['language'])}:</p><blockquote>{_text(event['wording'])}</blockquote>"
        if event["wording"]
        else "<p>No wording was shown by this software.</p>"
    )
    policy = f" Under version {_text(event['policy_version'])} of the policy." if event["policy_version"] else ""
    return (
        f"<section><h3>Event {event['seq']}</h3><p>{_text(event['sentence'])}{policy}</p>{shown}"
        f"<p><small>hash before: <code>{_text(event['previous'])}</code><br>hash: <code>{_text(event['hash'])}</code>"
        "</small></p></section>"
    )


def _in(language: str) -> str:
    return f" (language {_text(language)})" if language else ""


def _table(names: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(value: object) -> str:
    """Return a value as text of a page: escaped, and without letters that steer or deceive."""
    return f"<bdi>{escape(harmless(str(value)))}</bdi>"
