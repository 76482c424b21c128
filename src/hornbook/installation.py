"""What is installed, and which backend hornbook chooses."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from hornbook import __version__, backend

PACKAGES = ("keras", "jax", "torch", "tensorflow", "numpy", "tokenizers", "safetensors")


def describe_installation() -> list[list[str]]:
    """Returns rows of a name and a value, without importing the packages."""
    name = os.environ.get("KERAS_BACKEND") or backend.choose() or "none"
    rows = [
        ["hornbook", __version__],
        ["Python", platform.python_version()],
        ["system", platform.platform()],
        ["backend", f"{name}: {backend.reason()}"],
    ]
    rows += [[package, installed_version(package) or "-"] for package in PACKAGES]
    rows.append(["cores", str(usable_cores())])
    if (memory := memory_in_gib()) is not None:
        rows.append(["memory", f"{memory:.1f} GiB"])
    return rows


def installed_version(package: str) -> str | None:
    """Returns the version of an installed package, or None."""
    for name in (package, f"{package}-cpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def usable_cores() -> int:
    """Returns the number of processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def memory_in_gib() -> float | None:
    """Returns the memory of the machine, or None where it is unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return None
