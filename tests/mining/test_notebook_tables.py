from __future__ import annotations

from hornbook.mining import association_rules, frequent_itemsets


def test_a_notebook_shows_the_first_ten_rows_and_the_number_of_others():
    baskets = [["milk", "<b>"], ["milk"], *([f"item {i}", "milk"] for i in range(20))]
    itemsets = frequent_itemsets(baskets, 1)
    table = itemsets._repr_html_()
    assert table.count("<tr>") == 11
    assert "&lt;b&gt;" in table
    assert "<b>" not in table
    assert table.endswith(f"<p>and {len(itemsets) - 10:,} more</p>")
    rules = association_rules(itemsets, 1.0)
    assert "<td>milk</td>" in rules._repr_html_()
    assert rules._repr_html_().endswith(f"<p>and {len(rules) - 10:,} more</p>")
