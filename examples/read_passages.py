"""Extracts answers from passages: generated from left to right, or all tokens at once.

python examples/read_passages.py my_bert "谁在公园？" "小明今天在公园玩。" "公园里有小明和小红。"

The model must have been trained to answer questions; otherwise the answers are arbitrary.
Reference: https://kexue.fm/archives/7115 and https://kexue.fm/archives/7148
"""

import sys

import hornbook

folder, question, *passages = sys.argv[1:]

# as UniLM: passage and question are the prefix, and only runs of the passage are generated
writer = hornbook.load(folder, application="prefix_lm", heads=["mlm"])
answers = writer.generate(
    [f"{passage}{question}" for passage in passages],
    only_from=[[passage] for passage in passages],  # each prompt from its own passage
    beams=3,
    max_new_tokens=32,
    details=True,
)
for answer in answers:
    print(f"{answer.score:8.3f}  {answer.text}")

# as a masked language model: 32 [MASK] are predicted at once, and the passages vote
reader = hornbook.load(folder, application="encoder", heads=["mlm"])
print(reader.extract(question, passages).text)
