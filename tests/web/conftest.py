"""What tests of pages may ask for."""

from tests.web.shop import shop

__all__ = ["shop"]
