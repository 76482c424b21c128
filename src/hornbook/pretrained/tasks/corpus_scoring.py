"""Perplexity of a model on a file of texts: what `hornbook evaluate MODEL FILE` prints.

Perplexity per token depends on the vocabulary, so models with different vocabularies can only be
compared per character or per byte.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

from hornbook.data.readers.json_lines import read_json_lines
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_lines import name_of, text_lines
from hornbook.errors import DataError, OptionError
from hornbook.pretrained.model import Pretrained
from hornbook.pretrained.tasks.text_scores import Scorer
from hornbook.progress import Progress
from hornbook.text.tokenizer import Tokenizer


class Corpus(NamedTuple):
    """Texts of a file.

    Attributes:
        name: Name of the file.
        texts: At least one.
        prompts: The prompt of each text; None without prompts.
    """

    name: str
    texts: list[str]
    prompts: list[str] | None


def evaluate_corpus(
    model: Pretrained, corpus: Corpus, *, window: int | None = None, stride: int | None = None
) -> dict[str, Any]:
    """Measures a language model on texts.

    Args:
        model: A causal or masked language model; with prompts any that generates text.
        corpus: From `read_corpus`.
        window, stride: See `Pretrained.score`.

    Returns:
        Counts (`texts`, `tokens`, `unknown_tokens`, `characters`, `bytes`), `log_likelihood`,
        `perplexity` per token, `perplexity_per_character`, `perplexity_per_byte`,
        `bits_per_byte`; for a causal model `window` and `stride`.  Characters and bytes before the
        first scored token are not counted.

    Raises:
        DataError: no token can be scored.
        OptionError: the model cannot score the texts.
    """
    tokenizer = model.require_tokenizer()
    if corpus.prompts is None and model.config.application in ("prefix_lm", "seq2seq"):
        raise OptionError(
            "This model generates text from prompts: give a .jsonl file with `prompt` and `text` "
            "in every line."
        )
    scorer = Scorer(model._reader, tokenizer)
    first_is_context = corpus.prompts is None and model.config.application == "causal_lm"
    with Progress("reading", unit="tokens") as bar:

        def advance(count: int, total: int) -> None:
            bar.total = total
            bar.advance(count)

        scores = scorer.scores(
            corpus.texts, corpus.prompts, window=window, stride=stride, progress=advance
        )
    tokens = sum(len(score.token_ids) for score in scores)
    if not tokens:
        raise DataError(f"{corpus.name} has no token that could be scored.")
    counted = corpus.texts
    if first_is_context:
        counted = [text[_length_of_first_token(tokenizer, text) :] for text in counted]
    characters = sum(map(len, counted))
    octets = sum(len(text.encode()) for text in counted)
    total = sum(score.total for score in scores)
    unknown = tokenizer.special_ids.get("unk")
    figures = {
        "texts": len(corpus.texts),
        "tokens": tokens,
        "unknown_tokens": sum(int((score.token_ids == unknown).sum()) for score in scores),
        "characters": characters,
        "bytes": octets,
        "log_likelihood": total,
        "perplexity": math.exp(-total / tokens),
        "perplexity_per_character": math.exp(-total / characters),
        "perplexity_per_byte": math.exp(-total / octets),
        "bits_per_byte": -total / octets / math.log(2),
    }
    if not first_is_context:
        return figures
    if window is None:
        longest = max(len(score.token_ids) for score in scores) + 1
        window = scorer.window_of(longest) if stride is None else scorer.window_of(sys.maxsize)
    return figures | {"window": window, "stride": window // 2 if stride is None else stride}


def _length_of_first_token(tokenizer: Tokenizer, text: str) -> int:
    """Returns the characters of the first token, which is not scored; 0 for a special token."""
    offset = tokenizer.encode(text[:256]).offsets[0]
    return 0 if offset is None else offset[1]


def read_corpus(source: str | Path, *, lines: bool = False) -> Corpus:
    """Reads the texts of a file.

    Args:
        source: A text file, `"-"` for standard input; or `.jsonl` with a `text` in every line, and
            a `prompt` in each or in none.
        lines: Whether each line of a text file is one text; otherwise the whole file is.

    Raises:
        DataError: the file has no text, or cannot be read.
    """
    name = name_of(source)
    if Path(name.removesuffix(".gz")).suffix in (".jsonl", ".json"):
        texts, prompts = [], []
        for number, row in read_json_lines(source):
            if not isinstance(row.get("text"), str) or not row["text"]:
                raise DataError(f'{name}:{number}: expected {{"text": "..."}}, a non-empty text.')
            if not isinstance(row.get("prompt", ""), str):
                raise DataError(f"{name}:{number}: the prompt must be a text.")
            texts.append(row["text"])
            prompts += [row["prompt"]] if "prompt" in row else []
        if prompts and len(prompts) != len(texts):
            raise DataError(
                f"{name} has {len(texts)} texts, but a prompt for {len(prompts)} only: give each "
                "a prompt, or none."
            )
    else:
        problems = Problems()
        all_lines = [line for _, line in text_lines(source, problems)]
        problems.raise_if_any("Expected UTF-8 text.")
        texts = [line.strip() for line in all_lines] if lines else ["".join(all_lines)]
        texts, prompts = [text for text in texts if text.strip()], []
    if not texts:
        raise DataError(f"{name} has no text.")
    return Corpus(name, texts, prompts or None)
