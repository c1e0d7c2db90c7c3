"""Says of one failed recipient whether the address is dead (hard) or the delivery failed otherwise (soft). Pure.

Hard is a short list on purpose: unknown user, unknown host, moved without a forward, a host that takes no mail at all.
Everything about reputation, policy, content, size or a full mailbox is soft, whatever its code, and so is every doubt:
a soft bounce can be counted, a hard one takes a reader away.
"""

import re

WORDS = 4_096  # of a diagnostic; bounds what the patterns below run over


def any_of(lines: str) -> re.Pattern[str]:
    """Compile a list of patterns, one a line, into one that matches any of them, in any case."""
    return re.compile("|".join(line.strip() for line in lines.strip().split("\n")), re.IGNORECASE)


#: RFC 3463 3.2, and what Microsoft and RFC 7505 add: codes that name a dead address, unless the words say otherwise.
_HARD_STATUS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.1.351"})
#: RFC 3463 3.3-3.8: codes that never do: X.3 system, X.6 content, X.7 policy, full mailboxes, large mails, networks.
_SOFT_STATUS = re.compile(r"[24]\.|5\.(?:[367]\.|2\.[0234]$|1\.[478]$|4\.(?:2|3|5|6|7)$)")
_STATUS = re.compile(r"(?<![\d.])([245]\.[0-7]\.[0-9]{1,3})(?![\d.]|:\d)")
_REPLY = re.compile(r"(?<![\d.\-/:@])([45][0-5][0-9])(?=[ \-:;]|$)")

#: Said in answer to RCPT TO these mean a dead address; said after the mail was seen, often a reader's own filter.
_UNKNOWN_AT_RCPT = any_of(r"""
    (?:user|recipient|mailbox|account|address|name|addressee)s?\b.{0,40}\bunknown
    unknown (?:or illegal )?(?:user|recipient|local[- ]?part|mailbox|account|alias|address|e-?mail)
    no such (?:e-?mail )?(?:user|recipient|mailbox|account|address|person|local|alias|id)
    user not known
    mailbox unavailable
    (?:invalid|bad|incorrect) (?:user|recipient|mailbox|address|account)
    (?:user|mailbox|recipient) .{0,30}(?:rejected|refused)
    no mailbox here
""")
_UNKNOWN = any_of(r"""
    (?:user|recipient|mailbox|account|addressee|alias|address)\b.{0,60}\b(?:do|does|did)(?: not|n'?t) (?:seem to )?exist
    (?:user|mailbox|account|address|recipients?|recipient name)\b.{0,40}\bnot (?:found|known|recogni[sz]ed)
    (?:could(?: not|n't)|can(?:not|'t)|unable to) find (?:the |any )?(?:user|recipient|mailbox|account|address)
    address (?:could(?: not|n't) be|was not|not) found
    (?:nonexist[ea]nt|non-exist[ea]nt|unexistent|bad destination) (?:user|recipient|mailbox|account|address|e-?mail)
    not a (?:valid|known|current) (?:user|recipient|mailbox|account|address|customer|e-?mail)
    no valid recipients
    (?:doesn'?t|does not) have an? \S* ?account
    no (?:mailbox|account|user|one) (?:here )?(?:by|with|of|under) (?:that|this) name
    recip(?:ient)?notfound
    unrouteable address
    not listed in (?:the )?(?:domino |public )?(?:directory|address book|name)
    not present in (?:the )?directory
    no longer (?:works|employed|valid|in use|active|available|exists)
    inactive e-?mail address
    #?5\.1\.0 address rejected
    is not (?:a )?local user
    invalid recipient\. lpn
    (?:adresse|boite|utilisateur|destinataire)\b.{0,30}(?:inconnue?|inexistante?|invalide)
    (?:benutzer|empf\w+nger|adresse|postfach).{0,30}(?:unbekannt|existiert nicht|nicht gefunden)
    (?:usuario|destinatario|buz\wn|cuenta).{0,30}(?:desconocid|no existe|inexistente)
    (?:utente|destinatario|casella).{0,30}(?:sconosciut|inesistente|non esiste)
    (?:usu\wrio|destinat\wrio|conta).{0,30}(?:desconhecid|n\wo existe|inexistente)
    (?:gebruiker|ontvanger|adres|postvak).{0,30}(?:onbekend|bestaat niet)
    (?:пользователь|адресат|ящик|получатель).{0,40}не (?:найден|существует)
    нет такого (?:пользователя|адресата|ящика)
    (?:użytkownik|adresat|skrzynka).{0,30}(?:nie istnieje|nieznany)
    (?:ユーザ|宛先|アドレス).{0,16}(?:存在し|見つかり)ません
    (?:用户|用戶|收件人|邮箱|郵箱).{0,8}不存在
    (?:사용자|계정|수신자).{0,12}(?:존재하지 않|찾을 수 없)
""")
_UNKNOWN_HOST = any_of(r"""
    (?:host|domain|hostname)(?: name)?(?: is)? unknown
    unknown (?:host|domain)
    (?:host|domain)\b.{0,60}\b(?:not found|does not exist|doesn'?t exist|could(?: not|n't) be found)
    (?:invalid|no such|nonexistent|non-existent) (?:host|domain)
    unrouteable (?:mail )?domain
    nxdomain
    mx records? point to non-?existent hosts
    bad destination (?:host|system)
    name or service not known
    could not find a gateway for
""")
_MOVED_OR_CLOSED = any_of(r"""
    has moved\b
    no longer on server
    recipient.{0,20}has been replaced by
    null ?mx
    does(?:n'?t| not) (?:accept|receive) (?:any )?(?:e-?)?mail
    domain.{0,30}never accepts? mail
""")
#: Outlook.com's own way to say it, with no command named.
_HARD_BY_PROVIDER = re.compile(r"requested action not taken: mailbox unavailable \(", re.IGNORECASE)
_AT_RCPT = any_of(r"""
    \brcpt\b
    does not like recipient
    recipient address rejected
    rejected recipient
    recipients? (?:was |were )?rejected
    >\.\.\. user unknown
""")

