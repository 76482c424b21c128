"""Random numbers that belong to a text, not to its place in a batch."""

from __future__ import annotations

import numpy as np

# what a stream is for: two uses of one stream would not be independent of each other
WRITING, ACCEPTING, DRAFTING = range(3)


def stream(seed: int, prompt: int, sample: int, purpose: int = WRITING) -> np.random.Generator:
    """The random numbers of one text.

    Step `i` of the text takes the `i`-th of them, so what is drawn depends on nothing but these
    four numbers and `i`: not on the other texts, nor on how many samples there are.

    Args:
        seed: Of the request, below 2^64.
        prompt: The number of the prompt in the request.
        sample: Which of the texts of this prompt.
        purpose: One of the constants above.

    Reference: https://www.thesalmons.org/john/random123/papers/random123sc11.pdf (Philox)
    """
    key = np.array([seed, prompt], np.uint64)
    counter = np.array([0, 0, sample, purpose], np.uint64)  # the lower words count the draws
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
