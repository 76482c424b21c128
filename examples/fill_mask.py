"""What BERT would put in the place of each [MASK].

python examples/fill_mask.py chinese_L-12_H-768_A-12 "科学[MASK][MASK]是第一生产力"
"""

import sys

import numpy as np
from keras import ops

import hornbook

folder, text = sys.argv[1:]
model = hornbook.load(folder, heads=["mlm"])
tokenizer = model.tokenizer

# a [MASK] that a user types is text; here it is meant, so the pieces are joined by hand
parts = [tokenizer.encode(part).token_ids[1:-1] for part in text.split("[MASK]")]
token_ids = [tokenizer.cls_token_id, *parts[0]]
for part in parts[1:]:
    token_ids += [tokenizer.mask_token_id, *part]
token_ids = np.array([[*token_ids, tokenizer.sep_token_id]])  # (1, length)

logits = ops.convert_to_numpy(model.model.mlm(model(token_ids)))[0]  # (length, vocab_size)
for position in np.flatnonzero(token_ids[0] == tokenizer.mask_token_id):
    best = np.argsort(-logits[position])[:5]
    print(position, " ".join(tokenizer.vocabulary[word] for word in best))