#: Words that turn any of the above into a soft bounce: the address isn't what was refused.
_OTHER_REASON = any_of(r"""
    spam|barracuda|senderscore|proofpoint\.com/ipcheck|\bblock|black ?list|deny ?list|\b[dr]?n?s?bl\b|reputation|abuse
    polic(?:y|ies)|restricted|not authori[sz]ed|permission|moderat|access denied|relay|authenticat
    \bspf\b|\bdkim\b|\bdmarc\b|\bptr\b|reverse dns|\brdns\b|\bhelo\b|\behlo\b|\btls\b|certificate
    quota|\bfull\b|exceed|too (?:large|many|big|busy|much|long)|insufficient|disk space|over limit|\brate\b
    virus|malware|\bcontent\b|attachment
    time[d ]? ?out|(?<!spaces and )try again|try later|temporar|gr[ae]y ?list|deferred|delayed|not accepting
    domain of sender|sender\b.{0,30}\b(?:rejected|denied|invalid|unknown|not exist|verif)
    \bloop|hop count|malformed or unexpected name server
""")
_FULL = any_of(r"""
    quota|disk space|(?:mail)?box (?:is )?full|too large
""")
_DISABLED = any_of(r"""
    disabled|suspend|inactive|locked|deactivat|discontinued|expired|frozen
""")
_NO_ACCESS = re.compile(r"5\.4\.1\b.{0,100}recipient address rejected: access denied", re.IGNORECASE | re.DOTALL)
# Addresses and host names hold words that mean nothing ("spam.example.net").
_NAMES = re.compile(r"<[^<>\s]*>|\S*@\S*|\b[\w\-]+(?:\.[\w\-]+){2,}\b(?<![\d.])")
_LISTED_AT = any_of(r"""
    spamhaus|spamcop|barracuda|sorbs|senderscore|uceprotect|abuseat|cloudmark
""")
#: NTT Docomo and KDDI say "user unknown" also to what a reader's own filter refused, unless they name the address.
_FILTERING_CARRIERS = re.compile(r"(?:^|\.)(?:docomo\.ne\.jp|ezweb\.ne\.jp|au\.com|dion\.ne\.jp)$")
_CARRIER_NAMED = re.compile(r"<[^<>\s]+@[^<>\s]+>\s*:\s*user unknown", re.IGNORECASE)
_AS_DOCOMO_SAYS = re.compile(r"unknown user \S+@\S+", re.IGNORECASE)


def status_of(field: str, words: str) -> str:
    """Return the enhanced status code: of the Status field if it says anything, else of the words (RFC 3463 2)."""
    from_field = _STATUS.search(field)
    from_words = _STATUS.search(words[:WORDS])
    if from_field and (not from_field[1].endswith(".0.0") or not from_words):
        return from_field[1]
    if from_words:
        return from_words[1]
    reply = _REPLY.search(words[:WORDS])
    return f"{reply[1][0]}.0.0" if reply else ""


def is_dead(*, status: str, words: str, domain: str = "", context: str = "", alone: bool = True) -> bool:
    """Whether a failure says that the address is dead for good.

    ``context`` is what else the notice says: a full mailbox (which counts where the recipient is ``alone`` in it), or
    that the refusal was the answer to RCPT TO.
    """
    words = words[:WORDS]
    if _SOFT_STATUS.match(status):
        return False
    if _NO_ACCESS.search(words):  # Microsoft's words for "no such recipient" at its edge
        return True
    plain = " ".join(_NAMES.sub(" ", words).split())
    if _OTHER_REASON.search(plain) or _LISTED_AT.search(words) or (alone and _FULL.search(context[:WORDS])):
        return False
    if _FILTERING_CARRIERS.search(domain):
        return _CARRIER_NAMED.search(words) is not None
    if status in _HARD_STATUS:
        return True
    if _AS_DOCOMO_SAYS.search(words) or _DISABLED.search(plain):
        return False
    if _UNKNOWN.search(plain) or _UNKNOWN_HOST.search(plain) or _MOVED_OR_CLOSED.search(plain):
        return True
    if _HARD_BY_PROVIDER.search(words):
        return True
    at_rcpt = _AT_RCPT.search(words) or _AT_RCPT.search(context[:WORDS])
    return at_rcpt is not None and _UNKNOWN_AT_RCPT.search(plain) is not None
