"""``python -m byleave`` is the same as ``byleave``."""

from byleave.cli import main

if __name__ == "__main__":
    main()
