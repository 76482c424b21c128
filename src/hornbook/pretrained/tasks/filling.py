"""Tasks of a masked language model: filling masks, Gibbs sampling, extracting answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from hornbook.data.batches import pad
from hornbook.errors import OptionError
from hornbook.generation.extraction import extract, vote
from hornbook.generation.masked import Filled, Order, fill_masks, gibbs_samples
from hornbook.generation.sampling import log_probabilities
from hornbook.pretrained.tasks.inputs import check_texts, parse_inputs, rows_of_ids
from hornbook.pretrained.tasks.token_outputs import Reader, Row
from hornbook.text.tokenizer import Encoding, Tokenizer


class Answer(NamedTuple):
    """The answer to a question from several passages.

    Attributes:
        text: As it occurs in a passage; None if no passage has an answer.
        extracts: Per passage its answer (empty if there is none) and the mean probability of its
            tokens.
    """

    text: str | None
    extracts: list[tuple[str, float]]


class MaskFiller:
    """What `Pretrained.fill`, `gibbs` and `extract` do.

    Args:
        reader: Reader of a masked language model.
        tokenizer: Tokenizer of the model.

    Raises:
        OptionError: the model is not an encoder.
    """

    def __init__(self, reader: Reader, tokenizer: Tokenizer) -> None:
        config = reader.model.config
        if config.application != "encoder":
            raise OptionError(
                "Only a masked language model, which sees both sides of a mask, can fill it.\n"
                "Load the model with application='encoder' and heads=['mlm']."
            )
        self._config = config
        self._reader = reader
        self._tokenizer = tokenizer
        self._mask = tokenizer.mask_token_id
        self.mark = tokenizer.tokens([self._mask])[0]
        self._positions = config.max_length if config.position_kind == "learned" else None

    def fill(self, texts: Any, n: int, order: Order) -> list[list[Filled]]:
        """Returns the `n` best texts of each."""
        inputs = parse_inputs(texts)
        ids = self._masked_ids(inputs)
        results = fill_masks(self._predict, pad(ids, value=-1), self._mask, order, n)
        if inputs.are_texts:
            parts = [source.split(self.mark) for source in inputs.rows]
        return [
            [
                Filled(
                    filled.token_ids[: len(row)],
                    filled.log_probabilities[: len(row)],
                    self._put(parts[index], row, filled.token_ids) if inputs.are_texts else None,
                )
                for filled in each
            ]
            for index, (row, each) in enumerate(zip(ids, results, strict=True))
        ]

    def gibbs(self, template: str, n: int, sweeps: int, temperature: float, seed: int) -> list[str]:
        """Returns `n` texts, each sampled by an independent chain."""
        if n < 1 or sweeps < 1:
            raise OptionError(f"n is {n} and sweeps {sweeps}; each must be at least 1.")
        [row] = self._masked_ids([template])
        token_ids = np.array([row] * n)
        samples = gibbs_samples(
            self._predict,
            token_ids,
            np.flatnonzero(token_ids[0] == self._mask),
            self._mask,
            burn_in=sweeps - 1,
            temperature=temperature,
            seed=seed,
        )
        parts = template.split(self.mark)
        return [self._put(parts, row, sample) for sample in next(samples)]

    def extract(self, question: str, passages: Sequence[str], answer_length: int) -> Answer:
        """Returns the answer that is best over all passages."""
        if answer_length < 1:
            raise OptionError(f"answer_length is {answer_length}; it must be at least 1.")
        special = self._tokenizer.special_ids
        first, end = (special.get(a, special.get(b)) for a, b in (("cls", "bos"), ("sep", "eos")))
        if first is None or end is None:
            raise OptionError("Extraction needs a vocabulary with [CLS] and [SEP].")
        texts = [question, *passages]
        asked, *encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        prefix = [first, *[self._mask] * answer_length, end, *asked.token_ids, end]
        room = None if self._positions is None else self._positions - len(prefix) - 1
        if room is not None and room < 1:
            raise OptionError(f"The question leaves no room in {self._positions} positions.")
        positions = np.arange(1, answer_length + 1)
        extracts: list[tuple[str, float]] = []
        for text, passage in zip(passages, encodings, strict=True):
            row = [*prefix, *passage.token_ids[:room], end]
            logits = self._reader.logits([_row(row, positions)])
            answer = extract(np.exp(log_probabilities(logits)), passage.token_ids[:room], end)
            extracts.append((_substring(text, passage, answer.token_ids), answer.score))
        return Answer(vote(each for each in extracts if each[0]), extracts)

    def _masked_ids(self, texts: Any) -> list[list[int]]:
        inputs = parse_inputs(texts)
        if inputs.are_texts:
            ids = [self._encoded(text) for text in inputs.rows]
        else:
            ids = rows_of_ids(inputs, self._tokenizer)
        check_texts("Text", ids, self._config)
        for number, row in enumerate(ids, 1):
            if self._mask not in row:
                raise OptionError(
                    f"Text {number} has no mask: put {self.mark} where a token is to be filled in."
                )
        return ids

    def _encoded(self, text: str) -> list[int]:
        """Returns token ids; tokenizers read a typed [MASK] as text, so parts are joined here."""
        *before, last = text.split(self.mark)
        # in many vocabularies a token includes the space before it, so the mask does too
        parts = [part.rstrip(" ") for part in before] + [last]
        encodings = self._tokenizer.encode_batch(parts, add_special_tokens=False)
        ids = list(encodings[0].token_ids)
        for encoding in encodings[1:]:
            ids += [self._mask, *encoding.token_ids]
        if not self._tokenizer.add_special_tokens:
            return ids
        return self._tokenizer.template.arrange([(ids, [(0, 0)] * len(ids))], None)[0]

    def _put(self, parts: Sequence[str], row: Sequence[int], token_ids: np.ndarray) -> str:
        """Returns the user's text with its masks replaced; adjacent masks are decoded together."""
        masks = [index for index, token_id in enumerate(row) if token_id == self._mask]
        text = parts[0]
        run: list[int] = []
        for part, token_id in zip(parts[1:], token_ids[masks].tolist(), strict=True):
            run.append(token_id)
            if part:
                text += self._word(text, run) + part
                run = []
        return text + self._word(text, run)

    def _word(self, before: str, token_ids: Sequence[int]) -> str:
        word = self._tokenizer.decode(token_ids) if token_ids else ""
        return word.removeprefix(" ") if before.endswith(" ") or not before else word

    def _predict(self, token_ids: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return self._reader.logits(
            [_row(ids[ids >= 0], columns[rows == row]) for row, ids in enumerate(token_ids)]
        )


def _row(token_ids: Any, positions: np.ndarray) -> Row:
    segments = np.zeros(len(token_ids), "int32")
    return Row({"token_ids": token_ids, "segment_ids": segments}, positions, positions)


def _substring(text: str, passage: Encoding, token_ids: Sequence[int]) -> str:
    """Returns the part of the text that the first occurrence of the tokens covers."""
    count = len(token_ids)
    for start in range(len(passage.token_ids) - count + 1):
        if count and tuple(passage.token_ids[start : start + count]) == tuple(token_ids):
            first, last = passage.offsets[start], passage.offsets[start + count - 1]
            return text[first[0] : last[1]] if first and last else ""
    return ""
