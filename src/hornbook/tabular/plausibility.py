"""How plausible bytes are as Chinese, Western or Russian text, from 0 (plausible) to 1."""

from __future__ import annotations

import re

_CHINESE = re.compile(rb"[\x81-\xfe][\x30-\x39][\x81-\xfe][\x30-\x39]|[\x80-\xff][\x40-\xff]?")
_WORD = re.compile(r"[^\W\d_]+(?:['’·][^\W\d_]+)*")
_HIGH_LETTERS = re.compile(r"[\x80-\xff\u0100-\u2122]+")
# symbols of Windows-1252 that may be next to a word: before it, after it, beside other symbols
_BEFORE = set("¿¡«‘“‚„‹€£¥©±…–—§")
_AFTER = set("»’”›“‘®™°ºª²³¹€£¢…–—½¼¾‰´©")
_QUOTES = set("¿¡«»‘’“”‚„‹›…–—")
# accented letters that occur together in words of one language
_LANGUAGES = tuple(
    set(letters)
    for letters in (
        "äöüßé",  # German
        "àâæçéèêëîïôœùûüÿñ",  # French
        "áéíñóúüªº",  # Spanish
        "àáâãçéêíóôõúüªº",  # Portuguese
        "àèéìíîòóùú",  # Italian
        "åäöæøéüàèòóôêâ",  # Danish, Finnish, Norwegian, Swedish
        "áðéíóúýþæöø",  # Icelandic and Faroese
        "áàâçèéêëíîïóôöúûü",  # Dutch
        "àçèéíïòóúü",  # Catalan
        "äöõüšž",  # Estonian
    )
)


def chinese_faults(sample: bytes) -> float:
    """Returns the share of characters that are uncommon in Chinese, decoded as GB18030.

    GB2312 has 3,755 common characters in its rows B0 to D7, sorted by pronunciation, and the
    uncommon ones in the rows after; all other characters were added later.
    """
    common = faults = 0.0
    characters: set[bytes] = set()
    matches = list(_CHINESE.finditer(sample))
    for place, match in enumerate(matches):
        pair = match.group()
        lead, trail = pair[0], pair[1] if len(pair) == 2 else 0
        if 0xB0 <= lead <= 0xD7 and trail >= 0xA1:
            fault = _in_word(sample, matches, place)
            common, faults = common + 1 - fault, faults + fault
            characters.add(pair)
        elif 0xA1 <= lead <= 0xA3 and trail >= 0xA1:  # punctuation, wide letters
            common += 1
        elif 0xD8 <= lead <= 0xF7 and trail >= 0xA1:
            common, faults = common + 0.5, faults + 0.5
        else:
            faults += 1
    total = common + faults
    leads = {pair[0] for pair in characters}
    korean = len(characters) >= 16 and max(leads) <= 0xC8  # the rows of Hangul in EUC-KR
    capitals = all(0xC0 <= byte <= 0xDF for pair in characters for byte in pair)
    russian = len(characters) >= 3 and capitals  # in Windows-1251
    return 1.0 if korean or russian or not total else faults / total


def _in_word(sample: bytes, matches: list[re.Match[bytes]], place: int) -> float:
    """Returns how much a single character is inside a word: `caf\u8305` is caf\xe9 in UTF-8."""
    start, end = matches[place].span()
    if place and matches[place - 1].end() == start:
        return 0.0
    if place + 1 < len(matches) and matches[place + 1].start() == end:
        return 0.0
    sides = sample[max(0, start - 1) : start], sample[end : end + 1]
    return sum(side.islower() for side in sides) / 2


def western_faults(text: str) -> float:
    """Returns the share of non-ASCII characters that are misplaced in Western text."""
    total = faults = 0
    for match in _HIGH_LETTERS.finditer(text):
        total += len(match.group())
        if not match.group().isalpha():
            faults += _misplaced_symbols(text, match.start(), match.end())
    for match in _WORD.finditer(text):
        word = match.group().lstrip("µ")
        high = sum(not character.isascii() for character in word)
        if high and not _is_western_word(word, high):
            faults += sum(not c.isascii() and c.isalpha() for c in word)
    return faults / total if total else 0.0


def _is_western_word(word: str, high: int) -> bool:
    """Returns whether a word has normal case, and few accented letters in a row of one language."""
    if any(len(run) > 2 for run in _HIGH_LETTERS.findall(word)):
        return False
    if high == len(word) and len(word) > 1 and word.lower() != "öå":
        return False
    if any(not _in_case(part) for part in re.split("['’·]", word)):
        return False
    accented = {letter for letter in word.lower() if not letter.isascii() and letter.isalpha()}
    return any(accented <= language for language in _LANGUAGES)


def _in_case(word: str) -> bool:
    """Returns whether a word is lower or upper case, capitalized, or like McDonald."""
    bare = re.sub("[ßªº]", "", word)
    if bare.islower() or bare.isupper() or bare[1:].islower() or not bare:
        return True
    # an accented capital inside a lower-case word is a sign of a wrong encoding
    return all(letter.isascii() or letter.islower() for letter in bare[1:])


def _misplaced_symbols(text: str, start: int, end: int) -> int:
    """Counts the symbols from `start` to `end` that are next to characters where none belong."""
    wrong = 0
    for place in range(start, end):
        symbol = text[place]
        if (symbol.isalpha() and symbol not in "ªºµ") or symbol == "\xa0":
            continue
        before = text[place - 1] if place else " "
        after = text[place + 1] if place + 1 < len(text) else " "
        in_word = start > 0 and text[start - 1].isascii() and text[start - 1].isalnum()
        if (
            symbol not in _QUOTES
            and not (before + after).isascii()
            and not (symbol in "®™" and in_word)
        ):
            wrong += 1
        elif before.isalpha() and after.isalpha():
            wrong += symbol not in "’·—–…"
        elif before.isalpha():
            wrong += symbol not in _AFTER
        elif after.isalpha():
            wrong += symbol not in _BEFORE and symbol not in "µ°×"
    return wrong


def cyrillic_faults(sample: bytes) -> float:
    """Returns the share of words that cannot be Russian, decoded as Windows-1251."""
    text = sample.decode("cp1251", "replace")
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    if not words:
        return 1.0
    wrong = sum(not _is_russian(word) for word in words)
    return wrong / len(words)


def _is_russian(word: str) -> bool:
    letters = all("\u0410" <= letter <= "\u044f" or letter in "\u0401\u0451" for letter in word)
    in_case = word.islower() or (word[:1].isupper() and word[1:].islower())
    return letters and in_case and len(word) > 2
