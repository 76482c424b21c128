"""Maps tokens to characters of the original text and back.

The offsets come from the tokenizer, which tracks them through normalization; nothing is searched,
so characters that are decomposed or removed (й, ﬁ, emoji sequences) are handled correctly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Span = tuple[int, int]  # [start, end)


def align(text: str, offsets: Iterable[Span | None]) -> list[str]:
    """Returns the part of `text` behind each token; "" for special tokens.

    Raises:
        ValueError: an offset is out of range, so it belongs to another text.
    """
    parts = []
    for span in offsets:
        start, end = span or (0, 0)
        if not 0 <= start <= end <= len(text):
            raise ValueError(f"Offsets ({start}, {end}) lie outside a text of {len(text)}.")
        parts.append(text[start:end])
    return parts


def tokens_to_span(offsets: Sequence[Span | None], first: int, last: int) -> Span | None:
    """Returns the characters from token `first` to token `last`, both included.

    Returns:
        `(start, end)`, or None if there are only special tokens.
    """
    spans = [span for span in offsets[first : last + 1] if span is not None]
    if not spans:
        return None
    return min(start for start, _ in spans), max(end for _, end in spans)


def spans_to_tokens(
    offsets: Sequence[Span | None], spans: Iterable[Span]
) -> list[tuple[int, int] | None]:
    """Returns, for each span of characters, the first and last token that overlap it.

    Args:
        offsets: Offsets of one text, in order; None for special tokens.
        spans: `(start, end)`, the end excluded.

    Returns:
        `(first, last)`, both included, or None if no token has any of the characters (white space,
        or truncated).
    """
    places = [(number, *span) for number, span in enumerate(offsets) if span is not None]
    token_spans: list[tuple[int, int] | None] = []
    for start, end in spans:
        overlapping = [n for n, begin, stop in places if max(begin, start) < min(stop, end)]
        token_spans.append((overlapping[0], overlapping[-1]) if overlapping else None)
    return token_spans
