"""Templates: filled in for a person, with the footer always, and fenced whatever staff write."""

import dataclasses
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.alternatives import UnfitTemplate
from mailer.compose import CompiledMailing, Source, compile_mailing, read_template
from mailer.footer import LANGUAGES, footer_lines, footer_templates, language_of
from mailer.model import MailingInfo, Recipient, Rendered
from mailer.promotion import Promotion
from mailer.signing import Signer
from mailer.values import CampaignValue
from tests.mailer.letters_at_hand import MAILING, NOW, SENDER, TOKENS, a_recipient, dkim_keys

LINKS = TOKENS.links(SENDER, 17, 42)
SHIPPED = Path(__file__).parents[2] / "templates" / "email"


def compiled(subject: str = "Hi", text: str = "", html: str = "", **values: CampaignValue) -> CompiledMailing:
    return compile_mailing(SENDER, MAILING, Source(subject, text, html), values)


def rendered(text: str = "", html: str = "", *, to: Recipient | None = None, **values: CampaignValue) -> Rendered:
    return compiled("Hi", text, html, **values).render(to or a_recipient(), LINKS)


def test_a_letter_is_filled_in_for_the_person() -> None:
    """Names, attributes, values of the campaign; escaped in HTML, plain in text."""
    letter = compiled(
        "{{ name }}: {{ campaign.deal }}",
        "Hi {{ name }}, {{ customer.points * 2 }} points{% if customer.vip %}!{% endif %}",
        "<p>Hi {{ name }}</p>",
        deal="x & y",
    ).render(a_recipient(name="Jo <b>", points=21, vip=True), LINKS)

    assert letter.subject == "Jo <b>: x & y"
    assert letter.text.startswith("Hi Jo <b>, 42 points!\n\n-- \n")
    assert "<p>Hi Jo &lt;b&gt;</p>" in letter.html


@pytest.mark.parametrize("language", [*LANGUAGES, "de-AT", "pt_BR", "xx", ""])
def test_every_letter_says_why_and_how_to_stop(language: str) -> None:
    """CAN-SPAM: the address, a visible way out by reply and by link, the policy; in text, HTML, any language."""
    letter = rendered("Hello", to=a_recipient(language=language))

    for part in (letter.text, letter.html):
        assert "jo@customer.example" in part
        assert "unsubscribe Deals" in part
        assert LINKS.preferences in part
        assert SENDER.policy_url in part
        assert str(SENDER.customer_service) in part
        assert SENDER.postal_address in part
    lines = footer_lines(
        SENDER, topic_name="Deals", address="jo@customer.example", preferences_url=LINKS.preferences, language=language
    )
    assert letter.text.endswith("\n\n-- \n" + "\n".join(lines) + "\n")


def test_the_footer_speaks_the_language_of_the_person() -> None:
    """And English where we have no words; every language has all lines with the same values open."""
    assert "Sie erhalten" in rendered("x", to=a_recipient(language="de-AT")).text
    assert "You get" in rendered("x", to=a_recipient(language="tlh")).text
    assert [language_of(tag) for tag in ("de-AT", "JA", "zh-Hans-CN", "pt_BR", "", "123")] == [
        "de", "ja", "zh", "pt", "en", "en"
    ]  # fmt: skip
    for position in range(5):
        opened = {
            frozenset(part.split("}")[0] for part in line.split("{")[1:]) for line in footer_templates()[position::5]
        }
        assert len(opened) == 1


def test_signs_of_a_format_in_our_own_words_stay_words() -> None:
    """The footer is filled in as a format; what the house calls itself, and its links, may hold per cent signs."""
    sender = dataclasses.replace(
        SENDER, company="100 %(address)s % Ltd {x}", policy_url="https://shop.example/100%25/%(preferences)s"
    )
    person = a_recipient("50%s@customer.example")
    letter = compile_mailing(sender, MAILING, Source("Hi", "Hello", "<p>Hello")).render(person, LINKS)

    for part in (letter.text, letter.html):
        assert sender.company in part
        assert f"Privacy policy: {sender.policy_url}" in letter.text
        assert part.count("50%s@customer.example") == 1


