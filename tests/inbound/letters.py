# ruff: noqa: E501  (a letter reads best on one line, as its mail program wrote it)
"""Replies as the mail programs of the world write them, each round the same words, for the tests of `inbound.replies`."""

from dataclasses import dataclass

from inbound.model import InboundMail
from kit.addresses import try_address

TYPED = "Please take me off the list.\nAnd thank you for the good years."
BODY = (
    "Dear Ada,",
    "",
    "this week every bundle is 30% off. Use the code SPRING30 at checkout.",
    "The offer stops on Sunday night - after that we remove the discount from the list.",
    "",
    "Browse the bundles: https://www.shop.example/bundles",
    "",
    "--",
    "You receive this because you subscribed to Deals with ada@example.org.",
    'To stop, reply with "unsubscribe" in the subject, or "unsubscribe Deals";',
    "or open https://www.shop.example/preferences/p79ada2d67aac",
    "Privacy policy: https://www.shop.example/privacy",
    "Shop Inc., 1 Main Street, Springfield",
)
SENT = "\n".join(BODY)
QUOTED = "\n".join(f"> {line}".rstrip() for line in BODY)
HTML_SENT = "".join(f"<p>{line}</p>" for line in BODY)
HTML_TYPED = "".join(f"<div>{line}</div>" for line in TYPED.split("\n"))


@dataclass(frozen=True, slots=True)
class Written:
    """One reply: the mail program, and its text or HTML part."""

    program: str
    text: str = ""
    html: str = ""


def a_mail(*, text: str = "", html: str = "", subject: str = "Re: Spring sale", in_reply_to: str = "") -> InboundMail:
    return InboundMail(
        headers={},
        subject=subject,
        sender=try_address("ada@example.org"),
        sender_name="Ada",
        reply_to=(),
        recipients=(),
        delivered_to=(),
        message_id="m@example.org",
        in_reply_to=(in_reply_to,) if in_reply_to else (),
        date=None,
        content_type="text/plain",
        content_parameters={},
        text=text,
        html=html,
        parts=(),
        size=len(text) + len(html),
    )


def _above(*head: str, quoted: bool = False) -> str:
    """A reply typed above the mail it answers."""
    return "\n".join((TYPED, "", *head, "", QUOTED if quoted else SENT))


