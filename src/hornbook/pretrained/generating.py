"""A model that writes: prompts to texts, with everything `hornbook.generation` can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hornbook.errors import OptionError
from hornbook.generation import Request, Result, TextBeforeStop, stream, write
from hornbook.pretrained.session import ModelSession

Prompts = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]


class Writer:
    """What `Pretrained.generate` and `Pretrained.stream` do.

    Args:
        model: A built Transformer that writes: a causal or prefix language model, or two stacks.
        tokenizer: Or None, for prompts of token ids.

    Raises:
        OptionError: the model does not write.
    """

    def __init__(self, model: Any, tokenizer: Any):
        from hornbook.models.stepping import CompiledSteps

        application = model.config.application
        if application == "encoder":
            raise OptionError(
                "This model reads and does not write.\n"
                "Load it as one that does: hornbook.load(folder, application='prefix_lm') or "
                "'causal_lm', or 'seq2seq' where there are two stacks."
            )
        if model.mlm is None:
            raise OptionError(
                "This model has no head that makes words.  Load it with heads=['mlm']."
            )
        if model.config.condition_size is not None:
            raise OptionError("A model whose norms listen to a condition cannot write yet.")
        self.model = model
        self.tokenizer = tokenizer
        self._steps = CompiledSteps(model)

    def generate(self, prompts: Prompts, *, batch_size: int, options: dict[str, Any]) -> list:
        """A list of results for each prompt."""
        ids, options = self._prompt_ids(prompts), self._with_defaults(options)
        results: list[list[Result]] = []
        for first in range(0, len(ids), batch_size):
            request = self._request(ids[first : first + batch_size], first, options)
            found = write(self._session(request), request)
            results += [found[i : i + request.n] for i in range(0, len(found), request.n)]
        return results

    def stream(self, prompt: str, options: dict[str, Any]) -> Iterator[str]:
        """The text of one prompt, in pieces, as soon as each is certain."""
        if self.tokenizer is None:
            raise OptionError("A stream is of text, and this model came without its vocabulary.")
        request = self._request(self._prompt_ids([prompt]), 0, self._with_defaults(options))
        if request.copies > 1:
            raise OptionError(f"A stream is one text: leave out n, which is {request.n}.")
        pieces = self.tokenizer.text_stream()
        shown = TextBeforeStop(request.stop_strings)
        for _, token_id in stream(self._session(request), request):
            if text := shown.add(pieces.add(token_id)):
                yield text
        yield shown.add(pieces.finish()) + shown.finish()

    def _session(self, request: Request) -> ModelSession:
        return ModelSession(
            self._steps,
            request.prompts,
            request.max_new_tokens,
            keep_hidden=request.strategy == "contrastive search",
        )

    def _request(self, ids: Sequence[Sequence[int]], first: int, options: dict) -> Request:
        options = {**options, "first_prompt": first}
        return Request.from_options(ids, self.model.config.vocab_size, options)

    def _with_defaults(self, options: dict[str, Any]) -> dict[str, Any]:
        """What the model's own files say, where the caller does not."""
        known: dict[str, Any] = {"stop_ids": self._stop_ids()}
        if self.tokenizer is not None:
            known["decode"] = self.tokenizer.decode
        return {**known, **options}

    def _stop_ids(self) -> set[int]:
        """The tokens that end a text, as the configuration and the tokenizer have them."""
        said = self.model.config.extra.get("eos_token_id")
        ids = set(said) if isinstance(said, list) else {said} - {None}
        if self.tokenizer is not None:
            special = self.tokenizer.special_ids
            ids |= {special[name] for name in ("eos", "sep") if name in special}
        return {token_id for token_id in ids if token_id < self.model.config.vocab_size}

    def _prompt_ids(self, prompts: Prompts) -> list[list[int]]:
        rows: Any = [prompts] if isinstance(prompts, str) else list(prompts)
        if rows and not any(isinstance(row, str) for row in rows):
            rows = [rows] if isinstance(rows[0], int | np.integer) else rows
            return [list(row) for row in rows]
        if self.tokenizer is None:
            raise OptionError(
                "This model came without its vocabulary, so prompts must be token ids."
            )
        encodings = self.tokenizer.encode_batch(rows)
        ids = [list(encoding.token_ids) for encoding in encodings]
        if self.model.config.application == "causal_lm":  # what is gone on with has no end yet
            special = self.tokenizer.special_ids
            ends = {special[name] for name in ("eos", "sep") if name in special}
            ids = [row[:-1] if len(row) > 1 and row[-1] in ends else row for row in ids]
        return ids
