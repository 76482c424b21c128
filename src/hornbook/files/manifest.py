"""`manifest.json`: size and SHA-256 of each file of a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from hornbook.errors import CheckpointError
from hornbook.files.atomic_files import write_json
from hornbook.files.bounded import bounded_text
from hornbook.progress import note

MANIFEST = "manifest.json"
SHOWN = 10  # names in a message
# files without effect on results, which may be added to a folder later
_DOCUMENTS = (".md", ".rst", ".png", ".jpg", ".svg", ".html", ".pdf")
_NOTICES = ("README", "LICENSE", "LICENCE", "NOTICE", "USE_POLICY")


def write_manifest(folder: str | Path) -> None:
    """Writes `manifest.json`, with size and SHA-256 of each file below `folder`."""
    folder = Path(folder)
    entries = {
        file.relative_to(folder).as_posix(): {
            "bytes": file.stat().st_size,
            "sha256": sha256_of(file),
        }
        for file in files_of(folder)
    }
    write_json(folder / MANIFEST, entries)


def verify_manifest(
    folder: str | Path,
    *,
    required: bool = True,
    reads: Collection[str] = (),
    quiet: bool | None = None,
) -> bool:
    """Checks each file of `folder` against its manifest, and names those it does not list.

    Args:
        folder: A folder with a manifest.
        required: Whether there must be a manifest.
        reads: Names of files that are about to be read and must be listed.
        quiet: Whether to suppress the note on other unlisted files; see `note`.

    Returns:
        True if there is a manifest and everything matches; False if there is none and it is not
        `required`.

    Raises:
        CheckpointError: naming damaged, missing and unlisted files, at most ten.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        if required:
            raise CheckpointError(f"{folder} has no {MANIFEST}, so it cannot be checked.")
        return False
    expected = _entries(folder / MANIFEST)
    problems = [
        problem
        for name, (size, digest) in expected.items()
        if (problem := _problem(folder, name, size, digest))
    ]
    problems += [
        f"  unlisted  {name}: it is not in {MANIFEST}"
        for name in reads
        if name not in expected and (folder / name).exists()
    ]
    if problems:
        raise CheckpointError(
            f"{folder} is not as it was written:\n"
            + "\n".join(shortened(problems))
            + "\nCopy the folder again, or use an older checkpoint."
        )
    if extra := unlisted(folder, expected):
        note(f"{folder}: not in {MANIFEST}, so not checked: {some(extra)}", quiet=quiet)
    return True


def unlisted(folder: Path, listed: Collection[str] | None = None) -> list[str]:
    """Returns the names of files that a manifest does not list, without documentation.

    Args:
        folder: A folder with a manifest.
        listed: The names in the manifest, if known.
    """
    listed = _entries(folder / MANIFEST) if listed is None else listed
    names = [PurePosixPath(file.relative_to(folder).as_posix()) for file in files_of(folder)]
    return [
        str(name)
        for name in names
        if str(name) not in listed
        and not any(part.startswith(".") for part in name.parts)
        and name.suffix.lower() not in _DOCUMENTS
        and not name.name.upper().startswith(_NOTICES)
    ]


def some(names: list[str]) -> str:
    """Lists at most ten names, and counts the others."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def shortened(lines: list[str]) -> list[str]:
    """Returns at most ten lines, and a line that counts the others."""
    more = len(lines) - SHOWN
    return lines if more <= 0 else [*lines[:SHOWN], f"  ... and {more:,} more"]


def sha256_of(path: str | Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_of(folder: Path) -> list[Path]:
    """Returns the files below a folder that belong in its manifest."""
    return sorted(
        file for file in folder.rglob("*") if file.is_file() and file != folder / MANIFEST
    )


def _entries(manifest: Path) -> dict[str, tuple[int, str]]:
    """Reads size and SHA-256 of each name."""
    try:
        entries: Any = json.loads(bounded_text(manifest, error=CheckpointError))
        expected = {name: (entry["bytes"], entry["sha256"]) for name, entry in entries.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        expected = None
    if expected is None or not all(
        type(size) is int and isinstance(digest, str) for size, digest in expected.values()
    ):
        raise CheckpointError(f"{manifest} is damaged: it is not a list of checksums.")
    if not expected:
        raise CheckpointError(
            f"{manifest} lists no file, so nothing can be checked.\n"
            "Copy the folder again; without that file it is opened unchecked."
        )
    return expected


def _problem(folder: Path, name: str, size: int, digest: str) -> str | None:
    """Returns what is wrong with one file, if anything.  Links (to a cache) are followed."""
    if not _is_inside(name):
        return f"  outside   {name!r}"
    file = folder / name
    try:
        if not file.is_file():
            return f"  missing   {name}"
        if (actual := file.stat().st_size) != size:
            return f"  size      {name}: {size} bytes expected, {actual} found"
        if sha256_of(file) != digest:
            return f"  damaged   {name}: its SHA-256 is not the one in {MANIFEST}"
    except (OSError, ValueError) as error:
        return f"  unread    {name}: {getattr(error, 'strerror', None) or error}"
    return None


def _is_inside(name: str) -> bool:
    """Returns whether a name in a manifest stays in its folder, on any system."""
    paths = (PurePosixPath(name), PureWindowsPath(name))
    return (
        bool(name)
        and "\0" not in name
        and not any(
            path.is_absolute() or path.drive or path.root or ".." in path.parts for path in paths
        )
    )
