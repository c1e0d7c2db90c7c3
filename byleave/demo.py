"""``byleave demo``: placeholder docstring replaced below."""

import typer


def demo(context: typer.Context) -> None:
    """Demo."""
