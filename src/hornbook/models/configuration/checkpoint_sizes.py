"""The sizes of a configuration held against a checkpoint, before anything is built of them."""

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
    """Makes sure that no size is larger than the tensors of the checkpoint have it.

    What is smaller is found when the weights are read, and costs nothing until then.

    Args:
        family: A `Family`.
        config: The `TransformerConfig` of the checkpoint as it lies there.
        checkpoint: Names and shapes.

    Raises:
        CheckpointError: naming every size that is too large.
    """
    if problems := [line for line, larger in size_problems(family, config, checkpoint) if larger]:
        file = checkpoint.files[0] if checkpoint.files else "the checkpoint"
        raise CheckpointError(
            f"The configuration is larger than the weights in {file}:\n"
            + "\n".join(problems)
            + "\nThey are not of one model: get both again, from one place."
        )


def size_problems(family: Any, config: Any, checkpoint: Checkpoint) -> Iterator[tuple[str, bool]]:
    """Where configuration and checkpoint differ: a line each, and whether it is too large there."""
    table = family.weights.get(checkpoint.layout, {})
    names = checkpoint.names()
    there = set(names)
    prefix = family.optional_prefix.get(checkpoint.layout, "")
    for path, words, expected in _shapes(config):
        for foreign in _foreign(table.get(path)):
            name = foreign.name.format(i=0)
            spelt = [one for one in (name, name.removeprefix(prefix)) if one in there]
            if spelt:
                found = checkpoint.shape(spelt[0])
                if found != (needed := foreign.exchanged_shape(expected)):
                    larger = len(found) != len(needed) or any(
                        need > have for need, have in zip(needed, found, strict=True)
                    )
                    line = f"  {words}: {spelt[0]} would be {_shown(needed)}, and is {found}"
                    yield line, larger
                break
    for word, path, count in _layers(config):
        pattern = _numbered(table, path, prefix)
        if pattern is not None:
            layers = len({match[1] for name in names if (match := pattern.fullmatch(name))})
            if layers and layers != count:
                yield (
                    f"  {word} is {count:,}, and there are the weights of {layers}",
                    count > layers,
                )
    if config.condition_size is not None:
        rows = {
            checkpoint.shape(name)[:1]
            for name in names
            if name.startswith(_OWN) and name.endswith(_CONDITION)
        }
        if checkpoint.layout != "keras" and (config.condition_size,) not in rows:
            yield f"  condition_size is {config.condition_size:,}, and no weight has as many", True


def check_keras_sizes(config: Any, shapes: Mapping[str, tuple[int, ...]], file: Path) -> None:
    """The same of a file of Keras's, whose names depend on how the layers were made.

    Args:
        config: The `TransformerConfig` of the file.
        shapes: Of every array in it, by name.
        file: For the message.

    Raises:
        CheckpointError: naming every size that no array in the file has.
    """
    there = set(shapes.values())
    problems = [
        f"  {words}: no weight in the file is {_shown(shape)}"
        for path, words, shape in _shapes(config)
        if "{gate" not in path and path.endswith(_IN_KERAS) and shape not in there
    ]
    blocks = {found[0] for name in shapes if (found := re.match(r".*?/blocks/[^/]+/", name))}
    count = sum(count for _, _, count in _layers(config))
    if count > len(blocks):
        problems.append(f"  {count:,} layers, and there are the weights of {len(blocks)}")
    if problems:
        raise CheckpointError(
            f"{file} does not fit its configuration:\n"
            + "\n".join(problems)
            + "\nThey are not of one model: get both again, from one place."
        )


def _shapes(config: Any) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Our path of a weight, the words that decide its shape, and the shape."""
    embedded = config.embedding_size or config.hidden_size
    hidden = config.hidden_size
    size = "embedding_size" if config.embedding_size else "hidden_size"
    yield (
        "token_embedding.embeddings",
        f"vocab_size {config.vocab_size:,}, {size} {embedded:,}",
        (config.vocab_size, embedded),
    )
    if config.type_vocab_size and not config.share_segment_embedding:
        words = f"type_vocab_size {config.type_vocab_size:,}"
        yield "segment_embedding.embeddings", words, (config.type_vocab_size, embedded)
    for stack, of_stack in _stacks(config):
        if config.position_kind == "learned":
            words = f"max_position_embeddings {config.max_position_embeddings:,}"
            shape = (config.position_rows, embedded)
            yield f"{stack}position_embedding.embeddings", words, shape
        if config.position_kind == "buckets":
            words = f"relative_attention_num_buckets {config.relative_attention_num_buckets:,}"
            shape = (config.relative_attention_num_buckets, of_stack.num_attention_heads)
            yield f"{stack}positions.embeddings", words, shape
        if config.block == "gau":
            continue
        features = of_stack.head_size * of_stack.num_attention_heads
        words = f"hidden_size {hidden:,}, {of_stack.num_attention_heads:,} attention heads"
        shape = (features, hidden)
        yield f"{stack}blocks.{{i}}.attention.output_dense.kernel", words, shape
        wide = of_stack.intermediate_size
        words = f"intermediate_size {wide:,}"
        yield f"{stack}blocks.{{i}}.feed_forward.intermediate.kernel", words, (hidden, wide)
        both = f"{stack}blocks.{{i}}.feed_forward.{{gate,intermediate}}.kernel"
        yield both, words, (hidden, 2 * wide)


def _layers(config: Any) -> Iterator[tuple[str, str, int]]:
    """The word for a number of layers, a weight that each of them has, and the number."""
    for stack, of_stack in _stacks(config):
        word = "num_decoder_layers" if stack == "decoder." else "num_hidden_layers"
        count = of_stack.num_hidden_layers
        if of_stack.num_hidden_groups:
            word, count = "num_hidden_groups", of_stack.num_hidden_groups
        yield word, f"{stack}blocks.{{i}}.attention.output_dense.kernel", count


def _stacks(config: Any) -> list[tuple[str, Any]]:
    """The beginnings of the paths, and the configurations, of one stack or two."""
    if not config.encoder_decoder:
        return [("", config)]
    return [("encoder.", config.of_encoder), ("decoder.", config.of_decoder)]


def _foreign(row: Any) -> list[Foreign]:
    several = row if isinstance(row, tuple) else (row,)
    return [one if isinstance(one, Foreign) else Foreign(one) for one in several if one is not None]


def _numbered(table: Any, path: str, prefix: str) -> re.Pattern[str] | None:
    """Matches the name of a weight in every layer; None where all layers share it."""
    foreign = _foreign(table.get(path))
    if not foreign or "{i" not in foreign[0].name:
        return None
    name = foreign[0].name
    begin = f"(?:{re.escape(prefix)})?" if name.startswith(prefix) else ""
    before, after = re.split(r"\{i[^}]*\}", name.removeprefix(prefix), maxsplit=1)
    return re.compile(begin + re.escape(before) + r"(\d+)" + re.escape(after))


def _shown(shape: tuple[int, ...]) -> str:
    return f"({', '.join(f'{size:,}' for size in shape)})"