TEXTS = (
    Written("gmail", _above("On Sun, Mar 22, 2026 at 11:18 AM Shop <promotions@shop.example> wrote:", quoted=True)),
    Written(
        "gmail, wrapped",
        _above("On Sun, Mar 22, 2026 at 11:18 AM The Engineering Shop <", "promotions@shop.example> wrote:", quoted=True),
    ),
    Written(
        "gmail, wrapped thrice",
        _above("Le lun. 15 nov. 2021 à", "19:42, Shop", "<promotions@shop.example> a", "écrit :", quoted=True),
    ),
    Written("thunderbird, answer below", f"On 22/03/2026 11:18, Shop wrote:\n{QUOTED}\n\n{TYPED}\n"),
    Written("mutt, answer below, signed", f"On Sun, Mar 22, Shop wrote:\n{QUOTED}\n\n{TYPED}\n\n-- \nAda\nT +1 555 0100\n"),
    Written("apple mail", f"{TYPED}\n\n> On 22 Mar 2026, at 11:18, Shop <promotions@shop.example> wrote:\n> \n{QUOTED}\n"),
    Written(
        "iphone",
        f"{TYPED}\n\nSent from my iPhone\n\n> On 22 Mar 2026, at 11:18, Shop <promotions@shop.example> wrote:\n> \n{QUOTED}",
    ),
    Written(
        "outlook",
        _above(
            "-----Original Message-----",
            "From: Shop <promotions@shop.example>",
            "Sent: Sunday, March 22, 2026 11:18 AM",
            "To: Ada <ada@example.org>",
            "Subject: Spring sale",
        ),
    ),
    Written(
        "outlook, without dashes",
        _above(
            "Von: Shop <promotions@shop.example>",
            "Gesendet: Sonntag, 22. März 2026 11:18",
            "An: Ada",
            "Cc: Bert",
            "Betreff: Spring sale",
        ),
    ),
    Written(
        "outlook for ios",
        _above(
            "Get Outlook for iOS<https://aka.ms/o0ukef>",
            "________________________________",
            "From: Shop <promotions@shop.example>",
            "Sent: Sunday, March 22, 2026 11:18:00 AM",
            "To: Ada <ada@example.org>",
            "Subject: Spring sale",
        ),
    ),
    Written(
        "outlook, run together",
        _above("From: Shop <promotions@shop.example> Sent: Sunday, March 22, 2026 To: Ada Subject: Spring sale"),
    ),
    Written(
        "yahoo",
        _above("    On Sunday, March 22, 2026 at 11:18:00 AM EST, Shop <promotions@shop.example> wrote:  ", " "),
    ),
    Written(
        "yahoo on android",
        _above(
            "Sent from Yahoo Mail on Android",
            "",
            "  On Sun, Mar 22, 2026 at 11:18 AM, Shop<promotions@shop.example> wrote:",
        ),
    ),
    Written(
        "samsung",
        _above(
            "Sent from my Galaxy",
            "",
            "-------- Original message --------",
            "From: Shop <promotions@shop.example> ",
            "Date: 22/03/2026  11:18  (GMT+01:00) ",
            "To: ada@example.org ",
            "Subject: Spring sale ",
        ),
    ),
    Written(
        "notes",
        _above(
            "",
            'From:        "Shop" <promotions@shop.example>',
            "To:        ada@example.org",
            "Date:        03/22/2026 11:18 AM",
            "Subject:        Spring sale",
        ),
    ),
    Written(
        "notes, dashes",
        _above(
            '-----"Shop" <promotions@shop.example> wrote: -----',
            "To: ada@example.org",
            'From: "Shop" <promotions@shop.example>',
            "Date: 03/22/2026 11:18AM",
            "Subject: Spring sale",
        ),
    ),
    Written(
        "notes, table",
        _above(
            "|------------>",
            "| From:      |",
            "|------------>",
            "Von: Shop <promotions@shop.example>",
            "An: ada@example.org,",
            "Datum: 22.03.2026 11:18",
            "Betreff: Spring sale",
        ).replace("|------------>\n| From:      |\n|------------>\n", ""),
    ),
    Written(
        "notes, without colons",
        _above(
            '"Shop" <promotions@shop.example>',
            "22.03.2026 11:18",
            "",
            "To",
            '"Ada" <ada@example.org>',
            "cc",
            "",
            "Subject",
            "Spring sale",
        ),
    ),
    Written(
        "forwarded by gmail",
        _above(
            "---------- Forwarded message ---------",
            "From: Shop <promotions@shop.example>",
            "Date: Sun, Mar 22, 2026 at 11:18 AM",
            "Subject: Spring sale",
            "To: <ada@example.org>",
        ),
    ),
    Written(
        "forwarded by apple",
        _above(
            "Begin forwarded message:",
            "",
            "From: Shop <promotions@shop.example>",
            "Subject: Spring sale",
            "Date: 22 March 2026 at 11:18:00 CET",
            "To: ada@example.org",
        ),
    ),
    Written("mail.ru", _above("Воскресенье, 22 марта 2026, 11:18 +03:00 от Shop <promotions@shop.example>:", quoted=True)),
    Written("yandex", _above('22.03.2026, 11:18, "Shop" <promotions@shop.example>:')),
    Written("zoho", _above("---- On Sun, 22 Mar 2026 11:18:00 +0530 Shop <promotions@shop.example> wrote ----")),
    Written("protonmail", _above("------- Original Message -------", "On Sunday, March 22nd, 2026 at 11:18 AM, Shop <promotions@shop.example> wrote:", quoted=True)),
    Written("zimbra", _above("----- Original Message -----", 'From: "Shop" <promotions@shop.example>', 'To: "Ada" <ada@example.org>', "Sent: Sunday, March 22, 2026 11:18:00 AM", "Subject: Spring sale")),
    Written("qq", _above("------------------ 原始邮件 ------------------", '发件人: "Shop" <promotions@shop.example>;', "发送时间: 2026年3月22日(星期天) 中午11:18", '收件人: "Ada"<ada@example.org>;', "主题: Spring sale")),
    Written("netease", _above('At 2026-03-22 11:18:00, "Shop" <promotions@shop.example> wrote:', quoted=True)),
    Written("naver", _above("-----Original Message-----", 'From: "Shop"<promotions@shop.example>', "To: <ada@example.org>;", "Cc: ", "Sent: 2026-03-22 (일) 11:18:00 (GMT+09:00)", "Subject: Spring sale")),
    Written("forte", _above("Shop <promotions@shop.example>, 22.03.2026 Paz, 11:18 tarihinde şunu yazdı:", quoted=True)),
    Written("wrapped quote", _above("On 22 Mar 2026 at 11:18, Shop <promotions@shop.example> wrote:", quoted=True).replace("discount from the list.", "discount from the\nlist.")),
    Written("answer below unmarked text", f"On 22 Mar 2026 at 11:18, Shop <promotions@shop.example> wrote:\n\n{SENT}\n\n{TYPED}"),
    Written("banner", f"[EXTERNAL EMAIL] Do not click links unless you know the sender.\n\n{TYPED}\n\n{QUOTED}"),
    Written("banner over two lines", f"CAUTION: This email originated from outside of the organization.\nDo not click links or open attachments.\n\n{TYPED}\n\n-----Original Message-----\n{SENT}"),
    Written("notice", f"{TYPED}\n\nThis e-mail and any attachments are confidential and intended solely for the addressee. If you\nhave received it in error, remove it from your system. To unsubscribe from our news write to us.\n"),
    Written("antivirus", f"{TYPED}\n\n--\nThis email has been checked for viruses by Avast antivirus software.\nwww.avast.com"),
    Written("list footer", f"{TYPED}\n\n_______________________________________________\nBridges mailing list\nTo unsubscribe: http://lists.example.org/mailman/listinfo/bridges\n"),
    Written("no quote", TYPED),
    Written("carriage returns", _above("On 22 Mar 2026 at 11:18, Shop <promotions@shop.example> wrote:", quoted=True).replace("\n", "\r\n")),
    Written("odd spaces and marks", _above("\u202aOn 22 Mar 2026, at 11:18\u202fAM, Shop <promotions@shop.example>\u00a0wrote:\u202c", quoted=True)),
)  # fmt: skip

