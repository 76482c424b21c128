"""Models that come with hornbook, loaded by name."""

from __future__ import annotations

from pathlib import Path

NAMES = ("hornbook-tiny",)  # folders of this package


def model_folder(folder: str | Path) -> Path:
    """Returns the folder of a model that comes with hornbook, or any other path as it is.

    A file or folder of that name in the working directory takes precedence.
    """
    path = Path(folder)
    if str(folder) in NAMES and not path.exists():
        return Path(__file__).parents[1] / str(folder)
    return path
