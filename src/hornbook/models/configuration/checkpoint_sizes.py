"""Compares the sizes of a configuration with a checkpoint, before the model is built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hornbook.checkpoints import Checkpoint
from hornbook.checkpoints.weight_table import Foreign
from hornbook.errors import CheckpointError

_OWN = "hornbook."
_IN_KERAS = (
    *("token_embedding.embeddings", "position_embedding.embeddings"),
    *("attention.output_dense.kernel", "feed_forward.intermediate.kernel"),
)
_CONDITION = ("gamma_kernel", "beta_kernel", "hidden_kernel")


def check_sizes(family: Any, config: Any, checkpoint: Checkpoint) -> None:
    """Makes sure that no size is larger than in the tensors of the checkpoint.

    Smaller sizes are noticed when the weights are read, and cost nothing until then.

    Args:
        family: A `Family`.
        config: The `TransformerConfig` of the checkpoint, without any changes.
        checkpoint: The checkpoint.

    Raises:
        CheckpointError: naming every size that is too large.
    """
    if problems := [line for line, larger in size_problems(family, config, checkpoint) if larger]:
        file = checkpoint.files[0] if checkpoint.files else "the checkpoint"
        raise CheckpointError(
            f"The configuration is larger than the weights in {file}:\n"
            + "\n".join(problems)
            + "\nThey belong to different models: get both again, from the same source."
        )


def size_problems(family: Any, config: Any, checkpoint: Checkpoint) -> Iterator[tuple[str, bool]]:
    """Yields a line for each difference, and whether the size in the configuration is larger."""
    table = family.rows(checkpoint.layout)
    names = checkpoint.names()
    known = set(names)
    prefix = family.optional_prefix.get(checkpoint.layout, "")
    for path, settings, expected in _shapes(config):
        for foreign in _foreign(table.get(path)):
            name = foreign.name.format(i=0)
            spellings = [s for s in (name, name.removeprefix(prefix)) if s in known]
            if spellings:
                shape = checkpoint.shape(spellings[0])
                if shape != (needed := foreign.exchanged_shape(expected)):
                    larger = len(shape) != len(needed) or any(
                        need > have for need, have in zip(needed, shape, strict=True)
                    )
                    needed_text = _formatted(needed)
                    line = f"  {settings}: {spellings[0]} would be {needed_text}, and is {shape}"
                    yield line, larger
                break
    for key, path, count in _layers(config):
        pattern = _numbered(table, path, prefix)
        if pattern is not None:
            layers = len({match[1] for name in names if (match := pattern.fullmatch(name))})
            if layers and layers != count:
                yield f"  {key} is {count:,}, but there are weights for {layers}", count > layers
    if config.condition_size is not None:
        rows = {
            checkpoint.shape(name)[:1]
            for name in names
            if name.startswith(_OWN) and name.endswith(_CONDITION)
        }
        own_names = checkpoint.layout not in ("keras", "bert4keras")
        if own_names and (config.condition_size,) not in rows:
            yield (
                f"  condition_size is {config.condition_size:,}, but no weight has this size",
                True,
            )


def check_keras_sizes(config: Any, shapes: Mapping[str, tuple[int, ...]], file: Path) -> None:
    """The same for Keras's files, whose names depend on the order of creation.

    Args:
        config: The `TransformerConfig` of the file.
        shapes: Shape of every array in the file, by name.
        file: The file, for the message.

    Raises:
        CheckpointError: naming every size that no array in the file has.
    """
    known = set(shapes.values())
    problems = [
        f"  {settings}: no weight in the file is {_formatted(shape)}"
        for path, settings, shape in _shapes(config)
        if "{gate" not in path and path.endswith(_IN_KERAS) and shape not in known
    ]
    blocks = {match[0] for name in shapes if (match := re.match(r".*?/blocks/[^/]+/", name))}
    count = sum(count for _, _, count in _layers(config))
    if count > len(blocks):
        problems.append(f"  {count:,} layers, but there are weights for {len(blocks)}")
    if problems:
        raise CheckpointError(
            f"{file} does not fit its configuration:\n"
            + "\n".join(problems)
            + "\nThey belong to different models: get both again, from the same source."
        )


def _shapes(config: Any) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yields our path of a weight, the settings that decide its shape, and the shape."""
    embedding_size = config.embedding_size or config.hidden_size
    hidden = config.hidden_size
    key = "embedding_size" if config.embedding_size else "hidden_size"
    yield (
        "token_embedding.embeddings",
        f"vocab_size {config.vocab_size:,}, {key} {embedding_size:,}",
        (config.vocab_size, embedding_size),
    )
    if config.type_vocab_size and not config.share_segment_embedding:
        settings = f"type_vocab_size {config.type_vocab_size:,}"
        yield "segment_embedding.embeddings", settings, (config.type_vocab_size, embedding_size)
    for prefix, stack in _stacks(config):
        if config.position_kind == "learned":
            settings = f"max_position_embeddings {config.max_position_embeddings:,}"
            shape = (config.position_rows, embedding_size)
            yield f"{prefix}position_embedding.embeddings", settings, shape
        if config.position_kind == "buckets":
            settings = f"relative_attention_num_buckets {config.relative_attention_num_buckets:,}"
            shape = (config.relative_attention_num_buckets, stack.num_attention_heads)
            yield f"{prefix}positions.embeddings", settings, shape
        if config.block == "gau":
            continue
        features = stack.head_size * stack.num_attention_heads
        settings = f"hidden_size {hidden:,}, {stack.num_attention_heads:,} attention heads"
        shape = (features, hidden)
        yield f"{prefix}blocks.{{i}}.attention.output_dense.kernel", settings, shape
        size = stack.intermediate_size
        settings = f"intermediate_size {size:,}"
        yield f"{prefix}blocks.{{i}}.feed_forward.intermediate.kernel", settings, (hidden, size)
        pair = f"{prefix}blocks.{{i}}.feed_forward.{{gate,intermediate}}.kernel"
        yield pair, settings, (hidden, 2 * size)


