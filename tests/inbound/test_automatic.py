"""Machines' mail and people's mail that looks like it."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound.automatic import automatic_reasons, is_list_mail
from inbound.mail import read_mail
from tests.corpora import corpus


def reasons(headers: str, words: str = "", *, in_reply_to: bool = True) -> tuple[str, ...]:
    answered = "In-Reply-To: <c1@shop.example>\n" if in_reply_to else ""
    raw = f"From: Ann <ann@reader.example>\n{answered}{headers}\n\n{words}".encode()
    return automatic_reasons(read_mail(raw), words)


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-replied (vacation)",
        'Auto-Submitted: Auto-Replied; owner-email="ann@reader.example"',
        "auto-submitted: auto-generated",
        "Auto-Submitted: auto-notified",
        "X-Autoreply: yes",
        "X-Autorespond: Spring sale",
        "X-Autoresponder: x",
        "Precedence: auto_reply",
        "X-Precedence: auto_reply",
        "X-Apple-Action: VACATION/BATCH-NOTIFY",
        "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent",
        "From: ann@reader.example\nX-MS-Exchange-Inbox-Rules-Loop: Ann@reader.example",
        "X-Challenge: yes",
        "X-Boxbe: yes",
        "Return-Path: <>",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b",
        "From: No Reply <no-reply@reader.example>",
    ],
)
def test_header_fields_that_only_machines_write(header: str) -> None:
    raw = f"{header}\nSubject: Re: Sale\n\nhello".encode()

    assert automatic_reasons(read_mail(raw), "hello") != ()


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: no",
        "Auto-Submitted: no (really)",
        "X-Autoreply: no",
        "Precedence: bulk",
        "Precedence: list",
        "X-Auto-Response-Suppress: All",
        "X-Loop: yes",
        "Return-Path: <ann@reader.example>",
        "X-Apple-Action: none",
        "X-MS-Exchange-Inbox-Rules-Loop: redirecting@shop.example",
    ],
)
def test_header_fields_that_people_mail_carries_too(header: str) -> None:
    assert reasons(f"{header}\nSubject: Re: Sale", "unsubscribe") == ()


SUBJECTS = {
    "af": "Outomatiese antwoord", "ar": "رد تلقائي", "bg": "Автоматичен отговор", "bn": "স্বয়ংক্রিয় উত্তর",
    "ca": "Resposta automàtica", "cs": "Automatická odpověď", "da": "Automatisk svar", "de": "Automatische Antwort",
    "el": "Αυτόματη απάντηση", "en": "Automatic reply", "es": "Respuesta automática", "et": "Automaatvastus",
    "fa": "پاسخ خودکار", "fi": "Automaattinen vastaus", "fr": "Réponse automatique ", "he": "מענה אוטומטי",
    "hi": "स्वचालित उत्तर", "hr": "Automatski odgovor", "hu": "Automatikus válasz", "id": "Balasan otomatis",
    "it": "Risposta automatica", "ja": "自動応答", "ko": "자동 회신", "lt": "Automatinis atsakymas",
    "lv": "Automātiska atbilde", "ms": "Balasan automatik", "nl": "Automatisch antwoord", "no": "Automatisk svar",
    "pl": "Autoodpowiedź", "pt": "Resposta automática", "ro": "Răspuns automat", "ru": "Автоматический ответ",
    "sk": "Automatická odpoveď", "sl": "Samodejni odgovor", "sr": "Аутоматски одговор", "sv": "Autosvar",
    "sw": "Jibu la moja kwa moja",
    "th": "ตอบกลับอัตโนมัติ", "tl": "Awtomatikong tugon", "tr": "Otomatik yanıt",
    "uk": "Автоматична відповідь", "ur": "خودکار جواب", "vi": "Trả lời tự động",
    "zh-Hans": "自动答复", "zh-Hant": "自動回覆",
}  # fmt: skip


@pytest.mark.parametrize(("language", "mark"), SUBJECTS.items(), ids=SUBJECTS.keys())
def test_the_mark_of_an_automatic_reply_counts_in_each_language(language: str, mark: str) -> None:
    assert reasons(f"Subject: {mark}: Spring sale") != ()
    assert reasons(f"Subject: [EXTERNAL] {mark}") != ()
    assert reasons(f"Subject: {mark}：Spring sale") != ()


@pytest.mark.parametrize(
    "subject",
    ["Out of Office: Spring sale", "OOO", "Abwesenheitsnotiz", "Absence du bureau", "Fuera de la oficina", "不在通知",
     "Poissa: Sale", "Retired - automatic response", "Team autoreply", "退職のお知らせ（自動応答）",
     "Auto: Spring sale",
     "Mimo kancelář", "Házon kívül: x"],
)  # fmt: skip
def test_the_mark_of_an_absence_counts_at_the_start(subject: str) -> None:
    assert reasons(f"Subject: {subject}") != ()


@pytest.mark.parametrize(
    "subject",
    ["Re: Auto: your car insurance deal", "Auto insurance question", "Re: Out of office", "AW: Abwesenheitsnotiz",
     "Absent from the webinar",
     "Read this please", "Vacation course wanted", "Question on automatic reply rules",
     "Autonomous drones", "Re: Sale"],
)  # fmt: skip
def test_subjects_of_people_do_not_count(subject: str) -> None:
    assert reasons(f"Subject: {subject}", "How much is it?") == ()


@pytest.mark.parametrize(
    "words",
    [
        "Thanks. This is an automated message.",
        "(Automatically generated)",
        "Diese Nachricht wurde automatisch erstellt.",
        "Ceci est un message automatique.",
        "Este es un mensaje automático.",
        "Messaggio automatico. Non lavoro più qui.",
        "Dit bericht is automatisch verzonden.",
        "Tato zpráva byla odeslána automaticky.",
        "Wiadomość wygenerowana automatycznie.",
        "Сообщение отправлено автоматически.",
        "Це повідомлення створено автоматично.",
        "Bu e-posta otomatik olarak gönderilmiştir.",
        "このメールは自動送信されています。",
        "此邮件由系统自动发送。",
        "본 메일은 자동으로 발송되었습니다.",
        "Pesan ini dikirim secara otomatis.",
        "Email này được gửi tự động.",
        "אין להשיב להודעה זו, היא נשלחה באופן אוטומטי.",
        "هذه رسالة آلية.",
        "Bitte antworten Sie nicht auf diese E-Mail.",
        "Please do not reply to this message.",
    ],
)
def test_a_text_that_says_that_it_is_automatic(words: str) -> None:
    """Even under "Re:", which answering rules of mail programs write."""
    assert reasons("Subject: Re: Spring sale", words) != ()


@pytest.mark.parametrize(
    "words",
    [
        "I only ever get automated replies from you. Can a human answer me?",
        "Is this an automated message?",
        "Why do you send automatic e-mails every day?",
        "I want to stop the automatic renewal of my licence.",
        "Bitte die automatische Verlängerung kündigen.",
        "Aboneliğim otomatik olarak yenileniyor, iptal edin.",
        "年間プランの自動更新を止めたい。",
        "我拒绝贵司通过自动化方式向我推送信息。",
        "Tôi muốn hủy gia hạn tự động.",
        "Marcus no longer works here. Please take this address off.",
        "Herr Petersen arbeitet nicht mehr bei uns. Bitte löschen Sie ihn aus dem Verteiler.",
        "A human here, not the bot: exclude us from your mailings.",
        "I'm on holiday until 14 April, can you hold the mails?",
        "How do I switch on the out of office message in the course portal?",
        "unsubscribe",
        "",
    ],
)
def test_people_who_write_about_machines_and_absences_are_people(words: str) -> None:
    assert reasons("Subject: Re: Spring sale", words) == ()


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("[Ticket#88213] Ihre Anfrage ist eingegangen", "Ihre Anfrage wurde unter 88213 erfasst."),
        ("Your request #4711", "Your request has been received. We will respond within 24 hours."),
        (
            "Please confirm your message",
            "Your message is held: you are not on my list of approved senders. Click below.",
        ),
        ("送信者確認のお願い", "あなたのメールは保留されています。許可リストに追加してください。"),
        ("[접수완료] 문의번호 1", "고객님의 문의가 정상 접수되었습니다."),
    ],
)
def test_desks_and_challenges(subject: str, words: str) -> None:
    assert reasons(f"Subject: {subject}", words) != ()
    assert reasons(f"Subject: Re: {subject}", "Thanks, but stop sending me offers") == ()


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("Order #51220", "I have received the wrong size. It has been five working days."),
        ("Bestellung Nr. 4711", "Bitte bearbeiten Sie meine Bestellung schnellstmöglich."),
        ("Case 8841", "My message was not answered within 3 business days!"),
        ("Confirm my seat", "Please confirm my place on the course."),
    ],
)
def test_customers_who_quote_a_number_are_no_desk(subject: str, words: str) -> None:
    assert reasons(f"Subject: {subject}", words) == ()


def test_a_weak_hint_and_weak_words_count_together() -> None:
    words = "I am currently out of the office."

    assert reasons("Subject: Re: Sale\nPrecedence: bulk", words) != ()
    assert reasons("Subject: Re: Sale", words) == ()


@pytest.mark.parametrize(
    ("headers", "words", "automatic"), [("Read: Sale", "", True), ("Read: Sale", "Read it, nice!", False)]
)
def test_a_read_receipt_has_no_words(headers: str, words: str, automatic: bool) -> None:
    assert bool(reasons(f"Subject: {headers}", words)) is automatic


@pytest.mark.parametrize(
    ("header", "listed"),
    [
        ("List-Id: <x.example>", True),
        ("List-Post: <mailto:x@y.example>", True),
        ("Precedence: list", True),
        ("X-BeenThere: x@y.example", True),
        ("Precedence: bulk", False),
        ("Subject: List-Id", False),
    ],
)
def test_mail_of_lists(header: str, listed: bool) -> None:
    assert is_list_mail(read_mail(f"{header}\n\nhi".encode())) is listed


@given(st.binary(max_size=1_000), st.text(max_size=300))
def test_no_bytes_raise(raw: bytes, typed: str) -> None:
    assert isinstance(automatic_reasons(read_mail(b"Subject: " + raw), typed), tuple)


def test_a_megabyte_of_words_is_judged_at_once() -> None:
    started = time.process_time()

    for words in ("automatic " * 100_000, "a" * 1_000_000, "\n" * 1_000_000, "(" * 1_000_000):
        reasons("Subject: Ticket #1 received", words)

    assert time.process_time() - started < 2.0


def test_real_automatic_mail_is_found_and_people_are_left_alone() -> None:
    folder = corpus("auto-replies")
    for row in map(json.loads, (folder / "expected.jsonl").read_text().splitlines()):
        read = read_mail((folder / "eml" / row["file"]).read_bytes())

        assert bool(automatic_reasons(read, read.text)) is not row["kind"].startswith("human"), row["file"]


def test_the_texts_of_customers() -> None:
    """At least 95 % of the automatic ones by their words alone, and none of the people's."""
    folder = corpus("replies")
    found = automatic = 0
    for name in ("texts.jsonl", "more-texts.jsonl"):
        for row in map(json.loads, (folder / name).read_text().splitlines()):
            told = reasons(f"Subject: {row['subject'] or ''}", row["text"])
            if row["verdict"] == "auto":
                automatic += 1
                found += bool(told)
            else:
                assert told == (), row

    assert found / automatic >= 0.95


def test_the_replies_as_mail_programs_write_them() -> None:
    folder = corpus("replies") / "eml"
    found = automatic = 0
    for row in map(json.loads, (folder / "labels.jsonl").read_text().splitlines()):
        read = read_mail((folder / row["file"]).read_bytes())
        told = automatic_reasons(read)
        if row["verdict"] == "auto":
            automatic += 1
            found += bool(told)
        else:
            assert told == (), row["file"]

    assert found / automatic >= 0.95
