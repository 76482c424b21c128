"""Whether the last index of a span is included, as the texts beside the offsets say."""

from __future__ import annotations

from hornbook.data.readers.text_lines import note_once


class EndVotes:
    """Counts the spans of a file whose texts stand at their offsets, ends excluded and included."""

    def __init__(self) -> None:
        self.excluded = self.included = 0

    def add(self, text: str, start: int, end: int, mention: str | None) -> None:
        """Counts a span; `mention` is what the file says it is, if it does."""
        if mention is not None:
            self.excluded += text[start:end] == mention
            self.included += text[start : end + 1] == mention

    def is_included(self, name: str, what: str) -> bool:
        """Whether most say that ends are included, which is then printed.

        Args:
            name: Of the file.
            what: A span, for the message: "an entity".
        """
        included = self.included > self.excluded
        if included:
            note_once(f"{name}: the last index of {what} is included, as the texts beside it say")
        return included
