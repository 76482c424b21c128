"""Collects the problems of data files, to report all of them in one message."""

from __future__ import annotations

from hornbook.errors import DataError


class Problems:
    """The problems so far.

    Args:
        shown: Number of problems the message lists; the others are counted.
        stop_at_first: Whether to raise at the first problem, for data that is still produced.
    """

    def __init__(self, *, shown: int = 10, stop_at_first: bool = False) -> None:
        self.shown = shown
        self.stop_at_first = stop_at_first
        self.count = 0
        self._lines: list[str] = []

    def add(self, where: str, what: str) -> None:
        """Adds a problem at `where`, such as `file:line`."""
        self.count += 1
        if len(self._lines) < self.shown:
            self._lines.append(f"{where}: {what}")
        if self.stop_at_first:
            self.raise_if_any()

    def raise_if_any(self, advice: str = "") -> None:
        """Raises:
        DataError: if there are problems, with the place of each.
        """
        if not self.count:
            return
        if self.count == 1 and not advice:
            raise DataError(self._lines[0])
        number = "1 problem" if self.count == 1 else f"{self.count} problems"
        lines = [f"{number} in the data:", self.listing()]
        raise DataError("\n".join([*lines, *([advice] if advice else [])]))

    def listing(self) -> str:
        """Returns the first problems, one per line, and the number of others."""
        lines = [f"  {line}" for line in self._lines]
        if self.count > len(self._lines):
            lines.append(f"  and {self.count - len(self._lines)} more")
        return "\n".join(lines)


def beginning(text: str, length: int = 40) -> str:
    """Returns the first characters of a line, quoted, for messages."""
    return repr(text[:length]) + (" ..." if len(text) > length else "")
