"""Which files of a folder are images, and which are passed over: told by what is in them.

A file with the ending of a format that is read is an image, and so is any other file that begins
as one does: phones, browsers and chat programs write `.jfif`, `.jpg_large`, or no ending at all.
What the system leaves behind (`__MACOSX`, `Thumbs.db`, hidden files) is not looked at; every other
file is counted by its ending, so that nothing is left out without a word.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hornbook.errors import DataError
from hornbook.progress import note

# Pillow's name of each format that is read -> the endings of its files.  Only what cameras, phones,
# browsers and scanners write: the other decoders of Pillow (EPS calls Ghostscript, TGA and others
# take any file for theirs) are never called.
FORMATS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo"),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif", ".avifs"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
ENDINGS = frozenset(ending for endings in FORMATS.values() for ending in endings)

_JUNK = {
    "__macosx",
    "__pycache__",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "icon\r",
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "manifest.json",  # our own, of folders that were made by `make captchas`
}
_BEGINNING = 64  # bytes of a file that say what it is
_SIGNATURES = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|II[*+]\0|MM\0[*+]"
    rb"|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"  # its header says how long it is
    rb"|....ftyp(avi[fs]|.{4,44}avif)|P[1-6]\s+(#|\d+\s)",
    re.DOTALL,
)
_FOREIGN = {  # what is often found in place of an image that can be read
    "a HEIC image": re.compile(rb"....ftyp(hei|hev|mif1|msf1)", re.DOTALL),
    "a JPEG XL image": re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "),
    "a JPEG 2000 image": re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    "a Photoshop file": re.compile(rb"8BPS"),
    "a PDF": re.compile(rb"%PDF"),
    "an SVG drawing": re.compile(rb"\s*(<\?xml.*)?<svg", re.DOTALL | re.IGNORECASE),
    "a web page": re.compile(rb"\s*(<!doctype html|<html)", re.IGNORECASE),
    "a Git LFS pointer, not the file itself (run git lfs pull)": re.compile(
        rb"version https://git-lfs"
    ),
}


@dataclass
class ImageFiles:
    """What a folder holds.

    Attributes:
        paths: The images, sorted.
        passed_over: Ending -> how many other files have it.
    """

    paths: list[Path] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """How many files are no images, by their endings; "" when there are none."""
        return passed_over(self.passed_over)


def passed_over(endings: Counter[str]) -> str:
    """`10 files passed over: 5 .heic, 3 .svg, 2 without ending`, or "" when there are none."""
    count = endings.total()
    if not count:
        return ""
    kinds = ", ".join(f"{number:,} {ending}" for ending, number in endings.most_common(6))
    more = f" and {len(endings) - 6:,} other kinds" if len(endings) > 6 else ""
    return f"{count:,} {'file' if count == 1 else 'files'} passed over: {kinds}{more}"


def look_for_images(folder: str | Path) -> ImageFiles:
    """Every file below `folder`, also behind links to folders, but not hidden ones.

    Raises:
        DataError: there is no such folder, or a folder in it may not be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    found = ImageFiles()
    for path in _files_below(folder):
        if _is_image(path):
            found.paths.append(path)
        else:
            found.passed_over[path.suffix.lower() or "without ending"] += 1
    found.paths.sort()
    return found


def find_images(folder: str | Path) -> list[Path]:
    """The images below `folder`, sorted; what is passed over is said.

    Raises:
        DataError: there is no such folder, or no image in it.
    """
    found = look_for_images(folder)
    if not found.paths:
        raise DataError(no_image_in(folder, found))
    if found.passed_over:
        note(f"{folder}: {found.summary()}")
    return found.paths


def no_image_in(folder: str | Path, found: ImageFiles) -> str:
    """A message: what there is instead of images."""
    instead = f" ({found.summary()})" if found.passed_over else ""
    return f"{folder} holds no image{instead}.\nFormats that are read: {', '.join(FORMATS)}."


def named_images(sources: Iterable[str | Path]) -> Iterator[Path]:
    """Every image named: files, those in folders, and, for `"-"`, lines of standard input."""
    for source in sources:
        if str(source) == "-":
            yield from (Path(line.rstrip("\r\n")) for line in sys.stdin if line.strip())
        elif Path(source).is_dir():
            yield from find_images(source)
        else:
            yield Path(source)


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, sorted, but for hidden ones and those the system left."""
    return sorted(path for path in _listed(folder) if path.is_dir())


def loose_files_in(folder: Path) -> list[Path]:
    """The files that lie in a folder itself, sorted, but for hidden ones and the system's."""
    return sorted(path for path in _listed(folder) if not path.is_dir())


def is_junk(name: str) -> bool:
    """Whether a file or folder is hidden, or of the kind that systems leave behind."""
    return name.startswith(".") or name.lower() in _JUNK


def foreign_kind(beginning: bytes) -> str | None:
    """What a file is that is often found in place of an image, such as `"a web page"`."""
    for kind, signature in _FOREIGN.items():
        if signature.match(beginning[:_BEGINNING]):
            return kind
    return None


def _listed(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not is_junk(path.name)]
    except OSError as error:
        raise _unreadable(error) from None


def _files_below(folder: Path) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()  # a link may lead back to a folder above it

    def stop(error: OSError) -> None:
        raise _unreadable(error) from None

    for root, folders, files in os.walk(folder, followlinks=True, onerror=stop):
        try:
            about = os.stat(root)
        except OSError as error:
            raise _unreadable(error) from None
        here = (about.st_dev, about.st_ino)
        if here in seen:
            folders.clear()
            continue
        seen.add(here)
        folders[:] = sorted(name for name in folders if not is_junk(name))
        yield from (Path(root, name) for name in files if not is_junk(name))


def _unreadable(error: OSError) -> DataError:
    return DataError(f"{error.filename} cannot be read: {error.strerror}.")


def _is_image(path: Path) -> bool:
    known = path.suffix.lower() in ENDINGS
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            return False  # reading a named pipe or a device would never end
        if known:
            return True
        with open(path, "rb") as file:
            return _SIGNATURES.match(file.read(_BEGINNING)) is not None
    except OSError:
        return known  # a link to nothing, or no right to read it: reading it says so, by name
