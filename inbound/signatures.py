"""Finds what stands round a person's words and was typed by nobody: signatures, device lines, notices, banners.

It works on the lines that are left once quotes and our own words are out, and never on their order. A greeting and a
name under it stay: they do no harm and are often part of the sentence. All expressions are linear.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from inbound.phrases import branches

#: "Sent from my iPhone" and its like: the beginning of the line, without case.
_SENT_FROM = re.compile(
    r"(?:sent (?:from|via|with|by|using)|get outlook for|download outlook|gesendet (?:von|mit|über|vom)|"
    r"von meinem? .{1,40} gesendet|diese nachricht wurde von|"
    r"holen sie sich outlook|outlook für|envoyé (?:de|depuis|à partir|avec|par)|télécharger outlook|"
    r"obtenez outlook|enviado (?:desde|do|de|a partir|pelo|com|por|via)|obtener outlook|"
    r"obter o? ?outlook|baixe o outlook|inviato (?:da|dal|con|tramite)|ottieni outlook|scarica outlook|"
    r"verzonden (?:vanaf|met|via|vanuit)|verstuurd (?:vanaf|met|via)|outlook voor|"
    r"download outlook|gestuur (?:van|vanaf)|sendt fra|hent outlook|få outlook|skickat från|"
    r"skickades från|hämta outlook|lähetetty |hanki outlook|wysłan[eo] z|wysłano z|pobierz|"
    r"odesláno z|odoslané z|stáhnout outlook|отправлено (?:с|из|от)|скачать outlook|надіслано (?:з|із|"
    r"через)|изпратено от|послато са|poslano (?:s|z|iz)|poslato sa|"
    r"küldve |az iphone-omról|elküldve |trimis (?:de|din|de pe)|στάλθηκε από|εστάλη από|(?:iphone|ipad|"
    r"samsung|android|galaxy).{0,30} (?:cihazımdan|gönderildi)|"
    r"gönderen: |أرسلت من|تم الإرسال من|مرسل من|أُرسلت من|ارسال شده از|فرستاده شده از|נשלח מ|נשלח מה|"
    r"मेरे .{1,30} से भेजा|आईफ़ोन से भेजा|আমার .{1,30} থেকে পাঠানো|"
    r"ส่งจาก|gửi từ|được gửi từ|đã gửi từ|dikirim dari|dihantar dari|ipinadala (?:mula|mula sa)|"
    r"imetumwa (?:kutoka|kwa)|enviat (?:des|amb)|"
    r"iphoneから送信|ipadから送信|私の.{1,20}から送信|.{1,20}から送信|从我的.{1,20}发送|发自我的|发自|"
    r"從我的.{1,20}傳送|從我的.{1,20}寄出|寄自|傳送自|나의 .{1,20}에서 보냄|내 .{1,20}에서 보냄|"
    r".{1,20}에서 보냄|yahoo mail (?:for|on|für|pour|per|para)|mobil gesendet|-- ?\n?sent from|"
    r"von unterwegs|von meinem (?:iphone|ipad|handy|smartphone)|from my (?:iphone|ipad|phone))"
)
#: What ends such a line where it starts with the device.
_SENT_FROM_ENDS = ("から送信", "에서 보냄")
#: With which two letters the others start; tells most lines of most mails apart.
_SENT_FROM_STARTS = frozenset(
    start
    for branch in branches(_SENT_FROM.pattern.removeprefix("(?:").removesuffix(")"))
    for inner in (branches(branch[3 : branch.index(")")]) if branch.startswith("(?:") else [branch])
    for start in (inner[:2],)
)
_DEVICE = re.compile(
    r"iphon|ipad|android|samsung|galaxy|outlook|blackberry|windows|mobile|handy|smartphone|téléphone|"
    r"tablet|huawei|xiaomi|yahoo|mail|phone|"
    r"tel[eé]fono|celular|app|nokia|pixel|oneplus|oppo|redmi|sparrow|spark|typeapp|acompli|wiko|айфон|"
    r"телефон|手机|手機|ios|device|gerät|dispositiv|"
    r"آيفون|הטלפון|protonmail|proton|gmx|web\.de|hey|superhuman|thunderbird|\bmy \w"
)
#: A line of this kind ends what was typed wherever it stands.
_MACHINE_LINE = re.compile(
    r"virus-free\.|virenfrei\.|garanti sans virus|libre de virus|privo di virus|virusvrij\.|"
    r"this e-?mail (?:has been|was) (?:checked|scanned) (?:for|by)|"
    r"scanned by \w+ (?:anti|mail)|diese e-?mail wurde (?:von|auf) .{0,40}(?:viren|avast|geprüft)|"
    r"checked by avg|no virus found in this|bcc?: spam_|"
    r"please consider the environment before|think before (?:you )?print|think before printing|"
    r"bitte (?:denken|prüfen) sie .{0,30}(?:umwelt|drucken|ausdruck)|"
    r"avant d'imprimer|antes de imprimir|prima di stampare|denk aan het milieu|"
    r"you received this message because you are subscribed to the google group|"
    r"to unsubscribe from this group|to unsubscribe, e-?mail:|list-unsubscribe:|to post to this group"
)
#: What confidentiality notices say; two points for what hardly anybody types, one for what a person may.
_NOTICE = (
    (
        3,
        re.compile(
            r"confidentiality notice|^disclaimer\b|legal notice:|vertraulichkeitshinweis|haftungsausschluss|"
            r"avis de confidentialité|aviso (?:legal|de confidencialidad)|"
            r"aviso de confidencialidade|avviso di riservatezza|this (?:e-?mail|message|"
            r"communication)(?:,? (?:and|including) (?:any|all|its))? .{0,30}"
            r"(?:is|are|may be|contains|may contain) .{0,30}(?:confidential|privileged)|diese (?:e-?mail|"
            r"nachricht) .{0,60}(?:vertraulich|bestimmt)|"
            r"ce (?:message|courriel|mail) .{0,80}(?:confidentiel|destinataire)|este (?:mensaje|correo|"
            r"e-?mail) .{0,80}(?:confidencial|destinatario)|"
            r"esta mensagem .{0,80}(?:confidencia|destinat)|questo messaggio .{0,80}(?:riservat|confidenzial)|"
            r"le informazioni contenute in quest|"
            r"dit bericht .{0,60}(?:vertrouwelijk|bestemd)|deze e-?mail .{0,60}(?:vertrouwelijk|bestemd)|"
            r"(?:настоящее|данное|это) (?:сообщение|письмо) .{0,80}конфиденциал|"
            r"本(?:邮件|郵件|メール|電子郵件).{0,40}(?:保密|机密|機密)|ta wiadomość .{0,60}poufn|"
            r"tento e-?mail .{0,60}důvěrn|bu e-?posta .{0,60}gizli"
        ),
    ),
    (
        2,
        re.compile(
            r"intended recipient|solely for the|intended (?:only|solely)|unauthori[sz]ed (?:use|disclosure|"
            r"copying)|bestimmungsgemäss|rechtmässige empfänger"
        ),
    ),
    (
        1,
        re.compile(
            r"confidential|privileged|vertraulich|confidentiel|confidencial|riservat|vertrouwelijk|poufn|důvěrn|"
            r"конфиденциал|bizalmas|confidențial|gizli|機密|保密|기밀|luottamuksell|fortrolig|konfidentiell"
        ),
    ),
    (
        1,
        re.compile(
            r"(?:received|receive) (?:it|this).{0,30} (?:in error|by mistake)|irrtümlich|par erreur|por error|"
            r"por engano|per errore|abusievelijk|omyłk|omylem|по ошибке|errore|vid misstag|ved en feil|tévedés|"
            r"eroare|yanlışlıkla"
        ),
    ),
    (
        1,
        re.compile(
            r"notify the sender|inform the sender|delete (?:it|this|the) |absender|expéditeur|remitente|remetente|"
            r"mittente|afzender|nadawc|odesílatel|отправител|avsändar|avsender"
        ),
    ),
    (
        1,
        re.compile(
            r"any attachments?|anlagen|anhänge|pièces jointes|archivos adjuntos|anexos|allegati|bijlage|załącznik|"
            r"přílo|вложени"
        ),
    ),
)
_BANNER = re.compile(
    r"^\W{0,6}(?:external|extern|externe|externo|esterno|ext)\s?(?:e-?mail|mail|sender|message|absender|"
    r"nachricht)?\s?[\])*:!]|"
    r"originated (?:from )?outside|from outside (?:of )?(?:the|your|our)|external (?:e-?mail|sender|"
    r"message|source)|sender is external|outside of (?:the|your) organi[sz]ation|"
    r"you don't often (?:get|receive) e?-?mail from|learn why this is important|do not click (?:on )?(?:any )?links|"
    r"externe[rn]? (?:e-?mail|absender|nachricht)|(?:e-?mail|nachricht) (?:stammt|kommt) von (?:ausserhalb|"
    r"extern)|von ausserhalb (?:der|unserer|ihrer)|sie erhalten nicht (?:oft|häufig) e-?mail|"
    r"(?:courriel|e-?mail|message|expéditeur) externe|provient de l'extérieur|vous n'obtenez pas souvent|"
    r"(?:correo|mensaje|remitente) externo|fuera de (?:la|su|nuestra) organización|no suele recibir correo|"
    r"(?:e-?mail|mensagem|remetente) extern[oa]|fora da (?:sua )?organização|(?:mittente|messaggio|"
    r"e-?mail) esterno|esterno all'organizzazione|al di fuori dell|"
    r"(?:externe|extern) (?:e-?mail|afzender|bericht)|van buiten (?:de|uw|onze) organisatie|"
    r"ekstern (?:e-?mail|e-?post|avsender|afsender)|extern (?:avsändare|e-?post)|"
    r"utenfor organisasjonen|uden for organisationen|utanför organisationen|ulkopuoli\w{0,4} (?:lähettäj|"
    r"sähköposti)|organisaation ulkopuol|"
    r"wiadomość zewnętrzna|spoza organizacji|externí (?:e-?mail|odesílatel)|mimo (?:vaši )?organizac|"
    r"внешн\w{1,3} (?:отправител|письм|почт)|извне (?:вашей )?организац|зовнішн\w{1,3} (?:лист|"
    r"відправник)|"
    r"külső (?:feladó|e-?mail)|expeditor extern|din afara organizației|εξωτερικ\w{1,4} (?:αποστολ|μήνυμα)|"
    r"harici (?:e-?posta|gönderen)|kuruluş dışından|"
    r"بريد خارجي|من خارج (?:المؤسسة|المنظمة)|דוא\"ל חיצוני|מחוץ לארגון|外部(?:メール|邮件|郵件|發件人|"
    r"发件人|送信者)|組織外|组织外部|来自外部|외부 (?:메일|발신)|조직 외부"
)
_BANNER_HEAD = re.compile(
    r"^\W{0,6}(?:caution|warning|notice|achtung|vorsicht|warnung|hinweis|attention|avertissement|atención|"
    r"precaución|advertencia|atenção|cuidado|attenzione|let op|waarschuwing|varning|advarsel|varoitus|"
    r"uwaga|upozornění|внимание|осторожно|увага|figyelem|atenție|προσοχή|dikkat|تحذير|注意|警告|"
    r"주의)\s?[\]:!]"
)
#: Cheap to look for; without one of them the expressions above find nothing.
_BANNER_HINTS = (
    "ext",
    "outside",
    "do not click",
    "don't often",
    "why this is important",
    "ausserhalb",
    "nicht oft",
    "nicht häufig",
    "pas souvent",
    "l'extérieur",
    "fuera de",
    "suele recibir",
    "fora da",
    "esterno",
    "al di fuori",
    "van buiten",
    "ekstern",
    "utenfor",
    "uden for",
    "utanför",
    "ulkopuol",
    "zewn",
    "spoza",
    "mimo",
    "внешн",
    "извне",
    "зовнішн",
    "külső",
    "din afara",
    "εξωτερικ",
    "harici",
    "dışından",
    "خارج",
    "חיצוני",
    "מחוץ",
    "外部",
    "外",
    "외부",
)
_MACHINE_HINTS = (
    "vir",
    "scanned",
    "print",
    "imprim",
    "drucken",
    "ausdruck",
    "umwelt",
    "environment",
    "milieu",
    "stampare",
    "google group",
    "unsubscribe",
    "this group",
    "spam_",
    "checked",
    "avast",
    "geprüft",
)
_NOTICE_HINTS = (
    "confiden",
    "privileged",
    "disclaimer",
    "legal",
    "vertraul",
    "haftungs",
    "intended",
    "unauthori",
    "riserv",
    "le informazioni",
    "destinat",
    "bestimm",
    "bestemd",
    "vertrouw",
    "poufn",
    "důvěrn",
    "конфиденц",
    "gizli",
    "保密",
    "机密",
    "機密",
    "기밀",
    "bizalmas",
    "luottamuks",
    "fortrolig",
    "konfident",
    "empfänger",
)
_HAS_DIGIT = re.compile(r"\d")
_LIST_FOOTER = re.compile(
    r"mailing list|mailman/listinfo|mailinglist|liste de diffusion|lista de correo|google groups|"
    r"groups\.google|listserv|lists\."
)
_FAREWELL = re.compile(
    r"^\W{0,3}(?:(?:best|kind|warm|many|with)? ?(?:kind )?regards|sincerely|yours|cheers|best|thanks|"
    r"thank you|mit freundlichen grüssen|freundliche grüsse|viele grüsse|"
    r"beste grüsse|liebe grüsse|mfg|vg|lg|cordialement|bien à vous|salutations|saludos|un saludo|"
    r"atentamente|atenciosamente|cumprimentos|abraços|cordiali saluti|distinti saluti|"
    r"saluti|met vriendelijke groet(?:en)?|groeten|mvg|med vänlig hälsning|med venlig hilsen|"
    r"vennlig hilsen|hälsningar|hilsen|terveisin|ystävällisin terveisin|pozdrawiam|"
    r"z poważaniem|s pozdravem|с уважением|з повагою|поздрави|üdvözlettel|cu stimă|με εκτίμηση|"
    r"saygılarımla|مع تحياتي|בברכה|敬具|此致|此致敬礼)\W{0,3}$"
)
_CONTACT = re.compile(
    r"(?:^|[|•·\s])(?:t|tel|tél|telefon|telephone|phone|fon|mob|mobile|mobil|m|p|f|fax|direct|cell|тел|"
    r"電話|电话|전화)\.?\s?[:.]?\s?[+(]?\d[\d\s()/.-]{5,25}(?:\D|$)|"
    r"\b(?:gmbh|handelsregister|amtsgericht|geschäftsführer|hrb \d|ust-?id|vat (?:no|reg)|"
    r"registered (?:in|office)|company (?:no|number|registration)|siret|r\.?c\.?s\.? )\b|"
    r"^\W{0,3}(?:www\.|https?://)\S{3,200}$|\s\|\s.{0,60}\S@\S|^\W{0,3}(?:e-?mail|mail|web|e): ?\S{3,100}$"
)
#: A signature under a bare "--" longer than this is rather a text under a rule.
_MOST_LINES = 18
#: So many lines below a farewell a telephone number is part of a signature.
_FAREWELL_LINES = 6
_LONGEST_FAREWELL = 60
_SHORTEST_NOTICE = 40
_DELIMITERS = frozenset({"--", "-- ", "—", "––", "__", "- --"})


def machine_lines_above(lines: Sequence[str]) -> int:
    """Return how many lines at the top a mail gateway put there ("[EXTERNAL] …", "CAUTION: this email …")."""
    end = 0
    at = 0
    while at < len(lines) and at < 12:
        if not lines[at]:
            at += 1
            continue
        paragraph = at
        while paragraph < len(lines) and lines[paragraph] and paragraph - at < 6:
            paragraph += 1
        first = lines[at]
        text = " ".join(lines[at:paragraph])[:800]
        if not _holds_any(text, _BANNER_HINTS) or not _BANNER.search(text):
            break
        if _BANNER_HEAD.search(first) or len(text) > 90:
            at = end = (
                paragraph if _BANNER.search(" ".join(lines[at + 1 : paragraph])) or paragraph == at + 1 else at + 1
            )
        elif _BANNER.search(first):
            at = end = at + 1
        else:
            break
    return end


@lru_cache(maxsize=8)
def _ascii(hints: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(hint for hint in hints if hint.isascii())


def _holds_any(text: str, hints: tuple[str, ...]) -> bool:
    for hint in _ascii(hints) if text.isascii() else hints:  # noqa: SIM110  # a generator takes three times as long
        if hint in text:
            return True
    return False


def device_line(line: str) -> bool:
    """Say whether a line is the advertisement of a device or a mail program; the line is without case."""
    if len(line) >= 140:
        return False
    bare = line.lstrip("*_<[( ")
    if bare[:2] not in _SENT_FROM_STARTS and not any(end in bare for end in _SENT_FROM_ENDS):
        return False
    return _SENT_FROM.match(bare) is not None and _DEVICE.search(line) is not None


def signature_start(lines: Sequence[str]) -> tuple[int, str] | None:
    """Return where the signature of a stretch of typed, cleaned lines begins and what gave it away."""
    text = " ".join(lines)
    machines = _holds_any(text, _MACHINE_HINTS)
    notices = len(text) > _SHORTEST_NOTICE and _holds_any(text, _NOTICE_HINTS)
    farewell = -_FAREWELL_LINES - 1
    for at, line in enumerate(lines):
        if not line:
            continue
        mark = _mark_at(lines, at, line, machines=machines, notices=notices)
        if not mark and at - farewell <= _FAREWELL_LINES and (_HAS_DIGIT.search(line) or "." in line):
            mark = "contact lines" if _CONTACT.search(line) else ""
        if mark:
            return at, mark
        if len(line) <= _LONGEST_FAREWELL and _FAREWELL.match(line):
            farewell = at
    return None


def _mark_at(lines: Sequence[str], at: int, line: str, *, machines: bool, notices: bool) -> str:
    """Name the mark that a line is; the flags say what may stand in the lines at all, which is cheap to know."""
    if line in _DELIMITERS:
        rest = sum(map(bool, lines[at + 1 : at + 1 + 4 * _MOST_LINES]))
        short = rest <= _MOST_LINES and len(lines) - at <= 4 * _MOST_LINES
        if short or (notices and _notice(lines, at + 1)):
            return "signature delimiter"
        return ""
    if (
        line[0] in "_-=*"
        and not line.strip("_-=* ")
        and any(_LIST_FOOTER.search(other) for other in lines[at + 1 : at + 4])
    ):
        return "mailing list footer"
    if machines and any(hint in line for hint in _MACHINE_HINTS) and _MACHINE_LINE.search(line):
        return "machine line"
    if notices and (at == 0 or not lines[at - 1] or not lines[at - 1].strip("_-=* ")) and _notice(lines, at):
        return "confidentiality notice"
    return ""


def _notice(lines: Sequence[str], start: int) -> bool:
    """Say whether the paragraph that starts at a line is a confidentiality notice."""
    for _ in range(4):
        start += start < len(lines) and not lines[start].strip("_-=* ")
    text = " ".join(_paragraph(lines, start))[:1500]
    return (
        len(text) > _SHORTEST_NOTICE
        and any(hint in text for hint in _NOTICE_HINTS)
        and sum(points for points, words in _NOTICE if words.search(text)) >= 3
    )


def _paragraph(lines: Sequence[str], start: int) -> list[str]:
    found: list[str] = []
    for line in lines[start : start + 20]:
        if not line:
            break
        found.append(line)
    return found
