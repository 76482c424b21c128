"""From tokens to characters of the original text and back.

The offsets come from the tokenizer, which kept them while it changed the text; nothing is
searched, so letters that fall apart or vanish on the way (й, ﬁ, emoji sequences) stay right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Span = tuple[int, int]  # [start, end)


def align(text: str, offsets: Iterable[Span | None]) -> list[str]:
    """The part of `text` that each token was made of; "" for special tokens.

    Raises:
        ValueError: an offset lies outside the text, so it belongs to another one.
    """
    parts = []
    for span in offsets:
        start, end = span or (0, 0)
        if not 0 <= start <= end <= len(text):
            raise ValueError(f"Offsets ({start}, {end}) lie outside a text of {len(text)}.")
        parts.append(text[start:end])
    return parts


def tokens_to_span(offsets: Sequence[Span | None], first: int, last: int) -> Span | None:
    """The characters from token `first` to token `last`, both included.

    Returns:
        `(start, end)`, or None when there are only special tokens between them.
    """
    spans = [span for span in offsets[first : last + 1] if span is not None]
    if not spans:
        return None
    return min(start for start, _ in spans), max(end for _, end in spans)


def spans_to_tokens(
    offsets: Sequence[Span | None], spans: Iterable[Span]
) -> list[tuple[int, int] | None]:
    """For each span of characters, the first and the last token that touch it.

    Args:
        offsets: Of one text, in order; None for special tokens.
        spans: `(start, end)`, the end excluded.

    Returns:
        `(first, last)`, both included, or None where no token has any of the characters
        (white space, or cut off).
    """
    places = [(number, *span) for number, span in enumerate(offsets) if span is not None]
    found: list[tuple[int, int] | None] = []
    for start, end in spans:
        touching = [n for n, begin, stop in places if max(begin, start) < min(stop, end)]
        found.append((touching[0], touching[-1]) if touching else None)
    return found
