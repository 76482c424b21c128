"""A batch of texts in generation on a compiled model: the `Session` of `hornbook.generation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.data.batches import pad, padded_length
from hornbook.errors import OptionError

if TYPE_CHECKING:
    from hornbook.models.decoding.stepping import CompiledSteps


class ModelSession:
    """A batch of texts in generation, one per row.

    An encoder-decoder model encodes the prompts; any other model continues them.  Prompts of
    different lengths are padded on the left, which does not change their outputs.

    Args:
        steps: The model's `CompiledSteps`.
        prompts: Token ids of each, at least one token.
        new_tokens: Maximum number of new tokens.
        spare: Additional cache slots for tokens that are removed again.
        condition: `(prompts, condition_size)`, for a model that takes one.
        keep_hidden: Whether to keep the hidden vectors of the prompts.
        start: First token of a decoder.  Defaults to that of the configuration.

    Attributes:
        logits: `(rows, vocabulary)` float32, of the next token in every row.
        prompt_hidden: `(prompt length, features)` per prompt, with `keep_hidden`.

    Raises:
        OptionError: a prompt is longer than the model has positions.
    """

    def __init__(
        self,
        steps: CompiledSteps,
        prompts: Sequence[Sequence[int]],
        new_tokens: int,
        *,
        spare: int = 0,
        condition: np.ndarray | None = None,
        keep_hidden: bool = False,
        start: int | None = None,
    ) -> None:
        self._steps = steps
        self._start = start
        config = steps.decoder.config
        check_prompts(steps, prompts)
        encoder_decoder = steps.model.config.encoder_decoder
        self._lengths = np.array([1 if encoder_decoder else len(prompt) for prompt in prompts])
        longest, limit = int(self._lengths.max()), steps.positions
        self._maximum = longest + new_tokens + spare if limit is None else limit
        slots = min(new_tokens, self._maximum - longest) + spare
        if encoder_decoder:
            prompts, cache = self._encode(prompts, slots, condition)
            width = padded_length(1)
        else:
            width = padded_length(longest)
            cache = steps.empty(len(prompts), padded_length(width + slots))
            if condition is not None:
                cache["condition"] = condition
        self._slots_left = cache["tokens"]["mask"].shape[1] - width
        token_ids, real = _pad_left(prompts, width)
        # segment 0 is the prompt, and 1 the new tokens (UniLM)
        self._segment = int(config.application == "prefix_lm")
        first_step = steps.step if keep_hidden else steps.prefill
        logits, hidden, self._cache = first_step(token_ids, real, np.zeros_like(real), cache)
        if keep_hidden:
            vectors = _to_numpy(hidden)
            self.prompt_hidden = [
                row[width - length :] for row, length in zip(vectors, self._lengths, strict=True)
            ]
        self._keep_last(logits, hidden)

    @property
    def positions_left(self) -> int:
        """How many more tokens fit into every row."""
        return self._maximum - int(self._lengths.max())

    def _encode(
        self, prompts: Sequence[Sequence[int]], new_tokens: int, condition: np.ndarray | None
    ) -> tuple[list[list[int]], Any]:
        """Returns the first tokens of the decoder, and its cache with the encoded prompts."""
        steps = self._steps
        config = steps.model.config
        width = padded_length(max(len(prompt) for prompt in prompts))
        real = pad([[1] * len(prompt) for prompt in prompts], width)
        slots = np.zeros(padded_length(padded_length(1) + new_tokens), "bool")
        start = config.decoder_start_token_id if self._start is None else self._start
        start = config.pad_token_id if start is None else start
        conditions = () if condition is None else (condition,)
        return [[start]] * len(prompts), steps.encode(pad(prompts, width), real, slots, *conditions)

    def _keep_last(self, logits: Any, hidden: Any) -> None:
        self.logits: np.ndarray = _to_numpy(logits)[:, -1]
        self._hidden = hidden  # stays on its device until it is used

    @property
    def hidden(self) -> np.ndarray:
        """`(rows, features)`, the last hidden states, from which `logits` are computed."""
        return _to_numpy(self._hidden)[:, -1]

    def advance(self, token_ids: np.ndarray) -> np.ndarray:
        """Appends tokens, `(rows,)` or `(rows, k)`, and returns the logits after each.

        Raises:
            OptionError: they do not fit.
        """
        columns = np.asarray(token_ids, "int32").reshape(len(token_ids), -1)
        count = columns.shape[1]
        if count > min(self._slots_left, self.positions_left):
            raise OptionError(
                f"There is no room for {count} more tokens: the model has no more positions, "
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
        """Makes new row `i` a copy of old row `rows[i]`."""
        if not np.array_equal(rows, np.arange(len(self.logits))):
            self._cache = self._steps.take_rows(np.asarray(rows, "int32"), self._cache)
            self._lengths = self._lengths[rows]
            self.logits = self.logits[rows]
            self._hidden = self.hidden[rows][:, None]

    def rewind(self, counts: np.ndarray) -> None:
        """Removes the last `counts[i]` tokens of row `i`."""
        self._cache = self._steps.forget(np.asarray(counts, "int32"), self._cache)
        slots = self._cache["tokens"]["mask"].shape[1]
        self._slots_left = slots - int(_to_numpy(self._cache["index"]))
        self._lengths -= counts


def _pad_left(rows: Sequence[Sequence[int]], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns token ids and padding mask, both `(rows, width)`."""
    token_ids, real = np.zeros((2, len(rows), width), "int32")
    for number, row in enumerate(rows):
        token_ids[number, width - len(row) :] = row
        real[number, width - len(row) :] = 1
    return token_ids, real


def check_prompts(
    steps: CompiledSteps, prompts: Sequence[Sequence[int]], first_prompt: int = 0
) -> None:
    """Checks that a model can read the prompts and has a position for a new token.

    Args:
        steps: The model's `CompiledSteps`.
        prompts: Token ids of each.
        first_prompt: Index of the first of them.

    Raises:
        OptionError: naming the first that is empty or too long.
    """
    encoder_decoder = steps.model.config.encoder_decoder
    limit = steps.encoder_positions if encoder_decoder else steps.positions
    if limit is not None and not encoder_decoder:
        limit -= 1
    for number, prompt in enumerate(prompts, 1 + first_prompt):
        if len(prompt) == 0:
            raise OptionError(f"Prompt {number} is empty: give at least one token.")
        if limit is not None and len(prompt) > limit:
            raise OptionError(
                f"Prompt {number} has {len(prompt)} tokens, but the model can read {limit}"
                f"{'' if encoder_decoder else ' and still generate'}.\n"
                "Shorten it, or give the model more positions (docs/models.md)."
            )


def _to_numpy(x: Any) -> np.ndarray:
    from keras import ops

    if "float" in str(x.dtype):
        x = ops.cast(x, "float32")
    return np.asarray(ops.convert_to_numpy(x))
