"""A missing peer is a skip for a developer and a failure where peers are required."""

import pytest

from tests.peers.require import need


def test_a_missing_peer_skips_and_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason tells what to install."""
    monkeypatch.delenv("BYLEAVE_REQUIRE_PEERS", raising=False)

    with pytest.raises(pytest.skip.Exception, match="apt-get install no-such-package"):
        need("no-such-program", "no-such-package")


def test_a_missing_peer_fails_where_peers_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proof disappears unseen in CI."""
    monkeypatch.setenv("BYLEAVE_REQUIRE_PEERS", "1")

    with pytest.raises(pytest.fail.Exception, match="peers are required"):
        need("no-such-program", "no-such-package")
