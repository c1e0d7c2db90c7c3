"""What tests of outgoing mail may ask for."""

from tests.mailer.reception import desk

__all__ = ["desk"]
