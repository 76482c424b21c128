"""A file of texts, and how likely a model finds them: what `hornbook evaluate MODEL FILE` prints.

A perplexity by token depends on how a vocabulary cuts a text, so that two models can only be
compared by character or by byte.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from hornbook.data.json_lines import read_json_lines
from hornbook.data.problems import Problems
from hornbook.data.text_lines import name_of, text_lines
from hornbook.errors import DataError, OptionError
from hornbook.pretrained.model import Pretrained
from hornbook.pretrained.scoring import Scorer
from hornbook.progress import Progress


def evaluate_corpus(
    model: Pretrained,
    source: str | Path,
    *,
    lines: bool = False,
    window: int | None = None,
    stride: int | None = None,
) -> dict[str, Any]:
    """Measures a language model on a file.

    Args:
        model: Causal; or a masked one, whose lines are then scored one by one; or one that
            answers prompts.
        source: A text file, `"-"` for standard input; or `.jsonl` with a `text` in every line, and
            a `prompt` in each or in none.
        lines: Whether each line of a text file is a text of its own, and not the whole file one.
        window, stride: See `Pretrained.score`.

    Returns:
        Counts (`texts`, `tokens`, `unknown_tokens`, `characters`, `bytes`), `log_likelihood`,
        `perplexity` by token, `perplexity_per_character`, `perplexity_per_byte`,
        `bits_per_byte`; for a causal model `window` and `stride`.  What stands before the first
        token that counts is not counted.

    Raises:
        DataError: the file has no text, or cannot be read.
        OptionError: the model cannot score it.
    """
    tokenizer = model.need_tokenizer()
    texts, prompts = _texts_of(source, lines or model.config.application == "encoder")
    if prompts is None and model.config.application in ("prefix_lm", "seq2seq"):
        raise OptionError(
            "This model answers prompts: give a .jsonl file with a `prompt` and a `text` in every "
            "line."
        )
    scorer = Scorer(model._reading(), tokenizer)
    windows: dict[str, Any] = {}
    if prompts is None and model.config.application == "causal_lm":
        window = window or scorer.window
        windows = {"window": window, "stride": window // 2 if stride is None else stride}
    with Progress("reading", unit="tokens") as bar:

        def advance(count: int, total: int) -> None:
            bar.total = total
            bar.advance(count)

        options = windows or {"window": window, "stride": stride}
        scores = scorer.scores(texts, prompts, progress=advance, **options)
    tokens = sum(len(score.token_ids) for score in scores)
    if not tokens:
        raise DataError(f"{name_of(source)} has no token that could be scored.")
    counted = [text[_skipped(tokenizer, text) if windows else 0 :] for text in texts]
    characters, octets = (sum(map(len, part)) for part in (counted, [t.encode() for t in counted]))
    total = sum(score.total for score in scores)
    unknown = tokenizer.special_ids.get("unk")
    return {
        "texts": len(texts),
        "tokens": tokens,
        "unknown_tokens": sum(int((score.token_ids == unknown).sum()) for score in scores),
        "characters": characters,
        "bytes": octets,
        "log_likelihood": total,
        "perplexity": math.exp(-total / tokens),
        "perplexity_per_character": math.exp(-total / characters),
        "perplexity_per_byte": math.exp(-total / octets),
        "bits_per_byte": -total / octets / math.log(2),
        **windows,
    }


def _skipped(tokenizer: Any, text: str) -> int:
    """Characters of the first token, which nothing says: 0 where that is no part of the text."""
    offset = tokenizer.encode(text[:256]).offsets[0]
    return 0 if offset is None else offset[1]


def _texts_of(source: str | Path, lines: bool) -> tuple[list[str], list[str] | None]:
    """The texts of a file, and their prompts if it has any."""
    name = name_of(source)
    if Path(name.removesuffix(".gz")).suffix in (".jsonl", ".json"):
        texts, prompts = [], []
        for number, row in read_json_lines(source):
            if not isinstance(row.get("text"), str) or not row["text"]:
                raise DataError(f'{name}:{number}: expected {{"text": "..."}}, a text not empty.')
            if not isinstance(row.get("prompt", ""), str):
                raise DataError(f"{name}:{number}: the prompt must be a text.")
            texts.append(row["text"])
            prompts += [row["prompt"]] if "prompt" in row else []
        if prompts and len(prompts) != len(texts):
            raise DataError(f"{name} has {len(texts)} texts, but a prompt for {len(prompts)} only.")
    else:
        problems = Problems()
        found = [line for _, line in text_lines(source, problems)]
        problems.raise_if_any("Expected UTF-8 text.")
        texts = [line.strip() for line in found] if lines else ["".join(found)]
        texts, prompts = [text for text in texts if text.strip()], []
    if not texts:
        raise DataError(f"{name} has no text.")
    return texts, prompts or None
