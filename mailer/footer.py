"""The end of each promotion: why you get it, how to stop, where to choose, who we are. Pure; words as data.

No letter leaves without it. The words to reply with stay English in every language, because the command is English; the
reader of replies understands other wordings as well. It takes the lines of :func:`footer_templates` for ours, never for
a customer's.
"""

import html
from typing import NamedTuple

from mailer.headers import one_line
from mailer.model import Sender


class _Words(NamedTuple):
    why: str
    stop: str
    choose: str
    policy: str
    service: str


_WORDS = {
    "en": _Words(
        "You get this mail from {company} at {address} because you agreed to mail about {topic}.",
        'To stop: reply with "unsubscribe", or with "unsubscribe {topic}" to stop only these.',
        "Choose what you get, or nothing: {preferences}",
        "Privacy policy: {policy}",
        "Customer service: {service}",
    ),
    "de": _Words(
        "Sie erhalten diese E-Mail an {address}, weil Sie E-Mails von {company} zu {topic} zugestimmt haben.",
        'Abbestellen: Antworten Sie mit "unsubscribe", oder nur für dieses Thema mit "unsubscribe {topic}".',
        "Auswählen, was Sie erhalten, oder alles abbestellen: {preferences}",
        "Datenschutzerklärung: {policy}",
        "Kundendienst: {service}",
    ),
    "fr": _Words(
        "Vous recevez ce message à {address} car vous avez accepté les messages de {company} sur {topic}.",
        "Pour arrêter : répondez « unsubscribe », ou « unsubscribe {topic} » pour ce seul sujet.",
        "Choisir ce que vous recevez, ou rien : {preferences}",
        "Politique de confidentialité : {policy}",
        "Service client : {service}",
    ),
    "es": _Words(
        "Recibe este correo en {address} porque aceptó los correos de {company} sobre {topic}.",
        'Para darse de baja: responda "unsubscribe", o "unsubscribe {topic}" solo para este tema.',
        "Elija lo que recibe, o nada: {preferences}",
        "Política de privacidad: {policy}",
        "Atención al cliente: {service}",
    ),
    "it": _Words(
        "Riceve questa e-mail all'indirizzo {address} perché ha accettato le e-mail di {company} su {topic}.",
        'Per non riceverne più: risponda "unsubscribe", o "unsubscribe {topic}" solo per questo argomento.',
        "Scelga che cosa ricevere, o nulla: {preferences}",
        "Informativa sulla privacy: {policy}",
        "Servizio clienti: {service}",
    ),
    "pt": _Words(
        "Recebe este e-mail em {address} porque aceitou e-mails de {company} sobre {topic}.",
        'Para deixar de receber: responda "unsubscribe", ou "unsubscribe {topic}" apenas para este tema.',
        "Escolha o que recebe, ou nada: {preferences}",
        "Política de privacidade: {policy}",
        "Apoio ao cliente: {service}",
    ),
    "nl": _Words(
        "U krijgt deze e-mail op {address} omdat u hebt ingestemd met e-mail van {company} over {topic}.",
        'Stoppen: antwoord met "unsubscribe", of met "unsubscribe {topic}" voor alleen dit onderwerp.',
        "Kies wat u ontvangt, of niets: {preferences}",
        "Privacybeleid: {policy}",
        "Klantenservice: {service}",
    ),
    "pl": _Words(
        "Otrzymują Państwo tę wiadomość na {address}, ponieważ wyrazili zgodę na wiadomości {company}: {topic}.",
        "Aby zrezygnować: proszę odpisać „unsubscribe” albo „unsubscribe {topic}” tylko dla tego tematu.",
        "Wybór tematów lub rezygnacja ze wszystkich: {preferences}",
        "Polityka prywatności: {policy}",
        "Obsługa klienta: {service}",
    ),
    "ru": _Words(
        "Вы получили это письмо на {address}, так как согласились получать письма {company} на тему {topic}.",
        "Чтобы отписаться, ответьте «unsubscribe» или, только от этой темы, «unsubscribe {topic}».",
        "Выбрать темы или отказаться от всех: {preferences}",
        "Политика конфиденциальности: {policy}",
        "Служба поддержки: {service}",
    ),
    "ja": _Words(
        "このメールは、{company}からの「{topic}」のメールに同意いただいた{address}宛てにお送りしています。",
        "配信停止:「unsubscribe」と返信してください。このテーマだけの場合は「unsubscribe {topic}」と返信してください。",
        "配信内容の選択・停止: {preferences}",
        "プライバシーポリシー: {policy}",
        "お客様サービス: {service}",
    ),
    "zh": _Words(
        "您在 {address} 收到此邮件,是因为您同意接收 {company} 关于“{topic}”的邮件。",
        "如需退订:请回复“unsubscribe”;仅退订此主题请回复“unsubscribe {topic}”。",
        "选择接收内容或全部退订:{preferences}",
        "隐私政策:{policy}",
        "客户服务:{service}",
    ),
    "ko": _Words(
        "{company}의 {topic} 메일 수신에 동의하셨기에 {address}(으)로 보내 드립니다.",
        '수신 거부: "unsubscribe"라고 회신하시거나, 이 주제만 거부하려면 "unsubscribe {topic}"이라고 회신해 주세요.',
        "받을 내용 선택 또는 전체 거부: {preferences}",
        "개인정보 처리방침: {policy}",
        "고객 서비스: {service}",
    ),
    "ar": _Words(
        "تصلك هذه الرسالة على {address} لأنك وافقت على رسائل {company} عن {topic}.",
        'لإلغاء الاشتراك: أجب بكلمة "unsubscribe"، أو "unsubscribe {topic}" لهذا الموضوع فقط.',
        "اختر ما يصلك، أو لا شيء: {preferences}",
        "سياسة الخصوصية: {policy}",
        "خدمة العملاء: {service}",
    ),
    "tr": _Words(
        "Bu e-postayı {address} adresinde, {company} şirketinin {topic} e-postalarına izin verdiğiniz için aldınız.",
        'Durdurmak için: "unsubscribe" yazarak, yalnızca bu konu için "unsubscribe {topic}" yazarak yanıtlayın.',
        "Ne alacağınızı seçin ya da hiçbirini almayın: {preferences}",
        "Gizlilik politikası: {policy}",
        "Müşteri hizmetleri: {service}",
    ),
}

