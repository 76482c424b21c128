"""Files of Keras 2 and object graphs of tf.keras, as the original bert4keras wrote them."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest

from hornbook.checkpoints import find_checkpoint
from hornbook.checkpoints.bert4keras.layer_names import names_in_layer, plain_name
from hornbook.errors import CheckpointError

HEADS = ["conditional_random_field/trans", "dense_49/bias", "dense_49/kernel"]


@pytest.mark.parametrize("case", ["bert", "unilm", "nezha", "conditional", "prefixed", "tagger"])
def test_an_object_graph_has_the_names_and_numbers_of_the_hdf5_file(bert4keras_files, case):
    first = find_checkpoint(bert4keras_files / case / "best_model.weights")
    second = find_checkpoint(bert4keras_files / case / "tf")
    assert first.layout == second.layout == "bert4keras"
    assert first.names() == second.names()
    for name in first.names():
        assert first.shape(name) == second.shape(name)
        np.testing.assert_array_equal(first.read(name), second.read(name), err_msg=name)
    second.verify()


@pytest.mark.parametrize("case", ["bert", "tagger"])
def test_a_whole_model_has_its_weights_and_its_architecture(bert4keras_files, case):
    whole = find_checkpoint(bert4keras_files / case / "whole.h5")
    weights = find_checkpoint(bert4keras_files / case / "tf")
    assert whole.names() == weights.names()  # and not those of the optimizer
    for name in whole.names():
        np.testing.assert_array_equal(whole.read(name), weights.read(name), err_msg=name)
    assert whole.architecture["Transformer-0-MultiHeadSelfAttention"]["config"]["heads"] == 2


def test_the_state_of_an_optimizer_is_left_out(bert4keras_files):
    trained = find_checkpoint(bert4keras_files / "trained" / "tf").names()
    names = find_checkpoint(bert4keras_files / "pooled" / "best_model.weights").names()
    assert set(trained) == {*names, "dense_49/bias", "dense_49/kernel"}


def test_layers_of_the_user_are_read_by_name(bert4keras_files):
    folder = bert4keras_files / "tagger"
    checkpoint = find_checkpoint(folder / "best_model.weights")
    assert [name for name in checkpoint.names() if name[0].islower()] == HEADS
    np.testing.assert_array_equal(
        checkpoint.read("dense_49/kernel"), np.load(folder / "dense_49.npy")
    )


def test_a_model_inside_another_one_is_found(bert4keras_files):
    for path in ("best_model.weights", "tf"):
        names = find_checkpoint(bert4keras_files / "nested" / path).names()
        assert {"Embedding-Token/embeddings", "dense_49/kernel"} <= set(names)


@pytest.mark.parametrize("name", ["model.weights.h5", "best_model.h5", "x", "epoch.3.model"])
def test_an_hdf5_file_has_any_name(bert4keras_files, tmp_path, name):
    source = bert4keras_files / "bert" / "best_model.weights"
    shutil.copy(source, tmp_path / name)
    assert find_checkpoint(tmp_path).names() == find_checkpoint(source).names()
    assert find_checkpoint(tmp_path / name).files == [tmp_path / name]


def test_of_several_hdf5_files_one_must_be_named(bert4keras_files, tmp_path):
    for name in ("a.weights", "b.weights"):
        shutil.copy(bert4keras_files / "bert" / "best_model.weights", tmp_path / name)
    with pytest.raises(CheckpointError, match=r"holds 2 HDF5 files; name the one you mean"):
        find_checkpoint(tmp_path)


def write(path, arrays, **options):
    """Writes a file as Keras 2 does, with one layer."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        group = file.create_group("dense")
        group.attrs["weight_names"] = [name.encode() for name in arrays]
        for name, array in arrays.items():
            group.create_dataset(name, data=array, **options)


def test_other_types_and_byte_orders_are_read(tmp_path):
    arrays = {
        "dense/a:0": np.arange(6, dtype=">f4").reshape(2, 3),
        "dense/b:0": np.arange(3, dtype="float16"),
        "dense/c:0": np.float64(2.5),
        "dense/d:0": np.zeros((0, 4), "float32"),
    }
    write(tmp_path / "x.weights", arrays)
    checkpoint = find_checkpoint(tmp_path)
    for name, array in arrays.items():
        value = checkpoint.read(name.removesuffix(":0"))
        np.testing.assert_array_equal(value, array)
        assert value.dtype == array.dtype.newbyteorder("=") == checkpoint.dtype(name[:-2])


def test_long_lists_of_layers_are_in_several_attributes(bert4keras_files, tmp_path):
    source = bert4keras_files / "bert" / "best_model.weights"
    shutil.copy(source, tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        layers = list(file.attrs["layer_names"])
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = layers[:9], layers[9:]
    assert find_checkpoint(tmp_path).names() == find_checkpoint(source).names()


def refused(path, *parts):
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(path)
    for part in (str(path), *parts):
        assert part in str(caught.value)


def test_what_keras_2_does_not_write_is_refused(tmp_path):
    path = tmp_path / "x.weights"
    write(path, {"dense/kernel:0": np.zeros((4, 4))}, compression="gzip")
    refused(path, "'dense/kernel:0' is compressed or stored in parts")
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/dense/vars/0", data=np.zeros(3))
    refused(path, "it has no layer_names, as files of Keras 3 do not")


def test_links_to_other_files_are_not_followed(tmp_path):
    write(tmp_path / "y.weights", {"dense/kernel:0": np.zeros(3)})
    path = tmp_path / "x.weights"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file["dense"] = h5py.ExternalLink(str(tmp_path / "y.weights"), "/dense")
    refused(path, "it has no 'dense'")


def test_a_truncated_file_is_refused(bert4keras_files, tmp_path):
    data = (bert4keras_files / "bert" / "best_model.weights").read_bytes()
    for size in (20, 3000, len(data) // 2, len(data) - 9):
        (tmp_path / "x.weights").write_bytes(data[:size])
        refused(tmp_path / "x.weights", "is not a valid weight file of Keras 2")


def test_a_damaged_object_graph_is_refused(bert4keras_files, tmp_path):
    shutil.copytree(bert4keras_files / "bert" / "tf", tmp_path / "tf")
    [file] = (tmp_path / "tf").glob("*.data-*")
    data = file.read_bytes()
    position = data.rindex(b"Embedding-Token/embeddings")
    file.write_bytes(data[:position] + b"X" + data[position + 1 :])
    with pytest.raises(CheckpointError, match=r"checksums of 1 tensors"):
        find_checkpoint(tmp_path / "tf")


def test_names_of_all_versions_become_those_of_the_newest():
    norm = ["Encoder-3-FeedForward-Norm/gamma:0", "Encoder-3-FeedForward-Norm/beta:0"]
    assert plain_name("Encoder-3-FeedForward-Norm", "") == "Transformer-3-FeedForward-Norm"
    assert names_in_layer("Encoder-3-FeedForward-Norm", norm) == ["gamma", "beta"]
    assert plain_name("Teacher-MLM-Dense_2", "Teacher-") == "MLM-Dense"
    assert plain_name("dense_49", "") == "dense_49"
    old = ["dense_7/kernel:0", "dense_7/bias:0", "dense_8/kernel:0", "dense_8/bias:0"]
    names = ["i0_dense/kernel", "i0_dense/bias", "o_dense/kernel", "o_dense/bias"]
    assert names_in_layer("Transformer-0-FeedForward", old) == names
    with pytest.raises(ValueError, match="unlike that of bert4keras"):
        names_in_layer("Transformer-0-FeedForward", old[:2])
