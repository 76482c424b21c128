"""Logits -> strings: both heads of the captcha reader weigh the same candidates, in NumPy.

The slots propose their best strings, the columns the one they spell; each candidate then has a
probability from the slots (a product) and one from the columns (the sum over all ways to spell
it, CTC's forward algorithm), and the product of the two decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CANDIDATES = 16  # strings that the slots propose
BRANCHES = 4  # characters of a slot that are tried
IMPOSSIBLE = -1e9


@dataclass(frozen=True)
class Readings:
    """What a batch of images says.

    Attributes:
        candidates: `(batch, candidates, slots)`, numbers of characters, zeros behind the last.
        probabilities: `(batch, candidates)`, which sum up to 1.
    """

    candidates: np.ndarray
    probabilities: np.ndarray

    def best(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The most probable strings `(batch, slots)`, their probabilities `(batch,)`, and those
        of their characters `(batch, slots)`: of all candidates that agree in the place."""
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
        """The probability of each label `(batch, slots)`; 0 when it is no candidate."""
        same = (self.candidates == labels[:, None]).all(axis=2)
        return np.asarray((self.probabilities * same).sum(axis=1))


def read(logits: np.ndarray, num_slots: int, temperature: float = 1.0) -> Readings:
    """Weighs the candidates of each image.

    Args:
        logits: `(batch, num_slots + columns, 1 + characters)`, from `captcha_reader`.
        num_slots: The rows that are slots.
        temperature: Above 1 the probabilities are less sure; it changes no answer.
    """
    log_probabilities = log_softmax(np.asarray(logits, np.float64))
    slots, columns = log_probabilities[:, :num_slots], log_probabilities[:, num_slots:]
    candidates = _likely_strings(slots)
    if columns.shape[1]:
        spelled = _spelled(columns, num_slots)[:, None]
        again = (candidates == spelled).all(axis=2).any(axis=1)
        candidates = np.concatenate([candidates, spelled], axis=1)
    scores = np.take_along_axis(slots[:, None], candidates[..., None], axis=3)[..., 0].sum(axis=2)
    if columns.shape[1]:
        scores = scores + ctc_log_probabilities(columns, candidates)
        scores[again, -1] = IMPOSSIBLE
    ended = np.cumsum(candidates == 0, axis=2) > 0  # nothing may stand behind an end
    scores[(ended & (candidates != 0)).any(axis=2)] = IMPOSSIBLE
    scores /= temperature
    probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
    return Readings(candidates, probabilities / probabilities.sum(axis=1, keepdims=True))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _likely_strings(slots: np.ndarray) -> np.ndarray:
    """The strings that the slots find most probable, best first: `(batch, candidates, slots)`."""
    batch, num_slots, characters = slots.shape
    branches = min(BRANCHES, characters)
    strings = np.zeros((batch, 1, 0), np.int64)
    scores = np.zeros((batch, 1))
    for slot in range(num_slots):
        tried = np.argsort(-slots[:, slot], axis=1)[:, :branches]
        added = np.take_along_axis(slots[:, slot], tried, axis=1)
        longer = (scores[:, :, None] + added[:, None]).reshape(batch, -1)
        kept = np.argsort(-longer, axis=1, kind="stable")[:, :CANDIDATES]
        scores = np.take_along_axis(longer, kept, axis=1)
        before = np.take_along_axis(strings, (kept // branches)[..., None], axis=1)
        new = np.take_along_axis(tried, kept % branches, axis=1)
        strings = np.concatenate([before, new[..., None]], axis=2)
    return strings


def _spelled(columns: np.ndarray, num_slots: int) -> np.ndarray:
    """The string of the columns' best characters, `(batch, slots)`, cut where it is too long."""
    best = columns.argmax(axis=2)
    strings = np.zeros((len(best), num_slots), np.int64)
    for string, row in zip(strings, best, strict=True):
        new = row[(row != 0) & np.append(True, row[1:] != row[:-1])][:num_slots]
        string[: len(new)] = new
    return strings


def ctc_log_probabilities(columns: np.ndarray, strings: np.ndarray) -> np.ndarray:
    """The probability of each string by CTC's forward algorithm.

    Args:
        columns: Log probabilities, `(batch, columns, 1 + characters)`, number 0 being the blank.
        strings: `(batch, candidates, slots)`, zeros behind the last character.

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
    emitted = [columns[rows, now, path] for now in range(columns.shape[1])]
    alpha = np.full(path.shape, IMPOSSIBLE)
    alpha[:, :, :2] = emitted[0][:, :, :2]
    for now in range(1, columns.shape[1]):
        stay = alpha
        step = np.full(path.shape, IMPOSSIBLE)
        step[:, :, 1:] = alpha[:, :, :-1]
        jump = np.full(path.shape, IMPOSSIBLE)
        jump[:, :, 2:] = np.where(jumps[:, :, 2:], alpha[:, :, :-2], IMPOSSIBLE)
        alpha = np.logaddexp(np.logaddexp(stay, step), jump) + emitted[now]
    last = 2 * lengths[..., None]
    end = np.take_along_axis(alpha, last, axis=2)[..., 0]
    before = np.take_along_axis(alpha, np.maximum(last - 1, 0), axis=2)[..., 0]
    return np.where(lengths > 0, np.logaddexp(end, before), end)


def fit_temperature(logits: np.ndarray, num_slots: int, labels: np.ndarray) -> float:
    """The temperature whose probabilities fit labelled images best, from 1 to 8.

    Where every answer is right, as on few images, the likelihood would ask for ever more
    certainty; so it is never made surer than it is.
    """
    tried = np.geomspace(1, 8, 13)
    base = read(logits, num_slots)
    with np.errstate(divide="ignore"):
        scores = np.log(base.probabilities)
    losses = []
    for temperature in tried:
        scaled = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
        weighed = Readings(base.candidates, scaled / scaled.sum(axis=1, keepdims=True))
        losses.append(-np.log(np.clip(weighed.of(labels), 1e-3, 1)).mean())
    return float(tried[int(np.argmin(losses))])
