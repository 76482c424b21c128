"""Baskets to itemsets to rules: NumPy only."""

from hornbook.mining.association import association_rules
from hornbook.mining.baskets import Baskets
from hornbook.mining.frequent import frequent_itemsets
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.rules import Rules

__all__ = ["Baskets", "Itemsets", "Rules", "association_rules", "frequent_itemsets"]
