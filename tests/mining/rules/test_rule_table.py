from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hornbook.errors import OptionError
from hornbook.mining import association_rules, frequent_itemsets
from hornbook.mining.rules.significance import correct

BASKETS = st.lists(st.lists(st.sampled_from("abcde"), min_size=1), min_size=2, max_size=20)
SHOP = [["milk", "bread"], ["milk", "bread", "jam"], ["bread"], ["milk"], ["jam", "bread"]]


def rules_by_hand(supports, confidence_percent, only_one):
    rules = {}
    for whole, both in supports.items():
        for size in range(1, len(whole)):
            for consequent in map(frozenset, combinations(sorted(whole), size)):
                antecedent = whole - consequent
                if only_one and size > 1:
                    continue
                if 100 * both >= confidence_percent * supports[antecedent]:
                    rules[antecedent, consequent] = both
    return rules


def as_dict(rules):
    counts = rules.counts.tolist()
    return {(frozenset(a), frozenset(c)): n for (a, c), n in zip(rules, counts, strict=True)}


@given(BASKETS, st.integers(0, 100), st.sampled_from(["one", "any"]))
def test_all_confident_rules_are_found_and_no_others(baskets, percent, consequents):
    itemsets = frequent_itemsets(baskets, 1)
    rules = association_rules(itemsets, percent / 100, consequents=consequents)
    expected = rules_by_hand(itemsets.to_dict(), percent, consequents == "one")
    assert as_dict(rules) == expected
    assert len(rules) == len(expected)


@given(BASKETS)
def test_measures_equal_their_formulas(baskets):
    itemsets = frequent_itemsets(baskets, 1)
    supports = itemsets.to_dict()
    n = len(baskets)
    rules = association_rules(itemsets, 0, consequents="any")
    measures = rules.measures()
    for i, (antecedent, consequent) in enumerate(rules):
        a, c = supports[frozenset(antecedent)] / n, supports[frozenset(consequent)] / n
        b = supports[frozenset(antecedent + consequent)] / n
        confidence = b / a
        expected = {
            "support": b,
            "confidence": confidence,
            "lift": b / (a * c),
            "leverage": b - a * c,
            "conviction": math.inf if b == a else (1 - c) / (1 - confidence),
            "jaccard": b / (a + c - b),
            "kulczynski": 0.5 * (b / a + b / c),
            "imbalance": abs(a - c) / (a + c - b),
        }
        for name, value in expected.items():
            assert measures[name][i] == pytest.approx(value, abs=1e-12), name
        scale = max(b * (1 - a), a * (c - b))
        zhang = (b - a * c) / scale if scale > 1e-12 else 0
        assert measures["zhang"][i] == pytest.approx(zhang, abs=1e-9)
        change = confidence - c
        certainty = change / (1 - c if change > 0 else c) if abs(change) > 1e-12 else 0
        assert measures["certainty"][i] == pytest.approx(certainty, abs=1e-9)


def test_measures_equal_those_of_mlxtend():
    patterns = pytest.importorskip("mlxtend.frequent_patterns", reason="compares with mlxtend")
    itemsets = frequent_itemsets(SHOP * 3 + [["jam"]], 1)
    theirs = patterns.association_rules(
        itemsets.to_pandas(), metric="confidence", min_threshold=0.4
    ).set_index(["antecedents", "consequents"])
    ours = association_rules(itemsets, 0.4, consequents="any").to_pandas()
    ours = ours.set_index(["antecedents", "consequents"])
    assert set(ours.index) == set(theirs.index)
    # mlxtend's certainty of a rule that makes its consequent less likely is not bounded by -1
    names = [name for name in theirs.columns if name in ours.columns and name != "certainty"]
    assert len(names) >= 10
    theirs = theirs.loc[ours.index, names].to_numpy(float)
    np.testing.assert_allclose(ours[names].to_numpy(float), theirs, atol=1e-12)


