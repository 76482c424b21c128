"""A model folder <-> a model with its tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hornbook import backend
from hornbook.checkpoints import (
    LEFTOVERS,
    ArraysCheckpoint,
    Checkpoint,
    VocabularyRows,
    find_checkpoint,
    weight_values,
    write_safetensors,
    write_tensor_bundle,
    write_weights,
)
from hornbook.data.batches import length_buckets, pad, padded_length
from hornbook.errors import CheckpointError, HornbookError, OptionError, did_you_mean
from hornbook.files import atomic_folder, settle, verify_manifest, write_json
from hornbook.text.folder import has_another_tokenizer
from hornbook.text.wordpiece import WordPieceTokenizer

LAYOUTS = ("huggingface", "google", "keras")
CONFIG_NAMES = ("config.json", "bert_config.json")
KERAS_WEIGHTS = "model.weights.h5"
OWN = "hornbook."  # before the names of weights that no other layout knows


def load(
    folder: str | Path,
    *,
    family: str | None = None,
    application: str | None = None,
    heads: Sequence[str] | None = None,
    condition_size: int | None = None,
    compute_dtype: str = "float32",
    keep_tokens: Sequence[int] | None = None,
    compound_tokens: Sequence[Any] = (),
    pre_tokenize: Callable[[str], Iterable[str]] | None = None,
    ignore_config: Sequence[str] = (),
) -> Pretrained:
    """Opens a model folder in Google's, Hugging Face's or hornbook's layout.

    Neither TensorFlow nor PyTorch is needed for it.

    Args:
        folder: With `config.json` or `bert_config.json`, weights, and a vocabulary.
        family: What to read it as; None: what the configuration says.
        application: `"encoder"`, `"causal_lm"` or `"prefix_lm"`; None: as it was saved, else
            encoder.
        heads: Any of `"pooler"`, `"mlm"`, `"nsp"`; None: those the checkpoint has.
        condition_size: Makes every norm conditional; the new weights start at zero.
        compute_dtype: `"float32"`, `"bfloat16"` or `"float16"`; weights stay float32.
        keep_tokens: Old ids of the vocabulary to keep, in their new order.
        compound_tokens: New tokens behind them, each a list of old ids to average.
        pre_tokenize: See `WordPieceTokenizer`.
        ignore_config: Keys of the configuration that are known to change nothing.

    Raises:
        HornbookError: listing everything that is missing, damaged, or does not fit.
    """
    transformer, tokenizer, checkpoint = open_folder(
        folder,
        family=family,
        heads=heads,
        compute_dtype=compute_dtype,
        pre_tokenize=pre_tokenize,
        ignore_config=ignore_config,
        application=application,
        condition_size=condition_size,
        keep_tokens=keep_tokens,
        compound_tokens=compound_tokens,
    )
    rows = {}
    if keep_tokens is not None or compound_tokens:
        choice = VocabularyRows(keep_tokens, compound=compound_tokens)
        rows = {"token_embedding.embeddings": choice, "mlm.bias": choice}
        tokenizer = None  # it numbers the old vocabulary; the caller has the new one
    read_model(transformer, checkpoint, rows=rows)
    return Pretrained(transformer, tokenizer)


class Pretrained:
    """A Transformer and its tokenizer.

    Args:
        model: The Keras layer, built.
        tokenizer: Or None, when the vocabulary is the caller's business.
    """

    def __init__(self, model: Any, tokenizer: WordPieceTokenizer | None):
        self.model = model
        self.tokenizer = tokenizer
        self._encoders: dict[str, Any] = {}

    @property
    def config(self):
        """The `TransformerConfig`."""
        return self.model.config

    def need_tokenizer(self) -> WordPieceTokenizer:
        """The tokenizer.

        Raises:
            OptionError: the model came without one.
        """
        if self.tokenizer is None:
            raise OptionError(
                "This model came without its vocabulary, so it takes token ids and no text.\n"
                "Put the vocab.txt it was trained with into its folder.  Other tokenizers than "
                "WordPiece, BERT's kind, are not read."
            )
        return self.tokenizer

    def __call__(self, *inputs, **options):
        """The model itself: see `Transformer`."""
        return self.model(*inputs, **options)

    def encode(
        self,
        texts: Sequence[str | tuple[str, str]],
        *,
        pooling: str = "mean",
        max_length: int | None = None,
        batch_tokens: int = 4096,
    ) -> np.ndarray:
        """One vector for each text.

        Texts of like length are computed together, so little time goes into padding.

        Args:
            texts: Texts or pairs of texts.
            pooling: `"mean"` over the tokens, `"first"` token, or `"pooler"`.
            max_length: Tokens at most; None: as many as the model has positions.
            batch_tokens: Tokens computed at a time, padding included.

        Returns:
            `(len(texts), hidden_size)` float32, in the order of the texts.
        """
        positions = self.config.max_length
        limit = min(max_length or positions, positions)
        encoder = self._encoder(pooling)
        encodings = self.need_tokenizer().encode_batch(texts, limit)
        lengths = [len(encoding.token_ids) for encoding in encodings]
        vectors = np.empty((len(encodings), self.config.hidden_size), "float32")
        for numbers in length_buckets(lengths, batch_tokens=batch_tokens, shuffle=False):
            length = min(padded_length(max(lengths[number] for number in numbers)), limit)
            chosen = [encodings[number] for number in numbers]
            # few shapes, few compilations: a batch is full or has a power of two rows
            power = 2 ** (len(chosen) - 1).bit_length()
            rows = max(len(chosen), min(power, batch_tokens // length))
            chosen += [chosen[0]] * (rows - len(chosen))
            inputs = {
                "token_ids": pad([row.token_ids for row in chosen], length),
                "segment_ids": pad([row.segment_ids for row in chosen], length),
                "padding_mask": pad([[1] * len(row.token_ids) for row in chosen], length),
            }
            vectors[numbers] = encoder.predict_on_batch(inputs)[: len(numbers)]
        return vectors

    def _encoder(self, pooling: str):
        """A Keras model from ids to one vector a text, compiled once."""
        import keras

        from hornbook.layers import MaskedAveragePooling

        ways = {
            "mean": lambda x, mask: MaskedAveragePooling()(x, mask),
            "first": lambda x, mask: x[:, 0],
            "pooler": lambda x, mask: self.model.pool(x),
        }
        if pooling not in ways:
            raise OptionError(f"Unknown pooling {pooling!r}. {did_you_mean(pooling, ways)}")
        if self.config.condition_size is not None:
            raise OptionError(
                "Every norm of this model listens to a condition, which encode() does not have.\n"
                "Call the model itself, with condition=..., or load it without condition_size."
            )
        if pooling == "pooler" and self.model.pooler is None:
            raise OptionError("This model has no pooler.  Load it with heads=['pooler'].")
        if pooling not in self._encoders:
            names = ("token_ids", "segment_ids", "padding_mask")
            inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
            x = self.model(**inputs)
            outputs = keras.ops.cast(ways[pooling](x, inputs["padding_mask"]), "float32")
            self._encoders[pooling] = keras.Model(inputs, outputs)
        return self._encoders[pooling]

    def save(self, folder: str | Path, *, layout: str = "huggingface") -> None:
        """Writes a model folder, whole or not at all, with its checksums.

        Args:
            folder: Made, or replaced if it is a model folder.
            layout: `"huggingface"` (transformers opens it), `"google"` (TensorFlow's
                checkpoint format) or `"keras"` (Keras's own `.weights.h5`).

        Raises:
            HornbookError: the layout has no place for a weight, or the disk is full.
        """
        with atomic_folder(_replaceable(folder)) as temporary:
            write_model(temporary, self.model, self.tokenizer, layout=layout)


def open_folder(
    folder: str | Path,
    *,
    family: str | None = None,
    heads: Sequence[str] | None = None,
    compute_dtype: str = "float32",
    pre_tokenize: Callable[[str], Iterable[str]] | None = None,
    ignore_config: Sequence[str] = (),
    keep_tokens: Sequence[int] | None = None,
    compound_tokens: Sequence[Any] = (),
    **changes: Any,
) -> tuple[Any, WordPieceTokenizer | None, Checkpoint]:
    """The Transformer of a folder, its tokenizer, and the checkpoint to read it from.

    It has no weights until `read_model` reads them.  The arguments are those of `load`;
    what else `changes` names replaces a field of the configuration, unless it is None.
    """
    folder = Path(folder)
    settle(folder)
    if not folder.is_dir():
        raise CheckpointError(f"There is no model folder {folder}.")
    verify_manifest(folder, required=False)
    config_file, values = read_config_file(folder)
    family_data = family_of(values, family)
    config = family_data.read_config(values, str(config_file), tuple(ignore_config))
    if (folder / KERAS_WEIGHTS).is_file():
        checkpoint = _keras_checkpoint(folder / KERAS_WEIGHTS, config)
    else:
        checkpoint = find_checkpoint(folder)
    tokenizer = _tokenizer(folder, pre_tokenize, config.vocab_size)
    if heads is None:
        heads = _heads_in(family_data, checkpoint, config)
    changes = {name: value for name, value in changes.items() if value is not None}
    if keep_tokens is not None or compound_tokens:
        choice = VocabularyRows(keep_tokens, compound=compound_tokens)
        changes["vocab_size"] = choice.shape((config.vocab_size,))[0]
    config = config.replace(heads=tuple(heads), **changes)
    backend.announce()
    return _unbuilt(config, policy(compute_dtype)), tokenizer, checkpoint


def read_model(
    transformer: Any,
    checkpoint: Checkpoint,
    *,
    others: Mapping[str, Any] | None = None,
    rows: Mapping[str, VocabularyRows] | None = None,
) -> None:
    """Gives a Transformer, and other layers beside it, the weights of a checkpoint.

    Args:
        transformer: Built, or not: then each weight is made with its value, and the memory
            is never needed twice.
        checkpoint: From `open_folder` or `find_checkpoint`.
        others: Name -> layer that hornbook saved with the Transformer.
        rows: See `VocabularyRows`.

    Raises:
        CheckpointError: naming everything that does not fit; nothing is changed then.
    """
    import keras

    if transformer.built:
        variables = _all_variables(transformer, others)
        for path, value in _values(transformer, variables, checkpoint, rows).items():
            variables[path].assign(value())
        return
    failures: list[Exception] = []
    with keras.StatelessScope():  # in here Keras puts off making values until the block ends
        transformer.build()
        variables = _all_variables(transformer, others)
        values = _values(transformer, variables, checkpoint, rows)
        built = {path for path in values if variables[path]._value is not None}  # of the others
        for path in values.keys() - built:
            variables[path]._initializer = _initializer(values[path], failures)
    if failures:
        raise failures[0]
    for path in built:
        variables[path].assign(values[path]())


def _values(
    transformer: Any, variables: dict[str, Any], checkpoint: Checkpoint, rows: Any
) -> dict[str, Callable[[], np.ndarray]]:
    """For every variable a function that reads its value; everything is checked already."""
    from hornbook.models.families import family_named

    family = family_named(transformer.config.family)
    layout = checkpoint.layout
    prefix = family.optional_prefix.get(layout, "")
    return weight_values(
        _with_own_rows(family.weights.get(layout, {}), variables),
        variables,
        checkpoint,
        model=family.name,
        rows=rows,
        prefixes=[prefix] if prefix else [],
        ignore=[*LEFTOVERS, *family.ignore.get(layout, ()), rf"^{OWN}"],
        # the kernels of a condition start at zero, which changes nothing
        allowed_missing=[r"(gamma|beta)_kernel$"],
    )


def _initializer(value: Callable[[], np.ndarray], failures: list[Exception]):
    """`value` as Keras wants it.  An error inside would leave Keras with half of its variables
    made, so it is kept for later."""

    def initialize(shape, dtype):
        try:
            return value()
        except (HornbookError, OSError) as error:
            failures.append(error)
            return np.zeros(shape, "float32")

    return initialize


def write_model(
    folder: Path,
    transformer: Any,
    tokenizer: WordPieceTokenizer | None,
    *,
    layout: str = "huggingface",
    others: Mapping[str, Any] | None = None,
) -> None:
    """Writes configuration, weights and vocabulary into an existing folder.

    Args:
        folder: Usually the temporary one of `atomic_folder`.
        transformer: Built.
        tokenizer: Or None.
        layout: One of `LAYOUTS`.
        others: Name -> layer to save with it, under names of our own.
    """
    from hornbook.models.families import family_named

    if others and layout == "keras":
        raise ValueError("Keras's layout has a place for the Transformer only, not for others.")
    if layout not in LAYOUTS:
        raise OptionError(f"Unknown layout {layout!r}. {did_you_mean(layout, LAYOUTS)}")
    family = family_named(transformer.config.family)
    if layout != "keras" and layout not in family.weights:
        known = ", ".join([*family.weights, "keras"])
        raise OptionError(f"{family.name} has no {layout} layout.  It has: {known}.")
    values = family.write_config(transformer.config)
    variables = _all_variables(transformer, others)
    if layout == "google":
        write_json(folder / "bert_config.json", values)
        table = _with_own_rows(family.weights[layout], variables)
        write_tensor_bundle(folder / "bert_model.ckpt", write_weights(table, variables))
    elif layout == "huggingface":
        write_json(folder / "config.json", values)
        table = _with_own_rows(family.weights[layout], variables)
        write_safetensors(folder / "model.safetensors", write_weights(table, variables))
    else:
        write_json(folder / "config.json", values)
        _functional(transformer).save_weights(folder / KERAS_WEIGHTS)
    if tokenizer is not None:
        tokenizer.save(folder)


def read_config_file(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The configuration file of a model folder and what stands in it.

    Raises:
        CheckpointError: there is none, or it is no JSON object.
    """
    for name in CONFIG_NAMES:
        file = folder / name
        if not file.is_file():
            continue
        try:
            values = json.loads(file.read_text("utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{file} cannot be read as JSON: {error}") from None
        if not isinstance(values, dict):
            raise CheckpointError(f"{file} should hold one JSON object.")
        return file, values
    raise CheckpointError(
        f"{folder} has no configuration.\nExpected {' or '.join(CONFIG_NAMES)} in it."
    )


def family_of(values: Mapping[str, Any], name: str | None):
    """The family a configuration belongs to; `name`, if given, decides."""
    from hornbook.models.families import FAMILIES, family_named

    if name is not None:
        return family_named(name)
    own = values.get("hornbook")
    if isinstance(own, dict) and "family" in own:
        return family_named(str(own["family"]))
    said = values.get("model_type")  # Google's files do not say
    for family in FAMILIES.values():
        if family.has_signs(values) and said in (None, family.model_type):
            return family
    model_type = said or "bert"
    for family in FAMILIES.values():
        if model_type == family.model_type or model_type in family.aliases:
            return family
    known = sorted({family.model_type for family in FAMILIES.values()})
    raise CheckpointError(
        f"This is a model of type {model_type!r}, which hornbook does not know.\n"
        f"Known types: {', '.join(known)}.  If it computes the same as one of them, say which "
        f"with family=..."
    )


def _heads_in(family: Any, checkpoint: Any, config: Any) -> tuple[str, ...]:
    """The heads whose weights a checkpoint has."""
    from hornbook.models.config import HEADS

    if checkpoint.layout == "keras":
        return config.heads
    there = set(checkpoint.names())
    prefix = family.optional_prefix.get(checkpoint.layout, "")

    def has(names) -> bool:
        names = names if isinstance(names, tuple) else (names,)
        plain = [name if isinstance(name, str) else name.name for name in names]
        return any(name in there or name.removeprefix(prefix) in there for name in plain)

    table = family.weights.get(checkpoint.layout, {})
    own = {name.removeprefix(OWN) for name in there if name.startswith(OWN)}
    return tuple(
        head
        for head in HEADS
        if any(has(names) for path, names in table.items() if path.startswith(f"{head}."))
        or any(path.startswith(f"{head}.") for path in own)
        or (head == "mlm" and config.language_head == "tied")  # it has no weights of its own
    )


def _tokenizer(folder: Path, pre_tokenize, vocab_size: int) -> WordPieceTokenizer | None:
    if not any((folder / name).is_file() for name in ("vocab.txt", "tokenizer.json")):
        return None
    if has_another_tokenizer(folder):
        return None  # the model is of use without it
    tokenizer = WordPieceTokenizer.from_folder(folder, pre_tokenize=pre_tokenize)
    # fewer tokens than rows is common: rows are rounded up, or their words were never written
    if tokenizer.vocabulary_size > vocab_size:
        raise CheckpointError(
            f"The vocabulary of {folder} has {tokenizer.vocabulary_size} tokens, but the model "
            f"only {vocab_size} rows for them.\nTake vocab.txt from where the weights are from."
        )
    return tokenizer


def _to_numpy(variable: Any) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(variable.value)


def _all_variables(transformer: Any, others: Mapping[str, Any] | None) -> dict[str, Any]:
    from hornbook.models.variables import named_variables

    variables = named_variables(transformer)
    for name, layer in (others or {}).items():
        variables |= {f"{name}.{path}": v for path, v in named_variables(layer).items()}
    return variables


def _with_own_rows(table: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The table, and a row for each variable it does not have (conditions, other layers)."""
    from hornbook.checkpoints.weight_table import rows_for

    named = {path for row in rows_for(table, variables) for path in row.ours}
    return {**table, **{path: OWN + path for path in variables if path not in named}}


def _unbuilt(config: Any, policy: str = "float32") -> Any:
    """A Transformer whose weights are about to be read.

    Drawing random values for them would take longer than the reading.
    """
    from hornbook.models.transformer import Transformer

    transformer = Transformer(config.replace(initializer_range=0), dtype=policy)
    transformer.config = config
    return transformer


def _keras_checkpoint(file: Path, config: Any) -> Checkpoint:
    """Keras's weight file as a checkpoint under our own names.

    Keras reads a file only into the model it was saved from, and leaves that half-changed
    when the file does not fit, so it gets one of its own.
    """
    from hornbook.models.variables import named_variables

    transformer = _unbuilt(config)
    transformer.build()
    try:
        _functional(transformer).load_weights(file)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{file} does not fit its configuration: {error}") from None
    arrays = {OWN + path: _to_numpy(v) for path, v in named_variables(transformer).items()}
    return ArraysCheckpoint(arrays, layout="keras")


def _functional(transformer: Any):
    """A Keras model around the layer, because only models have `save_weights`."""
    import keras

    ids = keras.Input((None,), dtype="int32")
    options = {}
    inputs = [ids]
    if transformer.config.condition_size is not None:
        options["condition"] = keras.Input((transformer.config.condition_size,))
        inputs.append(options["condition"])
    if transformer.config.application == "prefix_lm":
        options["segment_ids"] = keras.Input((None,), dtype="int32")
        inputs.append(options["segment_ids"])
    return keras.Model(inputs, transformer(ids, **options))


def policy(compute_dtype: str) -> str:
    """Keras's name for computing in `compute_dtype` with weights in float32."""
    policies = {
        "float32": "float32",
        "bfloat16": "mixed_bfloat16",
        "float16": "mixed_float16",
    }
    if compute_dtype not in policies:
        raise OptionError(
            f"Unknown compute_dtype {compute_dtype!r}. {did_you_mean(compute_dtype, policies)}"
        )
    return policies[compute_dtype]


def _replaceable(folder: str | Path) -> Path:
    """`folder`, unless something else than a model lies there."""
    folder = Path(folder)
    is_model = any((folder / name).is_file() for name in CONFIG_NAMES)
    if folder.exists() and not is_model and not (folder.is_dir() and not any(folder.iterdir())):
        raise OptionError(f"{folder} holds something else than a model.  Name another folder.")
    return folder
