"""Taking over a part of a checkpoint: some of its blocks, some rows of its vocabulary."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hornbook.checkpoints import VocabularyRows
from hornbook.errors import OptionError

# which of our weights have a row or a column for each token, and along which axis
PER_TOKEN = {
    r"(^|\.)token_embedding\.embeddings$": 0,
    r"(^|\.)mlm\.decoder\.embeddings$": 0,
    r"(^|\.)mlm\.[^.]+$": -1,  # a bias or a kernel of the language head itself
}
_BLOCK = re.compile(r"(^|\.)blocks\.(\d+)\.")


class Selection:
    """What of a checkpoint a model takes over.

    Args:
        blocks: Numbers of the checkpoint's blocks, in their new order; a whole number stands
            for that many from the first on; None for all.  Of an encoder-decoder, in both
            stacks.
        keep_tokens: Old ids of the vocabulary to keep, in their new order; None keeps all.
        compound_tokens: New tokens behind them, each a list of old ids to average.
        vocab_size: Tokens in all, see `VocabularyRows`; None: as many as these are.
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
        """The `TransformerConfig` of the model, from that of the checkpoint.

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
            kept = self.kept_tokens(config.vocab_size)
            self._new_ids = {old: new for new, old in enumerate(kept)}
            changes |= self._renumbered_ids(config)
        return config.replace(**changes)

    def kept_tokens(self, rows: int) -> list[int]:
        """The old ids that are kept, in their new order.

        Args:
            rows: Of the checkpoint.
        """
        kept = self.vocabulary[0].keep
        return (list(range(rows)) if kept is None else kept.tolist())[: self._vocab_size]

    def compounds(self) -> list[list[int]]:
        """The old ids of each new token behind them."""
        return [ids.tolist() for ids, _ in self.vocabulary[0].compound]

    def new_id(self, old: int) -> int | None:
        """The new id of a token of the checkpoint; None for one that is left out."""
        if self._new_ids is None:
            return old
        return self._new_ids.get(old)

    def _renumbered_ids(self, config: Any) -> dict[str, Any]:
        """The token ids that a configuration names, as they are in the new vocabulary."""
        new_id = self.new_id
        changes: dict[str, Any] = {"extra": {}}
        for name, value in config.extra.items():
            is_id = name.endswith("_token_id") and value is not None
            ids = value if isinstance(value, list) else [value]
            found = [new for old in ids if is_id and (new := new_id(old)) is not None]
            if not is_id:
                changes["extra"][name] = value
            elif found:
                changes["extra"][name] = found if isinstance(value, list) else found[0]
        for name in ("decoder_start_token_id", "pad_token_id"):
            old = getattr(config, name)
            # the positions of RoBERTa begin behind the old id of its padding
            if old is not None and not (name == "pad_token_id" and config.position_offset):
                changes[name] = new_id(old)
        if config.encoder_decoder and changes.get("pad_token_id", config.pad_token_id) is None:
            changes.pop("pad_token_id", None)
        return changes

    def path_in_checkpoint(self, path: str, config: Any) -> str:
        """The path of one of our weights, with the number its block has in the checkpoint."""
        blocks = self.blocks
        if blocks is None or config.num_hidden_groups == 1:  # every block is the same one
            return path
        return _BLOCK.sub(lambda found: f"{found[1]}blocks.{blocks[int(found[2])]}.", path)

    def keeps_ids(self, tokens: int) -> bool:
        """Whether the first `tokens` tokens have the numbers they had."""
        return not self._renumbers and (self._vocab_size is None or self._vocab_size >= tokens)

    def rows(self, paths: Iterable[str]) -> Mapping[str, VocabularyRows]:
        """The choice of rows for each of `paths` that has one for every token."""
        if self._vocab_size is None and not self._renumbers:
            return {}
        return {
            path: self.vocabulary[axis]
            for path in paths
            for pattern, axis in PER_TOKEN.items()
            if re.search(pattern, path)
        }

    def _check_blocks(self, config: Any) -> None:
        there = min(config.num_hidden_layers, config.num_decoder_layers or sys.maxsize)
        blocks = self.blocks or ()
        if not blocks or len(set(blocks)) < len(blocks) or not set(blocks) <= set(range(there)):
            raise OptionError(
                f"Asked for the blocks {', '.join(map(str, blocks)) or '(none)'}; the checkpoint "
                f"has 0 to {there - 1}, and each can be taken once."
            )
        if not config.first_attention_norm and blocks[0] != 0:
            raise OptionError(
                "The checkpoint's block 0 has no norm before its attention, because the "
                "embeddings have one: it must be the first of those taken."
            )
        if config.num_hidden_groups not in (None, 1):
            raise OptionError(
                f"The checkpoint's {config.num_hidden_groups} blocks are each used several times, "
                "so its layers cannot be chosen."
            )
