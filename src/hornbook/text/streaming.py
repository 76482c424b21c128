"""Text while it is generated: ids come in one by one, and what is final goes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

_HALF = "\ufffd"  # what decoding makes of bytes that are no character, or not yet
_LONGEST_CHARACTER = 4  # bytes in UTF-8, and so tokens


class TextStream(Protocol):
    """All the texts it gave, put together, are what decoding all ids at once gives.

    Bytes that never become a character may give more or fewer U+FFFD.

    Example:
        ```
        stream = tokenizer.text_stream()
        for token_id in generated:
            print(stream.add(token_id), end="")
        print(stream.finish())
        ```
    """

    def add(self, token_id: int) -> str:
        """Takes the next id and gives the text that became final by it, often none."""
        ...

    def finish(self) -> str:
        """Gives what was still waiting, such as half a character."""
        ...


class WindowStream:
    """Decodes the last few ids again with each new one, so that spaces and bytes come right.

    Args:
        decode: From ids to text.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._context: list[int] = []  # their text went out; decoding needs them to see a space
        self._new: list[int] = []

    def add(self, token_id: int) -> str:
        self._new.append(int(token_id))
        is_half = self._decode([*self._context, *self._new]).endswith(_HALF)
        return self._give(len(self._new) - (_LONGEST_CHARACTER if is_half else 0))

    def finish(self) -> str:
        return self._give(len(self._new))

    def _give(self, count: int) -> str:
        if count <= 0:
            return ""
        final = self._new[:count]
        known = len(self._decode(self._context))
        text = self._decode([*self._context, *final])[known:]
        if text:
            # white space alone is no context: at a beginning it would be dropped
            blank = not self._decode(final).strip()
            self._context = [*self._context, *final] if blank else final
            self._new = self._new[count:]
        return text
