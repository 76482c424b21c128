"""Continues a text with the Chinese GPT2_ML, three times.

python examples/gpt2_ml.py chinese_gpt2_ml 今天天气不错

The folder has the checkpoint's three files, a vocab.txt, and a config.json (mega.json of the
release).  Reference: https://kexue.fm/archives/7292
"""

import sys

import hornbook

folder, prompt = sys.argv[1:]
model = hornbook.load(folder, family="gpt2-ml")

# it has not learned to end a text, so generation stops at the first full stop after 128 tokens
full_stop = model.tokenizer.vocabulary.index("。")
texts = model.generate(
    prompt,
    n=3,
    top_p=0.95,
    max_new_tokens=256,
    stop_ids=[full_stop],
    ignore_ends_before=128,
)
for text in texts:
    print(prompt + text, end="\n\n")
