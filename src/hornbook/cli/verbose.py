"""The notes of `--verbose`: the machine before the work, time and memory after it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from hornbook.installation import describe_installation
from hornbook.progress import note


@contextlib.contextmanager
def machine_notes() -> Iterator[None]:
    """Notes what is installed, and at the end the time and the peak memory."""
    note("\n".join(f"{name}: {value}" for name, value in describe_installation()))
    start = time.monotonic()
    try:
        yield
    finally:
        note(f"{time.monotonic() - start:.1f} s{_peak_memory()}")


def _peak_memory() -> str:
    try:
        import resource
    except ImportError:  # Windows
        return ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mebibytes = peak / 2**20 if sys.platform == "darwin" else peak / 2**10
    return f", peak memory {mebibytes:,.0f} MiB"
