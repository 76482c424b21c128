"""BERT's predictions for each [MASK].

python examples/fill_mask.py chinese_L-12_H-768_A-12 "科学[MASK][MASK]是第一生产力"
"""

import sys

import hornbook

folder, text = sys.argv[1:]
model = hornbook.load(folder, heads=["mlm"])

for filled in model.fill(text, n=5, order="left to right", details=True):
    print(f"{filled.score:8.3f}  {filled.text}")

# as in bert4keras: all [MASK] at once, independently
print(model.fill(text, order="at once"))
