"""The checkpoint at a path, and the message if there is none."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hornbook.checkpoints.checkpoint import find_checkpoint
from hornbook.checkpoints.safetensors.single_file import write_safetensors
from hornbook.checkpoints.tensorflow.bundle_writer import write_tensor_bundle
from hornbook.errors import CheckpointError

TENSORS = {"a": np.arange(3, dtype="float32")}


def google_folder(folder):
    (folder / "bert_config.json").write_text("{}")
    (folder / "vocab.txt").write_text("[PAD]")
    write_tensor_bundle(folder / "bert_model.ckpt", TENSORS)
    return folder


@pytest.mark.parametrize(
    "path",
    ["", "bert_model.ckpt", "bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"],
)
def test_googles_layout_is_found_by_folder_prefix_and_file(tmp_path, path):
    checkpoint = find_checkpoint(google_folder(tmp_path) / path)
    assert checkpoint.layout == "google"
    assert checkpoint.read("a").tolist() == [0, 1, 2]
    assert [file.name for file in checkpoint.files] == [
        "bert_model.ckpt.index",
        "bert_model.ckpt.data-00000-of-00001",
    ]


@pytest.mark.parametrize("path", ["", "model.safetensors"])
def test_hugging_faces_layout_is_found(tmp_path, path):
    (tmp_path / "config.json").write_text("{}")
    write_safetensors(tmp_path / "model.safetensors", TENSORS)
    assert find_checkpoint(tmp_path / path).layout == "huggingface"


def test_shards_and_torch_files_are_found(torch, tmp_path):
    write_safetensors(tmp_path / "part.safetensors", TENSORS)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "part.safetensors"}}))
    for path in (tmp_path, index):
        assert find_checkpoint(path).read("a").tolist() == [0, 1, 2]
    index.unlink()
    torch.save({"a": torch.arange(5.0)}, tmp_path / "pytorch_model.bin")
    for path in (tmp_path, tmp_path / "pytorch_model.bin"):
        assert find_checkpoint(path).shape("a") == (5,)


def test_the_state_file_names_the_newest_of_several(tmp_path):
    for step in (100, 200):
        write_tensor_bundle(tmp_path / f"model.ckpt-{step}", {"step": np.int64(step)})
    with pytest.raises(CheckpointError, match=r"2 TensorFlow checkpoints.*\n.*-100\n.*-200"):
        find_checkpoint(tmp_path)
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "/elsewhere/model.ckpt-100"\n'
        'all_model_checkpoint_paths: "model.ckpt-200"\n'
    )
    assert int(find_checkpoint(tmp_path).read("step")) == 100


def message_for(path):
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(path)
    return str(caught.value)


def test_the_message_for_an_empty_folder_names_the_expected_files(tmp_path):
    message = message_for(tmp_path)
    for words in ("model.safetensors", "*.index", "pytorch_model.bin", "it is empty"):
        assert words in message


def test_files_of_other_formats_are_named(tmp_path):
    (tmp_path / "tf_model.h5").touch()
    (tmp_path / "model.safetensors.incomplete").touch()
    (tmp_path / "inner").mkdir()
    google_folder(tmp_path / "inner")
    message = message_for(tmp_path)
    assert "tf_model.h5 and flax_model.msgpack are not supported" in message
    assert "not finished: model.safetensors.incomplete" in message
    assert f"Did you mean {tmp_path / 'inner'}?" in message


def test_a_missing_index_is_noticed(tmp_path):
    google_folder(tmp_path)
    (tmp_path / "bert_model.ckpt.index").unlink()
    for path in (
        tmp_path,
        tmp_path / "bert_model.ckpt",
        tmp_path / "bert_model.ckpt.data-00000-of-00001",
    ):
        assert "bert_model.ckpt.index" in message_for(path)
        assert "bert_model.ckpt.data-... exists" in message_for(path)


def test_a_wrong_name_suggests_the_nearest(tmp_path):
    google_folder(tmp_path)
    assert "Did you mean 'bert_model.ckpt.index'?" in message_for(tmp_path / "bert_model.ckpt.indx")
    assert "no checkpoint at" in message_for(tmp_path / "no" / "where")


def test_the_message_for_another_file_names_the_endings(tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]")
    assert ".safetensors" in message_for(tmp_path / "vocab.txt")


def test_a_checkpoint_of_version_1_is_recognized(tensorflow, tmp_path):
    compat = tensorflow.compat.v1
    with tensorflow.Graph().as_default(), compat.Session() as session:
        variable = compat.get_variable("a", initializer=[1.0, 2.0])
        saver = compat.train.Saver([variable], write_version=compat.train.SaverDef.V1)
        session.run(variable.initializer)
        path = saver.save(session, str(tmp_path / "model.ckpt"), write_meta_graph=False)
    assert "old format V1" in message_for(path)
    assert "old format V1" in message_for(tmp_path)


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>403</html>", "web page"),
        (b"", "is empty"),
    ],
)
@pytest.mark.parametrize(
    "name", ["model.safetensors", "pytorch_model.bin", "x.index", "model.safetensors.index.json"]
)
def test_files_of_failed_downloads_are_recognized(tmp_path, name, contents, reason):
    (tmp_path / name).write_bytes(contents)
    assert reason in message_for(tmp_path)
    assert reason in message_for(tmp_path / name)


def test_a_pointer_in_place_of_the_data_file_is_recognized(tmp_path):
    google_folder(tmp_path)
    data = tmp_path / "bert_model.ckpt.data-00000-of-00001"
    data.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    assert "git lfs pull" in message_for(tmp_path)
