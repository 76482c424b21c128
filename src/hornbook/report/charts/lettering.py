"""Text of pages and charts: escaping, estimated width, line breaks."""

from __future__ import annotations

import html
import unicodedata

import numpy as np

FONT_SIZE = 12.5  # of all text in charts, in chart units
LINE_HEIGHT = 16.0
_NARROW = set("iljtfrI.,:;|!'`()[]{}/ -\u00b7")
_BROAD = set("mwMW@%\u2026\u2014")
_FIRST_STRONG_ISOLATE, _END_OF_ISOLATE = "\u2068", "\u2069"
# opening bidirectional control -> closing one
_OPENING = dict.fromkeys("\u202a\u202b\u202d\u202e", "\u202c") | dict.fromkeys(
    "\u2066\u2067\u2068", _END_OF_ISOLATE
)
_CLOSING = set(_OPENING.values())


def escape(text: object) -> str:
    """Escapes `text` for HTML and SVG, and replaces characters that neither may contain.

    Text that runs from right to left, or has bidirectional controls, is isolated, so that it does
    not reverse the text beside it.
    """
    return html.escape(_isolated("".join(map(_allowed, str(text)))), quote=True)


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Estimates the width of `text` in a sans-serif font, erring on the wide side."""
    return size * sum(map(_letter_width, text))


def wrap(text: str, width: float, size: float = FONT_SIZE) -> list[str]:
    """Breaks `text` into lines of at most `width`: at spaces, else between any letters."""
    lines, line = [], ""
    for word in _words(text):
        if line and text_width((line + word).rstrip(), size) > width:
            lines.append(line.rstrip())
            line = ""
        for letter in word:
            if line and text_width((line + letter).rstrip(), size) > width:
                lines.append(line.rstrip())
                line = ""
            line = (line + letter).lstrip()
    return [*lines, line.rstrip()]


def format_number(value: float, digits: int = 4) -> str:
    """Formats a number with up to `digits` significant digits: `0.8712`, `12,300`, `3·10⁻⁵`."""
    if not np.isfinite(value):
        return {"nan": "NaN", "inf": "\u221e", "-inf": "\u2212\u221e"}[str(float(value))]
    if value == 0:
        return "0"
    if abs(value) < 1e-4 or abs(value) >= 1e7:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        front = "" if mantissa == "1" else f"{mantissa}\u00b7"
        return minus(f"{front}10{superscript(int(exponent))}")
    decimals = max(0, digits - 1 - int(np.floor(np.log10(abs(value)))))
    shown = f"{value:,.{decimals}f}"
    return minus(shown.rstrip("0").rstrip(".") if "." in shown else shown)


def superscript(exponent: int) -> str:
    """Formats an integer in superscript digits."""
    return str(exponent).translate(str.maketrans("-0123456789", "\u207b\u2070¹²³⁴⁵⁶⁷⁸⁹"))


def minus(text: str) -> str:
    """Replaces the hyphen by a minus sign, as wide as a plus."""
    return text.replace("-", "\u2212")


def _isolated(text: str) -> str:
    """Isolates `text` that has right-to-left letters or bidirectional controls."""
    if text.isascii() or not any(_turns(letter) for letter in text):
        return text
    letters: list[str] = []
    missing: list[str] = []  # closing marks that are missing
    for letter in text:
        if letter in _OPENING:
            missing.append(_OPENING[letter])
        elif letter in _CLOSING:
            if not missing or missing[-1] != letter:
                continue  # it would close a mark outside of the text
            missing.pop()
        letters.append(letter)
    return "".join([_FIRST_STRONG_ISOLATE, *letters, *reversed(missing), _END_OF_ISOLATE])


def _turns(letter: str) -> bool:
    return (
        letter in _OPENING or letter in _CLOSING or unicodedata.bidirectional(letter) in ("R", "AL")
    )


def _allowed(letter: str) -> str:
    if letter in "\n\t":
        return letter
    return "\ufffd" if unicodedata.category(letter) in ("Cc", "Cs", "Cn") else letter


def _letter_width(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    if letter in _NARROW:
        return 0.36
    if letter in _BROAD:
        return 0.95
    return 0.7 if letter.isupper() else 0.64 if letter.isdigit() else 0.6


def _words(text: str) -> list[str]:
    """Splits `text` where a line may break: after each space and around each wide letter."""
    words = [""]
    for letter in text:
        if unicodedata.east_asian_width(letter) in "WF":
            words += [letter, ""]
        else:
            words[-1] += letter
            if letter.isspace():
                words.append("")
    return [word for word in words if word]
