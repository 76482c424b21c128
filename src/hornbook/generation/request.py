"""A generation request: prompts and options, checked before a model computes anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from hornbook.errors import OptionError, did_you_mean
from hornbook.generation.option_checks import check_number, checked_token_ids, count, number

Strategy = Literal["greedy", "sampling", "beam search", "contrastive search"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """Prompts, and how they are continued.

    The options decide the strategy: `beams` above 1 is beam search, `degeneration_penalty`
    contrastive search, any of `temperature`, `top_k`, `top_p`, `min_p` and `typical_p` is
    sampling; without any of these, generation is greedy.

    Attributes:
        prompts: Token ids of each, at least one token.
        vocabulary_size: Number of logits.
        first_prompt: Index of the first prompt if this is a part of a larger request; random
            numbers depend on it.
        n: Number of texts per prompt.
        max_new_tokens: Maximum number of new tokens per text.

        stop_ids: Tokens that end a text and are part of it.
        min_ends: Stop at the `min_ends`-th stop token.
        min_new_tokens: Minimum number of new tokens before a stop token is allowed.
        ignore_ends_before: Stop tokens among the first `ignore_ends_before` do not count.
        stop_strings: Strings that end a text; the text is cut before them.
        decode: From token ids to text.  Required by `stop_strings`; without it results have no
            text.

        temperature: Divisor of the logits; 0 is greedy.
        top_k, top_p, min_p, typical_p: The tokens to sample from: see `distribution`.
        seed: The same seed gives the same texts.
        best_of: Samples this many texts and keeps the `n` with the best mean log-probability.

        repetition_penalty, frequency_penalty, presence_penalty, no_repeat_ngram, bad_words,
        logit_bias, forced_prefix: See `hornbook.generation.constraints`.
        one_of: The text must be one of these token sequences, followed by a stop token.
        only_from: The text must be a run of tokens of one of these passages, followed by a stop
            token.  Passages for all prompts, or a list of passages per prompt.
        only_from_ngram: Relaxes `only_from`: only every n-gram of this size must occur in a
            passage, not the whole text.
        constraints: Additional constraints, applied last.

        beams: Number of beams.
        length_penalty: A finished text is ranked by its log-probability divided by its length
            to this power.
        early_stopping: When the search for a prompt ends.  `True`: as soon as `beams` texts are
            finished.  `False`: when the best beam scores worse than all of them at its current
            length.  `"never"`: when no beam can become better, which is exact.
        beam_groups: Number of groups of beams, searched one after the other; each avoids the
            tokens that the previous groups chose (diverse beam search).
        diversity_penalty: Subtracted from a token for each time previous groups chose it.

        degeneration_penalty: From 0 to 1, the weight of dissimilarity to the previous tokens.
        draft_tokens: Number of tokens that a draft model generates ahead (speculative decoding).

    Raises:
        OptionError: an option is out of range, or options contradict each other.
    """

    prompts: Sequence[Sequence[int]]
    vocabulary_size: int = count()
    first_prompt: int = count(0, at_least=0)
    n: int = count(1)
    max_new_tokens: int = count(64)

    stop_ids: Collection[int] = ()
    min_ends: int = count(1)
    min_new_tokens: int = count(0, at_least=0)
    ignore_ends_before: int = count(0, at_least=0)
    stop_strings: Sequence[str] = ()
    decode: Callable[[Sequence[int]], str] | None = None

    temperature: float | None = number(None, at_least=0)
    top_k: int | None = count(None)
    top_p: float | None = number(None, above=0, at_most=1)
    min_p: float | None = number(None, at_least=0, at_most=1)
    typical_p: float | None = number(None, above=0, at_most=1)
    seed: int = count(0, at_least=0, below=2**64)
    best_of: int | None = count(None)

    repetition_penalty: float = number(1.0, above=0)
    frequency_penalty: float = number(0.0)
    presence_penalty: float = number(0.0)
    no_repeat_ngram: int = count(0, at_least=0)
    bad_words: Sequence[Sequence[int]] = ()
    logit_bias: Mapping[int, float] = dataclasses.field(default_factory=dict)
    forced_prefix: Sequence[int] = ()
    one_of: Sequence[Sequence[int]] = ()
    only_from: Sequence[Any] = ()
    only_from_ngram: int | None = count(None)
    constraints: Sequence[Callable[..., np.ndarray]] = ()

    beams: int = count(1)
    length_penalty: float = number(1.0)
    early_stopping: bool | Literal["never"] = False
    beam_groups: int = count(1)
    diversity_penalty: float = number(0.0, at_least=0)

    degeneration_penalty: float = number(0.0, at_least=0, at_most=1)
    draft_tokens: int = count(4)

    @classmethod
    def from_options(
        cls, prompts: Sequence[Sequence[int]], vocabulary_size: int, options: Mapping[str, Any]
    ) -> Self:
        """Builds a request from options by name.

        Raises:
            OptionError: an option is unknown or out of range.
        """
        known = {field.name for field in dataclasses.fields(cls)} - {"prompts", "vocabulary_size"}
        for name in options:
            if name not in known:
                raise OptionError(f"Unknown option {name!r}.  {did_you_mean(name, known)}")
        return cls(prompts=prompts, vocabulary_size=vocabulary_size, **options)

    def part(self, prompts: slice) -> Request:
        """Returns the request for a slice of the prompts, which keep their indices."""
        return dataclasses.replace(
            self,
            prompts=self.prompts[prompts],
            only_from=self.only_from[prompts],
            first_prompt=self.first_prompt + prompts.start,
        )

    @property
    def strategy(self) -> Strategy:
        """The strategy that the options imply."""
        if self.beams > 1:
            return "beam search"
        if self.degeneration_penalty > 0:
            return "contrastive search"
        return "sampling" if self.temperature != 0 and self._sampling_options else "greedy"

    @property
    def copies(self) -> int:
        """Number of texts sampled per prompt."""
        return self.best_of or self.n

    @property
    def filters(self) -> dict[str, Any]:
        """Arguments of `distribution`; greedy generation keeps only the best token."""
        return self._sampling_options if self.strategy == "sampling" else {"temperature": 0}

    @property
    def _sampling_options(self) -> dict[str, Any]:
        """The sampling options that are set."""
        names = ("temperature", "top_k", "top_p", "min_p", "typical_p")
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if "limits" in field.metadata:
                check_number(field, getattr(self, field.name))
        self._check_tokens()
        for problem in self._problems():
            raise OptionError(problem)

    def _check_tokens(self) -> None:
        """Converts token ids to arrays and checks that all are in the vocabulary."""
        if not len(self.prompts):
            raise OptionError("There are no prompts: give at least one.")
        size = self.vocabulary_size
        set_ = object.__setattr__  # the dataclass is frozen
        prompts = [
            checked_token_ids(f"Prompt {number}", prompt, size)
            for number, prompt in enumerate(self.prompts, 1 + self.first_prompt)
        ]
        set_(self, "prompts", tuple(prompts))
        stop_ids = checked_token_ids("stop_ids", list(self.stop_ids), size, empty=True)
        set_(self, "stop_ids", frozenset(stop_ids.tolist()))
        words = [
            checked_token_ids("A sequence of bad_words", word, size) for word in self.bad_words
        ]
        set_(self, "bad_words", tuple(words))
        choices = [checked_token_ids("A sequence of one_of", one, size) for one in self.one_of]
        set_(self, "one_of", tuple(choices))
        set_(self, "only_from", self._passages_of_prompts(size))
        checked_token_ids("forced_prefix", self.forced_prefix, size, empty=True)
        checked_token_ids("logit_bias", list(self.logit_bias), size, empty=True)

    def _passages_of_prompts(self, size: int) -> tuple[tuple[np.ndarray, ...], ...]:
        """`only_from` as passages per prompt, or empty."""
        groups = list(self.only_from)
        if groups and not any(np.ndim(group) == 0 for passage in groups for group in passage):
            if len(groups) != len(self.prompts):
                raise OptionError(
                    f"only_from has passages of {len(groups)} prompts, but there are "
                    f"{len(self.prompts)}."
                )
        elif groups:
            groups = [groups] * len(self.prompts)
        return tuple(
            tuple(checked_token_ids("A passage of only_from", passage, size) for passage in group)
            for group in groups
        )

    def _problems(self) -> Iterable[str]:
        """Yields one line per contradiction."""
        if isinstance(self.stop_strings, str) or "" in self.stop_strings:
            yield "stop_strings is a list of texts, each of at least one character."
        if self.stop_strings and self.decode is None:
            yield "stop_strings need text: give decode, a function from token ids to text."
        if self.only_from_ngram is not None and not self.only_from:
            yield "only_from_ngram relaxes only_from: give only_from, too."
        if self.min_new_tokens > self.max_new_tokens:
            yield (
                f"min_new_tokens is {self.min_new_tokens}; it must be at most max_new_tokens, "
                f"{self.max_new_tokens}."
            )
        if self.early_stopping not in (True, False, "never"):
            yield f"early_stopping is {self.early_stopping!r}; it must be True, False or 'never'."
        yield from self._problems_of_strategy()

    def _problems_of_strategy(self) -> Iterable[str]:
        strategy = self.strategy
        if strategy == "beam search":
            if self._sampling_options:
                options = " and ".join(self._sampling_options)
                yield f"Beam search does not sample: leave out {options}, or beams."
            if self.degeneration_penalty:
                yield "Give beams or degeneration_penalty: these are two different strategies."
            if self.n > self.beams:
                yield f"n is {self.n}; it must be at most beams, {self.beams}."
            if self.beams % self.beam_groups:
                yield (
                    f"beams is {self.beams}; it must be a multiple of beam_groups, "
                    f"{self.beam_groups}."
                )
        elif self.beam_groups > 1:
            yield f"beam_groups is {self.beam_groups}; it must be at most beams, {self.beams}."
        if self.diversity_penalty and self.beam_groups == 1:
            yield "diversity_penalty compares groups of beams: give beam_groups of at least 2."
        if strategy == "contrastive search" and (
            self._sampling_options.keys() != {"top_k"} or self.top_k == 1
        ):
            yield (
                "Contrastive search chooses among the top_k best tokens: give a top_k of at least "
                "2, and no other sampling option."
            )
        if self.n > 1 and strategy in ("greedy", "contrastive search"):
            yield (
                f"n is {self.n}, but all {self.n} texts would be identical: "
                "give a temperature above 0, or beams."
            )
        if self.best_of is not None:
            if strategy != "sampling":
                yield "best_of chooses among samples: give a temperature above 0."
            if self.best_of < self.n:
                yield f"best_of is {self.best_of}; it must be at least n, {self.n}."
