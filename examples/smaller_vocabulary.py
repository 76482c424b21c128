"""Makes a smaller checkpoint by dropping tokens that others can spell.

python examples/smaller_vocabulary.py chinese_L-12_H-768_A-12 smaller
"""

import sys

import hornbook
from hornbook.text.vocabulary import simplify

source, target = sys.argv[1:]
full = hornbook.load(source)
# special tokens first, then all tokens except words that characters and pieces can spell
_, keep_tokens = simplify(full.tokenizer.vocabulary, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
small = hornbook.load(source, keep_tokens=keep_tokens)
small.save(target, layout="google")  # with the smaller vocabulary
print(f"{full.config.vocab_size} -> {small.config.vocab_size} tokens in {target}")
