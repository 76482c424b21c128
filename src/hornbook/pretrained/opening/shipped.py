"""Models that come with hornbook, opened by their name."""

from __future__ import annotations

from pathlib import Path

NAMES = ("hornbook-tiny",)  # folders beside this file


def model_folder(folder: str | Path) -> Path:
    """Where a model lies: a folder as it is said, or the one a name stands for.

    What lies under that name where one works goes first.
    """
    path = Path(folder)
    if str(folder) in NAMES and not path.exists():
        return Path(__file__).parents[1] / str(folder)
    return path
