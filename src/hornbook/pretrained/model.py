"""A Transformer and its tokenizer, with all tasks, and saving."""

from __future__ import annotations

from pathlib import Path

from hornbook.checkpoints import SHARD_SIZE
from hornbook.files import atomic_folder, write_json
from hornbook.pretrained.encoder_tasks import EncoderTasks
from hornbook.pretrained.generation_tasks import GenerationTasks
from hornbook.pretrained.mask_tasks import MaskTasks
from hornbook.pretrained.opening.model_folder import replaceable, write_model
from hornbook.pretrained.tasks.generation_config import FILE as GENERATION_CONFIG
from hornbook.progress import note


class Pretrained(EncoderTasks, GenerationTasks, MaskTasks):
    """A Transformer and its tokenizer: what `hornbook.load` returns.

    Args:
        model: The Keras layer, built.
        tokenizer: Its tokenizer; None for a model that takes token ids only.
        generation: Defaults from its `generation_config.json`; None without one.
        companions: Other files of its folder, which `save` copies.

    Example:
        ```
        model = hornbook.load("chinese_L-12_H-768_A-12", heads=["mlm"])
        model.encode(["语言模型", "今天天气真好"])  # (2, 768)
        model.fill("科学[MASK][MASK]是第一生产力")
        ```
    """

    def save(
        self, folder: str | Path, *, layout: str = "huggingface", shard_size: int = SHARD_SIZE
    ) -> None:
        """Writes a model folder, whole or not at all, with its checksums.

        Other files of the folder that the model came from (license, chat template, pooling of
        sentence-transformers) are copied; weights in other formats are not, and are named.

        Args:
            folder: Created, or replaced if it is a model folder.
            layout: `"huggingface"` (transformers opens it), `"google"` (TensorFlow's
                checkpoint format) or `"keras"` (Keras's own `.weights.h5`).
            shard_size: Maximum number of bytes per file, in the first of these layouts.

        Raises:
            HornbookError: the layout has no place for a weight, or the disk is full.
        """
        with atomic_folder(replaceable(folder)) as temporary:
            write_model(temporary, self.model, self.tokenizer, layout=layout, shard_size=shard_size)
            if self.generation is not None:
                write_json(temporary / GENERATION_CONFIG, self.generation.values)
            if self.companions is not None:
                left_out = self.companions.write(temporary, self.tokenizer)
            else:
                left_out = []
        if left_out and self.companions is not None:
            note(f"not copied from {self.companions.folder}: {', '.join(left_out)}")
