"""A model that writes: prompts to texts, with everything `hornbook.generation` can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

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

# options that are tokens and may be given as text: a list of texts, or one text
_LISTS_OF_TEXTS = ("bad_words", "one_of", "only_from")


class Writer:
    """What `Pretrained.generate` and `Pretrained.stream` do.

    Args:
        model: A built Transformer that writes: a causal or prefix language model, or two stacks.
        tokenizer: Or None, for prompts of token ids.
        defaults: What the model's `generation_config.json` says, where it has one.

    Raises:
        OptionError: the model does not write.
    """

    def __init__(self, model: Any, tokenizer: Any, defaults: GenerationConfig | None = None):
        from hornbook.models.decoding.stepping import CompiledSteps

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
        draft: Writer | None = None,
    ) -> Iterator[list[Result]]:
        """Everything is checked here and now; each batch is written when it is asked for.

        Args:
            prompts: One or several, as `given` takes them.
            options: Fields of `Request`.
            batch_size: Prompts written side by side.
            condition: What the norms listen to, see `checked_condition`.
            draft: A small model that writes ahead.  Its prompts are written one after the
                other, since texts that keep different numbers of tokens leave holes.

        Yields:
            For each prompt its `n` results.
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
        return self._written(request, batches, condition, draft)

    def _written(self, request: Request, batches, condition, draft) -> Iterator[list[Result]]:
        spare = 0 if draft is None else self._spare(request)
        for batch in batches:
            part = request.part(batch)
            heard = None if condition is None else condition[batch]
            session = self._session(part, heard, spare)
            if draft is None:
                results = generate(session, part)
            else:
                results = generate_speculatively(session, draft._session(part, heard, spare), part)
            yield from (results[i : i + part.n] for i in range(0, len(results), part.n))

    def stream(
        self, prompt: str, options: dict[str, Any], *, condition: Any = None
    ) -> Iterator[str]:
        """The text of one prompt, in pieces, as soon as each is certain."""
        if self.tokenizer is None:
            raise OptionError("A stream is of text, and this model came without its vocabulary.")
        ids = prompt_ids([one_text(prompt, "prompt")], self.model.config, self.tokenizer)
        request = self._request(ids, options)
        condition = checked_condition(self.model.config, condition, 1)
        check_prompts(self._steps, ids)
        if request.copies > 1:
            raise OptionError(f"A stream is one text: leave out n, which is {request.n}.")
        pieces = self.tokenizer.text_stream()
        shown = TextBeforeStop(request.stop_strings)
        for _, token_id in stream(self._session(request, condition), request):
            if text := shown.add(pieces.add(token_id)):
                yield text
        yield shown.add(pieces.finish()) + shown.finish()

    def _session(self, request: Request, condition=None, spare: int = 0) -> ModelSession:
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
        """Whether a text can be shown while it is written, with these options."""
        request = self._request([[0]], options)
        return request.strategy in ("greedy", "sampling") and request.copies == 1

    def _spare(self, request: Request) -> int:
        """Slots for drafted tokens: several texts may not be able to use one another's again."""
        steps = 1 if request.copies == 1 else request.max_new_tokens
        if self._steps.positions is not None:
            steps = min(steps, self._steps.positions)
        return (request.draft_tokens + 1) * steps

    def _request(self, ids: Sequence[Sequence[int]], options: dict[str, Any]) -> Request:
        if self._defaults is not None:
            two_stacks = self.model.config.encoder_decoder
            options = self._defaults.options(options, ids, two_stacks=two_stacks)
        options = self._with_defaults(options)
        return Request.from_options(ids, self.model.config.vocab_size, options)

    def _with_defaults(self, options: dict[str, Any]) -> dict[str, Any]:
        """What the model's own files say, where the caller does not, and texts as token ids."""
        known: dict[str, Any] = {"stop_ids": self._stop_ids()}
        if self.tokenizer is not None:
            known["decode"] = self.tokenizer.decode
        options = {**known, **options}
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
        """A text as its token ids, without any around it; lists of texts likewise."""
        if not isinstance(part, str):
            nested = [inner for inner in part if isinstance(inner, str) or np.ndim(inner)]
            return [self._as_ids(name, inner) for inner in part] if nested else part
        if self.tokenizer is None:
            raise OptionError(f"{name} must be token ids: the model came without its vocabulary.")
        return self.tokenizer.encode(part, add_special_tokens=False).token_ids

    def _stop_id(self, token: int | str) -> int:
        """A token that may be given as its text."""
        if not isinstance(token, str):
            return token
        ids = self._as_ids("stop_ids", token)
        if len(ids) != 1:
            raise OptionError(
                f"The stop token {token!r} is {len(ids)} tokens of this vocabulary; one is needed."
                "\nA text of several tokens can be one of stop_strings, which are cut off."
            )
        return ids[0]

    def _stop_ids(self) -> set[int]:
        """The tokens that end a text, as the model's files say it.

        What `generation_config.json` says is all; else it is what the configuration and the
        tokenizer have.
        """
        if self._defaults is not None and self._defaults.stop_ids:
            return set(self._defaults.stop_ids)
        said = self.model.config.extra.get("eos_token_id")
        ids = set(said) if isinstance(said, list) else {said} - {None}
        if self.tokenizer is not None:
            special = self.tokenizer.special_ids
            ids |= {special[name] for name in ("eos", "sep") if name in special}
        return {token_id for token_id in ids if token_id < self.model.config.vocab_size}


def _check_same_vocabulary(writer: Writer, draft: Writer) -> None:
    sizes = [one.model.config.vocab_size for one in (writer, draft)]
    tokenizers = [one.tokenizer for one in (writer, draft) if one.tokenizer is not None]
    listed = [one.tokens(range(one.vocabulary_size)) for one in tokenizers]
    if sizes[0] != sizes[1] or (len(listed) == 2 and listed[0] != listed[1]):
        raise OptionError(
            f"The draft's vocabulary ({sizes[1]} tokens) is another than the model's ({sizes[0]}), "
            "so it cannot write ahead.\nTake a smaller model with the same vocabulary file."
        )
