"""When a text ends, and what of it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from hornbook.generation.request import Request

# how a text ended: with a stop token, before a stop string, at its longest, with the model's
# last position, or because no token was allowed
Reason = Literal["stop_id", "stop_string", "max_new_tokens", "positions", "constraints"]


class Stopping:
    """Says of a text whether it ends with its last token.

    Args:
        request: Its stop tokens, stop strings and lengths.
        positions_left: How many tokens the session can take.

    Attributes:
        limit: The longest a text can get.
    """

    def __init__(self, request: Request, positions_left: int) -> None:
        self.limit = min(request.max_new_tokens, positions_left)
        self._at_limit: Reason = (
            "positions" if positions_left < request.max_new_tokens else "max_new_tokens"
        )
        self._request = request
        self._stop_ids = np.array(sorted(request.stop_ids), np.int64)
        # tokens that hold the longest stop string even if each is one byte of four, and a few more
        # because the beginning of a text is decoded in another way than its middle
        self._tail = 4 * max(map(len, request.stop_strings), default=0) + 8

    def reason(self, written: np.ndarray) -> Reason | None:
        """Why a text of these new tokens ends here; None: it goes on."""
        request = self._request
        if len(written) and int(written[-1]) in request.stop_ids:
            counted = written[request.ignore_ends_before :]
            if np.isin(counted, self._stop_ids).sum() >= request.min_ends:
                return "stop_id"
        if request.stop_strings and self._has_stop_string(written):
            return "stop_string"
        return self._at_limit if len(written) >= self.limit else None

    def _has_stop_string(self, written: np.ndarray) -> bool:
        """Whether a stop string ends with the last token; the end is decoded, and all if it has."""
        strings = self._request.stop_strings
        return (
            _first(strings, self._decoded(written[-self._tail :])) >= 0
            and _first(strings, self._decoded(written)) >= 0
        )

    def text(self, written: np.ndarray) -> str | None:
        """The text of these tokens, up to a stop string; None without a way to decode."""
        if self._request.decode is None:
            return None
        text = self._decoded(written)
        end = _first(self._request.stop_strings, text)
        return text if end < 0 else text[:end]

    def _decoded(self, written: np.ndarray) -> str:
        assert self._request.decode is not None  # the request saw to it
        return self._request.decode(written.tolist())


class TextBeforeStop:
    """Passes a growing text on, except what is a stop string or may become one.

    Args:
        stop_strings: Where the text ends.

    Example:
        ```
        shown = TextBeforeStop(["\\n\\n"])
        for part in parts:
            print(shown.add(part), end="")
        print(shown.finish())
        ```
    """

    def __init__(self, stop_strings: Sequence[str]) -> None:
        self._stop_strings = tuple(stop_strings)
        self._waiting = ""
        self._ended = False

    def add(self, text: str) -> str:
        """Takes what comes next and gives what is certain, often less or nothing."""
        if self._ended:
            return ""
        self._waiting += text
        end = _first(self._stop_strings, self._waiting)
        if end >= 0:
            self._ended = True
        else:
            end = len(self._waiting) - self._length_of_beginning()
        certain, self._waiting = self._waiting[:end], self._waiting[end:]
        return certain

    def finish(self) -> str:
        """Gives what was the beginning of a stop string that never came."""
        certain, self._waiting = "" if self._ended else self._waiting, ""
        self._ended = True
        return certain

    def _length_of_beginning(self) -> int:
        """How much of the end may be the beginning of a stop string."""
        longest = max((len(stop) - 1 for stop in self._stop_strings), default=0)
        for length in range(min(longest, len(self._waiting)), 0, -1):
            if any(stop.startswith(self._waiting[-length:]) for stop in self._stop_strings):
                return length
        return 0


def _first(strings: Sequence[str], text: str) -> int:
    """Where the first of these strings begins in a text; -1: none is there."""
    places = [place for string in strings if (place := text.find(string)) >= 0]
    return min(places, default=-1)
