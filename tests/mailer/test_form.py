"""The letterhead of a campaign: what is made quickly is what the general functions make, whatever the words are."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.addresses import EmailAddress
from mailer.compose import Source, compile_mailing
from mailer.envelope import stuffed
from mailer.form import PERSONAL, Draft, PromotionForm
from mailer.headers import field, mailbox_field, relaxed_field
from mailer.mime import CACHED_LINES, SEAM, InvalidLetter, LineCache, check, fields_of
from mailer.model import Links, Recipient, Rendered
from mailer.signing import OVERSIGNED, Signer, relaxed_body
from tests.mailer.letters_at_hand import MAILING, NOW, SENDER, TOKENS, a_recipient, dkim_keys
from tests.mailer.test_signing import LATELY, verdicts

FORM = PromotionForm(SENDER, MAILING)
LINKS = TOKENS.links(SENDER, 17, 42)
NAMES = [name.lower().encode() for name in PERSONAL]

lines = st.text(max_size=300)
bodies = st.text(st.characters(exclude_characters="\r\x02\x03\x04", exclude_categories=["Cs"]), max_size=300) | st.text(
    alphabet=" \t\n.=aä", max_size=200
)


def a_draft(subject: str = "Hello", text: str = "Hello", html: str = "<p>", *, name: str = "Jo") -> Draft:
    person = Recipient(17, EmailAddress("jo", "customer.example"), name)
    return FORM.draft(person, TOKENS.links(SENDER, 17, 42), Rendered(subject, text, html), NOW)


@given(lines, bodies, bodies, lines)
def test_every_draft_passes_the_check_of_the_whole_letter(subject: str, text: str, html: str, name: str) -> None:
    """The parts are looked at where they are made; the check that trusts nobody finds nothing in what comes of it.

    Nor does the wire, which takes the letter's word for it (RFC 5321 4.5.2).
    """
    mail = a_draft(subject, text, html, name=name).mail()

    check(mail.content)
    assert mail.travels_as_it_is
    assert stuffed(mail.content) == mail.content


@given(lines, bodies, bodies, lines)
def test_a_draft_is_in_relaxed_form(subject: str, text: str, html: str, name: str) -> None:
    """RFC 6376 3.4.2 and 3.4.4: its own fields as the general function makes them of the bytes, the body as it is."""
    draft = a_draft(subject, text, html, name=name)

    fields = fields_of(draft.head)
    assert draft.personal == b"".join(relaxed_field(name, fields[name]) + b"\r\n" for name in NAMES)
    assert relaxed_body(draft.body[2:]) == draft.body[2:]


@given(lines, bodies, bodies)
@settings(deadline=None)
def test_a_sealed_letter_verifies(subject: str, text: str, html: str) -> None:
    """By dkimpy, as what the general way signs."""
    draft = a_draft(subject, text, html)
    seal = Signer(dkim_keys()).seal(fixed=FORM.fixed, personal=NAMES)

    assert verdicts(draft.mail(seal.fields(draft.personal, draft.body[2:], LATELY)).content) == [True, True]


def test_a_seal_covers_what_the_signer_covers() -> None:
    """The same names the same number of times in h=, and the same hash of the body."""
    draft = a_draft()
    signer = Signer(dkim_keys())

    general = signer.sign(draft.mail().content, LATELY)
    sealed = signer.seal(fixed=FORM.fixed, personal=NAMES).fields(draft.personal, draft.body[2:], LATELY)

    tags = [re.search(rb"h=([^;]*);\s*bh=([^;]*);", content) for content in (general, sealed)]
    covered = [sorted(re.sub(rb"\s", b"", found[1]).split(b":")) for found in tags if found]
    assert covered[0] == covered[1]
    assert set(OVERSIGNED) < set(covered[0])
    assert len({found[2] for found in tags if found}) == 1


def test_a_seal_follows_the_clock() -> None:
    """Times are those of the letter, though they are made once a second."""
    seal = Signer(dkim_keys()).seal(fixed=FORM.fixed, personal=NAMES)
    draft = a_draft()

    for moment in (NOW, LATELY, NOW):
        assert b"t=%d;" % int(moment.timestamp()) in seal.fields(draft.personal, draft.body[2:], moment)


@pytest.mark.parametrize("personal", [NAMES[1:], [*NAMES, b"from"], [*NAMES, b"x-unknown"]])
def test_a_seal_that_would_not_cover_each_field_once_is_refused(personal: list[bytes]) -> None:
    """Fewer names than fields make a letter that anybody could add to; the names are compared with the form's."""
    fixed = dict(FORM.fixed)
    if b"to" not in personal:
        fixed.pop(b"from")

    with pytest.raises(InvalidLetter):
        Signer(dkim_keys()).seal(fixed=fixed, personal=personal)


@given(st.integers(0, 30), st.integers(1, 200), st.integers(1, 60))
def test_links_of_any_length_are_laid_out_as_any_field_is(reply: int, url: int, feedback: int) -> None:
    """Folding depends on lengths alone, per cent signs and all."""
    links = Links(
        "https://mail.shop.example/" + "u%" * url, "https://x.example/p", f"r-{'r' * reply}@reply.shop.example",
        "b-x@bounce.shop.example", "<m.x@shop.example>", "f" * feedback,
    )  # fmt: skip
    head = FORM.draft(a_recipient(), links, Rendered("a", "b", "c"), NOW).head

    mailto = f"<mailto:{links.reply_address}?subject=unsubscribe>"
    assert mailbox_field("Reply-To", SENDER.from_name, links.reply_address) in head
    assert field("List-Unsubscribe", f"<{links.one_click}>, {mailto}") in head
    assert field("CFBL-Feedback-ID", links.feedback_id) in head


