"""Tasks of a model that generates text: generation, streaming, and scores of given texts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hornbook.pretrained.loaded_model import LoadedModel
from hornbook.pretrained.tasks.inputs import Inputs, Prompts, parse_inputs

if TYPE_CHECKING:
    from hornbook.generation import Result
    from hornbook.pretrained.tasks.generating import TextGenerator


class GenerationTasks(LoadedModel):
    """A model that generates and scores texts."""

    def generate(
        self,
        prompts: Prompts,
        *,
        batch_size: int = 8,
        details: bool = False,
        condition: Any = None,
        draft: GenerationTasks | None = None,
        **options: Any,
    ) -> Any:
        """Generates text: a continuation of each prompt, or the output of an encoder-decoder model.

        Generation is greedy unless an option or the model's `generation_config.json` says
        otherwise; options take precedence.

        Args:
            prompts: A text or a list of texts; or token ids of one prompt or of several.  A NumPy
                array or a column of a table is a list.
            batch_size: Prompts per batch; texts do not depend on it.
            details: Whether to return `hornbook.generation.Result`s with token ids (int32 arrays),
                log-probabilities and finish reasons instead of texts.
            condition: Condition of the model's norms, `(condition_size,)` or
                `(prompts, condition_size)`.
            draft: A smaller model with the same vocabulary for speculative decoding.  It changes
                the speed, but neither greedy texts nor the distribution of samples.
            options: Fields of `hornbook.generation.Request`: `max_new_tokens`, `temperature`,
                `top_k`, `top_p`, `beams`, `n`, `seed`, `stop_strings`, `repetition_penalty` ...
                `bad_words`, `one_of`, `only_from` and `forced_prefix` may be texts.

        Returns:
            The text of one prompt, or a list for several; with `n` above 1 a list of texts per
            prompt.  Prompts of token ids return lists of token ids.

        Raises:
            OptionError: an option is unknown or out of range, a prompt is empty or too long, or
                the model cannot generate text.
        """
        inputs: Any = parse_inputs(prompts, "prompts")
        settings = {"batch_size": batch_size, "condition": condition, "draft": draft}
        answers = list(self.generate_each(inputs, details=details, **settings, **options))
        return answers[0] if inputs.single else answers

    def generate_each(
        self,
        prompts: Prompts | Inputs,
        *,
        batch_size: int = 8,
        details: bool = False,
        condition: Any = None,
        draft: GenerationTasks | None = None,
        **options: Any,
    ) -> Iterator[Any]:
        """Yields what `generate` returns for each prompt, as soon as its batch is done.

        All prompts and options are checked before the first batch is generated.
        """
        inputs = parse_inputs(prompts, "prompts")
        results = self._generator.results(
            inputs,
            options,
            batch_size=batch_size,
            condition=condition,
            draft=None if draft is None else draft._generator,
        )

        def shown(result: Result) -> Any:
            if details:
                return result
            return result.text if inputs.are_texts else result.token_ids.tolist()

        several = options.get("n", 1) > 1
        return ([shown(r) for r in each] if several else shown(each[0]) for each in results)

    def stream(self, prompt: str, *, condition: Any = None, **options: Any) -> Iterator[str]:
        """Yields the text of `generate` piece by piece while it is generated.

        Args:
            prompt: A text.
            condition: As for `generate`.
            options: As for `generate`; searches such as beam search cannot stream.

        Raises:
            OptionError: as `generate`, or the options ask for a search or several texts.
        """
        return self._generator.stream(prompt, options, condition=condition)

    def streams(self, **options: Any) -> bool:
        """Returns whether `stream` works with these options: greedy or sampling, one text."""
        return self._generator.streams(options)

    def score(
        self,
        texts: Prompts,
        *,
        prompts: Prompts | None = None,
        condition: Any = None,
        window: int | None = None,
        stride: int | None = None,
        batch_tokens: int = 4096,
    ) -> Any:
        """Returns the log-probability of each token, and the perplexity.

        A causal model scores every token but the first; long texts are read in overlapping
        windows.  With `prompts` every token of a text is scored, including the stop token of models
        that generate one.  A masked language model masks each token once (pseudo-log-likelihood).

        Args:
            texts: A text or a list of texts; or token ids of one or of several.
            prompts: The prompt of each text.  Required by prefix language models and
                encoder-decoder models.
            condition: As for `generate`.
            window: Maximum number of tokens per window of a causal model.  Defaults to the whole
                text if the model has positions for it, else to 1024 or its positions.
            stride: Tokens from one window to the next.  Defaults to half a window.
            batch_tokens: Maximum number of tokens per batch, including padding.

        Returns:
            A `hornbook.generation.Score` for one text, a list for several.

        Raises:
            OptionError: a text is empty or too long, or prompts are missing.
        """
        from hornbook.pretrained.tasks.text_scores import Scorer

        inputs = parse_inputs(texts)
        scores = Scorer(self._reader, self.tokenizer).scores(
            inputs,
            prompts,
            condition=condition,
            window=window,
            stride=stride,
            batch_tokens=batch_tokens,
        )
        return scores[0] if inputs.single else scores

    @cached_property
    def _generator(self) -> TextGenerator:
        """Generates text with this model; compiled once."""
        from hornbook.pretrained.tasks.generating import TextGenerator

        return TextGenerator(self.model, self.tokenizer, self.generation)