def test_the_footer_stands_inside_the_page() -> None:
    """Also where the template has no body, and whatever it says about itself."""
    for html in ("<p>x", "<html><body><p>x</p></body></html>", "<p>x</p><!-- </body> -->"):
        page = rendered(html=html).html
        assert page.index("You get this mail") < page.rindex("</body>")


def test_the_missing_half_is_made() -> None:
    """Text from HTML and HTML from text, with the tags of the template in their places."""
    from_html = rendered(
        html="<head><title>no</title><style>p{}</style></head><h1>Sale</h1><p>Hi {{ name }},<br>see "
        '<a href="https://a.example/?a=1&amp;b=2">this</a>.</p>'
        "<ul>{% for x in campaign.list %}<li>{{ x }}</li>{% endfor %}</ul>",
        list=["one", "two"],
    )
    from_text = rendered(
        text="Hi {{ name }} <&>,\nsee https://a.example/x?a=1&b=2.\n\n{% if true %}\nYes\n{% endif %}"
        "\n{{ preferences_url }}\n"
    )

    assert from_html.text.startswith("Sale\n\nHi Jo Doe,\nsee this (https://a.example/?a=1&b=2).\n\n* one")
    assert "* two" in from_html.text
    assert "no" not in from_html.text.partition("-- ")[0].split()
    assert '<p>Hi Jo Doe &lt;&amp;&gt;,<br>\nsee <a href="https://a.example/x?a=1&amp;b=2">' in from_text.html
    assert f'<a href="{LINKS.preferences}">{LINKS.preferences}</a>' in from_text.html
    assert "{" not in from_text.html.partition("<body")[2]


def test_styles_are_moved_into_the_elements_once() -> None:
    """Before personal values are known; media rules stay; tags between rows keep their places; nothing is fetched."""
    html = (
        '<head><style>td{color:red} @media (prefers-color-scheme: dark){td{color:white}}</style>'
        '<link rel="stylesheet" href="http://127.0.0.1:9/x.css"></head>'
        '<table>{% for x in campaign.rows %}<tr><td title="{{ x }}">{{ x }}</td></tr>{% endfor %}</table>'
    )  # fmt: skip

    page = rendered(html=html, rows=['a"b', "<c>"]).html

    assert page.count("color: red") == 2
    assert "@media (prefers-color-scheme: dark)" in page
    assert 'title="a&#34;b"' in page
    assert "&lt;c&gt;" in page


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><td>{{ email }}</td>{{ name }}</tr></table>",
        "<style>p { color: {{ name }} }</style><p>x<p>y",
        "<p {% if name %}class='x'{% endif %}>x",
    ],
)
def test_tags_where_html_has_no_place_for_them_are_refused(html: str) -> None:
    """Better a clear word at once than a page that looks different from what was written."""
    with pytest.raises(UnfitTemplate, match="HTML"):
        rendered(html=html)


@pytest.mark.parametrize("name", ["announcement", "newsletter"])
def test_the_shipped_templates_work(name: str) -> None:
    """Both, with and without a name; responsive and dark styles kept; signed and checked in the end."""
    values: dict[str, CampaignValue] = {
        "headline": "Sale", "text": "One.\n\nTwo.", "button_url": "https://a.example/", "intro": "So:",
        "articles": [{"title": "A", "text": "B", "url": "https://b.example/"}, {"title": "C", "text": "D"}],
    }  # fmt: skip
    letter = compile_mailing(SENDER, MAILING, read_template(SHIPPED, name), values)
    promotion = Promotion(SENDER, MAILING, letter, TOKENS, Signer(dkim_keys()))

    for person in (a_recipient(), a_recipient(name="")):
        words = letter.render(person, LINKS)
        assert words.subject == "Sale"
        assert "prefers-color-scheme: dark" in words.html
        mail = promotion.letter(person, NOW)
        assert mail.content.startswith(b"DKIM-Signature: ")
        assert mail.mail_from == LINKS.bounce_address


@pytest.mark.parametrize("name", ["../x", "", "a/b", "A", ".hidden", "x\n"])
def test_a_template_name_is_no_path(name: str) -> None:
    """Nothing outside the folder is ever read."""
    with pytest.raises(UnfitTemplate):
        read_template(SHIPPED, name)


