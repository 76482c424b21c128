from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from hornbook.checkpoints.arrays import ArraysCheckpoint
from hornbook.checkpoints.safetensors.single_file import SafetensorsFile, write_safetensors
from hornbook.checkpoints.tensorflow.bundle_writer import write_tensor_bundle
from hornbook.checkpoints.tensorflow.tensor_bundle import TensorBundle
from hornbook.checkpoints.weight_reading import read_weights
from hornbook.checkpoints.weight_table import transposed
from hornbook.checkpoints.weight_writing import write_weights
from hornbook.errors import CheckpointError

GPT2 = {
    "token_embedding.embeddings": "wte.weight",
    "blocks.{i}.attention.{query,key,value}.kernel": "h.{i}.attn.c_attn.weight",
    "blocks.{i}.attention.{query,key,value}.bias": "h.{i}.attn.c_attn.bias",
    "output.kernel": transposed("lm_head.weight"),
    "norm.gamma": ("ln_f.weight", "ln_f.gamma"),
    "pooler.kernel": "pooler.weight",
}
SHAPES = {
    "token_embedding.embeddings": (7, 4),
    "output.kernel": (4, 7),
    "norm.gamma": (4,),
    **{
        f"blocks.{block}.attention.{part}.{weight}": shape
        for block in range(3)
        for part in ("query", "key", "value")
        for weight, shape in (("kernel", (4, 4)), ("bias", (4,)))
    },
}


@pytest.fixture
def variables(make_variables):
    """Returns the random weights of a small model."""
    return make_variables(SHAPES, np.random.default_rng(0))


def test_names_shapes_and_values_are_those_of_the_checkpoint(variables):
    tensors = write_weights(GPT2, variables)
    assert set(tensors) == {"wte.weight", "lm_head.weight", "ln_f.weight"} | {
        f"h.{block}.attn.c_attn.{weight}" for block in range(3) for weight in ("weight", "bias")
    }
    assert tensors["h.1.attn.c_attn.weight"].shape == (4, 12)
    np.testing.assert_array_equal(
        np.asarray(tensors["h.1.attn.c_attn.weight"])[:, 4:8],
        variables["blocks.1.attention.key.kernel"].value,
    )
    np.testing.assert_array_equal(
        np.asarray(tensors["lm_head.weight"]), variables["output.kernel"].value.T
    )


def test_values_have_the_declared_shape_and_type(variables):
    for tensor in write_weights(GPT2, variables, dtype="float16").values():
        array = np.asarray(tensor)
        assert (array.shape, array.dtype) == (tensor.shape, tensor.dtype)


@pytest.mark.parametrize("kind", ["memory", "tensorflow", "safetensors"])
def test_writing_then_reading_is_exact(tmp_path, variables, make_variables, kind):
    tensors = write_weights(GPT2, variables)
    if kind == "memory":
        checkpoint = ArraysCheckpoint(tensors)
    elif kind == "tensorflow":
        write_tensor_bundle(tmp_path / "x", tensors)
        checkpoint = TensorBundle(tmp_path / "x")
    else:
        checkpoint = SafetensorsFile(write_safetensors(tmp_path / "x.safetensors", tensors))
    others = make_variables(SHAPES)
    read_weights(GPT2, others, checkpoint)
    for path, variable in variables.items():
        np.testing.assert_array_equal(others[path].value, variable.value)


def test_values_are_computed_on_demand(variables):
    tensors = write_weights(GPT2, variables)
    variables["norm.gamma"].value = np.full(4, 9, "float32")
    assert np.asarray(tensors["ln_f.weight"]).tolist() == [9] * 4


def test_plain_arrays_and_other_types_are_written():
    arrays = {"norm.gamma": np.ones(4, ml_dtypes.bfloat16)}
    assert write_weights(GPT2, arrays)["ln_f.weight"].dtype == ml_dtypes.bfloat16
    assert (
        np.asarray(write_weights(GPT2, arrays, dtype="float32")["ln_f.weight"]).dtype == "float32"
    )


def test_weights_without_a_place_are_all_named(variables, make_variables):
    variables |= make_variables({"norm.condition.kernel": (2, 4), "adapter.kernel": (1,)})
    with pytest.raises(CheckpointError, match=r"2 of.*\n  norm\.condition\.kernel\n  adapter\.ker"):
        write_weights(GPT2, variables)
    assert write_weights(GPT2, variables, allowed_missing=["condition", "^adapter"])


def test_one_tensor_for_several_weights_is_written_if_they_are_equal(make_variables):
    table = {"blocks.{i}.w": "shared/w"}
    variables = make_variables({"blocks.0.w": (2,), "blocks.1.w": (2,)})
    assert list(write_weights(table, variables)) == ["shared/w"]
    variables["blocks.1.w"].value[0] = 1
    with pytest.raises(CheckpointError, match=r"'blocks\.0\.w' and 'blocks\.1\.w' differ"):
        write_weights(table, variables)
