from __future__ import annotations

import numpy as np

from hornbook.linear.ngram_matcher import fit_ngram_matcher
from hornbook.metrics import roc_auc


def test_pairs_that_share_words_are_told_from_others():
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
    asked, truth = pairs(60)
    found = fit_ngram_matcher(train, labels, asked)
    assert found.shape == (60,)
    assert ((found > 0) & (found < 1)).all()
    assert roc_auc(np.array(truth), found) > 0.95
