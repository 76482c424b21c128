"""A model family as data: its choices, the words of its config, and its weight tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hornbook.errors import CheckpointError
from hornbook.models.configuration.choices import (
    CHOICES,
    FAMILY_WORDS,
    HEADS,
    ONE_STACK,
    TASK_HEADS,
)
from hornbook.models.configuration.inconsistencies import MOST_LAYERS
from hornbook.models.configuration.known_words import (
    HARMLESS_VALUES,
    HARMLESS_WORDS,
    nearest_word,
    quantization,
)
from hornbook.models.configuration.transformer_config import (
    FILE_FIELDS,
    OWN_FIELDS,
    TransformerConfig,
)

# a head's own table of words, where it is not tied: our path
OWN_WORDS = "mlm.decoder.embeddings"


@dataclass(kw_only=True, frozen=True)
class Family:
    """Everything hornbook knows about one family of checkpoints.

    Args:
        name: What it is called in `family=`.
        aliases: Other names of the same mathematics.
        paper: Where it comes from.
        sizes: Those that were published, layers by features.
        choices: Values of `TransformerConfig` that define the family.
        words: Those of `FAMILY_WORDS` that stand in its config.
        signs: Config keys, and the values they must have (None: any), that tell this family
            from others with the same `model_type`, or when none is given.
        rename: Its config's words -> ours, where they differ.
        translate: The contents of its config.json -> the same in words that the others know,
            for what `rename` cannot say.  Choices it makes so stand in `words`.
        translate_back: The inverse.
        required: Config keys that may be there, and the values that this family computes.
        harmless: Further config keys that change nothing, in this family at least.
        weights: For each layout, our attribute path -> the foreign name.
        head_table: The name of the language head's own table of words, by layout; most files
            have none, or an equal copy of the token embedding.
        task_heads: For each layout and each of `TASK_HEADS` the rows of the table it adds.
        optional_prefix: What some files leave out at the start of a foreign name, by layout.
        ignore: Regular expressions of foreign tensors that are no weights, by layout.
        optional: Regular expressions of our paths that are zeros where a file has none.
        special_tokens: Whether its tokenizer puts them around a text.
        model_type: The `model_type` and `architectures` that are written for others to read.
    """

    name: str
    aliases: tuple[str, ...] = ()
    paper: str
    sizes: tuple[str, ...] = ()
    choices: Mapping[str, Any] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    signs: Mapping[str, Any] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    translate: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    translate_back: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    required: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    harmless: frozenset[str] = frozenset()
    weights: Mapping[str, Mapping[str, Any]]
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
        """Makes the configuration from the contents of a `config.json`.

        Args:
            values: The contents.
            where: The file's name, for messages.
            ignore: Keys the user knows to change nothing.

        Raises:
            CheckpointError: listing every missing and every unknown key.
        """
        method = quantization(values.get("quantization_config"))
        if method and "quantization_config" not in ignore:
            raise CheckpointError(
                f"{where} says that these weights are quantized ({method}), which hornbook does "
                "not read: take the checkpoint they were made from, and load it with "
                "variable_dtype='int8' or 'int4' to need as little memory."
            )
        for key, value in values.items():  # `translate` makes lists of that length
            layers = self.rename.get(key, key) in ("num_hidden_layers", "num_decoder_layers")
            if layers and isinstance(value, int) and value > MOST_LAYERS:
                raise CheckpointError(
                    f"{key} in {where} is {value:,}; hornbook builds {MOST_LAYERS:,} at most."
                )
        if self.translate is not None:
            values = self.translate(dict(values))
        known: dict[str, Any] = {"family": self.name, **self.choices}
        signs = {key: (value,) for key, value in self.signs.items() if value is not None}
        computed = {**HARMLESS_VALUES, **self.required, **signs}
        if self.choices.get("application") == "causal_lm":
            computed["is_decoder"] = (True, False)
        own = values.get("hornbook")
        before = own.get("ignored") if isinstance(own, dict) else None
        ignore = (*ignore, *(before if isinstance(before, list) else ()))
        extra, problems = {}, []
        for key, value in values.items():
            field_name = self.rename.get(key, key)
            if key in self.harmless:
                extra[key] = value
            elif field_name in {*FILE_FIELDS, *self.words}:
                known[field_name] = value
            elif key in ignore:
                extra[key] = value
            elif key in computed:
                nothing = value is None and key in HARMLESS_VALUES
                if value not in computed[key] and not nothing:
                    expected = " or ".join(repr(choice) for choice in computed[key])
                    problems.append(f"  {key} is {value!r}; {self.name} computes {expected}")
                extra[key] = value
            elif key == "hornbook":
                known |= _own(value, where)
            elif key in HARMLESS_WORDS:
                extra[key] = value
            else:
                spelt = nearest_word(key, {*FILE_FIELDS, *self.words, *self.rename})
                guess = f" Did you mean {spelt!r}?" if spelt else ""
                problems.append(f"  unknown key {key!r}.{guess}")
        for item in dataclasses.fields(TransformerConfig):
            needed = item.default is item.default_factory is dataclasses.MISSING
            if needed and item.name not in known:
                problems.append(f"  missing key {item.name!r}")
        if problems:
            raise CheckpointError(
                f"{where} does not describe a {self.name} that hornbook can compute:\n"
                + "\n".join(problems)
                + "\nCheck that the family is right.  A key that is known to change nothing can be "
                "passed over:  --ignore-config the_key, or ignore_config=['the_key'] of "
                "hornbook.load."
            )
        return TransformerConfig(
            **known, extra=extra, ignored=tuple(k for k in ignore if k in extra)
        )

    def write_config(self, config: TransformerConfig) -> dict[str, Any]:
        """The inverse of `read_config`: what stands in the written `config.json`."""
        back = {ours: theirs for theirs, ours in self.rename.items()}
        values = {"model_type": self.model_type, **config.extra}
        values |= {key: value for key, value in self.signs.items() if value is not None}
        fields = (*FILE_FIELDS, *sorted(self.words))
        values |= {back.get(name, name): getattr(config, name) for name in fields}
        spelled_out = {  # others take a missing one for their own default
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
            back.get(name, name): value for name, value in spelled_out.items() if name in self.words
        }
        for name in ("dtype", "torch_dtype"):  # that of the file read; ours are float32
            values.pop(name, None)
        if set(config.heads) & {"classification", "token_classification"}:
            names = {str(number): f"LABEL_{number}" for number in range(config.num_labels)}
            values.setdefault("id2label", names)  # how others know how many there are
        own = {
            "family": config.family,
            "application": config.application,
            "heads": list(config.heads),
            "condition_size": config.condition_size,
        }
        defaults = {item.name: item.default for item in dataclasses.fields(config)}
        said = {*own, *self.words, "extra", "ignored"}
        if config.ignored:
            own["ignored"] = list(config.ignored)
        for name in (*OWN_FIELDS, *CHOICES, *FAMILY_WORDS):  # what is not the family's own choice
            value = getattr(config, name)
            if name not in said and value != self.choices.get(name, defaults[name]):
                own[name] = value
        values["hornbook"] = own
        return values if self.translate_back is None else self.translate_back(values)

    def configure(self, **values: Any) -> TransformerConfig:
        """A configuration of this family: its choices, and what `values` says or changes."""
        return TransformerConfig(**{"family": self.name, **self.choices, **values})

    @property
    def applications(self) -> tuple[str, ...]:
        """What it can be, its own first."""
        able = ("seq2seq", "encoder") if self.choices.get("encoder_decoder") else ONE_STACK
        own = self.choices.get("application", able[0])
        return (own, *(name for name in able if name != own))

    def heads_in(self, layout: str) -> tuple[str, ...]:
        """The heads that a layout has a place for; a tied language head needs none."""
        paths = self.weights.get(layout, {})
        return tuple(
            head
            for head in HEADS
            if any(path.startswith(f"{head}.") for path in paths)
            or (head == "mlm" and self.choices.get("language_head") == "tied")
        )

    def table(self, layout: str, config: TransformerConfig) -> dict[str, Any]:
        """The names of a layout for a model of this configuration: our path -> the foreign name."""
        rows = dict(self.weights.get(layout, {}))
        if not config.tie_word_embeddings and layout in self.head_table:
            rows[OWN_WORDS] = self.head_table[layout]
        for head in config.heads:
            rows |= self.task_heads.get(layout, {}).get(head, {})
        return rows

    def task_heads_in(self, layout: str) -> tuple[str, ...]:
        """The heads of fine-tuned checkpoints that a layout has a place for."""
        return tuple(head for head in TASK_HEADS if head in self.task_heads.get(layout, {}))

    def has_signs(self, values: Mapping[str, Any]) -> bool:
        """Whether a config.json has every sign of this family; False for one without signs."""
        return bool(self.signs) and all(
            key in values and (wanted is None or values[key] == wanted)
            for key, wanted in self.signs.items()
        )


def _own(values: Any, where: str) -> dict[str, Any]:
    """What hornbook itself wrote into a config.json; which family, the caller has settled."""
    names = {*OWN_FIELDS, *CHOICES, *FAMILY_WORDS} - {"extra"}
    if not isinstance(values, dict) or not set(values) <= names:
        raise CheckpointError(
            f"The key 'hornbook' in {where} holds {values!r}.\n"
            f"Expected an object with any of {', '.join(sorted(names))}."
        )
    own = {name: value for name, value in values.items() if name not in ("family", "ignored")}
    if isinstance(own.get("heads"), list):
        own["heads"] = tuple(own["heads"])
    return own
