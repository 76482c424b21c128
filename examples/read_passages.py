"""Answers cut out of passages: written from left to right, or all at once.

python examples/read_passages.py my_bert "谁在公园？" "小明今天在公园玩。" "公园里有小明和小红。"

A model that learnt to answer is needed; one that did not cuts out anything.
Reference: https://kexue.fm/archives/7115 and https://kexue.fm/archives/7148
"""

import sys

import hornbook

folder, question, *passages = sys.argv[1:]

# as UniLM: the passage and the question are read, and only what stands in the passage is written
writer = hornbook.load(folder, application="prefix_lm", heads=["mlm"])
answers = writer.generate(
    [f"{passage}{question}" for passage in passages],
    only_from=[[passage] for passage in passages],  # each prompt may take from its own passage
    beams=3,
    max_new_tokens=32,
    details=True,
)
for answer in answers:
    print(f"{answer.score:8.3f}  {answer.text}")

# as a masked model: 32 [MASK] are read at once, and the passages vote
reader = hornbook.load(folder, application="encoder", heads=["mlm"])
print(reader.extract(question, passages).text)
