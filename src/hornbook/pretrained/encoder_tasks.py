"""Tasks of an encoder: one vector per text, and the logits of a fine-tuned head."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.errors import OptionError
from hornbook.pretrained.loaded_model import LoadedModel
from hornbook.pretrained.tasks.inputs import Prompts, TokenRow, parse_inputs, token_rows
from hornbook.pretrained.tasks.labeling import Classifier, labels_of

if TYPE_CHECKING:
    from hornbook.pretrained.tasks.encoding import TextEncoder

Texts = Prompts | tuple[str, str] | Sequence[tuple[str, str]]


class EncoderTasks(LoadedModel):
    """A model that encodes and classifies texts."""

    def encode(
        self,
        texts: Texts,
        *,
        pooling: str = "mean",
        max_length: int | None = None,
        batch_tokens: int = 4096,
    ) -> np.ndarray:
        """Returns one vector per text; an encoder-decoder model uses its encoder.

        Texts of similar length are batched together, so little time is spent on padding.

        Args:
            texts: A text, a pair of texts as a tuple, or a list of texts or pairs; or token ids of
                one text or of several.  A NumPy array or a column of a table is a list.
            pooling: `"mean"` over the tokens, `"first"` token, or `"pooler"`.
            max_length: Maximum number of tokens per text.  Defaults to the model's positions.
            batch_tokens: Maximum number of tokens per batch, including padding.

        Returns:
            `(hidden_size,)` float32 for one text or pair; `(len(texts), hidden_size)` for a list,
            in its order.

        Raises:
            OptionError: an input is no text or has no token.
        """
        inputs = parse_inputs(texts, pairs=True)
        limit = self._limit(max_length)
        self._encoder.check(pooling)
        rows = self._token_rows(inputs.rows, inputs.are_texts, limit)
        vectors = self._encoder.vectors(rows, pooling, limit=limit, batch_tokens=batch_tokens)
        return vectors[0] if inputs.single else vectors

    @property
    def labels(self) -> list[str]:
        """The labels of a fine-tuned head, in the order of its logits."""
        return labels_of(self.config)

    def classify(
        self,
        texts: Texts,
        *,
        max_length: int | None = None,
        batch_tokens: int = 4096,
    ) -> Any:
        """Returns the logits of a fine-tuned head.

        Args:
            texts, max_length, batch_tokens: As for `encode`.

        Returns:
            Logits, float32.  For `classification` `(labels,)` for one text, `(texts, labels)` for
            a list, in the order of `labels`; for `token_classification` `(tokens, labels)` and for
            `question_answering` `(tokens, 2)` for one text, and a list of them for a list.

        Raises:
            OptionError: the model was loaded without such a head.
        """
        inputs = parse_inputs(texts, pairs=True)
        classifier = self._classifier
        rows = self._token_rows(inputs.rows, inputs.are_texts, self._limit(max_length))
        logits = classifier.logits(rows, batch_tokens)
        if inputs.single:
            return logits[0]
        return np.array(logits) if classifier.of_texts else logits

    def _limit(self, max_length: int | None) -> int:
        positions = self.config.max_length
        if max_length is not None and max_length < 1:
            raise OptionError(f"max_length is {max_length}; it must be at least 1.")
        return min(max_length or positions, positions)

    def _token_rows(self, rows: list[Any], are_texts: bool, limit: int) -> list[TokenRow]:
        tokenizer = self.require_tokenizer() if are_texts and rows else None
        return token_rows(rows, tokenizer, limit=limit, vocab_size=self.config.vocab_size)

    @cached_property
    def _encoder(self) -> TextEncoder:
        from hornbook.pretrained.tasks.encoding import TextEncoder

        return TextEncoder(self.model)

    @cached_property
    def _classifier(self) -> Classifier:
        return Classifier(self.model)
