"""Rules in words and in pictures: what an analyst passes on."""

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
    """`milk, butter`."""
    return ", ".join(map(str, items))


def in_words(items: Sequence[Any]) -> str:
    """`bread, milk and butter`."""
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last


def number_of_baskets(number: int) -> str:
    """`1 basket`, `2 baskets`."""
    return f"{number:,} basket{'' if number == 1 else 's'}"


def sentence(rules: Rules, index: int) -> str:
    """One rule in words."""
    antecedent, consequent = rules[index]
    shares = rules.take(np.array([index])).measures()
    lift = float(shares["lift"][0])
    compared = (
        f"{lift:.2g} times as often as by chance" if lift >= 1.05 or lift < 0.95 else "as by chance"
    )
    held = number_of_baskets(int(rules.counts[index]))
    return (
        f"Of the baskets with {in_words(antecedent)}, {float(shares['confidence'][0]):.0%} also "
        f"have {in_words(consequent)}: {compared}, in {held}."
    )


def rule_rows(rules: Rules, top: int) -> list[list[Any]]:
    """The first `top` rules as rows: both sides, baskets, support, confidence, lift."""
    rules = rules.take(np.arange(min(top, len(rules))))
    measures = [rules.measure(name).tolist() for name in ("support", "confidence", "lift")]
    return [
        [names(antecedent), names(consequent), count, *values]
        for (antecedent, consequent), count, *values in zip(
            rules, rules.counts.tolist(), *measures, strict=True
        )
    ]


def itemset_rows(itemsets: Itemsets, top: int) -> list[list[Any]]:
    """The `top` most frequent itemsets as rows: items, baskets, support."""
    order = np.argsort(-itemsets.counts, kind="stable")[:top].tolist()
    return [
        [names(itemsets[index]), int(itemsets.counts[index]), float(itemsets.supports[index])]
        for index in order
    ]


def report(itemsets: Itemsets, rules: Rules, title: str, facts: Mapping[str, Any], top: int) -> str:
    """One page: the facts, the best rules in words, pictures of them, the tables.

    Args:
        itemsets: The frequent itemsets.
        rules: Best first.
        title: Usually the name of the file.
        facts: What was read, dropped, asked for.
        top: How many rules to list.
    """
    page = Page(
        f"Rules in {title}",
        subtitle=f"{itemsets.total:,} baskets, {len(itemsets):,} itemsets, {len(rules):,} rules",
    )
    page.add_key_values(facts)
    if len(rules):
        page.add_heading("In words")
        page.add_text("\n\n".join(sentence(rules, i) for i in range(min(5, len(rules)))))
        page.add_heading("In pictures")
        page.add_chart(_scatter(rules), _scatter_caption(rules))
        page.add_chart(
            _network(rules), "The first rules: an arrow leads from each item before to each after"
        )
        page.add_heading("The rules")
        page.add_table(
            _in_decimals(rule_rows(rules, top)),
            ["baskets with", "also have", "baskets", "support", "confidence", "lift"],
            align="llrrrr",
        )
    page.add_heading("The most frequent itemsets")
    frequent = _in_decimals(itemset_rows(itemsets, top))
    page.add_table(frequent, ["items", "baskets", "support"], align="lrr")
    return page.html()


def _in_decimals(rows: list[list[Any]]) -> list[list[Any]]:
    """The same rows with all figures of a column in one precision; rare sets need four places."""
    return [[f"{x:.4f}" if isinstance(x, float) else x for x in row] for row in rows]


def _scatter_caption(rules: Rules) -> str:
    number = min(POINTS, len(rules))
    which = "all" if number == len(rules) else "the first"
    return f"Support, confidence and lift of {which} {number:,} rules"


def _scatter(rules: Rules) -> str:
    shown = rules.take(np.arange(min(POINTS, len(rules))))
    return scatter_chart(
        shown.measure("support"),
        shown.measure("confidence"),
        x_label="support",
        y_label="confidence",
        colour=shown.measure("lift"),
        colour_label="lift",
        tips=[f"{names(a)} → {names(c)}" for a, c in shown],
        x_scale="log",
    )


def _network(rules: Rules) -> str:
    """Arrows between items, not between sets: of two rules the better one draws the arrow."""
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
