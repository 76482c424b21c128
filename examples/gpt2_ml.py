"""Let the Chinese GPT2_ML go on with a beginning, three times.

python examples/gpt2_ml.py chinese_gpt2_ml 今天天气不错

The folder has the checkpoint's three files, a vocab.txt, and a config.json (mega.json of the
release).  Reference: https://kexue.fm/archives/7292
"""

import sys

import hornbook

folder, beginning = sys.argv[1:]
model = hornbook.load(folder, family="gpt2-ml")

# it never learnt to end a text: the first full stop after 128 tokens will do
full_stop = model.tokenizer.vocabulary.index("。")
texts = model.generate(
    beginning,
    n=3,
    top_p=0.95,
    max_new_tokens=256,
    stop_ids=[full_stop],
    ignore_ends_before=128,
)
for text in texts:
    print(beginning + text, end="\n\n")
