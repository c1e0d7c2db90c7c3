"""Device lines, delimiters, notices, banners and list footers are told from typed text, in many languages."""

import pytest

from inbound import signatures
from inbound.replies import trim

DEVICE_LINES = (
    "Sent from my iPhone", "Get Outlook for iOS<https://aka.ms/o0ukef>", "Sent from Yahoo Mail on Android",
    "Von meinem iPhone gesendet", "Gesendet von Mail für Windows", "Gesendet mit der GMX iPhone App",
    "Envoyé de mon iPhone", "Envoyé à partir de Outlook pour iOS", "Enviado desde mi iPhone", "Enviado do meu iPhone",
    "Inviato da iPhone", "Verstuurd vanaf mijn iPhone", "Sendt fra min iPhone", "Skickat från min iPhone",
    "Lähetetty iPhonesta", "Wysłane z iPhone'a", "Odesláno z iPhonu", "Отправлено с iPhone", "Надіслано з iPhone",
    "Στάλθηκε από το iPhone μου", "iPhone'umdan gönderildi", "أرسلت من الـ iPhone", "נשלח מה-iPhone שלי",
    "ส่งจาก iPhone ของฉัน", "Đã gửi từ iPhone của tôi", "Dikirim dari iPhone saya", "iPhoneから送信", "发自我的iPhone",
    "從我的 iPhone 傳送", "나의 iPhone에서 보냄", "Küldve az iPhone-omról", "Trimis de pe iPhone-ul meu",
    "Изпратено от моя iPhone", "ارسال شده از iPhone من", "Ipinadala mula sa aking iPhone", "मेरे iPhone से भेजा गया",
)  # fmt: skip
BANNERS = (
    "[EXTERNAL]", "[EXTERN] ", "EXTERNAL EMAIL: Do not click links unless you trust the sender.",
    "CAUTION: This email originated from outside of the organization.",
    "You don't often get email from ada@example.org. Learn why this is important",
    "ACHTUNG: Diese E-Mail stammt von außerhalb unserer Organisation.", "[Externe E-Mail]",
    "ATTENTION : ce message provient de l'extérieur de l'organisation.", "ATENCIÓN: correo externo.",
    "Attenzione: e-mail esterno", "LET OP: deze e-mail komt van buiten de organisatie.", "外部メール：ご注意ください",
    "【外部邮件】请注意", "ВНИМАНИЕ: внешнее письмо! Внешний отправитель.", "UWAGA: wiadomość zewnętrzna",
)  # fmt: skip
NOTICES = (
    "This e-mail and any attachments are confidential and intended solely for the addressee. Unsubscribe nobody.",
    "CONFIDENTIALITY NOTICE: the information in this message is for the intended recipient. Stop, remove, delete.",
    "Diese E-Mail kann vertrauliche Informationen enthalten. Wenn Sie sie irrtümlich erhalten haben, löschen Sie sie.",
    "Ce message est confidentiel et destiné à son seul destinataire. Si vous l'avez reçu par erreur, supprimez-le.",
    "Este mensaje es confidencial y va dirigido a su destinatario. Si lo recibió por error, bórrelo por favor.",
    "Esta mensagem é confidencial e destina-se ao destinatário. Se a recebeu por engano, apague-a imediatamente.",
    "Questo messaggio è riservato al destinatario. Se lo avete ricevuto per errore, siete pregati di cancellarlo.",
    "Dit bericht is vertrouwelijk en uitsluitend bestemd voor de geadresseerde. Verwijder het anders onmiddellijk.",
    "Данное письмо является конфиденциальным. Если вы получили его по ошибке, удалите его и сообщите отправителю.",
)


@pytest.mark.parametrize("line", DEVICE_LINES)
def test_the_line_of_a_device_is_no_typed_text(line: str) -> None:
    found = trim(f"Please stop.\n\n{line}\n")

    assert (found.typed, found.signature) == ("Please stop.", line)
    assert trim(line).typed == ""


@pytest.mark.parametrize(
    "line", ["Sent from the heart: thank you", "Sent the form back", "Enviado el pago ayer", "발송"]
)
def test_a_sentence_about_sending_is_typed_text(line: str) -> None:
    assert trim(line).typed == line


@pytest.mark.parametrize("banner", BANNERS)
def test_a_banner_at_the_top_is_no_typed_text(banner: str) -> None:
    assert trim(f"{banner}\n\nPlease stop.\n").typed == "Please stop."
    assert trim("Please stop.\n").typed == "Please stop."


@pytest.mark.parametrize("notice", NOTICES)
def test_a_confidentiality_notice_is_no_typed_text(notice: str) -> None:
    """Such notices hold the very words that commands are made of."""
    assert trim(f"Please stop.\n\n{notice}\n").typed == "Please stop."
    assert trim(f"Please stop.\n\n-- \nAda\n\n{notice}\n").typed == "Please stop."
    assert trim(notice).typed == ""


@pytest.mark.parametrize(
    "text",
    [
        "Please treat this as confidential and delete my account.",
        "Diese Daten sind vertraulich. Bitte löschen.",
        "You got my address in error. Please delete it and unsubscribe me.",
        "I am the sender of the complaint. Delete it, please.",
        "Attention: I never signed up.\nRemove me.",
        "We are an external auditor. Please remove this mailbox.",
        "a -- b -- c",
        "5 | 7 | 9",
    ],
)
def test_a_persons_text_is_no_notice(text: str) -> None:
    assert trim(text).typed == text


def test_what_stands_below_the_delimiter_is_the_signature() -> None:
    found = trim("Please stop.\n-- \nAda Lovelace\nStop wasting energy: think before you print\n")

    assert found.typed == "Please stop."
    assert found.signature == "-- \nAda Lovelace\nStop wasting energy: think before you print".replace("-- ", "--")
    assert found.marks == ("signature delimiter",)


def test_a_rule_above_a_long_text_is_no_delimiter() -> None:
    """Some people draw a line with two dashes and write on."""
    text = "Hello,\n--\n" + "\n".join(f"This is sentence number {n} of my complaint." for n in range(30))

    assert trim(text).typed == text


def test_contact_lines_below_a_farewell_are_cut_and_the_name_stays() -> None:
    found = trim(
        "Bitte austragen.\n\nMit freundlichen Grüßen\nAda Lovelace\nTel.: +49 30 123456\nStoppt Stuttgart 21\n"
    )

    assert found.typed == "Bitte austragen.\n\nMit freundlichen Grüßen\nAda Lovelace"


def test_the_footer_of_a_mailing_list_is_cut() -> None:
    text = "Please stop.\n\n_______________\nBridges mailing list\nTo unsubscribe go to https://lists.example.org/mailman\n"

    assert trim(text).typed == "Please stop."
    assert trim("Hi\n\nTo unsubscribe from this group, send an email to x@googlegroups.com.").typed == "Hi"


def test_lines_at_the_top_are_counted() -> None:
    assert signatures.machine_lines_above(["[external]", "", "stop"]) == 1
    assert signatures.machine_lines_above(["stop", "", "[external]"]) == 0
