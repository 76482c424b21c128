"""The sizes of a configuration are compared with the weights before the model is built."""

from __future__ import annotations

import json
import time

import pytest

from hornbook.describing import describe_folder
from hornbook.errors import CheckpointError
from hornbook.models.families import FAMILIES
from hornbook.pretrained import Pretrained, load

FILES = {"google": "bert_config.json"}
# our key -> a size that no tensor has, and one that fits in no memory
SIZES = {
    "vocab_size": (41, 10**13),
    "hidden_size": (24, 3_000_000_000),
    "num_hidden_layers": (3, 10_000_000),
    "intermediate_size": (21, 10**12),
    "num_attention_heads": (6, 10**9),
    "type_vocab_size": (3, 10**9),
    "max_position_embeddings": (2000, 10**12),
}


@pytest.fixture(params=FAMILIES)
def saved(request, tiny_family, tmp_path):
    """The folder of a tiny model of each family, the family, and the layout."""
    family = FAMILIES[request.param]
    layout = next(iter(family.weights))
    model = tiny_family(family, layout, heads=(), application="encoder")
    Pretrained(model, None).save(tmp_path / "model", layout=layout)
    (tmp_path / "model" / "manifest.json").unlink()
    return tmp_path / "model", family, layout


def test_a_saved_model_has_no_problems(saved):
    folder, _, _ = saved
    assert not [row for row in describe_folder(folder) if "PROBLEM" in row[1]]


def test_a_size_larger_than_in_the_weights_is_refused_quickly(saved):
    folder, family, layout = saved
    file = folder / FILES.get(layout, "config.json")
    values = json.loads(file.read_text())
    theirs = {ours: name for name, ours in family.rename.items()}
    begin = time.process_time()
    for our_key, sizes in SIZES.items():
        key = theirs.get(our_key, our_key)
        is_free = our_key == "max_position_embeddings" and family.choices.get("position_kind")
        is_free = is_free or (our_key == "type_vocab_size" and not values.get(key))
        for size in sizes[1:] if is_free or our_key == "num_attention_heads" else sizes:
            if is_free and size < 2**31:
                continue
            file.write_text(json.dumps({**values, key: size}))
            try:
                load(folder)
                is_refused = False
            except CheckpointError:
                is_refused = True
            # ALBERT's files have one layer for all, and T5's no positions
            is_shared = our_key == "num_hidden_layers" and size == 3 and "albert" in family.name
            assert is_refused or is_shared, (our_key, size)
    assert time.process_time() - begin < 60


@pytest.mark.parametrize("size", [10**7, 10**400])
def test_info_refuses_too_many_layers(tiny_family, tmp_path, size):
    Pretrained(tiny_family(FAMILIES["qwen2"], heads=()), None).save(tmp_path / "model")
    file = tmp_path / "model" / "config.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "num_hidden_layers": size, "use_sliding_window": True}))
    (tmp_path / "model" / "manifest.json").unlink()
    rows = dict(map(tuple, describe_folder(tmp_path / "model")))
    assert "hornbook builds 1,024 at most" in rows["config"]


@pytest.mark.parametrize("key", ["vocab_size", "hidden_size", "num_hidden_layers"])
def test_sizes_of_a_keras_file_are_checked_before_the_model_is_built(tiny_family, tmp_path, key):
    model = tiny_family(FAMILIES["bert"], heads=())
    Pretrained(model, None).save(tmp_path / "model", layout="keras")
    (tmp_path / "model" / "manifest.json").unlink()
    file = tmp_path / "model" / "config.json"
    values = json.loads(file.read_text())
    sizes = {"vocab_size": 2**30, "hidden_size": 999_999, "num_hidden_layers": 1000}
    file.write_text(json.dumps({**values, key: sizes[key]}))
    with pytest.raises(CheckpointError, match="does not fit its configuration"):
        load(tmp_path / "model")


def test_a_missing_table_is_refused_before_it_is_allocated(tiny_family, tmp_path):
    """A key under "hornbook" asks for a table that the file does not have."""
    Pretrained(tiny_family(FAMILIES["nezha"], heads=()), None).save(tmp_path / "model")
    (tmp_path / "model" / "manifest.json").unlink()
    file = tmp_path / "model" / "config.json"
    values = json.loads(file.read_text())
    values["hornbook"]["position_kind"] = "learned"
    values["max_position_embeddings"] = 2**31 - 1
    file.write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match="missing"):
        load(tmp_path / "model")