@pytest.mark.parametrize("bad", ["x\r\nBcc: eve@evil.example", "x\r\n", "x\nBcc: y", "x\0", "x" * 2000, "ü"])
def test_links_that_would_break_a_header_are_refused(bad: str) -> None:
    """The formats are filled in without looking; the finished fields are looked at."""
    good = TOKENS.links(SENDER, 17, 42)
    links = Links(good.one_click, good.preferences, good.reply_address, good.bounce_address, good.message_id, bad)

    with pytest.raises(InvalidLetter):
        FORM.draft(a_recipient(), links, Rendered("a", "b", "c"), NOW)


@given(st.text(alphabet=" \t=.ab\x0b\x85ä", max_size=200) | st.text(alphabet="a.", min_size=70))
def test_encoded_lines_read_back_and_are_in_relaxed_form(line: str) -> None:
    """RFC 2045 6.7 for the one reader, RFC 6376 3.4.4 for the other."""
    encoded = LineCache().quoted_printable(line)

    assert quopri(encoded) == line.encode()
    assert relaxed_body(encoded + b"\r\n") == (encoded + b"\r\n" if encoded else b"")
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert b"\n." not in b"\n" + encoded


def quopri(encoded: bytes) -> bytes:
    """Decode by the standard's words: soft breaks go, =XX is an octet."""
    joined = encoded.replace(b"=\r\n", b"")
    return re.sub(rb"=([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), joined)


@given(st.lists(st.text(alphabet=" \t=.ab\x85ä<>", max_size=90), max_size=6))
def test_a_seam_is_a_soft_break(pieces: list[str]) -> None:
    """It changes no word of a line, whatever stands beside it, and no line gets too long by it."""
    encoded = LineCache().quoted_printable(SEAM.join(pieces))

    assert quopri(encoded) == "".join(pieces).encode()
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert relaxed_body(encoded + b"\r\n") == (encoded + b"\r\n" if encoded else b"")
    assert b"\n." not in b"\n" + encoded


@given(st.text(alphabet="ab .\n", max_size=900), st.text(alphabet="abü", max_size=3))
def test_folding_changes_no_word(text: str, name: str) -> None:
    """A folded template filled in is the same letter as the plain one, but for lines encoded beforehand."""
    lines = LineCache()
    folded = f"{name}{lines.folded(text)}{name}"

    assert lines.unfolded(folded) == f"{name}{text}{name}"
    assert quopri(lines.quoted_printable(folded)) == f"{name}{text}{name}".replace("\n", "\r\n").encode()


def test_whole_lines_of_a_template_are_kept_once() -> None:
    """A letter is put together of few pieces; in a loop nothing is folded: a short mark there could become anything."""
    line = "All bundles cost 30 % less until Sunday, and you can give them back.\n"
    page = "<p>Hi {{ name }},\n" + line * 20 + "{% for n in campaign.list %}\n" + line * 5 + "{% endfor %}</p>"
    compiled = compile_mailing(SENDER, MAILING, Source("s", "", page), {"list": [1, 2]})

    filled, plain = (make(a_recipient(), LINKS) for make in (compiled.fill, compiled.render))

    assert plain.html.count(line.strip()) == 30
    assert filled.html.count(line.strip()) < 15
    assert not set("\x02\x03\x04") & set(plain.text + plain.html)


def test_more_lines_than_are_kept_change_no_letter() -> None:
    """What is known is given up now and then, but for the lines of the template, which nobody could learn anew."""
    page = "<p>Hi {{ name }},\n" + "All bundles cost 30 % less until Sunday.\n" * 9 + "</p>\n"
    compiled = compile_mailing(SENDER, MAILING, Source("s", "", page))
    form = PromotionForm(SENDER, MAILING, compiled.lines)

    for number in range(CACHED_LINES + 2):
        person = a_recipient(name=f"Jo {number}")
        draft = form.draft(person, LINKS, compiled.fill(person, LINKS), NOW)
        plain = FORM.draft(person, LINKS, compiled.render(person, LINKS), NOW)

        assert quopri(draft.body) == quopri(plain.body)


@pytest.mark.parametrize("mark", ["\x020\x03", "\x04", "\x02"])
def test_nobody_else_can_write_a_mark(mark: str) -> None:
    """Neither staff in a template or a campaign's values, nor a person by their name or what is known of them."""
    source = Source(f"s{mark}", f"a{mark}{{{{ name }}}}{{{{ customer.x }}}}{{{{ campaign.y }}}}", f"<p>b{mark}")
    compiled = compile_mailing(SENDER, MAILING, source, {"y": f"c{mark}"})

    filled = compiled.fill(a_recipient(name=f"d{mark}", x=f"e{mark}"), LINKS)

    words = filled.subject + filled.text.partition("-- ")[0] + filled.html.partition("<div style")[0]
    assert not set("\x02\x03\x04") & set(words)
