"""TF-IDF: how often a text has each n-gram, and how telling the n-gram is.

As scikit-learn's `TfidfVectorizer(sublinear_tf=True)` computes it, with the n-grams of `ngrams`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbook.linear.ngrams import keys_of, longest_ngram, unit_numbers

CHUNK = 8192  # texts counted at a time
FEW = 1000  # with fewer texts, n-grams of a single one count too


class TfIdf:
    """A vocabulary of n-grams, and a row of weights for each text.

    Args:
        units: The units that n-grams are made of; the first has the number 1.
        keys: The sorted keys of the n-grams of each length.
        idf: The weight of each n-gram, in the order of `keys`, `(features,)`.

    Example:
        tf_idf = TfIdf.fit(["warm tea", "cold tea", "warm sun"])
        tf_idf.transform(["warm rain"])  # a SciPy matrix `(1, features)`
    """

    def __init__(self, units: Sequence[str], keys: Sequence[np.ndarray], idf: np.ndarray):
        self.units, self.keys, self.idf = list(units), list(keys), idf
        self._numbers = {unit: number for number, unit in enumerate(self.units, 1)}

    @classmethod
    def fit(cls, texts: Sequence[str], *, most_features: int = 2**20) -> TfIdf:
        """Learns which n-grams there are and how many texts have each.

        Args:
            texts: To learn from.
            most_features: Of all n-grams the ones of most texts are kept.
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
            if base**length > np.iinfo("int64").max:
                break  # so many units that their keys do not fit
            found = [_texts_by_key(units, rows, length, base) for units, rows in parts]
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
        return cls(list(numbers), keys, idf.astype("float32"))

    def transform(self, texts: Sequence[str]) -> Any:
        """The texts as rows of length 1 (of zeros without a known n-gram).

        Returns:
            A `scipy.sparse.csr_matrix` `(texts, features)`, float32.
        """
        from scipy.sparse import vstack

        starts = range(0, len(texts), CHUNK) or [0]
        return vstack([self._transform(texts[start : start + CHUNK]) for start in starts], "csr")

    def _transform(self, texts: Sequence[str]) -> Any:
        from scipy.sparse import csr_matrix

        units, rows = unit_numbers(texts, self._numbers)
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
            (np.ones(len(column), "float32"), (owner, column)), (len(texts), len(self.idf))
        )
        counts.sum_duplicates()
        counts.data = (1 + np.log(counts.data)) * self.idf[counts.indices]
        norms = np.sqrt(counts.multiply(counts).sum(axis=1)).A1
        counts.data /= np.repeat(norms, np.diff(counts.indptr))
        return counts


def _texts_by_key(units, rows, length, base) -> tuple[np.ndarray, np.ndarray]:
    """The keys of one length, sorted, and in how many texts each stands."""
    keys, owners = keys_of(units, rows, length, base)
    order = np.argsort(keys, kind="stable")  # the texts of a key stay in order
    keys, owners = keys[order], owners[order]
    first = np.ones(len(keys), bool)
    first[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    return np.unique(keys[first], return_counts=True)
