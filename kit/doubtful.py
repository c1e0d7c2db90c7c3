"""Addresses that were probably meant otherwise, or that are nobody's own: told by their words alone. Pure.

Nothing here asks a network or knows who is a customer, so what a page says about an address tells nothing of anybody.
"""

from collections.abc import Collection

from kit.addresses import EmailAddress

#: Hosts of many mailboxes. A name one slip away from one of these is pointed at; those that stand here never are.
_LARGE = (
    "gmail.com", "googlemail.com", "yahoo.com", "yahoo.co.uk", "yahoo.fr", "yahoo.de", "yahoo.es", "yahoo.it",
    "yahoo.co.jp", "yahoo.co.in", "ymail.com", "hotmail.com", "hotmail.co.uk", "hotmail.fr", "hotmail.de", "hotmail.es",
    "hotmail.it", "outlook.com", "outlook.de", "outlook.fr", "outlook.es", "outlook.jp", "live.com", "live.co.uk",
    "live.fr", "msn.com", "icloud.com", "me.com", "mac.com", "aol.com", "mail.com", "email.com", "gmx.de", "gmx.net",
    "gmx.com", "gmx.at", "gmx.ch", "web.de", "t-online.de", "freenet.de", "orange.fr", "wanadoo.fr", "free.fr",
    "laposte.net", "sfr.fr", "libero.it", "alice.it", "tiscali.it", "virgilio.it", "terra.com.br", "uol.com.br",
    "bol.com.br", "mail.ru", "yandex.ru", "yandex.com", "rambler.ru", "qq.com", "163.com", "126.com", "naver.com",
    "daum.net", "docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp", "comcast.net", "verizon.net", "att.net",
    "sbcglobal.net", "cox.net", "btinternet.com", "proton.me", "protonmail.com", "fastmail.com", "zoho.com", "wp.pl",
    "onet.pl", "o2.pl", "interia.pl", "seznam.cz", "ziggo.nl", "hetnet.nl", "telenet.be", "skynet.be", "bluewin.ch",
)  # fmt: skip
#: Ends of names that nobody has, and what was meant.
_ENDS = {
    ".con": ".com", ".cmo": ".com", ".ocm": ".com", ".comm": ".com", ".vom": ".com", ".xom": ".com", ".cpm": ".com",
    ".nett": ".net", ".nte": ".net", ".rog": ".org", ".ogr": ".org", ".dee": ".de", ".edi": ".edu",
}  # fmt: skip
SHORTEST = 5  # letters of a name before its first dot; shorter ones are too near to each other (me.com, ne.com)
_KNOWN = frozenset(_LARGE)

#: RFC 2142, and what else is read by several people or by none
_ROLES = frozenset(
    {"abuse", "accounts", "admin", "administrator", "all", "billing", "contact", "help", "helpdesk", "hostmaster", "hr",
     "info", "jobs", "legal", "list", "mail", "mailer-daemon", "marketing", "news", "noc", "no-reply", "noreply",
     "office", "orders", "postmaster", "press", "privacy", "root", "sales", "security", "service", "staff", "support",
     "sysadmin", "team", "usenet", "uucp", "webmaster", "www"}
)  # fmt: skip
#: hosts that give out mailboxes for an hour, to anybody and readable by anybody
_DISPOSABLE = frozenset(
    {"0-mail.com", "10minutemail.com", "10minutemail.net", "20minutemail.com", "33mail.com", "burnermail.io",
     "discard.email", "dispostable.com", "dropmail.me", "emailondeck.com", "fakeinbox.com", "fakemail.net",
     "getairmail.com", "getnada.com", "grr.la", "guerrillamail.biz", "guerrillamail.com", "guerrillamail.de",
     "guerrillamail.info", "guerrillamail.net", "guerrillamail.org", "guerrillamailblock.com", "inboxkitten.com",
     "jetable.org", "mailcatch.com", "maildrop.cc", "mailinator.com", "mailinator.net", "mailnesia.com", "mailnull.com",
     "mailsac.com", "mintemail.com", "moakt.com", "mohmal.com", "mytemp.email", "nada.email", "sharklasers.com",
     "spam4.me", "spamgourmet.com", "temp-mail.io", "temp-mail.org", "tempail.com", "tempmail.com", "tempmail.net",
     "tempmailo.com", "tempr.email", "throwawaymail.com", "trash-mail.com", "trash-mail.de", "trashmail.com",
     "trashmail.de", "trashmail.net", "wegwerfmail.de", "wegwerfmail.net", "wegwerfmail.org", "yopmail.com",
     "yopmail.fr", "yopmail.net"}
)  # fmt: skip


def probably_meant(address: EmailAddress) -> EmailAddress | None:
    """Return the address that somebody may have meant who wrote this one, or None where nothing looks like a slip."""
    domain = address.domain
    if domain in _KNOWN:
        return None
    near = next((known for known in _LARGE if known.find(".") >= SHORTEST and _is_one_slip(domain, known)), None)
    if near is not None:
        return EmailAddress(address.local, near)
    for end, meant in _ENDS.items():
        if domain.endswith(end):
            return EmailAddress(address.local, domain.removesuffix(end) + meant)
    return None


def is_role(address: EmailAddress) -> bool:
    """Whether an address belongs to an office and not to a person."""
    return address.local.lower().partition("+")[0] in _ROLES


def is_disposable(address: EmailAddress, further: Collection[str] = ()) -> bool:
    """Whether the host, or one above it, gives out mailboxes for an hour."""
    labels = address.domain.split(".")
    names = {".".join(labels[start:]) for start in range(len(labels) - 1)}
    return not names.isdisjoint(_DISPOSABLE) or not names.isdisjoint(further)


def _is_one_slip(written: str, meant: str) -> bool:
    """Whether one letter too many, too few or wrong, or two neighbours swapped, lead from one to the other."""
    if written == meant or abs(len(written) - len(meant)) > 1:
        return False
    start = next((at for at, pair in enumerate(zip(written, meant, strict=False)) if pair[0] != pair[1]), None)
    if start is None:  # the longer one goes on
        return True
    rest, other = written[start:], meant[start:]
    swapped = len(rest) > 1 and len(other) > 1 and rest[0] == other[1] and rest[1] == other[0] and rest[2:] == other[2:]
    return swapped or rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]