@pytest.mark.parametrize(
    ("subject", "text", "topic"), [("", "x", "deals"), ("x", "", "deals"), ("x", "x", ""), ("x", " \n", "deals")]
)
def test_a_mailing_without_subject_words_or_topic_is_refused(subject: str, text: str, topic: str) -> None:
    """Without a topic there is no consent behind it."""
    mailing = MailingInfo(1, topic, topic and "Deals", "deals", "", "x")

    with pytest.raises(UnfitTemplate):
        compile_mailing(SENDER, mailing, Source(subject, text))


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ ()|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ joiner.__init__.__globals__.os }}",
    "{{ namespace.__init__.__globals__.os }}",
    "{{ range(10) }}",
    "{{ dict(a=1) }}",
    "{{ config }}",
    "{{ '{0.__class__}'.format('') }}",
    "{{ '{0.__class__}'.format_map({}) }}",
    "{{ '%s'|format(name) }}",
    "{{ '%s' % name }}",
    "{{ ('{0.__class__.__init__.__globals__}'|safe).format(name) }}",
    "{{ ['{0.__class__}']|map('format', '')|list }}",
    "{{ [name]|map(attribute='__class__')|list }}",
    "{{ [name]|groupby('__class__') }}",
    "{{ [name]|sum(attribute='__class__') }}",
    "{{ customer.items() }}",
    "{{ customer.update({'a': 1}) }}",
    "{{ customer.__class__ }}",
    "{{ customer['__class__'] }}",
    "{{ name.encode() }}",
    "{{ name.upper }}",
    "{{ budget_ }}",
    "{{ _x }}",
    "{{ [1]|bounded_ }}",
    "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in [1] %}{{ loop._iterator }}{% endfor %}",
    "{% for x in [1] %}{{ loop.cycle('a') }}{% endfor %}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% include '/etc/passwd' %}",
    "{% import '/etc/passwd' as x %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% block a %}{{ self.a() }}{% endblock %}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{{ m.__globals__ }}",
    "{% call name() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% set x = name.__class__ %}",
    "{% set x %}y{% endset %}",
    "{% with x = name %}{% endwith %}",
    "{% autoescape false %}{{ name }}{% endautoescape %}",
    "{{ name|safe }}",
    "{{ name|xmlattr }}",
    "{{ undefined_thing.__class__ }}",
    "{{ (name is defined).__class__ }}",
    "{{ customer.missing }}",
]


@pytest.mark.parametrize("payload", ESCAPES)
def test_no_template_gets_out_of_the_fence(payload: str) -> None:
    """The known ways out of Jinja2, and the ways to what we did not mean to offer."""
    with pytest.raises(UnfitTemplate):
        rendered(text=payload)
    with pytest.raises(UnfitTemplate):
        rendered(html=f"<p>{payload}</p>")


HOGS = [
    "{{ 'a' * 100000000 }}",
    "{{ [1] * 100000000 }}",
    "{{ 'a'|center(300000000) }}",
    "{{ 'a'|indent(300000000) }}",
    "{{ '%300000000d' % 1 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 1.5|round(1000000000) }}",
    "{{ 999999999999 * 999999999999 }}",
    "{{ 9" + "9" * 5000 + " }}",
    "{{ 1 / 0 }}",
    "{{ 1 // 0 }}",
    "{{ 'a'|replace('a', 'aaaaaaaa') }}",
    "{{ 'abc'|join('x') }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ " + "+".join(["name"] * 6000) + " }}",
    "{% for a in 'aaaaaaaaaa' %}x{% endfor %}",
    "{% for a in campaign.l %}{% for b in campaign.l %}{% for c in campaign.l %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in campaign.l %}{% for b in campaign.l %}{% endfor %}{% endfor %}",
    "{% for a in campaign.l %}{{ campaign.long }}{% endfor %}",
    "{{ campaign.long ~ campaign.long }}" * 6,
    "x" * 600_000,
    "<div>" * 50_000,
    "{% for a in campaign.l %}{{ (" + " ~ ".join(["campaign.long"] * 400) + ")|length }}{% endfor %}",
    "{{ (" + " ~ ".join(["campaign.long"] * 2000) + ")|length }}",
    "{{ (campaign.long + campaign.long)|length }}",
    "{{ campaign.long" + "|title|upper" * 100 + "|length }}",
    "{{ (name" + " + 'xxxxxxxxxx'" * 2000 + ")|length }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
    "{% if 1 %}" * 500 + "{% endif %}" * 500,
    "{{ 'a\\r\\nBcc: x' }}",
    "{{ unclosed",
    "{% if %}",
]


