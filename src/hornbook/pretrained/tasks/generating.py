"""Text generation with a model: from prompts to texts, with all of `hornbook.generation`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.errors import OptionError
from hornbook.generation import (
    Request,
    Result,
    TextBeforeStop,
    generate,
    generate_speculatively,
    stream,
)
from hornbook.pretrained.tasks.generation_config import GenerationConfig
from hornbook.pretrained.tasks.inputs import checked_condition, one_text, prompt_ids
from hornbook.pretrained.tasks.model_session import ModelSession, check_prompts
from hornbook.pretrained.transformer_protocol import TransformerModel

if TYPE_CHECKING:
    from hornbook.text.tokenizer import Tokenizer

# options of tokens that may also be lists of texts
_LISTS_OF_TEXTS = ("bad_words", "one_of", "only_from")


class TextGenerator:
    """What `Pretrained.generate` and `Pretrained.stream` do.

    Args:
        model: A built causal or prefix language model, or an encoder-decoder model.
        tokenizer: Its tokenizer; None for prompts of token ids.
        defaults: The model's `generation_config.json`; None without one.

    Raises:
        OptionError: the model cannot generate text.
    """

    def __init__(
        self,
        model: TransformerModel,
        tokenizer: Tokenizer | None,
        defaults: GenerationConfig | None = None,
    ) -> None:
        from hornbook.models.decoding.stepping import CompiledSteps

        application = model.config.application
        if application == "encoder":
            raise OptionError(
                "This model is an encoder and cannot generate text.\n"
                "Load it with application='prefix_lm' or 'causal_lm', or 'seq2seq' for an "
                "encoder-decoder model."
            )
        if model.mlm is None:
            raise OptionError("This model has no language head.  Load it with heads=['mlm'].")
        self.model = model
        self.tokenizer = tokenizer
        self._defaults = defaults
        self._steps = CompiledSteps(model)

    def results(
        self,
        prompts: Any,
        options: dict[str, Any],
        *,
        batch_size: int,
        condition: Any = None,
        draft: TextGenerator | None = None,
    ) -> Iterator[list[Result]]:
        """Checks everything now, and generates each batch when it is requested.

        Args:
            prompts: One or several, as for `parse_inputs`.
            options: Fields of `Request`.
            batch_size: Prompts per batch.
            condition: Condition of the norms, see `checked_condition`.
            draft: A small model for speculative decoding.  Prompts are then generated one at a
                time, because rows that accept different numbers of tokens would leave holes.

        Yields:
            The `n` results of each prompt.
        """
        if batch_size < 1:
            raise OptionError(f"batch_size is {batch_size}; it must be at least 1.")
        ids = prompt_ids(prompts, self.model.config, self.tokenizer)
        if not ids:
            return iter(())
        request = self._request(ids, options)
        condition = checked_condition(self.model.config, condition, len(ids))
        check_prompts(self._steps, ids, request.first_prompt)
        if draft is not None:
            _check_same_vocabulary(self, draft)
            check_prompts(draft._steps, ids, request.first_prompt)
            batch_size = 1
        batches = [slice(first, first + batch_size) for first in range(0, len(ids), batch_size)]
        return self._batches(request, batches, condition, draft)

    def _batches(
        self,
        request: Request,
        batches: Sequence[slice],
        condition: np.ndarray | None,
        draft: TextGenerator | None,
    ) -> Iterator[list[Result]]:
        spare = 0 if draft is None else self._spare(request)
        for batch in batches:
            part = request.part(batch)
            conditions = None if condition is None else condition[batch]
            session = self._session(part, conditions, spare)
            if draft is None:
                results = generate(session, part)
            else:
                draft_session = draft._session(part, conditions, spare)
                results = generate_speculatively(session, draft_session, part)
            yield from (results[i : i + part.n] for i in range(0, len(results), part.n))

    def stream(
        self, prompt: str, options: dict[str, Any], *, condition: Any = None
    ) -> Iterator[str]:
        """Yields the text of one prompt in pieces, as soon as each is certain."""
        if self.tokenizer is None:
            raise OptionError("Only text can be streamed, and this model has no vocabulary.")
        ids = prompt_ids([one_text(prompt, "prompt")], self.model.config, self.tokenizer)
        request = self._request(ids, options)
        condition = checked_condition(self.model.config, condition, 1)
        check_prompts(self._steps, ids)
        if request.copies > 1:
            raise OptionError(f"Only one text can be streamed: leave out n, which is {request.n}.")
        pieces = self.tokenizer.text_stream()
        shown = TextBeforeStop(request.stop_strings)
        for _, token_id in stream(self._session(request, condition), request):
            if text := shown.add(pieces.add(token_id)):
                yield text
        yield shown.add(pieces.finish()) + shown.finish()

    def _session(
        self, request: Request, condition: np.ndarray | None = None, spare: int = 0
    ) -> ModelSession:
        return ModelSession(
            self._steps,
            request.prompts,
            request.max_new_tokens,
            spare=spare,
            condition=condition,
            keep_hidden=request.strategy == "contrastive search",
            start=None if self._defaults is None else self._defaults.decoder_start,
        )

    def streams(self, options: dict[str, Any]) -> bool:
        """Returns whether a text can be streamed with these options."""
        request = self._request([[0]], options)
        return request.strategy in ("greedy", "sampling") and request.copies == 1

    def _spare(self, request: Request) -> int:
        """Returns the cache slots for drafted tokens: several texts may not reuse each other's."""
        steps = 1 if request.copies == 1 else request.max_new_tokens
        if self._steps.positions is not None:
            steps = min(steps, self._steps.positions)
        return (request.draft_tokens + 1) * steps

    def _request(self, ids: Sequence[Sequence[int]], options: dict[str, Any]) -> Request:
        if self._defaults is not None:
            encoder_decoder = self.model.config.encoder_decoder
            options = self._defaults.options(options, ids, encoder_decoder=encoder_decoder)
        options = self._with_defaults(options)
        return Request.from_options(ids, self.model.config.vocab_size, options)

    def _with_defaults(self, options: dict[str, Any]) -> dict[str, Any]:
        """Adds the defaults of the model's files, and converts texts to token ids."""
        defaults: dict[str, Any] = {"stop_ids": self._stop_ids()}
        if self.tokenizer is not None:
            defaults["decode"] = self.tokenizer.decode
        options = {**defaults, **options}
        for name in _LISTS_OF_TEXTS:
            if name in options:
                if isinstance(options[name], str):
                    raise OptionError(f"{name} is a list: give [{options[name]!r}].")
                options[name] = [self._as_ids(name, part) for part in options[name]]
        options["stop_ids"] = [self._stop_id(token) for token in options["stop_ids"]]
        if isinstance(prefix := options.get("forced_prefix"), str):
            options["forced_prefix"] = self._as_ids("forced_prefix", prefix)
        return options

    def _as_ids(self, name: str, part: Any) -> Any:
        """Returns the token ids of a text, without special tokens; of nested lists likewise."""
        if not isinstance(part, str):
            nested = [inner for inner in part if isinstance(inner, str) or np.ndim(inner)]
            return [self._as_ids(name, inner) for inner in part] if nested else part
        if self.tokenizer is None:
            raise OptionError(f"{name} must be token ids: the model came without its vocabulary.")
        return self.tokenizer.encode(part, add_special_tokens=False).token_ids

    def _stop_id(self, token: int | str) -> int:
        """Returns the id of a token, which may be a text."""
        if not isinstance(token, str):
            return token
        ids: list[int] = self._as_ids("stop_ids", token)
        if len(ids) != 1:
            raise OptionError(
                f"The stop token {token!r} is {len(ids)} tokens of this vocabulary; expected one."
                "\nUse stop_strings for texts of several tokens; they are cut off."
            )
        return ids[0]

    def _stop_ids(self) -> set[int]:
        """Returns the stop tokens of the model's files.

        Those of `generation_config.json` if it names any; otherwise those of the configuration
        and the tokenizer.
        """
        if self._defaults is not None and self._defaults.stop_ids:
            return set(self._defaults.stop_ids)
        end = self.model.config.extra.get("eos_token_id")
        ids: set[int] = set(end) if isinstance(end, list) else set() if end is None else {end}
        if self.tokenizer is not None:
            special = self.tokenizer.special_ids
            ids |= {special[name] for name in ("eos", "sep") if name in special}
        return {token_id for token_id in ids if token_id < self.model.config.vocab_size}


def _check_same_vocabulary(generator: TextGenerator, draft: TextGenerator) -> None:
    sizes = [each.model.config.vocab_size for each in (generator, draft)]
    tokenizers = [each.tokenizer for each in (generator, draft) if each.tokenizer is not None]
    vocabularies = [each.tokens(range(each.vocabulary_size)) for each in tokenizers]
    differ = len(vocabularies) == 2 and vocabularies[0] != vocabularies[1]
    if sizes[0] != sizes[1] or differ:
        raise OptionError(
            f"The draft's vocabulary ({sizes[1]} tokens) differs from the model's ({sizes[0]}).\n"
            "Use a smaller model with the same vocabulary file."
        )
