"""Addresses that knock in vain are kept out for a while, and those that bring mail never are."""

import pytest

from inbound.doorkeeper import MOST_ADDRESSES, MOST_POINTS, TIRESOME, WINDOW_SECONDS, Doorkeeper


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("was_tiresome", "times"), [(False, MOST_POINTS), (True, MOST_POINTS // TIRESOME)])
def test_who_knocks_too_often_in_vain_is_kept_out_until_the_window_ends(was_tiresome: bool, times: int) -> None:
    """Many empty connections, or a few that try our patience; other addresses feel nothing of it."""
    clock = Clock()
    keeper = Doorkeeper(clock)
    for _ in range(times):
        assert not keeper.is_kept_out("192.0.2.1")
        keeper.came_in_vain("192.0.2.1", was_tiresome=was_tiresome)

    assert keeper.is_kept_out("192.0.2.1")
    assert not keeper.is_kept_out("192.0.2.2")
    clock.now = WINDOW_SECONDS
    assert not keeper.is_kept_out("192.0.2.1")


def test_a_mail_forgives_everything() -> None:
    """A mail server with many empty connections and a mail now and then is welcome."""
    keeper = Doorkeeper(Clock())
    for _ in range(MOST_POINTS * 3):
        keeper.came_in_vain("192.0.2.1", was_tiresome=False)
        keeper.brought_mail("192.0.2.1")

    assert not keeper.is_kept_out("192.0.2.1")


def test_only_so_many_addresses_are_remembered() -> None:
    """The oldest is forgotten first."""
    keeper = Doorkeeper(Clock())
    for _ in range(2):
        keeper.came_in_vain("first", was_tiresome=True)
    for number in range(MOST_ADDRESSES):
        assert keeper.is_kept_out("first")
        keeper.came_in_vain(str(number), was_tiresome=True)

    assert not keeper.is_kept_out("first")
    assert len(keeper._records) == MOST_ADDRESSES
