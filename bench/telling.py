"""How a measurement says what it found."""

import json
from collections.abc import Mapping
from typing import Any


def tell(found: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one JSON object, or a line for each figure."""
    print(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(f"{key}: {at}" for key, at in found.items()))
