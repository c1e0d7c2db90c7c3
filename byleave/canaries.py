"""The canary as the settings want it."""

from campaigns.canary import Canary
from kit.config import Settings


def canary_of(settings: Settings) -> Canary:
    """Return how many people a campaign begins with, and what stops it."""
    wanted = settings.canary
    return Canary(wanted.share, wanted.least_people, wanted.wait_seconds, wanted.most_bounces, wanted.most_complaints)