@pytest.mark.parametrize("payload", HOGS, ids=range(len(HOGS)))
def test_no_template_eats_the_machine(payload: str) -> None:
    """Refused, in no time, with an error that has a name."""
    start = time.thread_time()

    with pytest.raises(UnfitTemplate):
        rendered(
            "" if payload[0] == "<" else payload,
            payload if payload[0] == "<" else "",
            l=list(range(100)),
            long="x" * 100_000,
        )
    assert time.thread_time() - start < 3


def test_jinja_in_a_value_stays_words() -> None:
    """A customer called {{ 7*7 }} is called so."""
    letter = rendered("Hi {{ name }}", to=a_recipient(name="{{ 7 * 7 }}{% raw %}"))

    assert letter.text.startswith("Hi {{ 7 * 7 }}{% raw %}\n")


def test_raw_blocks_keep_their_words() -> None:
    """Masked and restored as a whole, they are text still."""
    assert rendered("a {% raw %}{{ b }}{% endraw %} c").text.startswith("a {{ b }} c\n")
    assert "{{ b }}" in rendered(html="<p>a {% raw %}{{ b }}{% endraw %} c</p>").html


@given(name=st.text(max_size=60), value=st.text(max_size=60))
def test_no_value_breaks_a_line_or_a_tag(name: str, value: str) -> None:
    """Whatever a person is called, the subject is one line and the page has the tags of the template only."""
    person = Recipient(17, a_recipient().address, name, "en", {"colour": value})
    letter = _ANY.render(person, LINKS)

    assert not set(letter.subject) & set("\r\n\0\u2028\u2029\x85\u202e")
    assert letter.html.count("<") == _ANY_TAGS
    assert letter.html.count('"') == _ANY_QUOTES
    assert letter.text.count("\n") == _ANY_LINES


_ANY = compiled(
    "Hi {{ name }}{{ customer.colour }}", "{{ name }} {{ customer.colour }}", '<p title="{{ name }}">{{ name }}'
)
_PLAIN = _ANY.render(Recipient(17, a_recipient().address, "x", "en", {"colour": "y"}), LINKS)
_ANY_TAGS, _ANY_QUOTES, _ANY_LINES = _PLAIN.html.count("<"), _PLAIN.html.count('"'), _PLAIN.text.count("\n")


@pytest.mark.parametrize("value", [object(), [1], {"a": 1}, None, b"x", 10**40])
def test_only_plain_values_of_a_person_reach_a_template(value: object) -> None:
    """An object with methods never does."""
    letter = compiled("Hi", "x")

    with pytest.raises(UnfitTemplate):
        letter.render(Recipient(1, a_recipient().address, "x", "en", {"thing": value}), LINKS)  # type: ignore[dict-item]  # the point of the test


def test_a_missing_value_is_an_error_unless_the_template_says_what_then() -> None:
    """Half-filled letters are never sent."""
    with pytest.raises(UnfitTemplate, match="missing"):
        rendered("Your {{ customer.city }}")
    assert rendered("Your {{ customer.city|default('town') }}").text.startswith("Your town\n")
    with pytest.raises(UnfitTemplate, match="subject"):
        compiled("{{ name }}", "x").render(a_recipient(name=""), LINKS)


def test_one_compiled_letter_serves_many_people_unchanged() -> None:
    """Nothing of one person is left for the next."""
    letter = compiled("Hi {{ name }}", "{{ customer.secret|default('none') }}")
    first = letter.render(a_recipient(name="A", secret="s3cret"), LINKS)

    second = letter.render(a_recipient(name="B"), LINKS)
    assert "s3cret" in first.text
    assert "s3cret" not in second.text + second.html
    assert letter.render(a_recipient(name="A", secret="s3cret"), LINKS) == first
