"""The part of a checkpoint that a model loads: some of its blocks, some rows of its vocabulary."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hornbook.checkpoints import VocabularyRows
from hornbook.errors import OptionError

# paths of weights with a row or a column per token -> that axis
PER_TOKEN = {
    r"(^|\.)token_embedding\.embeddings$": 0,
    r"(^|\.)mlm\.decoder\.embeddings$": 0,
    r"(^|\.)mlm\.[^.]+$": -1,  # a bias or a kernel of the language head itself
}
_BLOCK = re.compile(r"(^|\.)blocks\.(\d+)\.")


class Selection:
    """The part of a checkpoint that a model loads.

    Args:
        blocks: Indices of the checkpoint's blocks, in their new order, or the number of first
            blocks; of an encoder-decoder model, in both the encoder and the decoder.  Defaults to
            all.
        keep_tokens: Old ids of the tokens to keep, in their new order.  Defaults to all.
        compound_tokens: New tokens after them, each a list of old ids to average.
        vocab_size: Total number of tokens, see `VocabularyRows`.  Defaults to the number of
            these.
    """

    def __init__(
        self,
        *,
        blocks: Sequence[int] | int | None = None,
        keep_tokens: Sequence[int] | None = None,
        compound_tokens: Sequence[Any] = (),
        vocab_size: int | None = None,
    ):
        if vocab_size is not None and vocab_size < 1:
            raise OptionError(f"vocab_size is {vocab_size}, expected 1 or more.")
        self.blocks = list(range(blocks)) if isinstance(blocks, int) else blocks
        self.vocabulary = {
            axis: VocabularyRows(keep_tokens, compound=compound_tokens, size=vocab_size, axis=axis)
            for axis in (0, -1)
        }
        self._vocab_size = vocab_size
        self._new_ids: dict[int, int] | None = None
        self._renumbers = keep_tokens is not None or bool(compound_tokens)

    def config(self, config: Any) -> Any:
        """Returns the `TransformerConfig` of the model, given that of the checkpoint.

        Raises:
            OptionError: the checkpoint has no such blocks.
            ValueError: it has no such tokens.
        """
        changes: dict[str, Any] = {"vocab_size": self.vocabulary[0].shape((config.vocab_size,))[0]}
        if self.blocks is not None:
            self._check_blocks(config)
            changes["num_hidden_layers"] = len(self.blocks)
            if config.num_decoder_layers is not None:
                changes["num_decoder_layers"] = len(self.blocks)
            if config.layer_types is not None:
                changes["layer_types"] = tuple(config.layer_types[n] for n in self.blocks)
        if not self.keeps_ids(config.vocab_size):
            old_ids = self.old_token_ids(config.vocab_size)
            self._new_ids = {old: new for new, old in enumerate(old_ids)}
            changes |= self._renumbered_ids(config)
        return config.replace(**changes)

    def old_token_ids(self, rows: int) -> list[int]:
        """Returns the old ids of the tokens to keep, in their new order.

        Args:
            rows: Number of rows in the checkpoint.
        """
        old_ids = self.vocabulary[0].keep
        return (list(range(rows)) if old_ids is None else old_ids.tolist())[: self._vocab_size]

    def compounds(self) -> list[list[int]]:
        """Returns the old ids of each new token that follows them."""
        return [ids.tolist() for ids, _ in self.vocabulary[0].compound]

    def new_id(self, old: int) -> int | None:
        """Returns the new id of a token of the checkpoint; None if it is left out."""
        if self._new_ids is None:
            return old
        return self._new_ids.get(old)

    def _renumbered_ids(self, config: Any) -> dict[str, Any]:
        """Returns the token ids of a configuration, translated to the new vocabulary."""
        new_id = self.new_id
        changes: dict[str, Any] = {"extra": {}}
        for name, value in config.extra.items():
            is_id = name.endswith("_token_id") and value is not None
            ids = value if isinstance(value, list) else [value]
            new_ids = [new for old in ids if is_id and (new := new_id(old)) is not None]
            if not is_id:
                changes["extra"][name] = value
            elif new_ids:
                changes["extra"][name] = new_ids if isinstance(value, list) else new_ids[0]
        for name in ("decoder_start_token_id", "pad_token_id"):
            old = getattr(config, name)
            # RoBERTa's positions start after the old id of its padding
            if old is not None and not (name == "pad_token_id" and config.position_offset):
                changes[name] = new_id(old)
        if config.encoder_decoder and changes.get("pad_token_id", config.pad_token_id) is None:
            changes.pop("pad_token_id", None)
        return changes

    def path_in_checkpoint(self, path: str, config: Any) -> str:
        """Returns the path of one of our weights, with its block's index in the checkpoint."""
        blocks = self.blocks
        if blocks is None or config.num_hidden_groups == 1:  # all blocks share their weights
            return path
        return _BLOCK.sub(lambda match: f"{match[1]}blocks.{blocks[int(match[2])]}.", path)

    def keeps_ids(self, tokens: int) -> bool:
        """Returns whether the first `tokens` tokens keep their ids."""
        return not self._renumbers and (self._vocab_size is None or self._vocab_size >= tokens)

    def rows(self, paths: Iterable[str]) -> Mapping[str, VocabularyRows]:
        """Returns the choice of rows for each of `paths` that has one per token."""
        if self._vocab_size is None and not self._renumbers:
            return {}
        return {
            path: self.vocabulary[axis]
            for path in paths
            for pattern, axis in PER_TOKEN.items()
            if re.search(pattern, path)
        }

    def _check_blocks(self, config: Any) -> None:
        count = min(config.num_hidden_layers, config.num_decoder_layers or sys.maxsize)
        blocks = self.blocks or ()
        if not blocks or len(set(blocks)) < len(blocks) or not set(blocks) <= set(range(count)):
            raise OptionError(
                f"blocks is {', '.join(map(str, blocks)) or 'empty'}; the checkpoint has blocks 0 "
                f"to {count - 1}, and each can be used once."
            )
        if not config.first_attention_norm and blocks[0] != 0:
            raise OptionError(
                "The checkpoint's block 0 has no norm before its attention, because the "
                "embeddings have one: it must be the first of the selected blocks."
            )
        if config.num_hidden_groups not in (None, 1):
            raise OptionError(
                f"The checkpoint's {config.num_hidden_groups} blocks are each used several times, "
                "so its layers cannot be selected."
            )
