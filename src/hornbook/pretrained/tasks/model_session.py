"""Texts that a model is writing: what `hornbook.generation` asks of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbook.data.batches import pad, padded_length
from hornbook.errors import OptionError


class ModelSession:
    """A batch of texts that grow together, one to a row, on a compiled model.

    A model of two stacks reads the prompts and begins to write; any other goes on where they
    end.  Prompts of different lengths are padded in front, which changes nothing in what
    they get.

    Args:
        steps: The model's `CompiledSteps`.
        prompts: Token ids of each, one at least.
        new_tokens: How many will be written at most.
        spare: For how many more there shall be room: those that are taken back again.
        condition: `(prompts, condition_size)`, where the model's norms listen to one.
        keep_hidden: Whether the hidden vectors of the prompts are wanted too.
        start: What a decoder begins with; None: as the configuration says.

    Attributes:
        logits: `(rows, vocabulary)` float32, of the token that comes next in every row.
        prompt_hidden: `(prompt length, features)` of each prompt, with `keep_hidden`.

    Raises:
        OptionError: a prompt is longer than the model has positions.
    """

    def __init__(
        self,
        steps: Any,
        prompts: Sequence[Sequence[int]],
        new_tokens: int,
        *,
        spare: int = 0,
        condition: np.ndarray | None = None,
        keep_hidden: bool = False,
        start: int | None = None,
    ):
        self._steps = steps
        self._start = start
        config = steps.writer.config
        check_prompts(steps, prompts)
        reads_first = steps.model.config.encoder_decoder
        self._lengths = np.array([1 if reads_first else len(prompt) for prompt in prompts])
        longest, limit = int(self._lengths.max()), steps.positions
        self._longest = longest + new_tokens + spare if limit is None else limit
        slots = min(new_tokens, self._longest - longest) + spare
        if reads_first:
            prompts, cache = self._read(prompts, slots, condition)
            width = padded_length(1)
        else:
            width = padded_length(longest)
            cache = steps.empty(len(prompts), padded_length(width + slots))
            if condition is not None:
                cache["condition"] = condition
        self._slots_left = cache["tokens"]["real"].shape[1] - width
        token_ids, real = _pad_in_front(prompts, width)
        # segment 0 is what is read, and 1 what is written (UniLM)
        self._segment = int(config.application == "prefix_lm")
        begin = steps.step if keep_hidden else steps.begin
        logits, hidden, self._cache = begin(token_ids, real, np.zeros_like(real), cache)
        if keep_hidden:
            vectors = _to_numpy(hidden)
            self.prompt_hidden = [
                row[width - length :] for row, length in zip(vectors, self._lengths, strict=True)
            ]
        self._keep_last(logits, hidden)

    @property
    def positions_left(self) -> int:
        """How many more tokens fit into every row."""
        return self._longest - int(self._lengths.max())

    def _read(self, prompts, new_tokens, condition):
        """What the decoder begins with, and its cache when the encoder has read the prompts."""
        steps = self._steps
        config = steps.model.config
        width = padded_length(max(len(prompt) for prompt in prompts))
        real = pad([[1] * len(prompt) for prompt in prompts], width)
        slots = np.zeros(padded_length(padded_length(1) + new_tokens), "bool")
        start = config.decoder_start_token_id if self._start is None else self._start
        start = config.pad_token_id if start is None else start
        heard = () if condition is None else (condition,)
        return [[start]] * len(prompts), steps.read(pad(prompts, width), real, slots, *heard)

    def _keep_last(self, logits, hidden):
        self.logits = _to_numpy(logits)[:, -1]
        self._hidden = hidden  # left where it is until somebody asks

    @property
    def hidden(self) -> np.ndarray:
        """`(rows, features)`, what `logits` were made of."""
        return _to_numpy(self._hidden)[:, -1]

    def advance(self, token_ids: np.ndarray) -> np.ndarray:
        """Appends tokens, `(rows,)` or `(rows, k)`, and returns the logits of what comes next.

        Raises:
            OptionError: they do not fit any more.
        """
        columns = np.asarray(token_ids, "int32").reshape(len(token_ids), -1)
        count = columns.shape[1]
        if count > min(self._slots_left, self.positions_left):
            raise OptionError(
                f"There is no room for {count} more tokens: the model has no further positions, "
                "or max_new_tokens is reached."
            )
        ones = np.ones_like(columns)
        logits, hidden, self._cache = self._steps.step(
            columns, ones, self._segment * ones, self._cache
        )
        self._slots_left -= count
        self._lengths += count
        self._keep_last(logits, hidden)
        return self.logits if token_ids.ndim == 1 else _to_numpy(logits)

    def reorder(self, rows: np.ndarray) -> None:
        """Lets new row `i` go on from what old row `rows[i]` has."""
        if not np.array_equal(rows, np.arange(len(self.logits))):
            self._cache = self._steps.take_rows(np.asarray(rows, "int32"), self._cache)
            self._lengths = self._lengths[rows]
            self.logits = self.logits[rows]
            self._hidden = self.hidden[rows][:, None]

    def rewind(self, counts: np.ndarray) -> None:
        """Takes the last `counts[i]` tokens of row `i` back."""
        self._cache = self._steps.forget(np.asarray(counts, "int32"), self._cache)
        slots = self._cache["tokens"]["real"].shape[1]
        self._slots_left = slots - int(_to_numpy(self._cache["index"]))
        self._lengths -= counts


def _pad_in_front(rows: Sequence[Sequence[int]], width: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows side by side, and which of their places are real."""
    token_ids, real = np.zeros((2, len(rows), width), "int32")
    for number, row in enumerate(rows):
        token_ids[number, width - len(row) :] = row
        real[number, width - len(row) :] = 1
    return token_ids, real


def check_prompts(steps: Any, prompts: Sequence[Sequence[int]], first_prompt: int = 0) -> None:
    """Makes sure that a model can read the prompts and still write.

    Args:
        steps: The model's `CompiledSteps`.
        prompts: Token ids of each.
        first_prompt: The number of the first of them, from 0 on.

    Raises:
        OptionError: naming the first that is empty or too long.
    """
    reads_first = steps.model.config.encoder_decoder
    limit = steps.encoder_positions if reads_first else steps.positions
    if limit is not None and not reads_first:
        limit -= 1
    for number, prompt in enumerate(prompts, 1 + first_prompt):
        if len(prompt) == 0:
            raise OptionError(f"Prompt {number} is empty: give one token at least.")
        if limit is not None and len(prompt) > limit:
            raise OptionError(
                f"Prompt {number} has {len(prompt)} tokens, but the model can read {limit}"
                f"{'' if reads_first else ' and still write'}.\n"
                "Shorten it, or give the model more positions (docs/models.md)."
            )


def _to_numpy(x: Any) -> np.ndarray:
    from keras import ops

    return ops.convert_to_numpy(ops.cast(x, "float32") if "float" in str(x.dtype) else x)
