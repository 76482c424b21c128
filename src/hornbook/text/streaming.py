"""Decodes a text while it is generated, id by id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

_HALF = "\ufffd"  # decoded from bytes that are not a character, or not yet
_LONGEST_CHARACTER = 4  # bytes in UTF-8, and so tokens


class TextStream(Protocol):
    """Its texts, concatenated, equal the text of all ids decoded at once.

    Only the number of U+FFFD for invalid bytes may differ.

    Example:
        ```
        stream = tokenizer.text_stream()
        for token_id in generated:
            print(stream.add(token_id), end="")
        print(stream.finish())
        ```
    """

    def add(self, token_id: int) -> str:
        """Adds an id and returns the text that becomes final by it, possibly none."""
        ...

    def finish(self) -> str:
        """Returns the pending text, such as an incomplete character."""
        ...


class WindowStream:
    """Decodes the last few ids again with each new one, for correct spaces and bytes.

    Args:
        decode: Function from ids to text.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._context: list[int] = []  # already returned, but needed to decode spaces
        self._new: list[int] = []

    def add(self, token_id: int) -> str:
        self._new.append(int(token_id))
        is_half = self._decode([*self._context, *self._new]).endswith(_HALF)
        return self._final(len(self._new) - (_LONGEST_CHARACTER if is_half else 0))

    def finish(self) -> str:
        return self._final(len(self._new))

    def _final(self, count: int) -> str:
        if count <= 0:
            return ""
        final = self._new[:count]
        known = len(self._decode(self._context))
        text = self._decode([*self._context, *final])[known:]
        if text:
            # white space alone is not enough context: it is dropped at the beginning
            blank = not self._decode(final).strip()
            self._context = [*self._context, *final] if blank else final
            self._new = self._new[count:]
        return text
