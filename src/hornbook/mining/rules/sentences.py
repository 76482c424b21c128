"""Rules as sentences, tables and charts, and the HTML report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.mining.itemsets import Itemsets
from hornbook.mining.rules.rule_table import Rules
from hornbook.report import Page, network_chart, scatter_chart

POINTS = 2_000
ARROWS = 40


def names(items: Sequence[Any]) -> str:
    """Returns `milk, butter`."""
    return ", ".join(map(str, items))


def in_words(items: Sequence[Any]) -> str:
    """Returns `bread, milk and butter`."""
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last


def number_of_baskets(number: int) -> str:
    """Returns `1 basket` or `2 baskets`."""
    return f"{number:,} basket{'' if number == 1 else 's'}"


def sentence(rules: Rules, index: int) -> str:
    """Returns one rule as a sentence."""
    antecedent, consequent = rules[index]
    shares = rules.take(np.array([index])).measures()
    lift = float(shares["lift"][0])
    comparison = (
        f"{lift:.2g} times as often as by chance" if lift >= 1.05 or lift < 0.95 else "as by chance"
    )
    count = number_of_baskets(int(rules.counts[index]))
    return (
        f"Of the baskets with {in_words(antecedent)}, {float(shares['confidence'][0]):.0%} also "
        f"have {in_words(consequent)}: {comparison}, in {count}."
    )


def rule_rows(rules: Rules, top: int) -> list[list[Any]]:
    """Returns the first `top` rules as rows: both sides, baskets, support, confidence, lift."""
    rules = rules.take(np.arange(min(top, len(rules))))
    measures = [rules.measure(name).tolist() for name in ("support", "confidence", "lift")]
    return [
        [names(antecedent), names(consequent), count, *values]
        for (antecedent, consequent), count, *values in zip(
            rules, rules.counts.tolist(), *measures, strict=True
        )
    ]


def itemset_rows(itemsets: Itemsets, top: int) -> list[list[Any]]:
    """Returns the `top` most frequent itemsets as rows: items, baskets, support."""
    order = np.argsort(-itemsets.counts, kind="stable")[:top].tolist()
    return [
        [names(itemsets[index]), int(itemsets.counts[index]), float(itemsets.supports[index])]
        for index in order
    ]


def report(itemsets: Itemsets, rules: Rules, title: str, facts: Mapping[str, Any], top: int) -> str:
    """Returns an HTML page: settings, the best rules in words, charts and tables.

    Args:
        itemsets: The frequent itemsets.
        rules: The rules, best first.
        title: Usually the name of the file.
        facts: Settings and notes.
        top: Maximum number of rules and of itemsets to list.
    """
    page = Page(
        f"Rules in {title}",
        subtitle=f"{itemsets.total:,} baskets, {len(itemsets):,} itemsets, {len(rules):,} rules",
    )
    page.add_key_values(facts)
    if len(rules):
        page.add_heading("In words")
        page.add_text("\n\n".join(sentence(rules, i) for i in range(min(5, len(rules)))))
        page.add_heading("Charts")
        page.add_chart(_scatter(rules), _scatter_caption(rules))
        page.add_chart(
            _network(rules),
            "The first rules: an arrow from each item of the antecedent to each of the consequent",
        )
        page.add_heading("Rules")
        page.add_table(
            _in_decimals(rule_rows(rules, top)),
            ["baskets with", "also have", "baskets", "support", "confidence", "lift"],
            align="llrrrr",
        )
    page.add_heading("Most frequent itemsets")
    frequent = _in_decimals(itemset_rows(itemsets, top))
    page.add_table(frequent, ["items", "baskets", "support"], align="lrr")
    return page.html()


def _in_decimals(rows: list[list[Any]]) -> list[list[Any]]:
    """Returns the rows with all figures in four decimals, which rare sets need."""
    return [[f"{x:.4f}" if isinstance(x, float) else x for x in row] for row in rows]


def _scatter_caption(rules: Rules) -> str:
    number = min(POINTS, len(rules))
    scope = "all" if number == len(rules) else "the first"
    return f"Support, confidence and lift of {scope} {number:,} rules"


def _scatter(rules: Rules) -> str:
    first = rules.take(np.arange(min(POINTS, len(rules))))
    return scatter_chart(
        first.measure("support"),
        first.measure("confidence"),
        x_label="support",
        y_label="confidence",
        color=first.measure("lift"),
        color_label="lift",
        tips=[f"{names(a)} → {names(c)}" for a, c in first],
        x_scale="log",
    )


def _network(rules: Rules) -> str:
    """Draws arrows between items, not sets; of two rules, the better one determines the arrow."""
    nodes: dict[str, float] = {}
    arrows: dict[tuple[str, str], tuple[str, str, float, str]] = {}
    lifts = rules.measure("lift")
    for index, (antecedent, consequent) in enumerate(rules):
        new = {
            (str(a), str(c)): (str(a), str(c), float(lifts[index]), sentence(rules, index))
            for a in antecedent
            for c in consequent
            if (str(a), str(c)) not in arrows
        }
        if len(arrows) + len(new) > ARROWS:
            break
        arrows |= new
        for item in (*antecedent, *consequent):
            nodes[str(item)] = nodes.get(str(item), 0) + 1
    return network_chart(nodes, list(arrows.values()))
