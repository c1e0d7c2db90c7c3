"""Files that commands read and write; a new one is whole or not there, for its owner's eyes, never over another."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kit.errors import Permanent


@contextmanager
def new_file(file: Path) -> Iterator[BinaryIO]:
    """Open a new file; it gets its name at the end, when it is whole and on disk, and never when something fails."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        if file.exists():
            raise Permanent(f"{file} is there already")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.link(draft, file)  # unlike a renaming it overwrites nothing
        finally:
            draft.unlink(missing_ok=True)
    except OSError as cause:
        raise Permanent(f"{file} can't be written: {cause.strerror}") from cause


def read_bytes(file: Path) -> bytes:
    """Return the content of a file, or say why it can't be read."""
    try:
        return file.read_bytes()
    except OSError as cause:
        raise Permanent(f"{file} can't be read: {cause.strerror}") from cause