LANGUAGES = tuple(_WORDS)
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
SIGNATURE_LINE = "-- "  # by which mail programs tell a signature from a letter (RFC 3676 4.3)
_ADDRESS, _PREFERENCES = "\ue000", "\ue001"  # private characters that stand for them in a footer made once
_STYLE = (
    "margin:24px auto 0;padding:16px;max-width:600px;font:13px/1.5 Arial,sans-serif;color:#666666;"
    "overflow-wrap:anywhere;word-break:break-word"  # the signed link is longer than a phone is wide
)


def language_of(wanted: str) -> str:
    """Return the language we have words in that fits a tag like ``de-AT``; English where none does."""
    primary = wanted.replace("_", "-").partition("-")[0].lower()
    return primary if primary in _WORDS else "en"


def footer_templates() -> tuple[str, ...]:
    """Return the lines of all languages with ``{address}``, ``{topic}``, ``{company}`` and the like left open.

    By these the reader of replies knows our footer when it comes back quoted, or bare.
    """
    return tuple(line for words in _WORDS.values() for line in words)


def footer_lines(sender: Sender, *, topic_name: str, address: str, preferences_url: str, language: str) -> list[str]:
    """Return the footer as plain lines, in the person's language.

    CAN-SPAM 15 USC 7704(a)(3) and (5): a working way out and the postal address in each message; ePrivacy 13(4).
    """
    filled = {
        "address": one_line(address),
        "topic": one_line(topic_name),
        "company": one_line(sender.company),
        "preferences": preferences_url,
        "policy": sender.policy_url,
        "service": str(sender.customer_service),
    }
    lines = [line.format_map(filled) for line in _WORDS[language_of(language)]]
    return [*lines, one_line(f"{sender.company}, {sender.postal_address}")]


def footer_html(sender: Sender, *, topic_name: str, address: str, preferences_url: str, language: str) -> str:
    """Return the same lines as HTML, the addresses as links."""
    lines = footer_lines(
        sender, topic_name=topic_name, address=address, preferences_url=preferences_url, language=language
    )
    links = {
        preferences_url: preferences_url,
        sender.policy_url: sender.policy_url,
        str(sender.customer_service): f"mailto:{sender.customer_service}",
    }
    direction = ' dir="rtl"' if language_of(language) in RIGHT_TO_LEFT else ""
    return f'<div{direction} style="{_STYLE}">\n' + "<br>\n".join(_linked(line, links) for line in lines) + "\n</div>\n"


def footer_formats(sender: Sender, *, topic_name: str, language: str, seam: str) -> tuple[str, str]:
    """Return the footer as text and as HTML, as formats with slots for ``address`` and ``preferences``.

    ``seam`` stands on either side of what is filled in. In the text a line stands above them that marks a signature.
    """
    marks = {"address": _ADDRESS, "preferences_url": _PREFERENCES, "language": language_of(language)}
    lines = footer_lines(sender, topic_name=topic_name, **marks)
    page = footer_html(sender, topic_name=topic_name, **marks)
    text, html_ = (
        footer.replace("%", "%%")
        .replace(_ADDRESS, f"{seam}%(address)s{seam}")
        .replace(_PREFERENCES, f"{seam}%(preferences)s{seam}")
        for footer in ("\n".join([SIGNATURE_LINE, *lines, ""]), page)
    )
    return text, html_


def _linked(line: str, links: dict[str, str]) -> str:
    """Return one line escaped, with a link where it ends with a link's text."""
    for shown, target in links.items():
        if shown and line.endswith(shown):
            anchor = f'<a href="{html.escape(target)}" style="color:#666666">{html.escape(shown)}</a>'
            return html.escape(line.removesuffix(shown)) + anchor
    return html.escape(line)
