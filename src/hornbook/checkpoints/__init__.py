"""Checkpoint files: names and arrays in any format, independent of models."""

from hornbook.checkpoints.arrays import ArraysCheckpoint
from hornbook.checkpoints.checkpoint import Checkpoint, find_checkpoint
from hornbook.checkpoints.dtypes import numpy_dtype
from hornbook.checkpoints.quantized import refuse_quantized
from hornbook.checkpoints.renamed import RenamedCheckpoint
from hornbook.checkpoints.safetensors.shard_writing import SHARD_SIZE, write_shards
from hornbook.checkpoints.safetensors.single_file import SafetensorsFile, write_safetensors
from hornbook.checkpoints.tensorflow.bundle_writer import write_tensor_bundle
from hornbook.checkpoints.tensorflow.tensor_bundle import TensorBundle
from hornbook.checkpoints.torch.zip_archive import TorchFile
from hornbook.checkpoints.vocabulary_rows import VocabularyRows
from hornbook.checkpoints.weight_reading import LEFTOVERS, read_weights, weight_values
from hornbook.checkpoints.weight_table import Table, transposed
from hornbook.checkpoints.weight_writing import LazyTensor, write_weights

__all__ = [
    "LEFTOVERS",
    "SHARD_SIZE",
    "ArraysCheckpoint",
    "Checkpoint",
    "LazyTensor",
    "RenamedCheckpoint",
    "SafetensorsFile",
    "Table",
    "TensorBundle",
    "TorchFile",
    "VocabularyRows",
    "find_checkpoint",
    "numpy_dtype",
    "read_weights",
    "refuse_quantized",
    "transposed",
    "weight_values",
    "write_safetensors",
    "write_shards",
    "write_tensor_bundle",
    "write_weights",
]