@pytest.mark.parametrize("shape", ["small", "large"])
def test_fisher_equals_the_hypergeometric_tail(shape):
    rng = np.random.default_rng(3)
    from hornbook.mining.rules.significance import fisher

    total = 30 if shape == "small" else 100_000
    a, c = rng.integers(1, total, (2, 200))
    low, high = np.maximum(0, a + c - total), np.minimum(a, c)
    both = low + (rng.random(200) * (high - low + 1)).astype(int)
    p_values = fisher(both, a, c, total)
    if shape == "small":
        expected = [
            sum(math.comb(x, k) * math.comb(total - x, y - k) for k in range(b, min(x, y) + 1))
            / math.comb(total, y)
            for b, x, y in zip(both.tolist(), a.tolist(), c.tolist(), strict=True)
        ]
    else:
        stats = pytest.importorskip("scipy.stats", reason="compares with SciPy")
        expected = stats.hypergeom.sf(both - 1, total, a, c)
    np.testing.assert_allclose(p_values, expected, rtol=1e-6, atol=1e-12)


def test_chi_square_equals_the_textbook_statistic():
    from hornbook.mining.rules.significance import chi2

    # 2 x 2 table 30 10 / 20 40: statistic 100 (30 * 40 - 10 * 20)^2 / (40 * 60 * 50 * 50)
    statistic = 100 * (30 * 40 - 10 * 20) ** 2 / (40 * 60 * 50 * 50)
    p_values = chi2(np.array([30]), np.array([40]), np.array([50]), 100)
    assert p_values[0] == pytest.approx(math.erfc(math.sqrt(statistic / 2)), rel=1e-12)
    assert chi2(np.array([50]), np.array([100]), np.array([50]), 100)[0] == 1


def test_corrections_have_textbook_values():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert correct(p, "none").tolist() == p.tolist()
    np.testing.assert_allclose(correct(p, "bonferroni"), [0.04, 0.16, 0.12, 0.02])
    np.testing.assert_allclose(correct(p, "holm"), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(correct(p, "benjamini-hochberg"), [0.02, 0.04, 0.04, 0.02])
    np.testing.assert_allclose(correct(p, "bonferroni", tests=10), [0.1, 0.4, 0.3, 0.05])


# abd -> c is no more confident than a -> c, though all rules between them are weaker than 0.3
@example([list(letters) for letters in ("ab", "abd", "ac", "ad", "bd", "abcd", "abd")])
@given(BASKETS)
def test_a_rule_is_redundant_if_a_shorter_one_is_as_confident(baskets):
    itemsets = frequent_itemsets(baskets, 1)
    supports = itemsets.to_dict()
    rules = association_rules(itemsets, 0.3, consequents="any")
    n = len(baskets)

    def confidence(antecedent, consequent):
        base = supports[antecedent] if antecedent else n
        return supports[antecedent | consequent] / base

    expected = {
        (a, c)
        for a, c in as_dict(rules)
        if not any(
            confidence(frozenset(shorter), c) >= confidence(a, c)
            for size in range(len(a))
            for shorter in combinations(sorted(a), size)
        )
    }
    assert set(as_dict(rules.without_redundant())) == expected


def test_rules_can_be_selected_by_item():
    rules = association_rules(frequent_itemsets(SHOP, 1), 0, consequents="any")
    leading = rules.take(rules.with_item("jam", "consequent"))
    assert len(leading)
    assert all("jam" in consequent for _, consequent in leading)
    either = rules.take(rules.with_item("jam"))
    assert len(either) == sum("jam" in a + c for a, c in rules)
    with pytest.raises(OptionError, match="Did you mean 'bread'"):
        rules.with_item("braed")


def test_the_best_rules_come_first():
    rules = association_rules(frequent_itemsets(SHOP, 1), 0).sorted_by("lift")
    lifts = rules.measure("lift")
    assert (np.diff(lifts) <= 0).all()
    with pytest.raises(OptionError, match="Known: "):
        rules.sorted_by("beauty")


def test_rules_need_all_itemsets():
    closed = frequent_itemsets(SHOP, 1, kind="closed")
    with pytest.raises(OptionError, match="kind='all'"):
        association_rules(closed)


@pytest.mark.parametrize("options", [{"min_confidence": 1.2}, {"consequents": "two"}, {"limit": 1}])
def test_unknown_options_are_refused(options):
    itemsets = frequent_itemsets(SHOP, 1)
    with pytest.raises(OptionError):
        association_rules(itemsets, **({"min_confidence": 0} | options))


def test_without_itemsets_there_are_no_rules():
    rules = association_rules(frequent_itemsets([["a"], ["b"]], 2))
    assert len(rules) == 0
    assert rules.to_pandas().shape[0] == 0
