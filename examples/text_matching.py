"""Trains a text matching model and uses it, in Python.

python examples/text_matching.py data/matching runs/matching
"""

import sys

from hornbook.recipes.text_matching import TextMatching

data, run = sys.argv[1:]
matching = TextMatching(epochs=3, hidden_size=64, num_hidden_layers=1).fit(data, run)
print("mean F1", round(matching.evaluate(data)["mean_f1"], 3))

matching = TextMatching.load(run)  # as in another program
for criterion in matching.criteria:
    [answer] = matching.predict([("明天下雨吗", "明天会下雨么")], criterion=criterion)
    print(criterion, answer["probability"], "match" if answer["label"] else "no match")
