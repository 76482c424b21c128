"""Span corruption as in T5: spans are replaced by sentinels and predicted.

Reference: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
Transformer", 2020, section 3.1.4.  There a text always ends with a span; here all positions are
equally likely.
"""

from __future__ import annotations

import numpy as np


def span_counts(tokens: int, share: float, mean_span: float) -> tuple[int, int]:
    """Returns how many of `tokens` are cut out, in how many spans; 0 for a single token."""
    if tokens < 2:
        return 0, 0
    noise = min(max(int(share * tokens + 0.5), 1), tokens - 1)
    return noise, min(max(int(noise / mean_span + 0.5), 1), noise, tokens - noise)


def corrupted_lengths(length: int, share: float, mean_span: float) -> tuple[int, int]:
    """Returns the maximum lengths of inputs and targets for a text of `length` tokens.

    Both include an end token.
    """
    noise, spans = span_counts(length, share, mean_span)
    return length - noise + spans + 1, noise + spans + 1


def corrupt_spans(
    token_ids: np.ndarray,
    sentinels: np.ndarray,
    end: np.ndarray,
    random: np.random.Generator,
    share: float,
    mean_span: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts spans out of one text.

    Args:
        token_ids: The text.
        sentinels: At least one per span.
        end: The end token, or an empty array.
        random: Draws the lengths of the spans and of the gaps between them.
        share: Share of the tokens that is cut out.
        mean_span: Mean length of a span.

    Returns:
        The inputs, with sentinels; and the targets, with a sentinel before each span.
    """
    noise, spans = span_counts(len(token_ids), share, mean_span)
    if not spans:
        return np.concatenate([token_ids, end]), end[:0]
    # gap, span, gap, span, ... gap: the text may begin and end with either
    gaps = _parts(len(token_ids) - noise + 2, spans + 1, random)
    gaps[[0, -1]] -= 1
    cuts = _parts(noise, spans, random)
    sizes = np.append(np.stack([gaps[:-1], cuts], axis=1).ravel(), gaps[-1])
    is_cut = np.repeat(np.arange(len(sizes)) % 2 == 1, sizes)
    inputs = np.insert(token_ids[~is_cut], np.cumsum(gaps[:-1]), sentinels[:spans])
    targets = np.insert(token_ids[is_cut], np.cumsum(cuts) - cuts, sentinels[:spans])
    return np.concatenate([inputs, end]), np.concatenate([targets, end])


def _parts(total: int, parts: int, random: np.random.Generator) -> np.ndarray:
    """Splits `total` into positive numbers, all such splits equally likely."""
    cuts = np.sort(random.choice(total - 1, parts - 1, replace=False)) + 1
    return np.diff(cuts, prepend=0, append=total)
