"""TF-IDF: how often a text has each n-gram, and how telling the n-gram is.

As scikit-learn's `TfidfVectorizer(sublinear_tf=True)` computes it, with the n-grams of `ngrams`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hornbook.linear.ngrams import Units, keys_of, longest_ngram, unit_numbers

CHUNK = 8192  # texts counted at a time
LARGEST_KEY = int(np.iinfo("int64").max)
FEW = 1000  # with fewer texts, n-grams of a single one count too


class TfIdf:
    """A vocabulary of n-grams, and a row of weights for each text.

    Args:
        units: The units that n-grams are made of; the first has the number 1.
        keys: The sorted keys of the n-grams of each length.
        idf: The weight of each n-gram, in the order of `keys`, `(features,)`.

    Example:
        tf_idf, features = TfIdf.fit(["warm tea", "cold tea", "warm sun"])
        tf_idf.transform(["warm rain"])  # a SciPy matrix `(1, features)`
    """

    def __init__(self, units: Sequence[str], keys: Sequence[np.ndarray], idf: np.ndarray):
        self.units, self.keys, self.idf = list(units), list(keys), idf
        self._numbers = {unit: number for number, unit in enumerate(self.units, 1)}

    @classmethod
    def fit(cls, texts: Sequence[str], *, most_features: int = 2**20) -> tuple[TfIdf, Any]:
        """Learns which n-grams there are and how many texts have each.

        Args:
            texts: To learn from.
            most_features: Of all n-grams the ones of most texts are kept.

        Returns:
            The vocabulary, and the texts as `transform` gives them.
        """
        numbers: dict[str, int] = {}
        parts = [
            unit_numbers(texts[start : start + CHUNK], numbers, grow=True)
            for start in range(0, len(texts), CHUNK)
        ]
        least = 1 if len(texts) < FEW else 2
        keys, counts = [], []
        base = len(numbers) + 1
        for length in range(1, longest_ngram(texts) + 1):
            if base**length > LARGEST_KEY:
                break  # so many units that their keys do not fit
            found = [_texts_by_key(part, length, base) for part in parts]
            every = np.concatenate([key for key, _ in found])
            unique, places = np.unique(every, return_inverse=True)
            count = np.bincount(places, np.concatenate([n for _, n in found]), len(unique))
            keys.append(unique[count >= least])
            counts.append(count[count >= least])
        numbers_of_texts = np.concatenate(counts)
        if len(numbers_of_texts) > most_features:
            least = np.sort(numbers_of_texts)[-most_features - 1] + 1  # more than the next has
            keys = [key[count >= least] for key, count in zip(keys, counts, strict=True)]
            numbers_of_texts = numbers_of_texts[numbers_of_texts >= least]
        idf = np.log((1 + len(texts)) / (1 + numbers_of_texts)) + 1
        fitted = cls(list(numbers), keys, idf.astype("float32"))
        return fitted, fitted._features(parts)

    def transform(self, texts: Sequence[str]) -> Any:
        """The texts as rows of length 1 (of zeros without a known n-gram).

        Returns:
            A `scipy.sparse.csr_matrix` `(texts, features)`, float32.
        """
        return self._features(
            unit_numbers(texts[start : start + CHUNK], self._numbers)
            for start in range(0, len(texts), CHUNK)
        )

    def _features(self, parts: Iterable[Units]) -> Any:
        from scipy.sparse import csr_matrix, vstack

        matrices = [self._matrix(part) for part in parts]
        return vstack(matrices or [csr_matrix((0, len(self.idf)), dtype="float32")], "csr")

    def _matrix(self, part: Units) -> Any:
        from scipy.sparse import csr_matrix

        units, rows, texts = part
        columns, owners, first = [], [], 0
        for length, known in enumerate(self.keys, 1):
            keys, texts_of = keys_of(units, rows, length, len(self.units) + 1)
            places = np.searchsorted(known, keys)
            there = places < len(known)
            there[there] = known[places[there]] == keys[there]
            columns.append(places[there] + first)
            owners.append(texts_of[there])
            first += len(known)
        owner, column = np.concatenate(owners), np.concatenate(columns)
        counts = csr_matrix(
            (np.ones(len(column), "float32"), (owner, column)), (texts, len(self.idf))
        )
        counts.sum_duplicates()
        counts.data = (1 + np.log(counts.data)) * self.idf[counts.indices]
        return _unit_length(counts)


def scaled(features: Any, scale: np.ndarray) -> Any:
    """Rows of `TfIdf` with each feature times a number, of length 1 again.

    What `TfIdf` gives with its `idf` times these numbers.
    """
    features = features.copy()
    features.data *= scale[features.indices]
    return _unit_length(features)


def _unit_length(rows: Any) -> Any:
    norms = np.sqrt(rows.multiply(rows).sum(axis=1)).A1
    rows.data /= np.repeat(norms, np.diff(rows.indptr))
    return rows


def _texts_by_key(part: Units, length: int, base: int) -> tuple[np.ndarray, np.ndarray]:
    """The keys of one length, sorted, and in how many texts each stands."""
    keys, owners = keys_of(part.units, part.rows, length, base)
    order = np.argsort(keys, kind="stable")  # the texts of a key stay in order
    keys, owners = keys[order], owners[order]
    first = np.ones(len(keys), bool)
    first[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    return np.unique(keys[first], return_counts=True)
