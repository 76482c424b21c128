"""A model family as data: its choices, the words of its config, and its weight tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hornbook.errors import CheckpointError, did_you_mean
from hornbook.models.config import FILE_FIELDS, OWN_FIELDS, TransformerConfig

# Keys that tools write into every config.json and that change nothing in the mathematics.
BOOKKEEPING = {
    "_name_or_path",
    "architectures",
    "auto_map",
    "bos_token_id",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "dtype",
    "eos_token_id",
    "finetuning_task",
    "gradient_checkpointing",
    "id2label",
    "label2id",
    "model_type",
    "output_attentions",
    "output_hidden_states",
    "problem_type",
    "return_dict",
    "sep_token_id",
    "tokenizer_class",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "use_cache",
}


@dataclass(kw_only=True, frozen=True)
class Family:
    """Everything hornbook knows about one family of checkpoints.

    Args:
        name: What it is called in `family=`.
        aliases: Other names of the same mathematics.
        paper: Where it comes from.
        choices: Values of `TransformerConfig` that define the family.
        rename: Its config's words -> ours, where they differ.
        required: Config keys that may be there, and the values that this family computes.
        harmless: Further config keys that change nothing.
        weights: For each layout, our attribute path -> the foreign name.
        optional_prefix: What some files leave out at the start of a foreign name, by layout.
        ignore: Regular expressions of foreign tensors that are no weights, by layout.
        model_type: The `model_type` and `architectures` that are written for others to read.
    """

    name: str
    aliases: tuple[str, ...] = ()
    paper: str
    choices: Mapping[str, Any] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    required: Mapping[str, tuple] = field(default_factory=dict)
    harmless: frozenset[str] = frozenset()
    weights: Mapping[str, Mapping[str, Any]]
    optional_prefix: Mapping[str, str] = field(default_factory=dict)
    ignore: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    model_type: str

    def read_config(
        self, values: Mapping[str, Any], where: str, ignore: tuple[str, ...] = ()
    ) -> TransformerConfig:
        """Makes the configuration from the contents of a `config.json`.

        Args:
            values: The contents.
            where: The file's name, for messages.
            ignore: Keys the user knows to change nothing.

        Raises:
            CheckpointError: listing every missing and every unknown key.
        """
        known: dict[str, Any] = {"family": self.name, **self.choices}
        extra, problems = {}, []
        for key, value in values.items():
            field_name = self.rename.get(key, key)
            if field_name in FILE_FIELDS:
                known[field_name] = value
            elif key in self.required:
                if value not in self.required[key]:
                    expected = " or ".join(repr(choice) for choice in self.required[key])
                    problems.append(f"  {key} is {value!r}; {self.name} computes {expected}")
                extra[key] = value
            elif key == "hornbook":
                known |= _own(value, where)
            elif key in BOOKKEEPING or key in self.harmless or key in ignore:
                extra[key] = value
            else:
                guess = did_you_mean(key, {*FILE_FIELDS, *self.rename})
                problems.append(
                    f"  unknown key {key!r}." + (f" {guess}" if guess.startswith("Did") else "")
                )
        for item in dataclasses.fields(TransformerConfig):
            needed = item.default is item.default_factory is dataclasses.MISSING
            if needed and item.name not in known:
                problems.append(f"  missing key {item.name!r}")
        if problems:
            raise CheckpointError(
                f"{where} does not describe a {self.name} that hornbook can compute:\n"
                + "\n".join(problems)
                + "\nCheck that the family is right.  A key that is known to change nothing can "
                "be passed over:  hornbook.load(folder, ignore_config=['the_key'])"
            )
        return TransformerConfig(**known, extra=extra)

    def write_config(self, config: TransformerConfig) -> dict[str, Any]:
        """The inverse of `read_config`: what stands in the written `config.json`."""
        back = {ours: theirs for theirs, ours in self.rename.items()}
        values = {"model_type": self.model_type, **config.extra}
        values |= {back.get(name, name): getattr(config, name) for name in FILE_FIELDS}
        for name in ("dtype", "torch_dtype"):  # that of the file read; ours are float32
            values.pop(name, None)
        values["hornbook"] = {
            "family": config.family,
            "application": config.application,
            "heads": list(config.heads),
            "condition_size": config.condition_size,
        }
        return values


def _own(values: Any, where: str) -> dict[str, Any]:
    """What hornbook itself wrote into a config.json; which family, the caller has settled."""
    names = set(OWN_FIELDS) - {"extra"}
    if not isinstance(values, dict) or not set(values) <= names:
        raise CheckpointError(
            f"The key 'hornbook' in {where} holds {values!r}.\n"
            f"Expected an object with any of {', '.join(sorted(names))}."
        )
    own = {name: value for name, value in values.items() if name != "family"}
    if isinstance(own.get("heads"), list):
        own["heads"] = tuple(own["heads"])
    return own
