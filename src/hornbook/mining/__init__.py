"""Association rule mining: from baskets to frequent itemsets to rules.  Needs only NumPy."""

from hornbook.mining.baskets import Baskets
from hornbook.mining.frequent import frequent_itemsets
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.rules.association import association_rules
from hornbook.mining.rules.rule_table import Rules

__all__ = ["Baskets", "Itemsets", "Rules", "association_rules", "frequent_itemsets"]
