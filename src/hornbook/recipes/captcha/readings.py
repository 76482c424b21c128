"""Decodes logits to strings: both heads of the captcha reader score the same candidates, in NumPy.

The slots propose their most probable strings, and the columns their greedy CTC decoding.  Each
candidate has a probability from the slots (a product) and one from the columns (the sum over all
alignments, by CTC's forward algorithm), and the product of both is its score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CANDIDATES = 16  # strings proposed by the slots
BRANCHES = 4  # characters per slot that are tried
IMPOSSIBLE = -1e9


@dataclass(frozen=True)
class Readings:
    """The candidate strings of a batch of images.

    Attributes:
        candidates: `(batch, candidates, slots)`, character indices from 1, padded with 0.
        probabilities: `(batch, candidates)`, with a sum of 1 per image.
    """

    candidates: np.ndarray
    probabilities: np.ndarray

    def best(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the most probable strings `(batch, slots)`, their probabilities `(batch,)`, and
        those of their characters `(batch, slots)`, summed over all candidates that agree there."""
        rows = np.arange(len(self.candidates))
        number = self.probabilities.argmax(axis=1)
        strings = self.candidates[rows, number]
        agree = self.candidates == strings[:, None]
        return (
            strings,
            self.probabilities[rows, number],
            np.einsum("bc,bcs->bs", self.probabilities, agree),
        )

    def of(self, labels: np.ndarray) -> np.ndarray:
        """Returns the probability of each label `(batch, slots)`; 0 if it is not a candidate."""
        same = (self.candidates == labels[:, None]).all(axis=2)
        return np.asarray((self.probabilities * same).sum(axis=1))


def read(logits: np.ndarray, num_slots: int, temperature: float = 1.0) -> Readings:
    """Scores the candidates of each image.

    Args:
        logits: `(batch, num_slots + columns, 1 + characters)`, from `captcha_reader`.
        num_slots: Number of rows that are slots.
        temperature: Above 1, probabilities are less confident; it does not change the best string.
    """
    log_probabilities = log_softmax(np.asarray(logits, np.float64))
    slots, columns = log_probabilities[:, :num_slots], log_probabilities[:, num_slots:]
    candidates = _likely_strings(slots)
    if columns.shape[1]:
        greedy = _greedy_strings(columns, num_slots)[:, None]
        is_duplicate = (candidates == greedy).all(axis=2).any(axis=1)
        candidates = np.concatenate([candidates, greedy], axis=1)
    scores = np.take_along_axis(slots[:, None], candidates[..., None], axis=3)[..., 0].sum(axis=2)
    if columns.shape[1]:
        scores = scores + ctc_log_probabilities(columns, candidates)
        scores[is_duplicate, -1] = IMPOSSIBLE
    is_padding = np.cumsum(candidates == 0, axis=2) > 0  # no character may follow the end
    scores[(is_padding & (candidates != 0)).any(axis=2)] = IMPOSSIBLE
    scores /= temperature
    probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
    return Readings(candidates, probabilities / probabilities.sum(axis=1, keepdims=True))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the log softmax over the last axis."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)))


def _likely_strings(slots: np.ndarray) -> np.ndarray:
    """Returns the most probable strings of the slots, best first, `(batch, candidates, slots)`."""
    batch, num_slots, characters = slots.shape
    branches = min(BRANCHES, characters)
    strings = np.zeros((batch, 1, 0), np.int64)
    scores = np.zeros((batch, 1))
    for slot in range(num_slots):
        characters_here = np.argsort(-slots[:, slot], axis=1)[:, :branches]
        own_scores = np.take_along_axis(slots[:, slot], characters_here, axis=1)
        longer = (scores[:, :, None] + own_scores[:, None]).reshape(batch, -1)
        best = np.argsort(-longer, axis=1, kind="stable")[:, :CANDIDATES]
        scores = np.take_along_axis(longer, best, axis=1)
        before = np.take_along_axis(strings, (best // branches)[..., None], axis=1)
        new = np.take_along_axis(characters_here, best % branches, axis=1)
        strings = np.concatenate([before, new[..., None]], axis=2)
    return strings


def _greedy_strings(columns: np.ndarray, num_slots: int) -> np.ndarray:
    """Returns the greedy CTC decoding of the columns, `(batch, slots)`, truncated if too long."""
    best = columns.argmax(axis=2)
    strings = np.zeros((len(best), num_slots), np.int64)
    for string, row in zip(strings, best, strict=True):
        new = row[(row != 0) & np.append(True, row[1:] != row[:-1])][:num_slots]
        string[: len(new)] = new
    return strings


def ctc_log_probabilities(columns: np.ndarray, strings: np.ndarray) -> np.ndarray:
    """Computes the probability of each string by CTC's forward algorithm.

    Args:
        columns: Log probabilities, `(batch, columns, 1 + characters)`; index 0 is the blank.
        strings: `(batch, candidates, slots)`, padded with 0.

    Returns:
        Log probabilities, `(batch, candidates)`.

    Reference: https://www.cs.toronto.edu/~graves/icml_2006.pdf
    """
    batch, count, slots = strings.shape
    path = np.zeros((batch, count, 2 * slots + 1), np.int64)  # a blank around each character
    path[:, :, 1::2] = strings
    lengths = (strings != 0).sum(axis=2)
    jumps = np.zeros(path.shape, bool)  # a character may follow another without a blank
    jumps[:, :, 2:] = (path[:, :, 2:] != 0) & (path[:, :, 2:] != path[:, :, :-2])
    rows = np.arange(batch)[:, None, None]
    emissions = [columns[rows, column, path] for column in range(columns.shape[1])]
    alpha = np.full(path.shape, IMPOSSIBLE)
    alpha[:, :, :2] = emissions[0][:, :, :2]
    for emission in emissions[1:]:
        stay = alpha
        step = np.full(path.shape, IMPOSSIBLE)
        step[:, :, 1:] = alpha[:, :, :-1]
        jump = np.full(path.shape, IMPOSSIBLE)
        jump[:, :, 2:] = np.where(jumps[:, :, 2:], alpha[:, :, :-2], IMPOSSIBLE)
        alpha = np.logaddexp(np.logaddexp(stay, step), jump) + emission
    last = 2 * lengths[..., None]
    end = np.take_along_axis(alpha, last, axis=2)[..., 0]
    before = np.take_along_axis(alpha, np.maximum(last - 1, 0), axis=2)[..., 0]
    return np.where(lengths > 0, np.logaddexp(end, before), end)


def fit_temperature(logits: np.ndarray, num_slots: int, labels: np.ndarray) -> float:
    """Returns the temperature, from 1 to 8, with the highest likelihood of labeled images.

    If all readings are right, as with few images, the likelihood grows without limit as confidence
    does; so the temperature never makes readings more confident than they are.
    """
    temperatures = np.geomspace(1, 8, 13)
    base = read(logits, num_slots)
    with np.errstate(divide="ignore"):
        scores = np.log(base.probabilities)
    losses = []
    for temperature in temperatures:
        weights = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
        readings = Readings(base.candidates, weights / weights.sum(axis=1, keepdims=True))
        losses.append(-np.log(np.clip(readings.of(labels), 1e-3, 1)).mean())
    return float(temperatures[int(np.argmin(losses))])
