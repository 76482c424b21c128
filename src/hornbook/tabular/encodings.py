"""Detects the encoding of bytes: UTF-8, Chinese GB18030, Western Windows-1252, or uncertain.

Bytes that are valid UTF-8 are considered UTF-8: other text is valid by chance only for a word or
two.  Everything else is decoded both as GB18030 and as Windows-1252, and each result is compared
with typical text: Chinese consists of common characters, of two high bytes each; Western words are
ASCII letters with a few accented ones between them, and capitals only where capitals may be.
If neither or both are plausible, nothing is read: wrong letters are worse than an error.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from hornbook.errors import OptionError, did_you_mean
from hornbook.tabular.plausibility import chinese_faults, cyrillic_faults, western_faults

SAMPLE_BYTES = 1 << 18
_HIGH = re.compile(rb"[\x80-\xff]")
_WORD = re.compile(r"[^\s,;|\t\"]*[^\x00-\x7f][^\s,;|\t\"]*")
# ASCII, Latin, Greek, Russian and Ukrainian, Hebrew, Arabic
_USUAL_CHARACTERS = re.compile(
    "[\\x00-\\x7f\xa0-\u017f\u0384-\u03ce\u0401-\u045f\u05d0-\u05ea\u0621-\u064a]*$"
)
_USUAL = (
    "utf-8",
    "gb18030",
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "latin-1",
    "big5",
    "shift_jis",
    "euc_kr",
    "utf-16",
    "mac_roman",
    "cp850",
)
TITLES = {"utf-8": "UTF-8", "gb18030": "GB18030", "cp1252": "Windows-1252"}


@dataclass(frozen=True)
class Guess:
    """A detected encoding.

    Attributes:
        encoding: Python's name of it; None if none is plausible enough.
        words: Some words that look different in another encoding.
    """

    encoding: str | None
    words: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """A sentence about the guess; empty for UTF-8."""
        if self.encoding in (None, "utf-8"):
            return ""
        shown = ", ".join(map(repr, self.words))
        return (
            f"read as {TITLES[str(self.encoding)]}, as in {shown}.  "
            "If that looks wrong, name the encoding (--encoding)."
        )


_CHOSEN: ContextVar[str | None] = ContextVar("encoding", default=None)


@contextmanager
def reading_as(encoding: str | None) -> Iterator[None]:
    """Sets the encoding of files that are opened without one in this block, unless it is None."""
    before = _CHOSEN.get()
    _CHOSEN.set(before if encoding is None else check_encoding(encoding))
    try:
        yield
    finally:
        _CHOSEN.set(before)


def check_encoding(encoding: str | None) -> str | None:
    """Returns Python's name of the encoding set here or with `reading_as`; None to detect it.

    Raises:
        OptionError: the encoding is unknown.
    """
    if encoding is None:
        return _CHOSEN.get()
    if encoding.lower() == "auto":
        return None
    try:
        codec = codecs.lookup(encoding.strip())
        is_text = codec._is_text_encoding  # "rot13" and "zip" are codecs as well
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise OptionError(f"Unknown encoding {encoding!r}.  {did_you_mean(encoding, _USUAL)}")
    return "utf-8" if codec.name == "utf-8-sig" else codec.name


def sample_of(raw: bytes) -> bytes:
    """Returns the lines to detect the encoding from: 256 KiB, from the first non-ASCII one on."""
    high = _HIGH.search(raw)
    if high is None:
        return b""
    start = raw.rfind(b"\n", 0, high.start()) + 1
    return raw[start : start + SAMPLE_BYTES]


def guess(sample: bytes) -> Guess:
    """Detects the encoding of a sample of lines; see the module."""
    if len(sample) >= SAMPLE_BYTES:  # without a partial character at the end
        sample = sample[: sample.rfind(b"\n") + 1] or sample[: sample.rfind(b" ") + 1] or sample
    if sample.isascii():
        return Guess("utf-8")
    if _is_utf8(sample):
        few = len(_HIGH.findall(sample)) <= 24
        return _by_chance(sample) if few and chinese_faults(sample) <= 0.5 else Guess("utf-8")
    chinese, western = _read(sample, "gb18030"), _read(sample, "cp1252")
    chinese_wrong = 1.0 if chinese is None else chinese_faults(sample)
    share = _utf8_share(sample)
    if share > 0.7 and chinese_wrong > 0.3:  # damage, which the reader names
        return Guess("utf-8")
    western_wrong = 1.0 if western is None else western_faults(western)
    if chinese is not None and chinese_wrong <= 0.3 and western_wrong >= 0.4:
        if cyrillic_faults(sample) >= 0.5:
            return Guess("gb18030", _words(chinese))
    elif western is not None and western_wrong <= 0.1 and chinese_wrong >= 0.5:
        return Guess("cp1252", _words(western))
    return Guess("utf-8" if share > 0.4 else None)


def unsure(name: str, raw: bytes, first_line: int = 1) -> str:
    """Returns the message for a file whose encoding could not be determined.

    Args:
        name: Name of the file.
        raw: Text that is not ASCII.
        first_line: Number of its first line.
    """
    lines = raw.split(b"\n")
    not_ascii = [index for index, line in enumerate(lines) if not line.isascii()]
    index = next((index for index in not_ascii if not _is_utf8(lines[index])), not_ascii[0])
    return (
        f"{name}:{first_line + index}: not UTF-8 text, and it is uncertain whether it is GB18030, "
        f"Windows-1252 or another encoding.\nName the encoding with --encoding (encoding=): "
        f"{', '.join(_USUAL[1:])} ..., or save the file as UTF-8."
    )


def contradicts(line: bytes, encoding: str) -> bool:
    """Returns whether a line of a file read as `encoding` so far is almost surely UTF-8."""
    if encoding not in ("cp1252", "gb18030") or line.isascii() or not _is_utf8(line):
        return False
    if encoding == "cp1252":
        return True  # no text has `Ã` followed by a symbol
    return max(line.decode("utf-8")) > "\u07ff" and chinese_faults(line) > 0.3


def _is_utf8(sample: bytes) -> bool:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _by_chance(sample: bytes) -> Guess:
    """Decides between UTF-8 and GB18030 for a few bytes that are plausible in both.

    The bytes of `猫` in GB18030 are those of `è` in UTF-8, and those of `一些` are letters of
    Bashkir.  Beside ASCII letters they are UTF-8; letters of rare scripts are Chinese; a cell of
    only one or two characters may be either.
    """
    text = sample.decode("utf-8")
    cells = [cell.strip() for cell in re.split(r"[,;|\t\r\n\"]", text) if not cell.isascii()]
    if max(text) > "\u07ff" or any(re.search("[A-Za-z]", cell) for cell in cells):
        return Guess("utf-8")
    if not all(_USUAL_CHARACTERS.match(cell) for cell in cells):
        return Guess("gb18030", _words(sample.decode("gb18030")))
    lone = all(len(cell) <= 2 for cell in cells)
    return Guess(None if lone else "utf-8")


def _utf8_share(sample: bytes) -> float:
    """Returns the share of the non-ASCII bytes that belong to complete UTF-8 characters."""
    text = sample.decode("utf-8", "surrogateescape")
    broken = sum("\udc80" <= character <= "\udcff" for character in text)
    return 1 - broken / len(_HIGH.findall(sample))


def _read(sample: bytes, encoding: str) -> str | None:
    try:
        return sample.decode(encoding)
    except UnicodeDecodeError:
        return None


def _words(text: str) -> tuple[str, ...]:
    """Returns up to three words with letters that are not ASCII."""
    words: dict[str, None] = {}
    for match in _WORD.finditer(text):
        words.setdefault(match.group()[:20])
        if len(words) == 3:
            break
    return tuple(words)
