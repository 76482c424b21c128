"""Random numbers that belong to a text, not to its row in a batch."""

from __future__ import annotations

import numpy as np

# the purpose of a stream: two uses of one stream would not be independent of each other
GENERATING, ACCEPTING, DRAFTING = range(3)


def stream(seed: int, prompt: int, sample: int, purpose: int = GENERATING) -> np.random.Generator:
    """Returns the random numbers of one text.

    Step `i` of the text uses the `i`-th number, so samples depend only on these four arguments and
    `i`: not on the other texts, nor on the number of samples.

    Args:
        seed: Of the request, below 2^64.
        prompt: Index of the prompt in the request.
        sample: Index of the text among those of this prompt.
        purpose: One of the constants above.

    Reference: https://www.thesalmons.org/john/random123/papers/random123sc11.pdf (Philox)
    """
    key = np.array([seed, prompt], np.uint64)
    counter = np.array([0, 0, sample, purpose], np.uint64)  # the lower words count the draws
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
