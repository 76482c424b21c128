"""Sentence vectors from a BERT checkpoint, and their cosine similarities.

python examples/extract_features.py chinese_L-12_H-768_A-12 语言模型 今天天气真好 天气不错
"""

import sys

import numpy as np

import hornbook

folder, *texts = sys.argv[1:]
model = hornbook.load(folder)
vectors = model.encode(texts)  # (texts, hidden_size): the mean over the tokens of each
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
similarity = vectors @ vectors.T
for text, row in zip(texts, similarity, strict=True):
    print("  ".join(f"{value:.3f}" for value in row), text)
