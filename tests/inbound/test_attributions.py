"""Attribution lines, header blocks and separators of all languages are known; sentences that look like them are not."""

import pytest

from inbound import attributions
from inbound.replies import trim

MAIL = "Shop <promotions@shop.example>"
#: As Gmail, Thunderbird, Apple Mail and web mailers write them.
LINES = {
    "en": f"On Sun, Mar 22, 2026 at 11:18 AM {MAIL} wrote:",
    "en apple": f"On 22 Mar 2026, at 11:18, {MAIL} wrote:",
    "en notes": '"Shop" <promotions@shop.example> wrote on 03/22/2026 11:18:00 AM:',
    "de": f"Am So., 22. März 2026 um 11:18 Uhr schrieb {MAIL}:",
    "de thunderbird": "Am 22.03.26 um 11:18 schrieb Shop:",
    "fr": f"Le dim. 22 mars 2026 à 11:18, {MAIL} a écrit :",
    "es": "El dom, 22 mar 2026 a las 11:18, Shop (<promotions@shop.example>) escribió:",
    "pt": f"Em dom., 22 de mar. de 2026 às 11:18, {MAIL} escreveu:",
    "it": f"Il giorno dom 22 mar 2026 alle ore 11:18 {MAIL} ha scritto:",
    "nl": f"Op zo 22 mrt 2026 om 11:18 schreef {MAIL}:",
    "af": f"Op So. 22 Mrt. 2026 om 11:18 het {MAIL} geskryf:",
    "da": f"Den søn. 22. mar. 2026 kl. 11.18 skrev {MAIL}:",
    "no": f"søn. 22. mars 2026 kl. 11:18 skrev {MAIL}:",
    "sv": f"Den sön 22 mars 2026 kl 11:18 skrev {MAIL}:",
    "fi": f"su 22.3.2026 klo 11.18 {MAIL} kirjoitti:",
    "is": f"sun., 22. mar. 2026 kl. 11:18 skrifaði {MAIL}:",
    "et": f"Kuupäev P, 22. märts 2026 kell 11:18 kirjutas {MAIL}:",
    "lv": "svētd., 2026. g. 22. marts, plkst. 11:18 — lietotājs Shop (<promotions@shop.example>) rakstīja:",
    "lt": f"2026-03-22, sk, 11:18 {MAIL} rašė:",
    "pl": f"niedz., 22 mar 2026 o 11:18 {MAIL} napisał(a):",
    "pl thunderbird": "W dniu 22.03.2026 o 11:18, Shop pisze:",
    "cs": f"ne 22. 3. 2026 v 11:18 odesílatel {MAIL} napsal:",
    "sk": f"ne 22. 3. 2026 o 11:18 {MAIL} napísal(a):",
    "sl": f"V V ned., 22. mar. 2026 ob 11:18 je oseba {MAIL} napisala:",
    "hr": f"ned, 22. ožu 2026. u 11:18 {MAIL} napisao je:",
    "sr": f"нед, 22. мар 2026. у 11:18 {MAIL} је написао/ла:",
    "mk": f"На нед., 22 мар. 2026 г. во 11:18, {MAIL} напиша:",
    "bg": f"На нд, 22.03.2026 г. в 11:18 {MAIL} написа:",
    "ru": f"вс, 22 мар. 2026 г. в 11:18, {MAIL}:",
    "ru apple": f"22 марта 2026 г., в 11:18, {MAIL} написал(а):",
    "uk": f"нд, 22 бер. 2026 р. о 11:18 {MAIL} пише:",
    "hu": f"{MAIL} ezt írta (időpont: 2026. márc. 22., V, 11:18):",
    "ro": f"În dum., 22 mar. 2026 la 11:18, {MAIL} a scris:",
    "el": f"Στις Κυρ 22 Μαρ 2026 στις 11:18 π.μ., ο χρήστης {MAIL} έγραψε:",
    "tr": f"{MAIL}, 22 Mar 2026 Paz, 11:18 tarihinde şunu yazdı:",
    "ca": f"Missatge de {MAIL} del dia dg., 22 de març 2026 a les 11:18:",
    "eu": f"{MAIL} igorleak hau idatzi du (2026 mar. 22, ig. 11:18):",
    "gl": f"O dom, 22 mar 2026 ás 11:18, {MAIL} escribiu:",
    "ar": f"في الأحد، ٢٢ مارس ٢٠٢٦ في ١١:١٨ ص تمت كتابة ما يلي بواسطة {MAIL}:",
    "ar apple": f"في 2026/03/22 11:18، كتب {MAIL}:",
    "fa": f"در یکشنبه ۲۲ مارس ۲۰۲۶،\u200f ۱۱:۱۸ {MAIL} نوشت:",
    "he": f"\u202bבתאריך יום א׳, 22 במרץ 2026 ב-11:18 מאת {MAIL}:\u202c",
    "hi": f"रवि, 22 मार्च 2026 को 11:18 am बजे को {MAIL} ने लिखा:",
    "bn": f"রবি, ২২ মার্চ, ২০২৬ তারিখে ১১:১৮ AM টায় তে {MAIL} লিখেছেন:",
    "ta": f"ஞாயி., 22 மார்., 2026, முற்பகல் 11:18 அன்று, {MAIL} எழுதியது:",
    "th": f"ในวันที่ อา. 22 มี.ค. 2026 เวลา 11:18 {MAIL} เขียนว่า:",
    "vi": f"Vào 11:18, CN, 22 thg 3, 2026 {MAIL} đã viết:",
    "id": f"Pada tanggal Min, 22 Mar 2026 pukul 11.18 {MAIL} menulis:",
    "ms": f"Pada Ahd, 22 Mac 2026 pada 11:18 PG {MAIL} menulis:",
    "tl": f"Noong Linggo, Marso 22, 2026, 11:18 AM, sumulat si {MAIL} ng:",
    "sw": f"Mnamo Jumapili, 22 Machi 2026, 11:18 {MAIL} aliandika:",
    "ja": f"2026年3月22日(日) 11:18 {MAIL}:",
    "ja apple": f"2026/03/22 11:18、{MAIL}のメール:",
    "ko": f"2026년 3월 22일 (일) 오전 11:18, {MAIL}님이 작성:",
    "ko thunderbird": "2026-03-22 오전 11:18에 Shop 이(가) 쓴 글:",
    "zh-Hans": f"{MAIL} 于2026年3月22日周日 11:18写道：",
    "zh-Hant": f"{MAIL} 於 2026年3月22日 週日 上午11:18寫道：",
    "zh thunderbird": "在 2026/3/22 11:18, Shop 写道:",
    "mail.ru": f"Воскресенье, 22 марта 2026, 11:18 +03:00 от {MAIL}:",
    "aol": "In a message dated 3/22/2026 11:18:00 AM Eastern Standard Time, promotions@shop.example writes:",
}
#: From, Sent, To, Subject as Outlook writes them; and what stands between the dashes.
BLOCKS = {
    "en": ("From", "Sent", "To", "Subject", "Original Message"),
    "de": ("Von", "Gesendet", "An", "Betreff", "Ursprüngliche Nachricht"),
    "fr": ("De ", "Envoyé ", "À ", "Objet ", "Message d'origine"),
    "es": ("De", "Enviado el", "Para", "Asunto", "Mensaje original"),
    "pt": ("De", "Enviada em", "Para", "Assunto", "Mensagem original"),
    "it": ("Da", "Inviato", "A", "Oggetto", "Messaggio originale"),
    "nl": ("Van", "Verzonden", "Aan", "Onderwerp", "Oorspronkelijk bericht"),
    "da": ("Fra", "Sendt", "Til", "Emne", "Oprindelig meddelelse"),
    "no": ("Fra", "Sendt", "Til", "Emne", "Opprinnelig melding"),
    "sv": ("Från", "Skickat", "Till", "Ämne", "Ursprungligt meddelande"),
    "fi": ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe", "Alkuperäinen viesti"),
    "pl": ("Od", "Wysłano", "Do", "Temat", "Wiadomość oryginalna"),
    "cs": ("Od", "Odesláno", "Komu", "Předmět", "Původní zpráva"),
    "sk": ("Od", "Odoslané", "Komu", "Predmet", "Pôvodná správa"),
    "hu": ("Feladó", "Elküldve", "Címzett", "Tárgy", "Eredeti üzenet"),
    "ro": ("De la", "Trimis", "Către", "Subiect", "Mesaj original"),
    "el": ("Από", "Στάλθηκε", "Προς", "Θέμα", "Αρχικό μήνυμα"),
    "tr": ("Kimden", "Gönderildi", "Kime", "Konu", "Özgün İleti"),
    "ru": ("От", "Отправлено", "Кому", "Тема", "Исходное сообщение"),
    "uk": ("Від", "Надіслано", "Кому", "Тема", "Вихідне повідомлення"),
    "bg": ("От", "Изпратено", "До", "Относно", "Оригинално съобщение"),
    "sr": ("Od", "Poslato", "Za", "Predmet", "Originalna poruka"),
    "ar": ("من", "تاريخ الإرسال", "إلى", "الموضوع", "الرسالة الأصلية"),
    "he": ("מאת", "נשלח", "אל", "נושא", "הודעה מקורית"),
    "fa": ("از", "ارسال شده", "به", "موضوع", "پیام اصلی"),
    "hi": ("प्रेषक", "भेजा गया", "प्रति", "विषय", "मूल संदेश"),
    "th": ("จาก", "ส่ง", "ถึง", "เรื่อง", "ข้อความต้นฉบับ"),
    "vi": ("Từ", "Đã gửi", "Đến", "Chủ đề", "Tin nhắn gốc"),
    "id": ("Dari", "Dikirim", "Kepada", "Subjek", "Pesan Asli"),
    "ja": ("差出人", "送信日時", "宛先", "件名", "元のメッセージ"),
    "ko": ("보낸 사람", "보낸 날짜", "받는 사람", "제목", "원본 메시지"),
    "zh-Hans": ("发件人", "发送时间", "收件人", "主题", "邮件原件"),
    "zh-Hant": ("寄件者", "寄件日期", "收件者", "主旨", "原始郵件"),
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@pytest.mark.parametrize("mark", ["> ", ""], ids=["marked", "unmarked"])
def test_an_attribution_line_of_any_language_is_a_border(line: str, mark: str) -> None:
    """Whether or not the quoted mail has quote marks, nothing of the line or the mail stays."""
    found = trim(f"Please stop.\n\n{line}\n\n{mark}Dear Ada,\n{mark}30% off this week.\n")

    assert found.typed == "Please stop."
    assert any(name.startswith("attribution line") for name in found.marks)


@pytest.mark.parametrize("line", [line for line in LINES.values() if " <" in line], ids=lambda line: line[:12])
def test_an_attribution_line_wrapped_before_the_address_is_whole(line: str) -> None:
    """Gmail wraps the plain text inside the angle brackets or before them."""
    for wrapped in (line.replace(" <", "\n<"), line.replace("<", "<\n")):
        assert trim(f"Please stop.\n\n{wrapped}\n\n> Dear Ada,\n").typed == "Please stop."


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_an_attribution_line_swallows_nothing_above_it(line: str) -> None:
    """Not even a sentence with a date or an address, without a full stop and without a blank line between."""
    for typed in ("My new address since 1 January is ada@example.org", "Am dat comanda acum 10 min nr 77120"):
        assert trim(f"{typed}\n{line}\n> Dear Ada,\n").typed == typed


@pytest.mark.parametrize("words", BLOCKS.values(), ids=BLOCKS)
def test_a_header_block_of_any_language_is_a_border(words: tuple[str, ...]) -> None:
    """With the line of dashes above it or without."""
    sender, sent, to, subject, original = words
    block = f"{sender}: {MAIL}\n{sent}: 22.03.2026 11:18\n{to}: ada@example.org\n{subject}: Spring sale\n\nDear Ada,\n"

    assert trim(f"Please stop.\n\n{block}").typed == "Please stop."
    assert trim(f"Please stop.\n\n-----{original}-----\n{block}").typed == "Please stop."
    assert trim(f"Please stop.\n\n-----{original}-----\nDear Ada,\n").typed == "Please stop."
    assert trim(f"Please stop.\n\n{original}\n{block}").typed == "Please stop."


@pytest.mark.parametrize(
    "line",
    [
        "on sunday i will be away, write to me then:",
        "my sister wrote:",
        "we wrote to you on 22.03.2026:",
        "please answer these two questions:",
        "call me at 11:18:",
        "i wrote to promotions@shop.example last week and nobody answered",
    ],
)
def test_a_sentence_is_no_attribution(line: str) -> None:
    """A colon, a verb or a date alone prove nothing."""
    assert attributions.attribution([line, "", "text"], 0, 0, quoted_next=False) is None


def test_a_header_needs_two_lines_that_agree() -> None:
    """One label is a sentence; two with an address or a date are a header."""
    assert attributions.header_block(["from: my heart", "thank you"], 0) is None
    assert attributions.header_block(["subject: my order", "to: you"], 0) is None
    assert attributions.header_block(["from: a@b.example", "date: 22.03.2026 11:18", "", "text"], 0) == 2


def test_a_separator_needs_its_dashes_or_a_header_below() -> None:
    """Original message" in the middle of a text is a phrase like others."""
    assert attributions.separator("original message") is None
    assert attributions.separator("original message", bare=True) == "original message line"
    assert attributions.separator("--- original message ---") == "original message line"
    assert attributions.separator("begin forwarded message:") == "forwarded message"


def test_an_attribution_that_shares_its_line_with_the_answer_is_cut_off() -> None:
    """Some mail programs lose the line break between the answer and the attribution."""
    found = trim("Yes, stop. On Wed, Apr 4, 2012 at 3:59 PM, bob@example.com wrote:\n> Hi")

    assert found.typed == "Yes, stop."
    assert found.quoted.startswith("On Wed")
