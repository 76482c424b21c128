"""Everything is compared before anything changes; every variable gets its own value."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from hornbook.checkpoints.arrays import ArraysCheckpoint
from hornbook.checkpoints.tensorflow.bundle_writer import write_tensor_bundle
from hornbook.checkpoints.tensorflow.tensor_bundle import TensorBundle
from hornbook.checkpoints.vocabulary_rows import VocabularyRows
from hornbook.checkpoints.weight_reading import LEFTOVERS, read_weights
from hornbook.checkpoints.weight_table import transposed
from hornbook.checkpoints.weight_writing import write_weights
from hornbook.errors import CheckpointError

LAYER = "bert/encoder/layer_{i}"
BERT = {
    "token_embedding.embeddings": "bert/embeddings/word_embeddings",
    "embedding_norm.gamma": ("bert/embeddings/LayerNorm/gamma", "bert/embeddings/ln/gamma"),
    "blocks.{i}.attention.query.kernel": f"{LAYER}/attention/self/query/kernel",
    "blocks.{i}.attention.query.bias": f"{LAYER}/attention/self/query/bias",
    "pooler.kernel": "bert/pooler/dense/kernel",
    "nsp_head.kernel": transposed("cls/seq_relationship/output_weights"),
}
SHAPES = {
    "token_embedding.embeddings": (11, 8),
    "embedding_norm.gamma": (8,),
    "blocks.0.attention.query.kernel": (8, 8),
    "blocks.0.attention.query.bias": (8,),
    "blocks.1.attention.query.kernel": (8, 8),
    "blocks.1.attention.query.bias": (8,),
    "nsp_head.kernel": (8, 2),
}


@pytest.fixture
def arrays():
    """Returns the tensors that Google's code saves for `SHAPES`, and a pooler not in the model."""
    random = np.random.default_rng(0)
    shapes = {
        "bert/embeddings/word_embeddings": (11, 8),
        "bert/embeddings/LayerNorm/gamma": (8,),
        "bert/encoder/layer_0/attention/self/query/kernel": (8, 8),
        "bert/encoder/layer_0/attention/self/query/bias": (8,),
        "bert/encoder/layer_1/attention/self/query/kernel": (8, 8),
        "bert/encoder/layer_1/attention/self/query/bias": (8,),
        "bert/pooler/dense/kernel": (8, 8),
        "cls/seq_relationship/output_weights": (2, 8),
    }
    return {name: random.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def refusal(variables, arrays, table=BERT, **options):
    """Returns the message of a refusal that changed nothing."""
    with pytest.raises(CheckpointError) as caught:
        read_weights(table, variables, ArraysCheckpoint(arrays), model="bert", **options)
    assert not any(variable.assigned for variable in variables.values())
    return str(caught.value)


def test_values_of_a_tensorflow_checkpoint_are_assigned_to_the_right_variables(
    tensorflow, tmp_path, arrays, make_variables
):
    tensorflow.raw_ops.SaveV2(
        prefix=str(tmp_path / "bert_model.ckpt"),
        tensor_names=list(arrays),
        shape_and_slices=[""] * len(arrays),
        tensors=[tensorflow.constant(array) for array in arrays.values()],
    )
    variables = make_variables(SHAPES)
    read_weights(BERT, variables, TensorBundle(tmp_path / "bert_model.ckpt"))
    for path, name in {
        "token_embedding.embeddings": "bert/embeddings/word_embeddings",
        "blocks.1.attention.query.kernel": "bert/encoder/layer_1/attention/self/query/kernel",
        "blocks.0.attention.query.bias": "bert/encoder/layer_0/attention/self/query/bias",
    }.items():
        np.testing.assert_array_equal(variables[path].value, arrays[name])
    np.testing.assert_array_equal(
        variables["nsp_head.kernel"].value, arrays["cls/seq_relationship/output_weights"].T
    )
    assert all(variable.assigned == 1 for variable in variables.values())


def test_every_problem_is_named_at_once_and_nothing_changes(arrays, make_variables):
    arrays["bert/embeddings/word_embeddings"] = np.zeros((12, 8))
    arrays["cls/seq_relationship/output_weights"] = np.zeros((3, 8))
    del arrays["bert/encoder/layer_1/attention/self/query/bias"]
    arrays["bert/encoder/layer_2/attention/self/query/bias"] = np.zeros(8)
    arrays["global_step"] = np.int64(3)
    variables = make_variables(SHAPES | {"adapter.kernel": (2, 2)})
    assert refusal(variables, arrays).splitlines() == [
        "6 of the tensors 'bert' needs do not fit:",
        "  shape      bert/embeddings/word_embeddings: expected (11, 8), found (12, 8)",
        "  missing    bert/encoder/layer_1/attention/self/query/bias",
        "  shape      cls/seq_relationship/output_weights: expected (2, 8), found (3, 8)",
        "  unnamed    adapter.kernel: the weight table has no row for it",
        "  unexpected bert/encoder/layer_2/attention/self/query/bias",
        "  unexpected global_step",
        "Check that config.json belongs to this checkpoint and names the right family.",
    ]


def test_long_lists_of_problems_are_shortened(make_variables):
    table = {"blocks.{i}.w": "layer_{i}/w"}
    message = refusal(make_variables({f"blocks.{n}.w": (1,) for n in range(100)}), {}, table)
    assert message.startswith("100 of the tensors")
    assert "... and 40 more" in message


def test_unexpected_and_missing_names_can_be_allowed(arrays, make_variables):
    arrays |= {"global_step": np.int64(3), "bert/pooler/dense/kernel/adam_m": np.zeros(1)}
    del arrays["bert/embeddings/LayerNorm/gamma"]
    variables = make_variables(SHAPES | {"embedding_norm.condition_gamma.kernel": (2, 8)})
    read_weights(
        BERT,
        variables,
        ArraysCheckpoint(arrays),
        ignore=["^global_step$", "/adam_[mv]$"],
        allowed_missing=[r"\.condition_", r"^embedding_norm\.gamma$"],
    )
    untouched = {path for path, variable in variables.items() if not variable.assigned}
    assert untouched == {"embedding_norm.condition_gamma.kernel", "embedding_norm.gamma"}


def test_training_state_is_recognized(arrays, make_variables):
    kernel = "bert/encoder/layer_0/attention/self/query/kernel"
    names = [f"{kernel}/adam_m", f"{kernel}/adafactor_vr", "global_step", "beta1_power"]
    names += ["embeddings.position_ids", "position_ids", "h.0.attn.bias", "h.0.attn.masked_bias"]
    arrays |= {name: np.zeros(2) for name in names}
    assert refusal(make_variables(SHAPES), arrays).count("unexpected") == len(names)
    read_weights(BERT, make_variables(SHAPES), ArraysCheckpoint(arrays), ignore=LEFTOVERS)
    arrays["bert/encoder/layer_0/adam_mixer/kernel"] = np.zeros(2)
    assert "adam_mixer" in refusal(make_variables(SHAPES), arrays, ignore=LEFTOVERS)


@pytest.mark.parametrize("theirs", ["bert.", "model.", ""])
@pytest.mark.parametrize("ours", ["bert.", ""])
def test_names_may_have_or_lack_a_prefix(theirs, ours, make_variables):
    table = {"a": ours + "embeddings.weight", "head": ours + "pooler.weight"}
    arrays = {theirs + "embeddings.weight": np.ones(2), theirs + "pooler.weight": np.ones(1)}
    variables = make_variables({"a": (2,)})
    if theirs == "model." and ours:
        assert "missing    bert.embeddings.weight" in refusal(
            variables, arrays, table, prefixes=["bert.", "model."]
        )
    else:
        read_weights(table, variables, ArraysCheckpoint(arrays), prefixes=["bert.", "model."])
        assert variables["a"].value.tolist() == [1, 1]


def test_the_second_spelling_is_read_and_is_not_unexpected(arrays, make_variables):
    arrays["bert/embeddings/ln/gamma"] = np.full(8, 7, "float32")
    variables = make_variables(SHAPES)
    read_weights(BERT, variables, ArraysCheckpoint(arrays))
    first = arrays.pop("bert/embeddings/LayerNorm/gamma")
    np.testing.assert_array_equal(variables["embedding_norm.gamma"].value, first)
    read_weights(BERT, variables, ArraysCheckpoint(arrays))
    assert variables["embedding_norm.gamma"].value.tolist() == [7] * 8


def test_weights_stored_side_by_side_are_split(make_variables):
    parts = {"q": (2, 2), "k": (2, 1), "v": (2, 3)}
    fused = np.arange(12, dtype="float32").reshape(2, 6)
    for name, stored in (("c", fused), (transposed("c"), fused.T)):
        variables = make_variables(parts)
        table = {"{q,k,v}": name}
        read_weights(table, variables, ArraysCheckpoint({"c": stored}))
        np.testing.assert_array_equal(
            np.concatenate([variables[path].value for path in "qkv"], axis=1), fused
        )
    message = refusal(make_variables(parts), {"c": fused}, table)
    assert "c: expected (6, 2), found (2, 6)" in message


def test_one_tensor_may_fill_many_blocks(make_variables):
    variables = make_variables({f"blocks.{n}.w": (2,) for n in range(3)})
    read_weights(
        {"blocks.{i}.w": "shared/w"}, variables, ArraysCheckpoint({"shared/w": np.ones(2)})
    )
    assert all(variable.value.tolist() == [1, 1] for variable in variables.values())


def test_vocabulary_rows_are_selected_before_shapes_are_compared(arrays, make_variables):
    variables = make_variables(SHAPES | {"token_embedding.embeddings": (3, 8)})
    path = "token_embedding.embeddings"
    checkpoint = ArraysCheckpoint(arrays)
    read_weights(BERT, variables, checkpoint, rows={path: VocabularyRows([5, 0, 10])})
    np.testing.assert_array_equal(
        variables[path].value, arrays["bert/embeddings/word_embeddings"][[5, 0, 10]]
    )
    variables = make_variables(SHAPES)
    message = refusal(variables, arrays, rows={path: VocabularyRows([5, 0, 10])})
    assert "expected (11, 8), found (3, 8) after selecting rows" in message
    message = refusal(variables, arrays, rows={path: VocabularyRows([11])})
    assert "rows      bert/embeddings/word_embeddings: there is no row 11 among 11" in message


def test_rows_of_a_transposed_kernel_are_selected_in_our_layout(make_variables):
    stored = np.arange(20, dtype="float32").reshape(5, 4)  # (vocabulary, hidden)
    variables = make_variables({"logits.kernel": (4, 2)})
    rows = {"logits.kernel": VocabularyRows([4, 1], axis=-1)}
    table = {"logits.kernel": transposed("lm_head.weight")}
    read_weights(table, variables, ArraysCheckpoint({"lm_head.weight": stored}), rows=rows)
    np.testing.assert_array_equal(variables["logits.kernel"].value, stored[[4, 1]].T)


def test_selecting_rows_of_weights_stored_side_by_side_is_a_programmers_mistake(make_variables):
    variables = make_variables({"a": (2,), "b": (2,)})
    with pytest.raises(ValueError, match="side by side"):
        read_weights(
            {"{a,b}": "c"},
            variables,
            ArraysCheckpoint({"c": np.zeros(4)}),
            rows={"b": VocabularyRows([0])},
        )


def test_damage_is_found_before_the_first_value_is_assigned(tmp_path, arrays, make_variables):
    write_tensor_bundle(tmp_path / "x", arrays)
    data = tmp_path / "x.data-00000-of-00001"
    octets = bytearray(data.read_bytes())
    octets[-1] ^= 1  # in the last tensor, which belongs to the last row
    data.write_bytes(octets)
    variables = make_variables(SHAPES)
    with pytest.raises(CheckpointError, match="cls/seq_relationship/output_weights: bytes"):
        read_weights(BERT, variables, TensorBundle(tmp_path / "x"))
    assert not any(variable.assigned for variable in variables.values())


def test_damage_in_unused_tensors_is_ignored(tmp_path, arrays, make_variables):
    arrays["bert/pooler/dense/kernel"] = arrays.pop("bert/pooler/dense/kernel")  # now the last
    write_tensor_bundle(tmp_path / "x", arrays)
    data = tmp_path / "x.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1] + b"?")
    read_weights(BERT, make_variables(SHAPES), TensorBundle(tmp_path / "x"))


@pytest.mark.parametrize("stored", ["float16", "float64", "bfloat16", "int8"])
@pytest.mark.parametrize("target", ["float32", "float16", "bfloat16", "int32"])
def test_values_are_cast_to_the_variables_type(stored, target, make_variables):
    import ml_dtypes

    dtype = ml_dtypes.bfloat16 if stored == "bfloat16" else stored
    variables = make_variables({"a": (3,)}, dtype=target)
    read_weights({"a": "A"}, variables, ArraysCheckpoint({"A": np.array([1, 2, 3], dtype)}))
    assert variables["a"].value.tolist() == [1, 2, 3]
    assert variables["a"].value.dtype.name == target


def test_strings_are_not_numbers(tensorflow, tmp_path, make_variables):
    tensorflow.raw_ops.SaveV2(
        prefix=str(tmp_path / "x"),
        tensor_names=["a"],
        shape_and_slices=[""],
        tensors=[tensorflow.constant(["text"])],
    )
    with pytest.raises(CheckpointError, match="type      a: it holds no numbers"):
        read_weights({"w": "a"}, make_variables({"w": (1,)}), TensorBundle(tmp_path / "x"))


def test_one_tensor_is_in_memory_at_a_time(tmp_path):
    size = 1 << 20

    class Sink:
        shape = (size,)
        dtype = "uint8"

        def assign(self, value):
            assert value[0] == 1

    count = 6
    write_tensor_bundle(tmp_path / "x", {f"w{n}": np.ones(size, "uint8") for n in range(count)})
    checkpoint = TensorBundle(tmp_path / "x")
    variables = {f"blocks.{n}.w": Sink() for n in range(count)}
    tracemalloc.start()
    read_weights({"blocks.{i}.w": "w{i}"}, variables, checkpoint)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.8 * size


# Keras's own conversion from torch and TensorFlow to NumPy 2 warns.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_keras_variables_are_read_and_written_back(arrays):
    keras = pytest.importorskip("keras")
    variables = {path: keras.Variable(np.zeros(shape)) for path, shape in SHAPES.items()}
    del arrays["bert/pooler/dense/kernel"]
    read_weights(BERT, variables, ArraysCheckpoint(arrays))
    tensors = write_weights(BERT, variables, dtype="float32")
    assert set(tensors) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(np.asarray(tensors[name]), array)
