"""TF-IDF features of n-grams.

The formula is that of scikit-learn's `TfidfVectorizer(sublinear_tf=True)`, with the n-grams of
`ngrams`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hornbook.linear.ngrams import Units, keys_of, longest_ngram, unit_numbers

CHUNK = 8192  # texts counted at a time
LARGEST_KEY = int(np.iinfo("int64").max)
FEW = 1000  # with fewer texts, n-grams that occur in only one are kept too


class TfIdf:
    """A vocabulary of n-grams with their inverse document frequencies.

    Args:
        units: The units of the n-grams; the first has index 1.
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
        """Learns the vocabulary of n-grams and their document frequencies.

        Args:
            texts: The training texts.
            most_features: Maximum number of n-grams; the most frequent ones are kept.

        Returns:
            The vocabulary, and the transformed texts.
        """
        numbers: dict[str, int] = {}
        parts = [
            unit_numbers(texts[start : start + CHUNK], numbers, grow=True)
            for start in range(0, len(texts), CHUNK)
        ]
        minimum = 1 if len(texts) < FEW else 2
        keys, counts = [], []
        base = len(numbers) + 1
        for length in range(1, longest_ngram(texts) + 1):
            if base**length > LARGEST_KEY:
                break  # keys would overflow
            frequencies = [_texts_by_key(part, length, base) for part in parts]
            every = np.concatenate([key for key, _ in frequencies])
            unique, places = np.unique(every, return_inverse=True)
            count = np.bincount(places, np.concatenate([n for _, n in frequencies]), len(unique))
            keys.append(unique[count >= minimum])
            counts.append(count[count >= minimum])
        numbers_of_texts = np.concatenate(counts)
        if len(numbers_of_texts) > most_features:
            minimum = np.sort(numbers_of_texts)[-most_features - 1] + 1
            keys = [key[count >= minimum] for key, count in zip(keys, counts, strict=True)]
            numbers_of_texts = numbers_of_texts[numbers_of_texts >= minimum]
        idf = np.log((1 + len(texts)) / (1 + numbers_of_texts)) + 1
        fitted = cls(list(numbers), keys, idf.astype("float32"))
        return fitted, fitted._features(parts)

    def transform(self, texts: Sequence[str]) -> Any:
        """Transforms texts to rows of unit norm (zeros without any known n-gram).

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
            is_known = places < len(known)
            is_known[is_known] = known[places[is_known]] == keys[is_known]
            columns.append(places[is_known] + first)
            owners.append(texts_of[is_known])
            first += len(known)
        owner, column = np.concatenate(owners), np.concatenate(columns)
        counts = csr_matrix(
            (np.ones(len(column), "float32"), (owner, column)), (texts, len(self.idf))
        )
        counts.sum_duplicates()
        counts.data = (1 + np.log(counts.data)) * self.idf[counts.indices]
        return _unit_length(counts)


def scaled(features: Any, scale: np.ndarray) -> Any:
    """Scales the features of `TfIdf` rows and normalizes the rows again.

    The result is that of `TfIdf` with its `idf` times these numbers.
    """
    features = features.copy()
    features.data *= scale[features.indices]
    return _unit_length(features)


def _unit_length(rows: Any) -> Any:
    norms = np.sqrt(rows.multiply(rows).sum(axis=1)).A1
    rows.data /= np.repeat(norms, np.diff(rows.indptr))
    return rows


def _texts_by_key(part: Units, length: int, base: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sorted keys of one length, and the number of texts with each."""
    keys, owners = keys_of(part.units, part.rows, length, base)
    order = np.argsort(keys, kind="stable")  # the texts of a key stay in order
    keys, owners = keys[order], owners[order]
    first = np.ones(len(keys), bool)
    first[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    return np.unique(keys[first], return_counts=True)
