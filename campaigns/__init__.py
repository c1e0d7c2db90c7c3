"""Whom a promotion goes to, when, and how it did."""
