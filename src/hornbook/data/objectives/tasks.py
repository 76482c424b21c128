"""Five pretraining objectives that make batches from rows of raw text.

A row of a batch is a pure function of the rows, the seed, the epoch and its index, whatever else is
in the batch.  All arrays have fixed shapes; names and shapes are documented in each `batch`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hornbook.data.corpus.token_shards import TokenShards
from hornbook.data.objectives.masking import Masking, mask_words
from hornbook.data.objectives.packed_rows import PackedRows, positions_within
from hornbook.data.objectives.sentence_order import sentence_pairs
from hornbook.data.objectives.shard_rows import Rows
from hornbook.data.objectives.span_corruption import corrupt_spans, corrupted_lengths, span_counts
from hornbook.data.seeding import random_of
from hornbook.errors import OptionError

Batch = dict[str, np.ndarray]


def _randoms(seed: int, epoch: int, numbers: np.ndarray) -> list[np.random.Generator]:
    return [random_of(seed, epoch, int(number)) for number in numbers]


def _special_id(shards: TokenShards, purpose: str, objective: str) -> int:
    if purpose not in shards.special_ids:
        has = ", ".join(shards.special_ids) or "none"
        raise OptionError(
            f"{objective} needs a special token for {purpose!r}; the vocabulary has: {has}."
        )
    return shards.special_ids[purpose]


@dataclass(frozen=True, kw_only=True)
class MaskedWords:
    """Masked language modeling as in BERT, with whole words.

    Attributes:
        share: Share of the tokens of a row to predict.
        unit: What is masked together; see `Masking`.
        masked, kept: See `Masking`.
        sentence_order: Whether to add sentence order prediction.

    Reference: Devlin et al., "BERT", 2019; Cui et al., "Pre-Training with Whole Word Masking for
    Chinese BERT", 2021.
    """

    share: float = 0.15
    unit: str = "words"
    masked: float = 0.8
    kept: float = 0.1
    sentence_order: bool = False

    @property
    def packing(self) -> dict[str, Any]:
        """Arguments for `pack`."""
        return {"across_documents": False, "room": 1} if self.sentence_order else {}

    def batch(self, rows: Rows, seed: int, epoch: int, numbers: np.ndarray) -> Batch:
        """`token_ids`, `documents`, `positions`: `(rows, length)` int32; `masked_positions`,
        `labels` int32 and `weights` float32: `(rows, maximum)`.

        With `sentence_order` also `segment_ids` `(rows, length)` int32, `order_label` int32 (1:
        swapped) and `order_weight` float32 `(rows,)`.
        """
        packed, randoms = rows.batch(numbers), _randoms(seed, epoch, numbers)
        order: Batch = {}
        if self.sentence_order:
            separator = _special_id(rows.shards, "sep", "sentence_order")
            pairs = sentence_pairs(packed, randoms, separator, rows.pad_id)
            packed = pairs.rows
            order = {
                "segment_ids": pairs.segment_ids,
                "order_label": pairs.label,
                "order_weight": pairs.weight,
            }
        masked = mask_words(packed, randoms, self._masking(rows.shards))
        return {
            **masked._asdict(),
            "documents": packed.documents,
            "positions": packed.positions,
            **order,
        }

    def _masking(self, shards: TokenShards) -> Masking:
        return Masking(
            mask_id=_special_id(shards, "mask", "Masked language modeling"),
            vocabulary_size=shards.vocabulary_size,
            not_drawn={*shards.special_ids.values(), *shards.sentinels},
            share=self.share,
            unit=self.unit,
            masked=self.masked,
            kept=self.kept,
        )


@dataclass(frozen=True, kw_only=True)
class ReplacedTokens(MaskedWords):
    """Replaced token detection as in ELECTRA: masked words, and tokens that a generator replaced.

    Reference: Clark et al., "ELECTRA", 2020; as in its code, 85 % of the tokens to predict are
    masked and the others stay.
    """

    masked: float = 0.85
    kept: float = 0.15

    def batch(self, rows: Rows, seed: int, epoch: int, numbers: np.ndarray) -> Batch:
        """As `MaskedWords`, and `original_ids`, `(rows, length)` int32."""
        batch = super().batch(rows, seed, epoch, numbers)
        original = batch["token_ids"].copy()
        row, column = np.nonzero(batch["weights"])
        original[row, batch["masked_positions"][row, column]] = batch["labels"][row, column]
        return {**batch, "original_ids": original}


@dataclass(frozen=True, kw_only=True)
class NextTokens:
    """Causal language modeling as in GPT."""

    packing: ClassVar[dict[str, Any]] = {"framing": "end"}

    def batch(self, rows: Rows, seed: int, epoch: int, numbers: np.ndarray) -> Batch:
        """`token_ids`, `documents`, `positions`, `labels` int32 and `weights` float32, all
        `(rows, length)`.  The last token of a document and padding have weight 0.
        """
        return _next_tokens(rows.batch(numbers), rows.pad_id)


@dataclass(frozen=True, kw_only=True)
class PrefixTokens:
    """Prefix language modeling as in UniLM: a bidirectional prefix, then causal prediction.

    Between them is the token that the tokenizer puts after a text, such as [SEP], as in generation
    with a trained model.

    Reference: Dong et al., "Unified Language Model Pre-training", 2019.
    """

    packing: ClassVar[dict[str, Any]] = {"framing": "end", "room": 1}

    def batch(self, rows: Rows, seed: int, epoch: int, numbers: np.ndarray) -> Batch:
        """As `NextTokens`, and `segment_ids` `(rows, length)` int32: 0 for the prefix, 1 for
        the rest; only the rest has weight.
        """
        packed = rows.batch(numbers)
        begins = np.zeros(packed.token_ids.shape, bool)  # the first token after the prefix
        for row, random in enumerate(_randoms(seed, epoch, numbers)):
            text = np.flatnonzero((packed.documents[row] > 0) & ~packed.special[row])
            _, first, counts = np.unique(
                packed.documents[row, text], return_index=True, return_counts=True
            )
            cuts = 1 + np.floor(random.random(len(counts)) * (counts - 1)).astype(int)
            begins[row, text[(first + cuts)[counts > 1]]] = True
        if rows.shards.after:
            places = begins
            packed = packed.with_special_before(places, rows.shards.after[0], rows.pad_id)
            rows_, columns = np.nonzero(places)
            begins = np.zeros_like(places)
            begins[rows_, columns + np.cumsum(places, axis=1)[rows_, columns]] = True
        segment_ids = _since(begins, packed.documents)
        batch = _next_tokens(packed, rows.pad_id)
        written = np.roll(segment_ids, -1, axis=1).astype(np.float32)
        return {**batch, "segment_ids": segment_ids, "weights": batch["weights"] * written}


@dataclass(frozen=True, kw_only=True)
class Spans:
    """Span corruption as in T5, for encoder-decoder models.

    Attributes:
        share: Share of the tokens that is cut out.
        mean_span: Mean length of a span.
    """

    share: float = 0.15
    mean_span: float = 3.0
    packing: ClassVar[dict[str, Any]] = {"framing": "none"}

    def batch(self, rows: Rows, seed: int, epoch: int, numbers: np.ndarray) -> Batch:
        """`token_ids` and `documents` (1, and 0 for padding), `(rows, input_length)` int32;
        `decoder_token_ids`, `labels` int32 and `weights` float32, `(rows, target_length)`.
        """
        shards, packed = rows.shards, rows.batch(numbers)
        _, spans = span_counts(rows.length, self.share, self.mean_span)
        if spans > len(shards.sentinels):
            raise OptionError(
                f"Rows of {rows.length} tokens need {spans} sentinels, but the vocabulary has "
                f"{len(shards.sentinels)}: <extra_id_0>, or [unused1], and so on."
            )
        sentinels = np.array(shards.sentinels, np.int32)
        end = np.array([shards.special_ids[n] for n in ("eos", "sep") if n in shards.special_ids])
        input_length, target_length = corrupted_lengths(rows.length, self.share, self.mean_span)
        shape = len(packed.token_ids)
        token_ids = np.full((shape, input_length), rows.pad_id, np.int32)
        labels = np.full((shape, target_length), rows.pad_id, np.int32)
        documents, weights = np.zeros_like(token_ids), np.zeros(labels.shape, np.float32)
        for row, random in enumerate(_randoms(seed, epoch, numbers)):
            text = packed.token_ids[row, packed.documents[row] > 0]
            parts = corrupt_spans(text, sentinels, end[:1], random, self.share, self.mean_span)
            token_ids[row, : len(parts[0])], documents[row, : len(parts[0])] = parts[0], 1
            labels[row, : len(parts[1])], weights[row, : len(parts[1])] = parts[1], 1
        decoder = np.roll(labels, 1, axis=1)
        decoder[:, 0] = rows.pad_id
        return {
            "token_ids": token_ids,
            "documents": documents,
            "decoder_token_ids": decoder,
            "labels": labels,
            "weights": weights,
        }


OBJECTIVES: dict[str, type] = {
    "mlm": MaskedWords,
    "causal_lm": NextTokens,
    "prefix_lm": PrefixTokens,
    "span": Spans,
    "electra": ReplacedTokens,
}


def _next_tokens(packed: PackedRows, pad_id: int) -> Batch:
    """Returns the batch of a causal language model."""
    labels = np.roll(packed.token_ids, -1, axis=1)
    same = (packed.documents > 0) & (packed.documents == np.roll(packed.documents, -1, axis=1))
    same[:, -1] = False
    return {
        "token_ids": packed.token_ids,
        "documents": packed.documents,
        "positions": packed.positions,
        "labels": np.where(same, labels, pad_id).astype(np.int32),
        "weights": same.astype(np.float32),
    }


def _since(begins: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """Returns 1 from where `begins` is True to the end of its document, int32."""
    counted = np.cumsum(begins, axis=1)
    first = positions_within(documents) == 0
    before = np.maximum.accumulate(np.where(first, counted - begins, 0), axis=1)
    return ((counted > before) & (documents > 0)).astype(np.int32)
