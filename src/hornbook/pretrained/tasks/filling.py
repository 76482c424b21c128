"""Writing with a masked model: gaps, whole texts drawn, answers cut out of passages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from hornbook.data.batches import pad
from hornbook.errors import OptionError
from hornbook.generation.extraction import extract, vote
from hornbook.generation.masked import Filled, Order, fill_masks, gibbs_samples
from hornbook.generation.sampling import log_probabilities
from hornbook.pretrained.tasks.inputs import check_texts, given, rows_of_ids
from hornbook.pretrained.tasks.token_outputs import Reader, Row
from hornbook.text.tokenizer import Tokenizer


class Answer(NamedTuple):
    """What passages say to a question.

    Attributes:
        text: As it stands in a passage; None: none of them has an answer.
        extracts: Of each passage the text found (empty: none) and the mean probability of its
            tokens.
    """

    text: str | None
    extracts: list[tuple[str, float]]


class Filler:
    """What `Pretrained.fill`, `gibbs` and `extract` do.

    Args:
        reader: Of a masked language model.
        tokenizer: Its own.

    Raises:
        OptionError: the model does not see both sides of a gap.
    """

    def __init__(self, reader: Reader, tokenizer: Tokenizer):
        config = reader.model.config
        if config.application != "encoder":
            raise OptionError(
                "Gaps are filled by a masked language model, which sees both sides of them.\n"
                "Load it with application='encoder' and heads=['mlm']."
            )
        self._config = config
        self._reader = reader
        self._tokenizer = tokenizer
        self._mask = tokenizer.mask_token_id
        self.mark = tokenizer.tokens([self._mask])[0]
        self._positions = config.max_length if config.position_kind == "learned" else None

    def fill(self, texts: Any, n: int, order: Order) -> list[list[Filled]]:
        """The `n` best texts of each."""
        known = given(texts)
        ids = self._with_gaps(known)
        filled = fill_masks(self._predict, _beside(ids), self._mask, order, n)
        if known.texts:
            parts = [source.split(self.mark) for source in known.rows]
        return [
            [
                Filled(
                    one.token_ids[: len(row)],
                    one.log_probabilities[: len(row)],
                    self._put(parts[number], row, one.token_ids) if known.texts else None,
                )
                for one in found
            ]
            for number, (row, found) in enumerate(zip(ids, filled, strict=True))
        ]

    def gibbs(self, template: str, n: int, sweeps: int, temperature: float, seed: int) -> list[str]:
        """Texts drawn by chains of their own."""
        if n < 1 or sweeps < 1:
            raise OptionError(f"n is {n} and sweeps {sweeps}; each must be at least 1.")
        [row] = self._with_gaps([template])
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
        return [self._put(parts, row, drawn) for drawn in next(samples)]

    def extract(self, question: str, passages: Sequence[str], answer_length: int) -> Answer:
        """The answer that the passages together find best."""
        if answer_length < 1:
            raise OptionError(f"answer_length is {answer_length}; it must be at least 1.")
        special = self._tokenizer.special_ids
        first, end = (special.get(a, special.get(b)) for a, b in (("cls", "bos"), ("sep", "eos")))
        if first is None or end is None:
            raise OptionError("Extraction needs a vocabulary with [CLS] and [SEP].")
        asked, *read = self._tokenizer.encode_batch([question, *passages], add_special_tokens=False)
        begun = [first, *[self._mask] * answer_length, end, *asked.token_ids, end]
        room = None if self._positions is None else self._positions - len(begun) - 1
        if room is not None and room < 1:
            raise OptionError(f"The question leaves no room in {self._positions} positions.")
        ids = [[*begun, *passage.token_ids[:room], end] for passage in read]
        places = np.arange(1, answer_length + 1)
        extracts: list[tuple[str, float]] = []
        for text, passage, row in zip(passages, read, ids, strict=True):
            logits = self._reader.logits([_row(row, places)])
            found = extract(np.exp(log_probabilities(logits)), passage.token_ids[:room], end)
            extracts.append((_cut(text, passage, found.token_ids), found.score))
        return Answer(vote(one for one in extracts if one[0]), extracts)

    def _with_gaps(self, texts: Any) -> list[list[int]]:
        known = given(texts)
        if known.texts:
            ids = [self._encoded(text) for text in known.rows]
        else:
            ids = rows_of_ids(known, self._tokenizer)
        check_texts("Text", ids, self._config)
        for number, row in enumerate(ids, 1):
            if self._mask not in row:
                raise OptionError(
                    f"Text {number} has no gap: put {self.mark} where something is to be written."
                )
        return ids

    def _encoded(self, text: str) -> list[int]:
        """A [MASK] that a user types is text; here it is meant, so the parts are joined by hand."""
        *before, last = text.split(self.mark)
        # a token of many vocabularies begins with its space, so the gap does too
        parts = [part.rstrip(" ") for part in before] + [last]
        encodings = self._tokenizer.encode_batch(parts, add_special_tokens=False)
        ids = list(encodings[0].token_ids)
        for encoding in encodings[1:]:
            ids += [self._mask, *encoding.token_ids]
        if not self._tokenizer.add_special_tokens:
            return ids
        return self._tokenizer.template.arrange([(ids, [(0, 0)] * len(ids))], None)[0]

    def _put(self, parts: Sequence[str], row: Sequence[int], token_ids: np.ndarray) -> str:
        """The text a user gave, with what was written in its gaps; gaps side by side are one."""
        written = token_ids[[place for place, id_ in enumerate(row) if id_ == self._mask]].tolist()
        text = parts[0]
        waiting: list[int] = []
        for part, token_id in zip(parts[1:], written, strict=True):
            waiting.append(token_id)
            if part:
                text += self._word(text, waiting) + part
                waiting = []
        return text + self._word(text, waiting)

    def _word(self, before: str, token_ids: Sequence[int]) -> str:
        word = self._tokenizer.decode(token_ids) if token_ids else ""
        return word.removeprefix(" ") if before.endswith(" ") or not before else word

    def _predict(self, token_ids: np.ndarray, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        asked = [_row(text[text >= 0], places[rows == row]) for row, text in enumerate(token_ids)]
        return self._reader.logits(asked)


def _row(token_ids: Any, places: np.ndarray) -> Row:
    segments = np.zeros(len(token_ids), "int32")
    return Row({"token_ids": token_ids, "segment_ids": segments}, places, places)


def _beside(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """`(rows, length)`, with -1 behind those that are shorter."""
    return pad(rows, value=-1)


def _cut(text: str, passage: Any, token_ids: Sequence[int]) -> str:
    """What stands in the text where the tokens are first found."""
    count = len(token_ids)
    for start in range(len(passage.token_ids) - count + 1):
        if count and tuple(passage.token_ids[start : start + count]) == tuple(token_ids):
            return text[passage.offsets[start][0] : passage.offsets[start + count - 1][1]]
    return ""
