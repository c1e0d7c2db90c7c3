"""From which network a request comes, and whose word is taken for it."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidSettings
from web.clients import UNKNOWN, network_of, networks_of

PROXIES = networks_of(["10.0.0.0/8", "fd00::/8"])
XFF: Literal["x-forwarded-for"] = "x-forwarded-for"
FORWARDED: Literal["forwarded"] = "forwarded"


@pytest.mark.parametrize(
    ("peer", "values", "network"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.0/24"),
        ("10.1.1.1", ["198.51.100.1"], "198.51.100.0/24"),
        ("10.1.1.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.0/24"),
        ("10.1.1.1", ["1.1.1.1", "198.51.100.1, 10.2.2.2"], "198.51.100.0/24"),
        ("10.1.1.1", ["198.51.100.1:4711"], "198.51.100.0/24"),
        ("fd00::1", ["[2001:db8:aa:bb::1]:443"], "2001:db8:aa::/56"),
        ("10.1.1.1", [], "10.1.1.0/24"),
        ("10.1.1.1", ["10.3.3.3"], "10.3.3.0/24"),
        ("10.1.1.1", ["198.51.100.1, nonsense"], UNKNOWN),
        ("::ffff:203.0.113.9", [], "203.0.113.0/24"),
        ("", [], UNKNOWN),
    ],
    ids=[
        "stranger's word", "proxy", "client's story", "two proxies", "port", "ipv6", "silent proxy", "only proxies",
        "nonsense", "mapped", "unix socket",
    ],
)  # fmt: skip
def test_only_a_proxy_of_ours_is_believed(peer: str, values: list[str], network: str) -> None:
    """The nearest hop that is no proxy of ours is the client; what stands left of it is a story."""
    assert network_of(peer, values, header=XFF, proxies=PROXIES) == network


@pytest.mark.parametrize(
    ("values", "network"),
    [
        (['for="[2001:db8:cafe::17]:4711"'], "2001:db8:cafe::/56"),
        (["for=1.1.1.1, for=198.51.100.7;proto=https;by=10.0.0.1"], "198.51.100.0/24"),
        (["proto=https;For=198.51.100.7"], "198.51.100.0/24"),
        (["for=_hidden"], UNKNOWN),
        (["proto=https"], UNKNOWN),
    ],
    ids=["quoted", "last", "any order", "obfuscated", "missing"],
)
def test_forwarded_is_read(values: list[str], network: str) -> None:
    """RFC 7239 4 and 6."""
    assert network_of("10.0.0.1", values, header=FORWARDED, proxies=PROXIES) == network


@given(st.text(max_size=60), st.lists(st.text(max_size=200), max_size=5), st.sampled_from([XFF, FORWARDED]))
def test_any_words_lead_to_a_network(
    peer: str, values: list[str], header: Literal["x-forwarded-for", "forwarded"]
) -> None:
    """Nothing raises; what can't be read shares one bucket."""
    assert network_of(peer, values, header=header, proxies=PROXIES)
    assert network_of("10.0.0.1", values, header=header, proxies=PROXIES)


def test_a_network_that_is_none_is_refused_at_the_start() -> None:
    """A typing error must not open the house."""
    with pytest.raises(InvalidSettings, match=r"web\.proxies"):
        networks_of(["10.0.0.0/99"])
