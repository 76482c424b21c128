"""A model family as data: its choices, the keys of its config.json, and its weight tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hornbook.errors import CheckpointError
from hornbook.models.configuration.choices import (
    CHOICES,
    FAMILY_KEYS,
    HEADS,
    SINGLE_STACK,
    TASK_HEADS,
)
from hornbook.models.configuration.inconsistencies import MAX_LAYERS
from hornbook.models.configuration.known_keys import (
    HARMLESS_KEYS,
    HARMLESS_VALUES,
    nearest_key,
    quantization,
)
from hornbook.models.configuration.transformer_config import (
    FILE_FIELDS,
    OWN_FIELDS,
    TransformerConfig,
)

# our path of a language head's own table, if it is not tied
HEAD_TABLE_PATH = "mlm.decoder.embeddings"


@dataclass(kw_only=True, frozen=True)
class Family:
    """Everything that hornbook knows about one family of checkpoints.

    Args:
        name: The name, an argument of `load`.
        aliases: Names of other models with the same architecture.
        paper: URL of the publication.
        sizes: Published sizes, layers x features.
        choices: Values of `TransformerConfig` that define the family.
        config_keys: Those of `FAMILY_KEYS` that are in its config.json.
        signature: Config keys and their required values (None: any) that distinguish this family
            from others with the same `model_type`, or if there is no `model_type`.
        rename: Keys of its config.json -> our names, where they differ.
        translate: Converts the contents of its config.json, where `rename` is not enough.
            Choices that it sets are in `config_keys`.
        translate_back: The inverse of `translate`.
        required: Optional config keys, and the values that this family computes.
        harmless: Further config keys that have no effect in this family.
        weights: For each layout, our attribute path -> the foreign name.
        read_weights: The same for layouts that are read and never written.
        head_table: Name of the language head's own table by layout; most files have none, or a
            copy of the token embedding.
        task_heads: For each layout and each of `TASK_HEADS`, the rows that it adds to the table.
        optional_prefix: Prefix of foreign names that some files omit, by layout.
        ignore: Regular expressions of foreign tensors that are not weights, by layout.
        optional: Regular expressions of our paths that default to zeros if a file has none.
        special_tokens: Whether its tokenizer adds special tokens to a text.
        model_type: The `model_type` in a written config.json.
    """

    name: str
    aliases: tuple[str, ...] = ()
    paper: str
    sizes: tuple[str, ...] = ()
    choices: Mapping[str, Any] = field(default_factory=dict)
    config_keys: frozenset[str] = frozenset()
    signature: Mapping[str, Any] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    translate: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    translate_back: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    required: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    harmless: frozenset[str] = frozenset()
    weights: Mapping[str, Mapping[str, Any]]
    read_weights: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    head_table: Mapping[str, str] = field(default_factory=dict)
    task_heads: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    optional_prefix: Mapping[str, str] = field(default_factory=dict)
    ignore: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    special_tokens: bool = True
    model_type: str

    def read_config(
        self, values: Mapping[str, Any], where: str, ignore: tuple[str, ...] = ()
    ) -> TransformerConfig:
        """Returns the configuration in the contents of a `config.json`.

        Args:
            values: The contents.
            where: Name of the file, for messages.
            ignore: Keys that have no effect, according to the user.

        Raises:
            CheckpointError: keys are missing, unknown, or have unsupported values; all are listed.
        """
        method = quantization(values.get("quantization_config"))
        if method and "quantization_config" not in ignore:
            raise CheckpointError(
                f"{where} says that these weights are quantized ({method}), which hornbook does "
                "not read: take the checkpoint they were made from, and load it with "
                "variable_dtype='int8' or 'int4' to need as little memory."
            )
        for key, value in values.items():  # `translate` creates lists of that length
            layers = self.rename.get(key, key) in ("num_hidden_layers", "num_decoder_layers")
            if layers and isinstance(value, int) and value > MAX_LAYERS:
                raise CheckpointError(
                    f"{key} in {where} is {value:,}; hornbook builds {MAX_LAYERS:,} at most."
                )
        if self.translate is not None:
            values = self.translate(dict(values))
        known: dict[str, Any] = {"family": self.name, **self.choices}
        signature = {key: (value,) for key, value in self.signature.items() if value is not None}
        computed = {**HARMLESS_VALUES, **self.required, **signature}
        if self.choices.get("application") == "causal_lm":
            computed["is_decoder"] = (True, False)
        own = values.get("hornbook")
        ignored = own.get("ignored") if isinstance(own, dict) else None
        ignore = (*ignore, *(ignored if isinstance(ignored, list) else ()))
        extra, problems = {}, []
        for key, value in values.items():
            field_name = self.rename.get(key, key)
            if key in self.harmless:
                extra[key] = value
            elif field_name in {*FILE_FIELDS, *self.config_keys}:
                known[field_name] = value
            elif key in ignore:
                extra[key] = value
            elif key in computed:
                is_unset = value is None and key in HARMLESS_VALUES
                if value not in computed[key] and not is_unset:
                    expected = " or ".join(repr(choice) for choice in computed[key])
                    problems.append(f"  {key} is {value!r}; {self.name} computes {expected}")
                extra[key] = value
            elif key == "hornbook":
                known |= _own(value, where)
            elif key in HARMLESS_KEYS:
                extra[key] = value
            else:
                nearest = nearest_key(key, {*FILE_FIELDS, *self.config_keys, *self.rename})
                suggestion = f" Did you mean {nearest!r}?" if nearest else ""
                problems.append(f"  unknown key {key!r}.{suggestion}")
        for item in dataclasses.fields(TransformerConfig):
            is_required = item.default is item.default_factory is dataclasses.MISSING
            if is_required and item.name not in known:
                problems.append(f"  missing key {item.name!r}")
        if problems:
            raise CheckpointError(
                f"{where} does not describe a {self.name} that hornbook can compute:\n"
                + "\n".join(problems)
                + "\nCheck that the family is right.  Ignore a key that has no effect with "
                "--ignore-config the_key, or with ignore_config=['the_key'] of hornbook.load."
            )
        return TransformerConfig(
            **known, extra=extra, ignored=tuple(k for k in ignore if k in extra)
        )

    def write_config(self, config: TransformerConfig) -> dict[str, Any]:
        """The inverse of `read_config`: returns the contents of a `config.json`."""
        back = {ours: theirs for theirs, ours in self.rename.items()}
        values = {"model_type": self.model_type, **config.extra}
        values |= {key: value for key, value in self.signature.items() if value is not None}
        fields = (*FILE_FIELDS, *sorted(self.config_keys))
        values |= {back.get(name, name): getattr(config, name) for name in fields}
        explicit = {  # for other tools, whose defaults may differ
            "attention_head_size": config.head_size,
            "decoder_intermediate_size": config.decoder_intermediate_size
            or config.intermediate_size,
            "decoder_num_attention_heads": config.decoder_num_attention_heads
            or config.num_attention_heads,
            "embedding_size": config.embedding_size or config.hidden_size,
            "num_decoder_layers": config.num_decoder_layers or config.num_hidden_layers,
            "num_key_value_heads": config.num_key_value_heads or config.num_attention_heads,
        }
        values |= {
            back.get(name, name): value
            for name, value in explicit.items()
            if name in self.config_keys
        }
        for name in ("dtype", "torch_dtype"):  # those of the file that was read; ours are float32
            values.pop(name, None)
        if set(config.heads) & {"classification", "token_classification"}:
            names = {str(index): f"LABEL_{index}" for index in range(config.num_labels)}
            values.setdefault("id2label", names)  # other tools count the labels here
        own = {
            "family": config.family,
            "application": config.application,
            "heads": list(config.heads),
            "condition_size": config.condition_size,
        }
        defaults = {item.name: item.default for item in dataclasses.fields(config)}
        written = {*own, *self.config_keys, "extra", "ignored"}
        if config.ignored:
            own["ignored"] = list(config.ignored)
        for name in (*OWN_FIELDS, *CHOICES, *FAMILY_KEYS):  # what differs from the family's choices
            value = getattr(config, name)
            if name not in written and value != self.choices.get(name, defaults[name]):
                own[name] = value
        values["hornbook"] = own
        return values if self.translate_back is None else self.translate_back(values)

    def configure(self, **values: Any) -> TransformerConfig:
        """Returns a configuration of this family, with `values` added or changed."""
        return TransformerConfig(**{"family": self.name, **self.choices, **values})

    @property
    def applications(self) -> tuple[str, ...]:
        """Supported applications, the family's own first."""
        names = ("seq2seq", "encoder") if self.choices.get("encoder_decoder") else SINGLE_STACK
        own = self.choices.get("application", names[0])
        return (own, *(name for name in names if name != own))

    def heads_in(self, layout: str) -> tuple[str, ...]:
        """Returns the heads that a layout can store; a tied language head has nothing to store."""
        paths = self.weights.get(layout, {})
        return tuple(
            head
            for head in HEADS
            if any(path.startswith(f"{head}.") for path in paths)
            or (head == "mlm" and self.choices.get("language_head") == "tied")
        )

    def rows(self, layout: str) -> Mapping[str, Any]:
        """Returns the weight table of a layout without task heads; empty if there is none."""
        return self.weights.get(layout) or self.read_weights.get(layout, {})

    def table(self, layout: str, config: TransformerConfig) -> dict[str, Any]:
        """Returns the weight table of a configuration: our path -> the foreign name."""
        rows = dict(self.rows(layout))
        if not config.tie_word_embeddings and layout in self.head_table:
            rows[HEAD_TABLE_PATH] = self.head_table[layout]
        for head in config.heads:
            rows |= self.task_heads.get(layout, {}).get(head, {})
        return rows

    def task_heads_in(self, layout: str) -> tuple[str, ...]:
        """Returns the heads of fine-tuned checkpoints that a layout can store."""
        return tuple(head for head in TASK_HEADS if head in self.task_heads.get(layout, {}))

    def has_signature(self, values: Mapping[str, Any]) -> bool:
        """Whether a config.json has the signature of this family; False if it has none."""
        return bool(self.signature) and all(
            key in values and (expected is None or values[key] == expected)
            for key, expected in self.signature.items()
        )


def _own(values: Any, where: str) -> dict[str, Any]:
    """Returns the fields that hornbook itself wrote into a config.json, except for the family."""
    names = {*OWN_FIELDS, *CHOICES, *FAMILY_KEYS} - {"extra"}
    if not isinstance(values, dict) or not set(values) <= names:
        raise CheckpointError(
            f"The key 'hornbook' in {where} holds {values!r}.\n"
            f"Expected an object with any of {', '.join(sorted(names))}."
        )
    own = {name: value for name, value in values.items() if name not in ("family", "ignored")}
    if isinstance(own.get("heads"), list):
        own["heads"] = tuple(own["heads"])
    return own
