"""Log-probabilities of given texts: what `Pretrained.score` does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.errors import OptionError
from hornbook.generation.option_checks import checked_token_ids
from hornbook.generation.scoring import Score, windows
from hornbook.pretrained.tasks.inputs import (
    check_texts,
    checked_condition,
    parse_inputs,
    prompt_ids,
    rows_of_ids,
)
from hornbook.pretrained.tasks.token_outputs import Reader, Row

if TYPE_CHECKING:
    from hornbook.text.tokenizer import Tokenizer

LONGEST_WINDOW = 1024  # default for longer texts: larger windows cost more than they improve


class Scorer:
    """Scores texts with a model that has a language head.

    Args:
        reader: Reader of the model.
        tokenizer: Its tokenizer; None for token ids.
    """

    def __init__(self, reader: Reader, tokenizer: Tokenizer | None) -> None:
        self.reader = reader
        self.tokenizer = tokenizer
        self.config = reader.model.config

    def window_of(self, length: int) -> int:
        """Returns the default window: the whole text if the model has positions for it."""
        if length <= self.config.max_length:
            return max(length, 2)
        return min(self.config.max_length, LONGEST_WINDOW)

    def scores(
        self,
        texts: Any,
        prompts: Any = None,
        *,
        condition: Any = None,
        window: int | None = None,
        stride: int | None = None,
        batch_tokens: int = 4096,
        progress: Callable[[int, int], None] = lambda count, total: None,
    ) -> list[Score]:
        """Returns one score per text.  The arguments are those of `Pretrained.score`.

        Args:
            progress: Called with the number of newly scored tokens, and the total.
        """
        application = self.config.application
        if prompts is None and application in ("prefix_lm", "seq2seq"):
            raise OptionError(
                "This model generates text from prompts: give prompts=..., one per text."
            )
        if prompts is not None and application == "encoder":
            raise OptionError("An encoder reads whole texts: leave out prompts.")
        in_windows = prompts is None and application == "causal_lm"
        if not in_windows and (window is not None or stride is not None):
            raise OptionError("window and stride need a causal model without prompts.")
        if prompts is not None:
            rows_of_texts = self._after_prompts(texts, prompts)
        elif application == "encoder":
            rows_of_texts = self._masked_one_by_one(texts)
        else:
            rows_of_texts = self._in_windows(texts, window, stride)
        conditions = checked_condition(self.config, condition, len(rows_of_texts))
        if conditions is not None:
            rows_of_texts = [
                [row._replace(condition=condition) for row in rows]
                for rows, condition in zip(rows_of_texts, conditions, strict=True)
            ]
        return self._scores(rows_of_texts, batch_tokens, progress)

    def _scores(
        self,
        rows_of_texts: Sequence[Sequence[Row]],
        batch_tokens: int,
        progress: Callable[[int, int], None],
    ) -> list[Score]:
        """Returns the scores of texts, each of which consists of some rows in order."""
        rows = [row for rows in rows_of_texts for row in rows]
        total = sum(len(row.targets) for row in rows)
        likelihoods = [np.zeros(0)] * len(rows)
        for index, values in self.reader.likelihoods(rows, batch_tokens=batch_tokens):
            likelihoods[index] = values.astype("float64")
            progress(len(values), total)
        ends = np.cumsum([0, *map(len, rows_of_texts)])
        empty = np.zeros(0, "int32")
        return [
            Score(
                np.concatenate([empty, *(row.targets for row in rows[first:end])]),
                np.concatenate([empty, *likelihoods[first:end]]).astype("float64"),
            )
            for first, end in itertools.pairwise(ends.tolist())
        ]

    def _in_windows(self, texts: Any, window: int | None, stride: int | None) -> list[list[Row]]:
        """Returns rows of a causal model that score every token but the first."""
        ids = prompt_ids(texts, self.config, self.tokenizer)
        positions = self.config.max_length
        if window is None and stride is not None:
            window = min(positions, LONGEST_WINDOW)
        if window is not None and self.config.position_kind == "learned" and window > positions:
            raise OptionError(f"window is {window}; this model has {positions} positions.")
        for number, row in enumerate(ids, 1):
            checked_token_ids(f"Text {number}", row, self.config.vocab_size)
        rows_of_texts: list[list[Row]] = []
        for row in ids:
            size = self.window_of(len(row)) if window is None else window
            cuts = windows([len(row)], window=size, stride=stride)
            rows_of_texts.append(
                [_causal(row[start:end], first - start) for _, start, first, end in cuts]
            )
        return rows_of_texts

    def _after_prompts(self, texts: Any, prompts: Any) -> list[list[Row]]:
        """Returns rows that score every token of texts that follow prompts."""
        config, tokenizer = self.config, self.tokenizer
        encoder_decoder = config.application == "seq2seq"
        prompt_rows = prompt_ids(prompts, config, tokenizer)
        text_rows = rows_of_ids(texts, tokenizer, special_tokens=encoder_decoder)
        if len(prompt_rows) != len(text_rows):
            raise OptionError(f"There are {len(text_rows)} texts, but {len(prompt_rows)} prompts.")
        if config.application == "prefix_lm" and tokenizer and parse_inputs(texts).are_texts:
            end = tokenizer.special_ids.get("sep", tokenizer.special_ids.get("eos"))
            text_rows = [row if end is None else [*row, end] for row in text_rows]
        check_texts("Prompt", prompt_rows, config)
        check_texts("Text", text_rows, config)
        pairs = list(zip(prompt_rows, text_rows, strict=True))
        if encoder_decoder:
            return [[self._decoding(prompt, text)] for prompt, text in pairs]
        whole = [[*prompt, *text] for prompt, text in pairs]
        check_texts("Prompt and text", whole, config)
        return [
            [_causal(row, len(prompt), segment=1)]
            for row, prompt in zip(whole, prompt_rows, strict=True)
        ]

    def _decoding(self, prompt: Sequence[int], text: Sequence[int]) -> Row:
        """Returns the row of a decoder: each token is predicted from the one before."""
        config = self.config
        start = config.decoder_start_token_id
        start = config.pad_token_id if start is None else start
        if len(text) > 1 and text[0] == start:  # T5-PEGASUS starts with the [CLS] of its texts
            text = text[1:]
        inputs = {"token_ids": prompt, "decoder_token_ids": [start, *text[:-1]]}
        return Row(inputs, np.arange(len(text)), np.array(text, "int32"))

    def _masked_one_by_one(self, texts: Any) -> list[list[Row]]:
        """Returns rows of a masked language model, each with one masked token.

        Reference: https://arxiv.org/abs/1910.14659 (pseudo-log-likelihood)
        """
        if self.tokenizer is None:
            raise OptionError("The mask token is unknown: this model came without its vocabulary.")
        mask = self.tokenizer.mask_token_id
        special = {id_ for name, id_ in self.tokenizer.special_ids.items() if name != "unk"}
        ids = rows_of_ids(texts, self.tokenizer)
        check_texts("Text", ids, self.config)
        return [
            [_masked(row, index, mask) for index, id_ in enumerate(row) if id_ not in special]
            for row in ids
        ]


def _causal(token_ids: Sequence[int], first: int, segment: int = 0) -> Row:
    """Returns a row that predicts the tokens from `first` on, each from the one before."""
    segments = [0] * first + [segment] * (len(token_ids) - first)
    positions = np.arange(first - 1, len(token_ids) - 1)
    return Row(_inputs(token_ids, segments), positions, np.array(token_ids[first:], "int32"))


def _masked(token_ids: Sequence[int], index: int, mask: int) -> Row:
    """Returns a row with one masked token, which is predicted."""
    masked = np.array(token_ids, "int32")  # there are many of them: lists would fill the memory
    masked[index] = mask
    return Row(_inputs(masked), np.array([index]), np.array([token_ids[index]], "int32"))


def _inputs(token_ids: Any, segment_ids: Sequence[int] | None = None) -> dict[str, Any]:
    return {"token_ids": token_ids, "segment_ids": segment_ids or [0] * len(token_ids)}
