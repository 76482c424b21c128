"""How likely a model finds texts: what `Pretrained.score` does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hornbook.errors import OptionError
from hornbook.generation.option_checks import checked_token_ids
from hornbook.generation.scoring import Score, windows
from hornbook.pretrained.tasks.inputs import (
    check_texts,
    checked_condition,
    given,
    prompt_ids,
    rows_of_ids,
)
from hornbook.pretrained.tasks.token_outputs import Reader, Row

LONGEST_WINDOW = 1024  # of a longer text, unless it is asked for: more costs more than it tells


class Scorer:
    """Scores texts with a model that has a language head.

    Args:
        reader: Of the model.
        tokenizer: Or None, for token ids.
    """

    def __init__(self, reader: Reader, tokenizer: Any):
        self.reader = reader
        self.tokenizer = tokenizer
        self.config = reader.model.config

    def window_of(self, length: int) -> int:
        """The most tokens of a text that are read at once when nobody says how many.

        A text that fits into the model's positions is read whole.
        """
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
        """A score for each text.  The arguments are those of `Pretrained.score`.

        Args:
            progress: Is told how many more tokens have their score, and how many there are.
        """
        application = self.config.application
        if prompts is None and application in ("prefix_lm", "seq2seq"):
            raise OptionError(
                "This model writes about what it has read: give prompts=..., one for each text."
            )
        if prompts is not None and application == "encoder":
            raise OptionError("An encoder reads whole texts: leave out prompts.")
        in_windows = prompts is None and application == "causal_lm"
        if not in_windows and (window is not None or stride is not None):
            raise OptionError("Windows are for texts of a causal model without prompts.")
        if prompts is not None:
            asked = self._behind_prompts(texts, prompts)
        elif application == "encoder":
            asked = self._hidden_one_by_one(texts)
        else:
            asked = self._in_windows(texts, window, stride)
        conditions = checked_condition(self.config, condition, len(asked))
        if conditions is not None:
            asked = [
                [row._replace(condition=heard) for row in rows]
                for rows, heard in zip(asked, conditions, strict=True)
            ]
        return self._read(asked, batch_tokens, progress)

    def _read(self, asked: Sequence[Sequence[Row]], batch_tokens: int, progress) -> list[Score]:
        """The scores of texts, each of which is asked in some rows, from its beginning on."""
        rows = [row for rows in asked for row in rows]
        total = sum(len(row.targets) for row in rows)
        likelihoods = [np.zeros(0)] * len(rows)
        for number, values in self.reader.likelihoods(rows, batch_tokens=batch_tokens):
            likelihoods[number] = values.astype("float64")
            progress(len(values), total)
        ends = np.cumsum([0, *map(len, asked)])
        none = np.zeros(0, "int32")
        return [
            Score(
                np.concatenate([none, *(row.targets for row in rows[first:end])]),
                np.concatenate([none, *likelihoods[first:end]]).astype("float64"),
            )
            for first, end in itertools.pairwise(ends.tolist())
        ]

    def _in_windows(self, texts: Any, window: int | None, stride: int | None) -> list[list[Row]]:
        """Texts of a causal model, whose every token but the first is asked."""
        ids = prompt_ids(texts, self.config, self.tokenizer)
        positions = self.config.max_length
        if window is None and stride is not None:
            window = min(positions, LONGEST_WINDOW)
        if window is not None and self.config.position_kind == "learned" and window > positions:
            raise OptionError(f"window is {window}; this model has {positions} positions.")
        for number, row in enumerate(ids, 1):
            checked_token_ids(f"Text {number}", row, self.config.vocab_size)
        asked: list[list[Row]] = []
        for row in ids:
            size = self.window_of(len(row)) if window is None else window
            found = windows([len(row)], window=size, stride=stride)
            asked.append(
                [_going_on(row[start:end], first - start) for _, start, first, end in found]
            )
        return asked

    def _behind_prompts(self, texts: Any, prompts: Any) -> list[list[Row]]:
        """Texts that answer prompts, whose every token is asked."""
        config, tokenizer = self.config, self.tokenizer
        two_stacks = config.application == "seq2seq"
        read = prompt_ids(prompts, config, tokenizer)
        written = rows_of_ids(texts, tokenizer, special_tokens=two_stacks)
        if len(read) != len(written):
            raise OptionError(f"There are {len(written)} texts, but {len(read)} prompts.")
        if config.application == "prefix_lm" and given(texts).texts:
            end = tokenizer.special_ids.get("sep", tokenizer.special_ids.get("eos"))
            written = [row if end is None else [*row, end] for row in written]
        check_texts("Prompt", read, config)
        check_texts("Text", written, config)
        if two_stacks:
            return [[self._decoding(*pair)] for pair in zip(read, written, strict=True)]
        whole = [[*prompt, *text] for prompt, text in zip(read, written, strict=True)]
        check_texts("Prompt and text", whole, config)
        return [
            [_going_on(row, len(prompt), segment=1)]
            for row, prompt in zip(whole, read, strict=True)
        ]

    def _decoding(self, prompt: Sequence[int], text: Sequence[int]) -> Row:
        """What a decoder is given: each token is asked of the vector of the one before."""
        config = self.config
        start = config.decoder_start_token_id
        start = config.pad_token_id if start is None else start
        if len(text) > 1 and text[0] == start:  # T5-PEGASUS begins with the [CLS] of its texts
            text = text[1:]
        inputs = {"token_ids": prompt, "decoder_token_ids": [start, *text[:-1]]}
        return Row(inputs, np.arange(len(text)), np.array(text, "int32"))

    def _hidden_one_by_one(self, texts: Any) -> list[list[Row]]:
        """Texts of a masked model, each of whose tokens is hidden once.

        Reference: https://arxiv.org/abs/1910.14659 (pseudo-log-likelihood)
        """
        if self.tokenizer is None:
            raise OptionError("Without its vocabulary it is not known which token is the mask.")
        mask = self.tokenizer.mask_token_id
        around = {id_ for name, id_ in self.tokenizer.special_ids.items() if name != "unk"}
        ids = rows_of_ids(texts, self.tokenizer)
        check_texts("Text", ids, self.config)
        return [
            [_hiding(row, place, mask) for place, id_ in enumerate(row) if id_ not in around]
            for row in ids
        ]


def _going_on(token_ids: Sequence[int], first: int, segment: int = 0) -> Row:
    """Tokens of which those from `first` on are asked, each of the vector of the one before."""
    segments = [0] * first + [segment] * (len(token_ids) - first)
    places = np.arange(first - 1, len(token_ids) - 1)
    return Row(_inputs(token_ids, segments), places, np.array(token_ids[first:], "int32"))


def _hiding(token_ids: Sequence[int], place: int, mask: int) -> Row:
    """Tokens of which one is hidden and asked."""
    hidden = np.array(token_ids, "int32")  # there are many of them: lists would fill the memory
    hidden[place] = mask
    return Row(_inputs(hidden), np.array([place]), np.array([token_ids[place]], "int32"))


def _inputs(token_ids: Any, segment_ids: Sequence[int] | None = None) -> dict[str, Any]:
    return {"token_ids": token_ids, "segment_ids": segment_ids or [0] * len(token_ids)}