def _layers(config: Any) -> Iterator[tuple[str, str, int]]:
    """Yields the key of a number of layers, a weight that each of them has, and the number."""
    for prefix, stack in _stacks(config):
        key = "num_decoder_layers" if prefix == "decoder." else "num_hidden_layers"
        count = stack.num_hidden_layers
        if stack.num_hidden_groups:
            key, count = "num_hidden_groups", stack.num_hidden_groups
        yield key, f"{prefix}blocks.{{i}}.attention.output_dense.kernel", count


def _stacks(config: Any) -> list[tuple[str, Any]]:
    """Returns path prefix and configuration of the Transformer, or of encoder and decoder."""
    if not config.encoder_decoder:
        return [("", config)]
    return [("encoder.", config.encoder_config), ("decoder.", config.decoder_config)]


def _foreign(row: Any) -> list[Foreign]:
    names = row if isinstance(row, tuple) else (row,)
    return [n if isinstance(n, Foreign) else Foreign(n) for n in names if n is not None]


def _numbered(table: Any, path: str, prefix: str) -> re.Pattern[str] | None:
    """Returns a pattern for the name of a weight in every layer; None if all layers share it."""
    foreign = _foreign(table.get(path))
    if not foreign or "{i" not in foreign[0].name:
        return None
    name = foreign[0].name
    begin = f"(?:{re.escape(prefix)})?" if name.startswith(prefix) else ""
    before, after = re.split(r"\{i[^}]*\}", name.removeprefix(prefix), maxsplit=1)
    return re.compile(begin + re.escape(before) + r"(\d+)" + re.escape(after))


def _formatted(shape: tuple[int, ...]) -> str:
    return f"({', '.join(f'{size:,}' for size in shape)})"
