from __future__ import annotations

import numpy as np

from hornbook.linear.ngram_matcher import fit_ngram_matcher
from hornbook.metrics import roc_auc


def test_pairs_that_share_words_are_matches():
    random = np.random.default_rng(0)
    words = [f"w{number}" for number in range(40)]

    def pairs(count):
        rows, labels = [], []
        for number in range(count):
            source = random.choice(words, 5, replace=False)
            match = number % 2
            target = random.permutation(source)[:4] if match else random.choice(words, 4)
            rows.append((" ".join(source), " ".join(target)))
            labels.append(match)
        return rows, labels

    train, labels = pairs(200)
    queries, truth = pairs(60)
    probabilities = fit_ngram_matcher(train, labels, queries)
    assert probabilities.shape == (60,)
    assert ((probabilities > 0) & (probabilities < 1)).all()
    assert roc_auc(np.array(truth), probabilities) > 0.95
