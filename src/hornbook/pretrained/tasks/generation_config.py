"""Default generation options of a model: the `generation_config.json` of its folder.

They apply where the caller sets nothing, as in transformers; generation is greedy unless the file
has `do_sample` or `num_beams`.
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
TOP_K = 50  # the default of transformers for a file that samples
# name in the file -> field of `Request`, and the value without effect
_SAME = {
    "max_new_tokens": ("max_new_tokens", None),
    "min_new_tokens": ("min_new_tokens", 0),
    "repetition_penalty": ("repetition_penalty", 1.0),
    "no_repeat_ngram_size": ("no_repeat_ngram", 0),
    "bad_words_ids": ("bad_words", None),
}
_SAMPLING = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0, "typical_p": 1.0}
_SEARCH = {
    "num_beams": ("beams", 1),
    "num_beam_groups": ("beam_groups", 1),
    "diversity_penalty": ("diversity_penalty", 0.0),
    "length_penalty": ("length_penalty", 1.0),
    "early_stopping": ("early_stopping", False),
}
_IDS = ("eos_token_id", "pad_token_id", "bos_token_id", "decoder_start_token_id")
_FORCED = ("forced_bos_token_id", "forced_eos_token_id")
# keys that do not affect which tokens are generated, or are handled elsewhere
_SILENT = {"_from_model_config", "transformers_version", "use_cache", "do_sample", "cache_config"}
_SILENT |= {"return_dict_in_generate", "cache_implementation", "renormalize_logits", "trust_remote"}
_SILENT |= {"max_length", "min_length", "assistant_confidence_threshold", "num_assistant_tokens"}
_SILENT |= {"num_assistant_tokens_schedule", "max_matching_ngram_size", "prefill_chunk_size"}


class GenerationConfig:
    """Options of `Request` from a file.

    Args:
        values: Contents of the file.
        where: Name of the file, for messages.
        vocab_size: Size of the vocabulary.

    Attributes:
        values: Contents of the file.
        stop_ids: Stop tokens; None if the file has none.
        decoder_start: First token of a decoder; None if the file has none.
        unused: Keys of the file that would affect generation but are not supported.

    Raises:
        CheckpointError: a value has the wrong type, or an id is not in the vocabulary.
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
        self._sampling = self._sampling_options()
        self._search = self._named(_SEARCH)
        known = {*_SAME, *_SAMPLING, *_SEARCH, *_IDS, *_FORCED, *_SILENT}
        self.unused = sorted(
            name
            for name, value in values.items()
            if name not in known and not name.startswith("output_")
            if value not in (None, False, 0, 1.0, [], {})
        )
        if "beams" in self._search and self._sampling:
            self.unused.append("do_sample beside num_beams")
            self._sampling = {}
        self._check()

    @classmethod
    def read(cls, folder: Path, vocab_size: int) -> GenerationConfig | None:
        """Reads the file of a folder; None if there is none.

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
        self, chosen: Mapping[str, Any], prompts: Sequence[Sequence[int]], *, encoder_decoder: bool
    ) -> dict[str, Any]:
        """Returns the options of a request: the caller's, and the file's defaults.

        Args:
            chosen: The caller's options, which take precedence.
            prompts: Token ids of each; lengths in the file include the prompt.
            encoder_decoder: Whether the model reads prompts with an encoder.

        Raises:
            OptionError: the prompts leave no room in the file's `max_length`.
        """
        options = dict(self._plain)
        contrastive = chosen.get("degeneration_penalty", 0)
        samples = any(chosen.get(name) is not None for name in _SAMPLING)
        beams = chosen.get("beams", 1 if samples else self._search.get("beams", 1))
        if beams != 1 and not contrastive:
            options |= self._search
        elif not contrastive:
            options |= self._sampling
        self._add_lengths(options, chosen, 1 if encoder_decoder else max(map(len, prompts)))
        if encoder_decoder and self._forced_start:
            options["forced_prefix"] = self._forced_start[:1]
        options |= chosen
        if self._forced_end:
            limit = options.get("max_new_tokens", Request.max_new_tokens)
            end = ForcedEnd(self._forced_end, limit)
            options["constraints"] = [*options.get("constraints", ()), end]
        return options

    def described(self) -> str:
        """Describes the defaults in one line."""
        shown: dict[str, Any] = {} if self.stop_ids is None else {"stop_ids": self.stop_ids}
        shown |= self._plain | self._sampling | (self._search if "beams" in self._search else {})
        lengths = {"max_length": self._max_length, "min_length": self._min_length}
        shown |= {name: value for name, value in lengths.items() if value is not None}
        forced = dict(zip(_FORCED, (self._forced_start, self._forced_end), strict=True))
        shown |= {name: value for name, value in forced.items() if value}
        return ", ".join(f"{name} {value}" for name, value in shown.items())

    def renumbered(self, new_id: Callable[[int], int | None], vocab_size: int) -> GenerationConfig:
        """Returns the same for a vocabulary with other ids, without the tokens that are gone."""
        values = dict(self.values)
        for name in (*_IDS, *_FORCED):
            old = self._ids(name)
            if old is not None:
                ids = [new for token_id in old if (new := new_id(token_id)) is not None]
                values[name] = ids if len(ids) != 1 or isinstance(values[name], list) else ids[0]
                if not ids:
                    del values[name]
        words = values.pop("bad_words_ids", None) or []
        words = [[new_id(token_id) for token_id in word] for word in words]
        if words := [word for word in words if None not in word]:
            values["bad_words_ids"] = words
        return GenerationConfig(values, self._where, vocab_size)

    def _check(self) -> None:
        """Checks the values by building a request from them."""
        try:
            Request(
                prompts=[[0]],
                vocabulary_size=self._size,
                **self.options({}, [[0]], encoder_decoder=True),
            )
        except OptionError as error:
            raise CheckpointError(f"{self._where}: {error}") from None

    def _add_lengths(self, options: dict[str, Any], chosen: Mapping[str, Any], before: int) -> None:
        """Adds `max_length` and `min_length`, of which the first `before` tokens are not new."""
        if self._max_length is not None and "max_new_tokens" not in {*options, *chosen}:
            if self._max_length <= before:
                raise OptionError(
                    f"max_length is {self._max_length} in {self._where}, but a prompt already has "
                    f"{before} tokens.\nGive max_new_tokens."
                )
            options["max_new_tokens"] = self._max_length - before
        if self._min_length is not None and "min_new_tokens" not in options:
            options["min_new_tokens"] = max(self._min_length - before, 0)
        maximum = chosen.get("max_new_tokens")
        if maximum is not None and "min_new_tokens" in options:
            options["min_new_tokens"] = min(options["min_new_tokens"], maximum)

    def _sampling_options(self) -> dict[str, Any]:
        if self._value("do_sample") is not True:
            return {}
        options = {"temperature": 1.0, "top_k": TOP_K}
        options |= {name: self.values[name] for name in _SAMPLING if self._value(name) is not None}
        return {
            name: value
            for name, value in options.items()
            if name == "temperature" or value != _SAMPLING[name]
        }

    def _named(self, names: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
        return {
            field: self.values[name]
            for name, (field, neutral) in names.items()
            if self._value(name) is not None and self.values[name] != neutral
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
