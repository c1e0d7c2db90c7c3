"""What the command line carries from its options to its commands."""

import typer

from kit.config import Settings


def settings_of(context: typer.Context) -> Settings:
    """Return the settings that the command was started with."""
    settings = context.find_root().obj
    assert isinstance(settings, Settings)  # noqa: S101 - the callback of the root command put it there
    return settings
