"""What tests of incoming mail may ask for."""

from tests.inbound.taking import town

__all__ = ["town"]
