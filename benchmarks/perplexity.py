"""Perplexity of a text by `score`, and by transformers from the same weights.

    python benchmarks/perplexity.py FOLDER TEXT [--tokens 1500] [--keep]

FOLDER is a causal language model in Hugging Face's layout, TEXT a file of which the first tokens
are scored in one window, each given those before it.  Needs `pip install transformers torch`.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("HORNBOOK_QUIET", "1")

import numpy as np
from results import keep


def with_hornbook(folder: str, text: str) -> float:
    """Perplexity of the tokens behind the first."""
    import hornbook

    [score] = hornbook.load(folder).score([text])
    return float(np.exp(-np.mean(score.log_probabilities)))


def with_transformers(folder: str, text: str) -> float:
    """Perplexity of the tokens behind the first."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    token_ids = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")["input_ids"]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        return float(torch.exp(model(token_ids, labels=token_ids).loss))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("text", type=Path)
    parser.add_argument("--tokens", type=int, default=1500)
    parser.add_argument("--keep", action="store_true", help="add the table to RESULTS.md")
    options = parser.parse_args()

    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.folder)
    token_ids = tokenizer(options.text.read_text("utf-8"))["input_ids"][: options.tokens]
    text = tokenizer.decode(token_ids)
    lines = ["| contender | perplexity | CPU s |", "|---|---:|---:|"]
    for contender, perplexity in (("hornbook", with_hornbook), ("transformers", with_transformers)):
        begun = time.process_time()
        value = perplexity(options.folder, text)
        lines.append(f"| {contender} | {value:.4f} | {time.process_time() - begun:.1f} |")
        print(lines[-1], flush=True)
    if options.keep:
        keep("Perplexity of a text in one window", "\n".join(lines))


if __name__ == "__main__":
    main()
