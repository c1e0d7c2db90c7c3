"""Where the shared corpora lie: beside the checkout, never inside it; tests skip plainly without them."""

from pathlib import Path

import pytest

BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "corpus"


def corpus(name: str) -> Path:
    """Return the folder of one corpus, or skip the calling test, saying what is missing."""
    folder = BESIDE_THE_CHECKOUT / name
    if not folder.is_dir():
        pytest.skip(f"the corpus '{name}' is not beside the checkout (../shared/corpus/{name})")
    return folder
