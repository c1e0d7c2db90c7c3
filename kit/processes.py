"""Which process this is, and whether another one is gone for sure.

A process is named by the kernel it runs on (boot id), the namespace of its number, the number, and the moment it began:
only all four together tell it from a later one with the same number. Where that can't be read (not Linux, another
machine, another container) nothing is claimed: "surely gone" is then never true.
"""

import contextlib
import ctypes
import gc
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

_M_ARENA_MAX = -8  # mallopt(3), malloc.h


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process, told apart from every other on this and on other machines."""

    host: str
    place: str  # boot id and pid namespace; empty where they can't be read
    pid: int
    began: int  # clock ticks since boot

    @classmethod
    def here(cls) -> Self:
        """Return the name of this process."""
        pid = os.getpid()
        return cls(socket.gethostname()[:255], _place(), pid, _began(pid) or 0)

    @property
    def is_surely_gone(self) -> bool:
        """Whether the process ended, proven by this very kernel; False also where nothing can be proven."""
        if not self.place or self.place != _place():
            return False
        return _began(self.pid) != self.began

    def as_dict(self) -> dict[str, str | int]:
        """Return plain values, to be written down."""
        return asdict(self)


def lasting_seconds() -> float:
    """Return a clock that only goes forward and does not stand still while the machine sleeps."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


def share_memory() -> None:
    """Let threads share two arenas of glibc's memory; each would have its own, and keep what it once needed.

    To be called before there are threads. Under attack the listener held 236 MB instead of 288. Does nothing where the
    C library is another one.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def settle() -> None:
    """Take what is loaded by now out of garbage collection for good: walking it stops a process for over 100 ms.

    To be called once, when a process is ready to work.
    """
    gc.collect()
    gc.freeze()


def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _began(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot; None where there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rfind(b")") + 2 :].split()  # the name in front may hold anything, also blanks and parentheses
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])