_HEAD = '<html><head><style>p{margin:0} .x{content:"unsubscribe"}</style><title>unsubscribe</title></head><body>'
_FROM = "<b>From:</b> Shop &lt;promotions@shop.example&gt;<br><b>Sent:</b> Sunday, March 22, 2026 11:18 AM<br><b>To:</b> Ada<br><b>Subject:</b> Spring sale"
_WROTE = "On Sunday, March 22, 2026 at 11:18:00 AM EST, Shop &lt;promotions@shop.example&gt; wrote:"

PAGES = (
    Written("gmail", html=f'<div dir="ltr">{HTML_TYPED}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Sun, Mar 22, 2026 Shop wrote:<br></div><blockquote class="gmail_quote" style="margin:0">{HTML_SENT}</blockquote></div>'),
    Written("gmail, unknown language", html=f'<div dir="ltr">{HTML_TYPED}</div><div class="gmail_quote">Shop qaghta jatlh 22<br><blockquote>{HTML_SENT}</blockquote></div>'),
    Written("gmail, answer below", html=f'<div class="gmail_quote"><div class="gmail_attr">On Sun Shop wrote:</div><blockquote class="gmail_quote">{HTML_SENT}</blockquote></div><div>{HTML_TYPED}</div>'),
    Written("gmail, signed", html=f'<div dir="ltr">{HTML_TYPED}<div><br></div>-- <br><div dir="ltr" class="gmail_signature" data-smartmail="gmail_signature">Ada<br>Stop wasting paper</div></div>'),
    Written("gmail, forwarded", html=f'<div dir="ltr">{HTML_TYPED}<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">---------- Forwarded message ---------<br>From: Shop</div><br>{HTML_SENT}</div></div>'),
    Written("outlook", html=f'{_HEAD}<div class="WordSection1"><p class="MsoNormal">Please take me off the list.<o:p></o:p></p><p class="MsoNormal">And thank you for the good years.<o:p></o:p></p><p class="MsoNormal"><o:p>&nbsp;</o:p></p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal">{_FROM}</p></div></div>{HTML_SENT}</div></body></html>'),
    Written("outlook, unknown language", html=f'<div class="WordSection1">{HTML_TYPED}<div><div style="border:none;border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p><b>Vo:</b> Shop<br><b>Ngeh:</b> 22<br><b>Ghot:</b> Ada<br><b>QIn:</b> Spring sale</p></div></div>{HTML_SENT}</div>'),
    Written("outlook on the web", html=f'<div class="elementToProof">{HTML_TYPED}</div><div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><font face="Calibri">{_FROM}</font><div>&nbsp;</div></div><div>{HTML_SENT}</div>'),
    Written("outlook, signed", html=f'{HTML_TYPED}<div id="Signature"><p>Ada, Stop wasting paper</p></div><div id="appendonsend"></div><div id="divRplyFwdMsg">{_FROM}</div>{HTML_SENT}'),
    Written("outlook mobile", html=f'{HTML_TYPED}<div id="ms-outlook-mobile-signature">Get <a href="https://aka.ms/x">Outlook for iOS</a></div><hr><div id="divRplyFwdMsg">{_FROM}</div>{HTML_SENT}'),
    Written("exchange", html=f'<div name="messageBodySection">{HTML_TYPED}</div><div name="messageSignatureSection">Ada</div><div name="messageReplySection">On 22 Mar 2026, Shop wrote:<br><blockquote type="cite">{HTML_SENT}</blockquote></div>'),
    Written("apple mail", html=f'{HTML_TYPED}<div><br><blockquote type="cite"><div>On 22 Mar 2026, at 11:18, Shop &lt;promotions@shop.example&gt; wrote:</div><div>{HTML_SENT}</div></blockquote></div>'),
    Written("iphone", html=f'<div dir="auto">{HTML_TYPED}<div id="AppleMailSignature">Sent from my iPhone</div><blockquote type="cite">On 22 Mar 2026, Shop wrote:<br></blockquote><blockquote type="cite">{HTML_SENT}</blockquote></div>'),
    Written("thunderbird, below", html=f'<div class="moz-cite-prefix">Am 22.03.26 um 11:18 schrieb Shop:<br></div><blockquote type="cite" cite="mid:c1@shop.example">{HTML_SENT}</blockquote><p>Please take me off the list.<br>And thank you for the good years.</p><pre class="moz-signature" cols="72">-- \nAda\nStop wasting paper</pre>'),
    Written("yahoo", html=f'<div class="yahoo-style-wrap">{HTML_TYPED}</div><div id="ydpf1yahoo_quoted_12" class="ydpf1yahoo_quoted"><div>{_WROTE}</div><div>{HTML_SENT}</div></div>'),
    Written("samsung", html=f'{HTML_TYPED}<div id="composer_signature">Sent from my Galaxy</div><div style="font-size:100%"><!-- originalMessage --><div>-------- Original message --------</div><div>From: Shop </div><div>Date: 22/03/2026</div><div>To: ada </div></div>{HTML_SENT}'),
    Written("notes", html=f'<font size=2>Please take me off the list.<br>And thank you for the good years.</font><br><br><font size=1 color=#5f5f5f>From: &nbsp; &nbsp; &nbsp; &nbsp;</font><font size=1>"Shop" &lt;promotions@shop.example&gt;</font><br><font size=1>To: &nbsp; &nbsp;</font><font size=1>ada@example.org</font><br><font size=1>Date: &nbsp;</font><font size=1>03/22/2026 11:18 AM</font><br><font size=1>Subject: &nbsp;</font><font size=1>Spring sale</font><br><hr noshade><br>{HTML_SENT}'),
    Written("notes, table", html=f"{HTML_TYPED}<table><tr><td>From:</td><td>Shop &lt;promotions@shop.example&gt;</td></tr><tr><td>To:</td><td>ada@example.org</td></tr><tr><td>Date:</td><td>03/22/2026</td></tr><tr><td>Subject:</td><td>Sale</td></tr></table>{HTML_SENT}"),
    Written("protonmail", html=f'<div>{HTML_TYPED}</div><div class="protonmail_signature_block protonmail_signature_block-empty"></div><div class="protonmail_quote">On Sunday Shop wrote:<br><blockquote class="protonmail_quote" type="cite">{HTML_SENT}</blockquote></div>'),
    Written("zimbra", html=f"<div>{HTML_TYPED}</div><div>Ada</div>".replace("<div>Ada</div>", "") + f'<hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__">{_FROM}</div><div data-marker="__QUOTED_TEXT__">{HTML_SENT}</div>'),
    Written("front", html=f'{HTML_TYPED}<div class="front-signature">Ada</div><blockquote type="cite" class="front-blockquote">On March 22, 2026 Shop wrote:<br>{HTML_SENT}</blockquote>'),
    Written("windows mail", html=f'{HTML_TYPED}<div style="padding-top:5px;border-top-color:rgb(229, 229, 229);border-top-width:1px;border-top-style:solid;"><div><b>От:</b> Shop<br><b>Отправлено:</b> воскресенье, 22 марта 2026 г. 11:18<br><b>Кому:</b> Ada</div></div><div>{HTML_SENT}</div>'),
    Written("mail.ru", html=f'{HTML_TYPED}<br><blockquote id="mail-app-auto-quote" style="border-left:1px solid #0857A6;">Воскресенье, 22 марта 2026, 11:18 +03:00 от Shop:<br>{HTML_SENT}</blockquote>'),
    Written("yandex", html=f'<div>{HTML_TYPED}</div><div>22.03.2026, 11:18, "Shop" &lt;promotions@shop.example&gt;:</div><blockquote><p>{HTML_SENT}</p></blockquote>'),
    Written("qq", html=f'<div>{HTML_TYPED}</div><div><includetail><div style="font-size: 12px">------------------&nbsp;原始邮件&nbsp;------------------</div><div><b>发件人:</b> "Shop"</div></includetail></div>{HTML_SENT}'),
    Written("hidden text", html=f'{_HEAD}<div style="display:none">unsubscribe all</div><!-- unsubscribe --><script>unsubscribe()</script>{HTML_TYPED}</body>'),
    Written("no quote", html="<p>Please take me off the list.<br>And thank you for the good&nbsp;years.</p>"),
    Written("broken markup", html=f"<div><span><b>Please take me off the list.<div>And thank you for the good years.</b><blockquote>{HTML_SENT}"),
)  # fmt: skip
