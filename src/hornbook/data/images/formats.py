"""Finds the image files in a folder, by suffix and contents.

A file is an image if it has the suffix of a supported format, or begins with the signature of one:
phones, browsers and chat programs write `.jfif`, `.jpg_large`, or no suffix at all.  System files
(`__MACOSX`, `Thumbs.db`, hidden files) are ignored; every other file is counted by its suffix, so
that nothing is left out silently.
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

# Pillow's name of each supported format -> its suffixes.  Only what cameras, phones, browsers and
# scanners write: Pillow's other decoders (EPS calls Ghostscript, TGA and others accept any file)
# are never called.
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
_BEGINNING = 64  # bytes of a file that are compared with the signatures
_SIGNATURES = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|II[*+]\0|MM\0[*+]"
    rb"|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"  # its header says how long it is
    rb"|....ftyp(avi[fs]|.{4,44}avif)|P[1-6]\s+(#|\d+\s)",
    re.DOTALL,
)
_FOREIGN = {  # files that often stand in place of a readable image
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
    """The images in a folder.

    Attributes:
        paths: The images, sorted.
        passed_over: Suffix -> number of other files with it.
    """

    paths: list[Path] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """Returns the number of other files by suffix, or "" if there are none."""
        return passed_over(self.passed_over)


def passed_over(endings: Counter[str]) -> str:
    """Returns `10 files passed over: 5 .heic, 3 .svg, 2 without suffix`, or "" if none."""
    count = endings.total()
    if not count:
        return ""
    kinds = ", ".join(f"{number:,} {ending}" for ending, number in endings.most_common(6))
    more = f" and {len(endings) - 6:,} other kinds" if len(endings) > 6 else ""
    return f"{count:,} {'file' if count == 1 else 'files'} passed over: {kinds}{more}"


def look_for_images(folder: str | Path) -> ImageFiles:
    """Looks at every file below `folder`, following links to folders, without hidden files.

    Raises:
        DataError: no such folder, or a folder in it cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    images = ImageFiles()
    for path in _files_below(folder):
        if _is_image(path):
            images.paths.append(path)
        else:
            images.passed_over[path.suffix.lower() or "without suffix"] += 1
    images.paths.sort()
    return images


def find_images(folder: str | Path) -> list[Path]:
    """Returns the images below `folder`, sorted, and prints what is passed over.

    Raises:
        DataError: no such folder, or no image in it.
    """
    images = look_for_images(folder)
    if not images.paths:
        raise DataError(no_image_in(folder, images))
    if images.passed_over:
        note(f"{folder}: {images.summary()}")
    return images.paths


def no_image_in(folder: str | Path, images: ImageFiles) -> str:
    """Returns an error message with the files that are there instead of images."""
    instead = f" ({images.summary()})" if images.passed_over else ""
    return f"{folder} holds no image{instead}.\nSupported formats: {', '.join(FORMATS)}."


def named_images(sources: Iterable[str | Path]) -> Iterator[Path]:
    """Yields images: files, the images in folders, and, for `"-"`, lines of standard input."""
    for source in sources:
        if str(source) == "-":
            yield from (Path(line.rstrip("\r\n")) for line in sys.stdin if line.strip())
        elif Path(source).is_dir():
            yield from find_images(source)
        else:
            yield Path(source)


def folders_in(folder: Path) -> list[Path]:
    """Returns the folders in a folder, sorted, without hidden and system folders."""
    return sorted(path for path in _listed(folder) if path.is_dir())


def loose_files_in(folder: Path) -> list[Path]:
    """Returns the files directly in a folder, sorted, without hidden and system files."""
    return sorted(path for path in _listed(folder) if not path.is_dir())


def is_junk(name: str) -> bool:
    """Whether a file or folder is hidden or left behind by an operating system."""
    return name.startswith(".") or name.lower() in _JUNK


def foreign_kind(beginning: bytes) -> str | None:
    """Returns what a file that is not an image is, such as `"a web page"`; None if unknown."""
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
    seen: set[tuple[int, int]] = set()  # a link may lead back to a parent folder

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
        return known  # broken link or no permission: reading it reports that
