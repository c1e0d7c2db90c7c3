"""Measures how fast mail is read: mails a second a core, the share of each stage, the slowest of mails made to hang.

    python -m bench.reading [../shared/corpus/replies] [--json] [--rounds 5]

Times are those of the processor, not of the clock, and the median of the rounds. Each probe is about a megabyte.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.telling import tell  # noqa: E402
from inbound.automatic import automatic_reasons, is_list_mail  # noqa: E402
from inbound.bounces import find_bounce  # noqa: E402
from inbound.complaints import find_complaint  # noqa: E402
from inbound.intent import understand  # noqa: E402
from inbound.mail import read_mail  # noqa: E402
from inbound.reading import read, replied_campaign  # noqa: E402
from inbound.replies import visible_text  # noqa: E402
from inbound.world import World, world_from_toml  # noqa: E402

MEGABYTE = 1_000_000
_SCRIPTS = {
    "latin": "please take me off this list, bitte nicht mehr, s'il vous plaît ",
    "greek": "παρακαλώ διαγράψτε με από τη λίστα ",
    "cyrillic": "пожалуйста отпишите меня от рассылки ",
    "hebrew": "אנא הסירו אותי מרשימת התפוצה ",
    "arabic": "من فضلك أزلني من القائمة البريدية ",
    "devanagari": "कृपया मुझे सूची से हटा दें ",
    "bengali": "দয়া করে আমাকে তালিকা থেকে সরান ",
    "tamil": "தயவுசெய்து என்னை நீக்கவும் ",
    "thai": "กรุณายกเลิกการรับข่าวสาร",
    "georgian": "გთხოვთ წამშალოთ სიიდან ",
    "japanese": "メールの配信を停止してください。もういらないです",
    "chinese": "请停止发送邮件不要再给我发送任何邮件",
    "korean": "수신거부 부탁드립니다 더 이상 보내지 마세요 ",
    "emoji": "🛑📧🙏🏽 ",
}
_FROM = "From: Ann <ann@reader.example>\nTo: news@shop.example\nSubject: Re: hello\n"
_BOUNCE = "From: MAILER-DAEMON@mx.example\nTo: news@shop.example\nSubject: Undelivered Mail Returned to Sender\n"
_AWAY = "From: Ann <ann@reader.example>\nSubject: Your ticket 12345 [ticket 7]: please confirm, captcha\n"


def filled(unit: str, octets: int = MEGABYTE) -> str:
    """Return a text of so many octets that repeats one piece."""
    return unit * (octets // len(unit.encode()) + 1)


def _lines(unit: str, width: int = 70) -> str:
    text = filled(unit)
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


def probes() -> Iterator[tuple[str, bytes]]:
    """Yield mails of about a megabyte that have hung one mail program or another, or might hang this one."""
    units = {
        "attribution lines": "On x at y\n",
        "one line of attributions": " on xx at yy",
        "dated attributions": "On Mon, Jan 5, 2026 at 9:00 AM Ann <ann@reader.example> wrote:\nyes\n",
        "unfinished attributions": "On Mon, Jan 5, 2026 at 9:00 AM Ann <ann@reader.example>\n",
        "spaces": " ", "tabs": "\t", "newlines": "\n", "carriage returns": "\r", "spaced newlines": " \n",
        "on": "On ", "wrote": "wrote: ", "wrote lines": "wrote:\n", "colons": ":", "colon lines": ":\n",
        "quotes": ">", "quote lines": "> a\n", "quote ladder": "> > > > > > > > > > a\n", "quoted and not": "> a\nb\n",
        "dashes": "-", "dash lines": "--\n", "underscores": "_", "rule lines": "_____\n", "at signs": "@",
        "addresses": "a@b.example ", "angled addresses": "<a@b.example>\n", "dots": ".", "dotted words": "a.b.",
        "links": "https://a.example/b?c=d ", "link lines": "<https://a.example>\n", "opened links": "http://<",
        "headers": "From: a@b.example\nTo: c\n", "label lines": "From: x\n", "labels in a line": "from: to: ",
        "separators": "-----Original Message-----\n", "exclamation": "!", "questions": "? ", "commas": ",",
        "digits": "1",
        "digit pairs": "10:10 ", "brackets": "(((", "braces": "{}", "not": "not ", "do not": "don't ", "letters": "a",
        "unsubscribe": "unsubscribe ", "unsubscribe lines": "unsubscribe\n", "unsub": "unsubunsub",
        "footer": 'To stop, reply with "unsubscribe" in the subject, or ', "receive": "You receive this because ",
        "automatic": "this message was sent automatically. ", "machine words": "automa automa automa", "bot": "bot ",
        "confidential": "this message is confidential and privileged ", "nul": "\0", "combining": "a\u0301\u0323",
        "joiners": "\u200d", "overrides": "\u202e", "dotted i": "İı", "banners": "[EXTERNAL] do not click links\n",
        "sent from": "Sent from my ", "sent from lines": "Sent from my iPhone\n", "regards": "Best regards\nAnn\n",
    }  # fmt: skip
    for name, unit in units.items():
        yield f"text: {name}", f"{_FROM}\n{filled(unit)}".encode()
        yield f"html: {name}", f"{_FROM}Content-Type: text/html\n\n<p>{filled(unit)}".encode()
        yield f"notice: {name}", f"{_BOUNCE}\n{filled(unit)}".encode()
        yield f"away: {name}", f"{_AWAY}\n{filled(unit)}".encode()
    for name, unit in _SCRIPTS.items():
        kind = "Content-Type: text/plain; charset=utf-8\n"
        yield f"script: {name}", f"{_FROM}{kind}\n{_lines(unit)}".encode()
        yield f"script, one line: {name}", f"{_FROM}{kind}\n{filled(unit)}".encode()
        yield f"script, html: {name}", f"{_FROM}Content-Type: text/html; charset=utf-8\n\n<p>{filled(unit)}".encode()
        yield f"script, subject: {name}", f"From: a@b.example\nSubject: {filled(unit)}\n\nhello".encode()
        yield f"script, notice: {name}", f"{_BOUNCE}{kind}\n{_lines(unit)}".encode()
        yield f"script, away: {name}", f"{_AWAY}{kind}\n{_lines(unit)}".encode()
    yield from _markup_probes()
    yield from _shape_probes()


def _markup_probes() -> Iterator[tuple[str, bytes]]:
    units = ("<div>", "<blockquote>", "<br>", "<p>", "<", "<!--", "<a b=c", "<div class=", "&", "&amp;", "&#", "</div>",
             "<div></p>", "<table><tr><td>", "<style>", "<script>x</script>", "<div style='display:none'>", "<pre>\n",
             '<div class="gmail_quote">', "<blockquote>a</blockquote>", "<p>a: b", '<x id="', "<b>a</i>", "<!", "<svg>",
             "&nbsp;", "&lt;", "<hr>a: b<br>")  # fmt: skip
    for unit in units:
        yield f"markup: {unit}", f"{_FROM}Content-Type: text/html\n\n{filled(unit)}".encode()
        yield f"notice markup: {unit}", f"{_BOUNCE}Content-Type: text/html\n\n{filled(unit)}".encode()
        both = (
            f"{_FROM}Content-Type: multipart/alternative; boundary=b\n\n--b\n\nhello\n--b\nContent-Type: text/html\n\n"
        )
        yield f"both: {unit}", f"{both}{filled(unit)}\n--b--\n".encode()


def _shape_probes() -> Iterator[tuple[str, bytes]]:
    word, storm = "=?utf-8?q?=C3=A9?= ", "=?utf-8?b?w6k=?="
    for unit in ("a", " ", "@", "a@", "\t ", "x@y "):  # within what the second opinion on bounces is asked about
        words = "This message was created automatically.\nA message that you sent could not be delivered"
        notice = f"{_BOUNCE}\n{words}\n\n{unit * (250_000 // len(unit))}\n"
        yield f"a quarter of a megabyte: {unit}", notice.encode()
    yield "encoded words", f"From: a@b.example\nSubject: {filled(word)}\n\nhello".encode()
    yield "encoded words, each field", (f"Subject: {word * 200}\n" * (MEGABYTE // 4000) + "\nhello").encode()
    yield "glued encoded words", f"From: {filled(storm)}\nTo: {filled(storm, 50_000)}\n\nhello".encode()
    yield "opened encoded words", f"Subject: {filled('=?')}\n\nhello".encode()
    yield "addresses in To", f"From: a@b.example\nTo: {filled('a@b.example, ')}\n\nhello".encode()
    yield "To fields", (_FROM + filled("To: a@b.example, c@d.example\n") + "\nhello").encode()
    yield "references", f"{_FROM}References: {filled('<a@b.example> ')}\n\nhello".encode()
    yield "comments", f"From: {filled('(')}\n\nhello".encode()
    yield "quoted names", "From: {}\n\nhello".format(filled('"\\')).encode()
    yield "fields", (filled("X-A: b\n") + "\nhello").encode()
    yield "folded field", ("X-A: b\n" + filled(" c\n") + "\nhello").encode()
    yield "parameters", f"{_FROM}Content-Type: text/plain{filled('; a=b')}\n\nhello".encode()
    yield "numbered parameters", f"{_FROM}Content-Type: text/plain{filled('; a*0*=%20')}\n\nhello".encode()
    nest = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(20_000))
    yield "deep parts", (_FROM + nest).encode()
    yield "deep mails", (_FROM + filled("Content-Type: message/rfc822\n\n")).encode()
    many = "Content-Type: multipart/mixed; boundary=b\n\n"
    yield "many parts", (_FROM + many + filled("--b\n\nhello\n")).encode()
    yield "many html parts", (_FROM + many + filled("--b\nContent-Type: text/html\n\n<p>hello\n")).encode()
    yield "near boundaries", (_FROM + many + filled("--bb\n")).encode()
    yield (
        "report groups",
        (
            _BOUNCE + "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
            "Content-Type: message/delivery-status\n\n"
            + filled(
                "Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp;550 no\n\n"
            )
        ).encode(),
    )
    yield (
        "feedback",
        (
            _FROM + "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n"
            "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\n"
            + filled("Original-Rcpt-To: a@b.example\n")
        ).encode(),
    )
    for encoding, unit in (("base64", "SGVsbG8g"), ("base64", "====\n"), ("quoted-printable", "=C3=A9"), ("8bit", "é")):
        kind = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n"
        yield f"{encoding}: {unit.strip()}", f"{_FROM}{kind}\n{filled(unit)}".encode()
    for charset in ("utf-16", "utf-32", "iso-2022-jp", "iso-2022-kr", "hz-gb-2312", "gb18030", "shift_jis", "big5"):
        noise = random.Random(charset).randbytes(MEGABYTE)  # any bytes do
        kind = f"Content-Type: text/plain; charset={charset}\n"
        yield f"noise as {charset}", f"{_FROM}{kind}\n".encode() + noise
        yield f"escapes as {charset}", f"{_FROM}{kind}\n".encode() + filled("\x1b$B$@\x1b(Ba~{").encode()
    flowed = f"{_FROM}Content-Type: text/plain; format=flowed; delsp=yes\n\n"
    yield "flowed", (flowed + filled("> a \n")).encode()
    yield "flowed, long", (flowed + filled("a" * 70 + " \n")).encode()


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def stages(mails: list[bytes], world: World) -> dict[str, float]:
    """Return the seconds that each stage takes over all mails, and the whole of it."""
    found: dict[str, float] = {}
    found["whole"] = seconds(lambda: [read(raw, world=world) for raw in mails])
    read_mails = [read_mail(raw) for raw in mails]
    found["mail"] = seconds(lambda: [read_mail(raw) for raw in mails])
    found["bounces"] = seconds(lambda: [find_bounce(mail, raw) for mail, raw in zip(read_mails, mails, strict=True)])
    found["complaints"] = seconds(lambda: [find_complaint(mail) for mail in read_mails])
    typed = [visible_text(mail, world).typed for mail in read_mails]
    found["typed"] = seconds(lambda: [visible_text(mail, world) for mail in read_mails])
    pairs = list(zip(read_mails, typed, strict=True))
    found["automatic"] = seconds(lambda: [automatic_reasons(mail, words) for mail, words in pairs])
    people = [pair for pair in pairs if not automatic_reasons(*pair) and not is_list_mail(pair[0])]
    found["intent"] = seconds(
        lambda: [
            understand(mail.subject, words, world=world, replied=replied_campaign(mail, world))
            for mail, words in people
        ]
    )
    return found


def slowest(world: World, *, rounds: int = 1) -> list[tuple[float, str]]:
    """Return (seconds, name) of each probe, the slowest first; the best of the rounds counts."""
    read(next(probes())[1], world=world)  # builds what is built once
    found = [(min(seconds(lambda: read(raw, world=world)) for _ in range(rounds)), name) for name, raw in probes()]  # noqa: B023
    return sorted(found, reverse=True)


def measure(folder: Path, *, rounds: int) -> dict[str, Any]:
    """Measure the corpus and the probes."""
    world = world_from_toml((folder / "world.toml").read_text("utf-8"))
    mails = [file.read_bytes() for file in sorted((folder / "eml").glob("*.eml"))]
    stages(mails, world)  # warms what is built once
    taken = [stages(mails, world) for _ in range(rounds)]
    middle = {name: statistics.median(one[name] for one in taken) for name in taken[0]}
    parts = sum(value for name, value in middle.items() if name != "whole")
    return {
        "mails": len(mails),
        "mails_per_s": round(len(mails) / middle["whole"]),
        "best_mails_per_s": round(len(mails) / min(one["whole"] for one in taken)),
        "ms_a_mail": {name: round(1000 * value / len(mails), 3) for name, value in middle.items()},
        "share": {name: round(value / parts, 3) for name, value in middle.items() if name != "whole"},
        "slowest_probes_ms": {name: round(1000 * took, 1) for took, name in slowest(world)[:10]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT.parent / "shared" / "corpus" / "replies")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    tell(measure(given.folder, rounds=given.rounds), as_json=given.json)


if __name__ == "__main__":
    main()
