"""Everything that can be asked of a way of writing, checked before a model computes anything."""

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

    What is given decides the strategy: `beams` above 1 is beam search, `degeneration_penalty`
    contrastive search, one of `temperature`, `top_k`, `top_p`, `min_p` and `typical_p` is
    sampling, and nothing of these is greedy writing.

    Attributes:
        prompts: Token ids of each, one token at least.
        vocabulary_size: How many logits the model gives.
        first_prompt: The number of the first prompt, where a request is written in parts: the
            random numbers go by it.
        n: How many texts each prompt gets.
        max_new_tokens: No text gets longer.

        stop_ids: Tokens that end a text; they belong to it.
        min_ends: The text ends with the so many-th of them.
        min_new_tokens: Before there are so many, a stop token cannot be written.
        ignore_ends_before: Stop tokens among the first so many are written and do not count.
        stop_strings: What ends a text too; the text is cut before it.
        decode: From token ids to text.  Needed by `stop_strings`; results have a text with it.

        temperature: What logits are divided by; 0 is greedy writing.
        top_k, top_p, min_p, typical_p: What is left to draw from: see `distribution`.
        seed: The same seed gives the same texts.
        best_of: Draws so many and keeps the `n` with the best mean log-probability.

        repetition_penalty, frequency_penalty, presence_penalty, no_repeat_ngram, bad_words,
        logit_bias, forced_prefix: See `hornbook.generation.constraints`.
        one_of: A text is one of these token sequences, and then a stop token.
        only_from: A text is cut out of these passages: it is a run of tokens of one of them, and
            then a stop token.  Instead of passages of all prompts, a list of them for each.
        only_from_ngram: Only each run of so many tokens has to stand in a passage, not the whole.
        constraints: More of them, applied last.

        beams: How many beginnings of a text are kept.
        length_penalty: A finished text is ranked by its log-probability divided by its length
            to this power.
        early_stopping: When the search for a prompt ends.  `True`: as soon as `beams` texts are
            finished.  `False`: when the best beginning is worse than all of them if its length
            counts as it is now.  `"never"`: when no beginning can become better, which is exact.
        beam_groups: Groups that are searched one after the other, each avoiding what those
            before it chose (diverse beam search).
        diversity_penalty: How much less a token counts for each time it was chosen by them.

        degeneration_penalty: From 0 to 1, the weight of being unlike what is written already.
        draft_tokens: How many tokens a draft model writes ahead, in speculative writing.

    Raises:
        OptionError: an option has a value that cannot work.
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
    only_from: Sequence = ()
    only_from_ngram: int | None = count(None)
    constraints: Sequence[Callable] = ()

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
        """A request from options that a person named.

        Raises:
            OptionError: there is no such option, or one has a value that cannot work.
        """
        known = {field.name for field in dataclasses.fields(cls)} - {"prompts", "vocabulary_size"}
        for name in options:
            if name not in known:
                raise OptionError(f"There is no option {name!r}.  {did_you_mean(name, known)}")
        return cls(prompts=prompts, vocabulary_size=vocabulary_size, **options)

    def part(self, prompts: slice) -> Request:
        """The same request of some of its prompts; their numbers stay what they are."""
        return dataclasses.replace(
            self,
            prompts=self.prompts[prompts],
            only_from=self.only_from[prompts],
            first_prompt=self.first_prompt + prompts.start,
        )

    @property
    def strategy(self) -> Strategy:
        """How the request is written."""
        if self.beams > 1:
            return "beam search"
        if self.degeneration_penalty > 0:
            return "contrastive search"
        return "sampling" if self.temperature != 0 and self._draws else "greedy"

    @property
    def copies(self) -> int:
        """How many texts of each prompt are sampled."""
        return self.best_of or self.n

    @property
    def filters(self) -> dict[str, Any]:
        """What `distribution` is to do with logits: only the best token is left if greedy."""
        return self._draws if self.strategy == "sampling" else {"temperature": 0}

    @property
    def _draws(self) -> dict[str, Any]:
        """The options of sampling that were given."""
        names = ("temperature", "top_k", "top_p", "min_p", "typical_p")
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not None}

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if "limits" in field.metadata:
                check_number(field, getattr(self, field.name))
        self._check_tokens()
        for problem in self._problems():
            raise OptionError(problem)

    def _check_tokens(self) -> None:
        """Token ids become arrays; none of them may be unknown."""
        if not len(self.prompts):
            raise OptionError("There are no prompts: give one at least.")
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

    def _passages_of_prompts(self, size: int) -> tuple:
        """`only_from`: nothing, or for each prompt its passages."""
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
        """What does not go together, one line each."""
        if isinstance(self.stop_strings, str) or "" in self.stop_strings:
            yield "stop_strings is a list of texts, each of one character at least."
        if self.stop_strings and self.decode is None:
            yield "stop_strings are found in text: give decode, from token ids to text."
        if self.only_from_ngram is not None and not self.only_from:
            yield "only_from_ngram says how only_from counts: give its passages."
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
            if self._draws:
                yield f"Beam search does not draw: leave out {' and '.join(self._draws)}, or beams."
            if self.degeneration_penalty:
                yield "Give beams or degeneration_penalty: these are two different searches."
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
            self._draws.keys() != {"top_k"} or self.top_k == 1
        ):
            yield "Contrastive search chooses among the top_k best: give top_k of at least 2 alone."
        if self.n > 1 and strategy in ("greedy", "contrastive search"):
            yield (
                f"n is {self.n}, but all {self.n} texts would be the same: "
                "give a temperature above 0, or beams."
            )
        if self.best_of is not None:
            if strategy != "sampling":
                yield "best_of chooses among samples: give a temperature above 0."
            if self.best_of < self.n:
                yield f"best_of is {self.best_of}; it must be at least n, {self.n}."
