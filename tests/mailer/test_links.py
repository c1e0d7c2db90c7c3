"""Links that look like others are refused, and honest ones in any script are not."""

import pytest

from mailer.alternatives import UnfitTemplate
from mailer.links import refuse_disguised
from tests.mailer.test_compose import compiled

CYRILLIC_A = "\u0430"
APPLE_IN_CYRILLIC = "xn--80ak6aa92e.com"  # "аррӏе": one script, so only its words give it away


@pytest.mark.parametrize(
    "source",
    [
        f'<a href="https://{CYRILLIC_A}pple.com/x">Apples</a>',
        '<a href="https://&#1072;pple.com/">Apples</a>',
        '<a href="https://%D0%B0pple.com/">Apples</a>',
        '<a href="//www.g\u03bfogle.com">Search</a>',
        '<a href="https://xn--pple-43d.com/">Apples</a>',
        f'<a href="https://shop.example@{CYRILLIC_A}pple.com/">Apples</a>',
        f'<img src="https://{CYRILLIC_A}pple.com/a.png">',
        f'<a href="{{{{ x|default("https://{CYRILLIC_A}pple.com") }}}}">x</a>',
        f"Look: https://{CYRILLIC_A}pple.com/ today",
        f"Look: <www.{CYRILLIC_A}pple.com>",
    ],
)
def test_a_name_of_two_scripts_is_refused(source: str) -> None:
    """Latin with Cyrillic or Greek within one label, however it is written."""
    with pytest.raises(UnfitTemplate, match=r"mixes (cyrillic|greek) and latin letters$"):
        refuse_disguised(source)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (f"https://{APPLE_IN_CYRILLIC}/", "apple.com"),
        ("https://evil.example/", "https://shop.example/sale"),
        ("https://shop.example.evil.example/", "shop.example"),
        ("https://notshop.example/", "shop.example"),
        ("https://shop.example@evil.example/", "shop.example"),
        ("https:\\\\evil.example\\shop.example", "shop.example"),
        ("//evil.example", "www.Shop.example/{{ name }}"),
        ("https://evil.example/", "<b>shop</b>.example"),
        ("https://evil.example/", "shop\u200b.exam\u00adple"),
        ("https://evil.example/", '<img alt="shop.example" src="/a.png">'),
        ("https://evil.example/", "b\u00fccher.example"),
    ],
)
def test_words_that_name_another_host_are_refused(target: str, shown: str) -> None:
    """What is shown is what is believed; the error names the link."""
    with pytest.raises(UnfitTemplate, match="shows another host") as caught:
        refuse_disguised(f'<p><a class="x" href="{target}">{shown}</a></p>')

    assert target in caught.value.public


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("https://b\u00fccher.example/", "Bücher"),
        ("https://b\u00fccher.example/", "xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example/a", "https://Bücher.example/b"),
        ("https://\u043f\u0440\u0438\u043c\u0435\u0440.example/", "\u043f\u0440\u0438\u043c\u0435\u0440.example"),
        ("https://\u6771\u4eac\u30bf\u30ef\u30fc\u3068tower.example/", "Tower"),
        ("https://www.shop.example/", "shop.example"),
        ("https://shop.example/", "www.shop.example"),
        ("https://news.shop.example:8443/a?b=c#d", "https://shop.example."),
        ("https://shop.example/", "Read more at other.example"),
        ("https://nodejs.example/", "Node.js"),
        ("https://shop.example/a.pdf", "prices.pdf"),
        ("https://shop.example/", "3.50"),
        ("mailto:service@shop.example", "service@shop.example"),
        ("{{ campaign.button_url }}", "shop.example"),
        ("https://{{ campaign.host }}/", "shop.example"),
        ("https://\u043f\u0440\u0438\u043c\u0435\u0440-{{name}}.example/", "x"),
        ("https://shop.example/", "{{ campaign.button }}"),
        ("#top", "shop.example"),
        ("/shop", "shop.example"),
    ],
)
def test_honest_links_pass(target: str, shown: str) -> None:
    """One script, the scripts that Japanese is written with, the same host or one beneath it, words of all kinds."""
    refuse_disguised(f'<p><a href="{target}">{shown}</a></p>')


def test_each_link_has_its_own_words() -> None:
    """Words behind a link are not the link's, and a link that is not closed ends where the next one begins."""
    refuse_disguised('<a href="https://a.example/">a.example</a> b.example <a href="https://c.example">c.example')
    with pytest.raises(UnfitTemplate, match=r"c\.example"):
        refuse_disguised('<a href="https://a.example/">a.example <a href="https://c.example/">a.example</a>')


def test_a_letter_is_not_compiled_with_such_a_link() -> None:
    """In HTML, in text, and in the values of the campaign."""
    disguised = f"https://{CYRILLIC_A}pple.com/"
    for text, page, values in (
        ("", f'<a href="https://{APPLE_IN_CYRILLIC}/">apple.com</a>', {}),
        (f"See {disguised}", "", {}),
        ("See {{ campaign.url }}", "", {"url": disguised}),
    ):
        with pytest.raises(UnfitTemplate, match="the link"):
            compiled("Hi", text, page, **values)
