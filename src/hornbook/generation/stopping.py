"""When a text ends, and where it is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from hornbook.generation.request import Request

# why a text ended: a stop token, a stop string, the maximum length, the model's last position, or
# constraints that allowed no token
Reason = Literal["stop_id", "stop_string", "max_new_tokens", "positions", "constraints"]


class Stopping:
    """Decides whether a text ends with its last token.

    Args:
        request: The request, for its stop tokens, stop strings and lengths.
        positions_left: How many tokens fit into the session.

    Attributes:
        limit: Maximum number of new tokens.
    """

    def __init__(self, request: Request, positions_left: int) -> None:
        self.limit = min(request.max_new_tokens, positions_left)
        self._at_limit: Reason = (
            "positions" if positions_left < request.max_new_tokens else "max_new_tokens"
        )
        self._request = request
        self._stop_ids = np.array(sorted(request.stop_ids), np.int64)
        # enough tokens for the longest stop string even if each is one byte of four, and a few
        # more because the first token of a text is decoded differently
        self._tail = 4 * max(map(len, request.stop_strings), default=0) + 8

    def reason(self, new_tokens: np.ndarray) -> Reason | None:
        """Returns why a text of these new tokens ends here; None if it continues."""
        request = self._request
        if len(new_tokens) and int(new_tokens[-1]) in request.stop_ids:
            counted = new_tokens[request.ignore_ends_before :]
            if np.isin(counted, self._stop_ids).sum() >= request.min_ends:
                return "stop_id"
        if request.stop_strings and self._has_stop_string(new_tokens):
            return "stop_string"
        return self._at_limit if len(new_tokens) >= self.limit else None

    def _has_stop_string(self, new_tokens: np.ndarray) -> bool:
        """Whether the text has a stop string; the whole is decoded only if its end has one."""
        strings = self._request.stop_strings
        return (
            _first(strings, self._decoded(new_tokens[-self._tail :])) >= 0
            and _first(strings, self._decoded(new_tokens)) >= 0
        )

    def text(self, new_tokens: np.ndarray) -> str | None:
        """Returns the text of these tokens, up to a stop string; None without `decode`."""
        if self._request.decode is None:
            return None
        text = self._decoded(new_tokens)
        end = _first(self._request.stop_strings, text)
        return text if end < 0 else text[:end]

    def _decoded(self, new_tokens: np.ndarray) -> str:
        assert self._request.decode is not None  # the request checks it
        return self._request.decode(new_tokens.tolist())


class TextBeforeStop:
    """Passes a streamed text on, holding back what is a stop string or may become one.

    Args:
        stop_strings: The strings that end the text.

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
        """Appends text and returns what is certain, which may be less or nothing."""
        if self._ended:
            return ""
        self._waiting += text
        end = _first(self._stop_strings, self._waiting)
        if end >= 0:
            self._ended = True
        else:
            end = len(self._waiting) - self._length_of_partial_stop()
        certain, self._waiting = self._waiting[:end], self._waiting[end:]
        return certain

    def finish(self) -> str:
        """Returns what was held back as the start of a stop string that never came."""
        certain, self._waiting = "" if self._ended else self._waiting, ""
        self._ended = True
        return certain

    def _length_of_partial_stop(self) -> int:
        """Length of the longest end of the text that may be the start of a stop string."""
        longest = max((len(stop) - 1 for stop in self._stop_strings), default=0)
        for length in range(min(longest, len(self._waiting)), 0, -1):
            if any(stop.startswith(self._waiting[-length:]) for stop in self._stop_strings):
                return length
        return 0


def _first(strings: Sequence[str], text: str) -> int:
    """Returns the index of the first of these strings in a text; -1 if there is none."""
    indices = [index for string in strings if (index := text.find(string)) >= 0]
    return min(indices, default=-1)
