"""Pages that were rendered once, kept without what is one person's: address and links are filled in for each.

What is shown apart from that is named by a key: everybody in the same state is shown the same page. In place of the
personal values it is rendered with marks that nobody outside this process can know, so that no text from elsewhere is
taken for one; filled in they are escaped as the templates escape.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping

from markupsafe import escape

MOST_PAGES = 256  # bounds memory: some 5 MB; the one that was asked for longest ago is forgotten first


class KeptPages:
    """The pages of one process."""

    def __init__(self, most: int = MOST_PAGES) -> None:
        """Take how many to keep."""
        self._most = most
        self._mark = f"[{secrets.token_hex(16)}:"
        self._marks = re.compile(re.escape(self._mark) + r"(\w+)\]")
        #: page and state -> text and names of personal values in turns
        self._kept: OrderedDict[Hashable, list[str]] = OrderedDict()

    def page(self, key: Hashable, personal: Mapping[str, str], render: Callable[[Mapping[str, str]], str]) -> str:
        """Return a page for one person; ``render`` is given a mark for each personal value that is not empty.

        ``key`` names everything that the page shows beside the personal values, and which of these there are.
        """
        whole = (key, frozenset(name for name, value in personal.items() if value))
        pieces = self._kept.pop(whole, None)
        if pieces is None:
            marks = {name: f"{self._mark}{name}]" if value else "" for name, value in personal.items()}
            pieces = self._marks.split(render(marks))
        self._kept[whole] = pieces
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return "".join(escape(personal[piece]) if at % 2 else piece for at, piece in enumerate(pieces))

    def __len__(self) -> int:
        return len(self._kept)
