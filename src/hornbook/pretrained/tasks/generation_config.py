"""How a model wants to be asked to write: the `generation_config.json` of its folder.

What it says holds wherever the caller says nothing, as in transformers; greedy stays greedy unless
the file says `do_sample` or `num_beams`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hornbook.errors import CheckpointError, OptionError
from hornbook.generation import Request
from hornbook.generation.constraints import ForcedEnd

FILE = "generation_config.json"
TOP_K = 50  # of transformers, where a file samples and does not say it
# its name in the file -> field of `Request`, and the value that changes nothing
_SAME = {
    "max_new_tokens": ("max_new_tokens", None),
    "min_new_tokens": ("min_new_tokens", 0),
    "repetition_penalty": ("repetition_penalty", 1.0),
    "no_repeat_ngram_size": ("no_repeat_ngram", 0),
    "bad_words_ids": ("bad_words", None),
}
_DRAWING = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0, "typical_p": 1.0}
_SEARCH = {
    "num_beams": ("beams", 1),
    "num_beam_groups": ("beam_groups", 1),
    "diversity_penalty": ("diversity_penalty", 0.0),
    "length_penalty": ("length_penalty", 1.0),
    "early_stopping": ("early_stopping", False),
}
_IDS = ("eos_token_id", "pad_token_id", "bos_token_id", "decoder_start_token_id")
_FORCED = ("forced_bos_token_id", "forced_eos_token_id")
# what has no say in which tokens are written, or not here
_SILENT = {"_from_model_config", "transformers_version", "use_cache", "do_sample", "cache_config"}
_SILENT |= {"return_dict_in_generate", "cache_implementation", "renormalize_logits", "trust_remote"}
_SILENT |= {"max_length", "min_length", "assistant_confidence_threshold", "num_assistant_tokens"}
_SILENT |= {"num_assistant_tokens_schedule", "max_matching_ngram_size", "prefill_chunk_size"}


class GenerationConfig:
    """Options of `Request` that a folder's file sets.

    Args:
        values: What stands in the file.
        where: Its name, for messages.
        vocab_size: Tokens of the model.

    Attributes:
        values: What stands in the file.
        stop_ids: What ends a text; None: the file does not say.
        decoder_start: What a decoder begins with; None: the file does not say.
        unused: What else the file says that would change what is written and is not done here.

    Raises:
        CheckpointError: a value is of the wrong kind, or an id is beyond the vocabulary.
    """

    def __init__(self, values: Mapping[str, Any], where: str, vocab_size: int) -> None:
        self.values = dict(values)
        self._where = where
        self._size = vocab_size
        self.stop_ids = self._ids("eos_token_id")
        starts = self._ids("decoder_start_token_id")
        self.decoder_start = starts[0] if starts else None
        forced = {name: self._ids(name) for name in _FORCED}
        self._forced_start, self._forced_end = forced.values()
        self._max_length = self._count("max_length")
        self._min_length = self._count("min_length")
        self._plain = self._named(_SAME)
        self._drawing = self._draws()
        self._search = self._named(_SEARCH)
        known = {*_SAME, *_DRAWING, *_SEARCH, *_IDS, *_FORCED, *_SILENT}
        self.unused = sorted(
            name
            for name, value in values.items()
            if name not in known and not name.startswith("output_")
            if value not in (None, False, 0, 1.0, [], {})
        )
        if "beams" in self._search and self._drawing:
            self.unused.append("do_sample beside num_beams")
            self._drawing = {}
        self._check()

    @classmethod
    def read(cls, folder: Path, vocab_size: int) -> GenerationConfig | None:
        """That of a folder; None where it has none.

        Raises:
            CheckpointError: the file cannot be read.
        """
        file = folder / FILE
        if not file.is_file():
            return None
        try:
            values = json.loads(file.read_text("utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{file} cannot be read as JSON: {error}") from None
        if not isinstance(values, dict):
            raise CheckpointError(f"{file} should hold one JSON object.")
        return cls(values, str(file), vocab_size)

    def options(
        self, given: Mapping[str, Any], prompts: Sequence[Sequence[int]], *, two_stacks: bool
    ) -> dict[str, Any]:
        """The options of a request: what was given, and what the file says beside it.

        Args:
            given: What the caller named, which goes first.
            prompts: Token ids of each; lengths in the file count the prompt too.
            two_stacks: Whether the model reads prompts with one stack and writes with another.

        Raises:
            OptionError: the prompts leave no room in the file's `max_length`.
        """
        options = dict(self._plain)
        contrastive = given.get("degeneration_penalty", 0)
        draws = any(given.get(name) is not None for name in _DRAWING)
        beams = given.get("beams", 1 if draws else self._search.get("beams", 1))
        if beams != 1 and not contrastive:
            options |= self._search
        elif not contrastive:
            options |= self._drawing
        self._add_lengths(options, given, 1 if two_stacks else max(map(len, prompts)))
        if two_stacks and self._forced_start:
            options["forced_prefix"] = self._forced_start[:1]
        options |= given
        if self._forced_end:
            longest = options.get("max_new_tokens", Request.max_new_tokens)
            end = ForcedEnd(self._forced_end, longest)
            options["constraints"] = [*options.get("constraints", ()), end]
        return options

    def described(self) -> str:
        """What is taken from the file, in a line."""
        said: dict[str, Any] = {} if self.stop_ids is None else {"stop_ids": self.stop_ids}
        said |= self._plain | self._drawing | (self._search if "beams" in self._search else {})
        lengths = {"max_length": self._max_length, "min_length": self._min_length}
        said |= {name: value for name, value in lengths.items() if value is not None}
        forced = dict(zip(_FORCED, (self._forced_start, self._forced_end), strict=True))
        said |= {name: value for name, value in forced.items() if value}
        return ", ".join(f"{name} {value}" for name, value in said.items())

    def renumbered(self, new_id: Callable[[int], int | None], vocab_size: int) -> GenerationConfig:
        """The same for a vocabulary with other ids; tokens that are gone are left out."""
        values = dict(self.values)
        for name in (*_IDS, *_FORCED):
            old = self._ids(name)
            if old is not None:
                ids = [found for token_id in old if (found := new_id(token_id)) is not None]
                values[name] = ids if len(ids) != 1 or isinstance(values[name], list) else ids[0]
                if not ids:
                    del values[name]
        words = values.pop("bad_words_ids", None) or []
        words = [[new_id(token_id) for token_id in word] for word in words]
        if kept := [word for word in words if None not in word]:
            values["bad_words_ids"] = kept
        return GenerationConfig(values, self._where, vocab_size)

    def _check(self) -> None:
        """Lets a request look at the values, as if it was asked for."""
        try:
            Request(
                prompts=[[0]],
                vocabulary_size=self._size,
                **self.options({}, [[0]], two_stacks=True),
            )
        except OptionError as error:
            raise CheckpointError(f"{self._where}: {error}") from None

    def _add_lengths(self, options: dict[str, Any], given: Mapping[str, Any], before: int) -> None:
        """`max_length` and `min_length`, of which the first `before` tokens are not new."""
        if self._max_length is not None and "max_new_tokens" not in {*options, *given}:
            if self._max_length <= before:
                raise OptionError(
                    f"{self._where} says max_length {self._max_length}, and a prompt has {before} "
                    "tokens already.\nGive max_new_tokens."
                )
            options["max_new_tokens"] = self._max_length - before
        if self._min_length is not None and "min_new_tokens" not in options:
            options["min_new_tokens"] = max(self._min_length - before, 0)
        most = given.get("max_new_tokens")
        if most is not None and "min_new_tokens" in options:
            options["min_new_tokens"] = min(options["min_new_tokens"], most)

    def _draws(self) -> dict[str, Any]:
        if self._value("do_sample") is not True:
            return {}
        found = {"temperature": 1.0, "top_k": TOP_K}
        found |= {name: self.values[name] for name in _DRAWING if self._value(name) is not None}
        return {
            name: value
            for name, value in found.items()
            if name == "temperature" or value != _DRAWING[name]
        }

    def _named(self, names: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
        return {
            field: self.values[name]
            for name, (field, nothing) in names.items()
            if self._value(name) is not None and self.values[name] != nothing
        }

    def _value(self, name: str) -> Any:
        return self.values.get(name)

    def _count(self, name: str) -> int | None:
        value = self._value(name)
        if value is None or (type(value) is int and value >= 0):
            return value or None
        raise CheckpointError(f"{self._where}: {name} is {value!r}; expected a whole number.")

    def _ids(self, name: str) -> list[int] | None:
        value = self._value(name)
        if value is None:
            return None
        ids = value if isinstance(value, list) else [value]
        for token_id in ids:
            if type(token_id) is not int:
                raise CheckpointError(f"{self._where}: {name} is {value!r}; expected a token id.")
        return [token_id for token_id in ids if 0 <= token_id < self._size]
