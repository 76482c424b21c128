from __future__ import annotations

import numpy as np
import pytest

from hornbook.linear import tf_idf as module
from hornbook.linear.ngrams import units_of
from hornbook.linear.tf_idf import TfIdf

WORDS = ["sun", "Tea", "ice", "rain", "the", "of", "and", "x", "!"]


def sentences(count: int, words=WORDS, join=" "):
    random = np.random.default_rng(0)
    return [join.join(random.choice(words, random.integers(1, 9))) for _ in range(count)]


def reference(texts, longest, least):
    """Returns scikit-learn's features of the same n-grams."""
    text = pytest.importorskip("sklearn.feature_extraction.text")

    def ngrams(one):
        units = units_of(one)
        return [
            tuple(units[start : start + length])
            for length in range(1, longest + 1)
            for start in range(len(units) - length + 1)
        ]

    return text.TfidfVectorizer(analyzer=ngrams, min_df=least, sublinear_tf=True).fit(texts)


@pytest.mark.parametrize(
    ("words", "join", "longest"), [(WORDS, " ", 2), (list("物流很快书也好"), "", 3)]
)
@pytest.mark.parametrize("least", [1, 2])
def test_features_are_those_of_scikit_learn(monkeypatch, words, join, longest, least):
    monkeypatch.setattr(module, "CHUNK", 7)
    monkeypatch.setattr(module, "FEW", 1000 if least == 1 else 0)
    texts, new = sentences(60, words, join), [*sentences(9, [*words, "new"], join), "", "?"]
    (tf_idf, features), expected = TfIdf.fit(texts), reference(texts, longest, least)
    ours, theirs = tf_idf.transform(new).toarray(), expected.transform(new).toarray()
    ngrams = [
        tuple(_units(tf_idf, key, length))
        for length, keys in enumerate(tf_idf.keys, 1)
        for key in keys
    ]
    assert set(ngrams) == set(expected.vocabulary_)
    order = [expected.vocabulary_[ngram] for ngram in ngrams]
    np.testing.assert_allclose(ours, theirs[:, order], atol=1e-6)
    assert abs(features - tf_idf.transform(texts)).max() < 1e-6


def _units(tf_idf, key, length):
    base, units = len(tf_idf.units) + 1, []
    for _ in range(length):
        key, number = divmod(int(key), base)
        units.append(tf_idf.units[number - 1])
    return units[::-1]


def test_the_ngrams_of_most_texts_are_kept():
    texts = ["a b", "a c", "a d", "a b"]
    tf_idf, _ = TfIdf.fit(texts, most_features=3)
    assert tf_idf.transform(["a", "b", "a b", "c"]).getnnz(axis=1).tolist() == [1, 1, 3, 0]
    assert len(TfIdf.fit(texts, most_features=1)[0].idf) == 1


def test_no_texts_are_no_rows_and_no_units_no_features():
    tf_idf, _ = TfIdf.fit(["a b", "a"])
    assert tf_idf.transform([]).shape == (0, 3)
    assert TfIdf.fit(["", " "])[0].transform(["a", ""]).shape == (2, 0)


def test_ngrams_whose_keys_would_overflow_are_left_out(monkeypatch):
    text = "很快书也好"
    assert len(TfIdf.fit([text, text])[0].keys) == 3
    monkeypatch.setattr(module, "LARGEST_KEY", (len(text) + 1) ** 2)
    assert len(TfIdf.fit([text, text])[0].keys) == 2
