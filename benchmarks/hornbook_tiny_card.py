"""Copies the model of a run into the package, with its model card.

    python benchmarks/hornbook_tiny_card.py RUN

Its segment embedding gets as many rows as the recipe text-matching uses to mark what two texts
share.  Only the first row was trained.  The others are the sum of that row and a random vector
of the norm of a token's: a short fine-tuning hardly learns to distinguish copies (docs/LOG.md).
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from hornbook_tiny import SOURCES
from safetensors.numpy import load_file, save_file

from hornbook.files import atomic_folder
from hornbook.recipes.marked_segments import MARKED_SEGMENTS

FOLDER = Path(__file__).parents[1] / "src" / "hornbook" / "pretrained" / "hornbook-tiny"
SEGMENTS, WORDS = "token_type_embeddings.weight", "word_embeddings.weight"

CARD = """# hornbook-tiny

A small encoder for Chinese and English with a language head, pretrained on a processor by
`hornbook pretrain`: RoFormer, {layers} layers, {width} wide, {vocabulary:,} WordPiece tokens,
lower-cased.  It is for trying things out without a download; a real BERT knows far more.

```python
import hornbook

model = hornbook.load("hornbook-tiny")
model.fill("床前明[MASK]光，疑是地上霜。")  # 月
vectors = model.encode(["今天天气真好", "The weather is fine today."])
```

`hornbook train RECIPE DATA --pretrained hornbook-tiny --out RUN` starts from it.

## Text

| | from | license |
|---|---|---|
{sources}

The poems are Tang to Qing verse and classical prose, in simplified characters; docs-cn is
technical prose; the dictionary has a word and its English meanings in each line; lines with
characters that the corpus has fewer than 20 times were left out.  Modern everyday Chinese is
hardly among them.  `benchmarks/hornbook_tiny.py` makes the corpus.

## License

The weights are made from text under CC BY-SA 3.0 and 4.0, which asks for attribution (this table)
and for sharing alike, so they are given under **CC BY-SA 4.0**, other than the code of hornbook
(Apache-2.0).

## Training

| | |
|---|---:|
| documents, tokens | {documents:,}, {tokens:,} |
| steps | {step:,} |
| tokens seen | {seen:,} |
| training loss | {loss:.3f} |
| loss on held-out rows | {held_out_loss:.3f} |
| masked tokens guessed right there | {accuracy:.1%} |

```
{command}
```

`config.json` of this command says hidden_size {width}, num_hidden_layers {layers},
num_attention_heads {heads}, intermediate_size {wide}, initializer_range {range}.  The segment table
then got {segments} rows, in which text-matching marks what two texts share: the first is the one
that was trained, the others are that one and a random vector as large as a token's.
"""


def main(run: str) -> None:
    source = Path(run) / "model"
    saved = json.loads((source / "recipe.json").read_text("utf-8"))
    config = json.loads((source / "config.json").read_text("utf-8"))
    config["type_vocab_size"] = MARKED_SEGMENTS
    tensors = load_file(source / "model.safetensors")
    [name] = [name for name in tensors if name.endswith(SEGMENTS)]
    first = tensors[name][:1].astype("float32")
    [words_table] = [tensors[one] for one in tensors if one.endswith(WORDS)]
    noise = np.random.default_rng(0).normal(size=(MARKED_SEGMENTS, first.shape[1]))
    noise[0] = 0
    rows = first + noise * words_table.astype("float32").std()
    tensors[name] = rows.astype(words_table.dtype)
    card = (source / "README.md").read_text("utf-8")
    command = next(line for line in card.splitlines() if line.startswith("hornbook pretrain"))
    words = {
        "sources": "\n".join(
            f"| `{file}` | {what} | {license} |" for file, (what, license) in SOURCES.items()
        ),
        "command": command,
        "layers": config["num_hidden_layers"],
        "width": config["hidden_size"],
        "heads": config["num_attention_heads"],
        "wide": config["intermediate_size"],
        "range": config["initializer_range"],
        "vocabulary": config["vocab_size"],
        "segments": MARKED_SEGMENTS,
        **saved["learned"]["story"],
    }
    with atomic_folder(FOLDER) as new:
        for file in ("vocab.txt", "tokenizer_config.json"):
            shutil.copy(source / file, new)
        (new / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
        save_file(tensors, new / "model.safetensors", metadata={"format": "pt"})
        (new / "model.safetensors").chmod(0o644)
        (new / "README.md").write_text(CARD.format(**words), "utf-8")
    size = sum(file.stat().st_size for file in FOLDER.iterdir())
    print(f"{FOLDER}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
