"""Sessions without a model: a function gives the logits after each prefix."""

from __future__ import annotations

import numpy as np
import pytest


class ToySession:
    """A session whose logits are any function of the whole prefix.

    It knows what each row has, and complains about what a compiled session could not do.
    """

    def __init__(self, next_logits, prompts, positions=10_000, features=None):
        self._next_logits = next_logits
        self._features = features
        self._positions = positions
        self.rows = [tuple(int(token) for token in prompt) for prompt in prompts]
        self.calls = []
        self._rewound = False
        self.logits = self._all_logits()
        if features is not None:
            self.prompt_hidden = [
                np.array([features(row[: end + 1]) for end in range(len(row))], np.float32)
                for row in self.rows
            ]
            self.hidden = self._all_hidden()

    @property
    def positions_left(self):
        return self._positions - max(len(row) for row in self.rows)

    def advance(self, token_ids):
        assert isinstance(token_ids, np.ndarray)
        assert token_ids.dtype == np.int32
        assert len(token_ids) == len(self.rows)
        columns = token_ids[:, None] if token_ids.ndim == 1 else token_ids
        assert self.positions_left >= columns.shape[1]
        self.calls.append(("advance", token_ids.shape))
        outputs = []
        for column in columns.T:
            self.rows = [(*row, int(token)) for row, token in zip(self.rows, column, strict=True)]
            outputs.append(self._all_logits())
        self.logits = outputs[-1]
        self._rewound = False
        if self._features is not None:
            self.hidden = self._all_hidden()
        return self.logits if token_ids.ndim == 1 else np.stack(outputs, axis=1)

    def reorder(self, rows):
        assert not self._rewound
        self.calls.append(("reorder", len(rows)))
        self.rows = [self.rows[row] for row in rows]
        self.logits = self.logits[rows]
        self.logits.flags.writeable = False
        if self._features is not None:
            self.hidden = self.hidden[rows]

    def rewind(self, counts):
        assert len(counts) == len(self.rows)
        assert (counts >= 0).all()
        self.calls.append(("rewind", tuple(counts)))
        self.rows = [row[: len(row) - count] for row, count in zip(self.rows, counts, strict=True)]
        self.logits = np.full_like(self.logits, np.nan)
        self._rewound = True

    def _all_logits(self):
        logits = np.array([self._next_logits(row) for row in self.rows], np.float32)
        logits.flags.writeable = False
        return logits

    def _all_hidden(self):
        return np.array([self._features(row) for row in self.rows], np.float32)


class RandomModel:
    """Random logits and hidden states, always the same for the same prefix."""

    def __init__(self, vocabulary_size, seed=0, spread=2.0, memory=None):
        self.vocabulary_size = vocabulary_size
        self._seed, self._spread, self._memory = seed, spread, memory
        self._known = {}

    def __call__(self, prefix):
        prefix = prefix if self._memory is None else prefix[-self._memory :]
        if prefix not in self._known:
            random = np.random.default_rng([self._seed, len(prefix), *prefix])
            logits = random.normal(0, self._spread, self.vocabulary_size)
            self._known[prefix] = logits.astype(np.float32)
        return self._known[prefix]

    def features(self, prefix):
        random = np.random.default_rng([self._seed + 1, len(prefix), *prefix])
        return random.normal(0, 1, 5) + 0.5

    def log_probabilities(self, prefix):
        logits = self(prefix).astype(np.float64)
        return logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())

    def session(self, prompts, **options):
        return ToySession(self, prompts, **options)


class TableModel(RandomModel):
    """Probabilities by the new tokens after a prompt of one token."""

    def __init__(self, table, default):
        super().__init__(len(default))
        self._table, self._default = table, default

    def __call__(self, prefix):
        with np.errstate(divide="ignore"):
            return np.log(np.array(self._table.get(prefix[1:], self._default), np.float32))


@pytest.fixture(scope="session")
def random_model():
    """Returns a function that makes a `RandomModel`."""
    return RandomModel


@pytest.fixture(scope="session")
def table_model():
    """Returns a function that makes a `TableModel`."""
    return TableModel


@pytest.fixture(scope="session")
def toy_session():
    """Returns a function that makes a `ToySession`."""
    return ToySession
