"""Sizes of a configuration are held against the weights before anything is built."""

from __future__ import annotations

import json
import time

import pytest

from hornbook.describing import describe_folder
from hornbook.errors import CheckpointError
from hornbook.models.families import FAMILIES
from hornbook.pretrained import Pretrained, load

FILES = {"google": "bert_config.json"}
# our word -> a size that no tensor has, and one that would not fit into any memory
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
    """A tiny model of each family in one of its layouts, and the family."""
    family = FAMILIES[request.param]
    layout = next(iter(family.weights))
    model = tiny_family(family, layout, heads=(), application="encoder")
    Pretrained(model, None).save(tmp_path / "model", layout=layout)
    (tmp_path / "model" / "manifest.json").unlink()
    return tmp_path / "model", family, layout


def test_what_was_saved_has_no_problem(saved):
    folder, _, _ = saved
    assert not [row for row in describe_folder(folder) if "PROBLEM" in row[1]]


def test_a_size_larger_than_the_weights_is_refused_at_once(saved):
    folder, family, layout = saved
    file = folder / FILES.get(layout, "config.json")
    values = json.loads(file.read_text())
    theirs = {ours: name for name, ours in family.rename.items()}
    begin = time.process_time()
    for word, sizes in SIZES.items():
        key = theirs.get(word, word)
        absent = word == "max_position_embeddings" and family.choices.get("position_kind")
        absent = absent or (word == "type_vocab_size" and not values.get(key))
        for size in sizes[1:] if absent or word == "num_attention_heads" else sizes:
            if absent and size < 2**31:
                continue
            file.write_text(json.dumps({**values, key: size}))
            try:
                load(folder)
                refused = False
            except CheckpointError:
                refused = True
            # ALBERT's layers and T5's positions are in no file
            shared = word == "num_hidden_layers" and size == 3 and "albert" in family.name
            assert refused or shared, (word, size)
    assert time.process_time() - begin < 60


@pytest.mark.parametrize("size", [10**7, 10**400])
def test_info_refuses_a_number_of_layers_that_nobody_builds(tiny_family, tmp_path, size):
    Pretrained(tiny_family(FAMILIES["qwen2"], heads=()), None).save(tmp_path / "model")
    file = tmp_path / "model" / "config.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "num_hidden_layers": size, "use_sliding_window": True}))
    (tmp_path / "model" / "manifest.json").unlink()
    rows = dict(map(tuple, describe_folder(tmp_path / "model")))
    assert "hornbook builds 1,024 at most" in rows["config"]


@pytest.mark.parametrize("word", ["vocab_size", "hidden_size", "num_hidden_layers"])
def test_a_file_of_keras_is_looked_at_before_a_model_is_built_for_it(tiny_family, tmp_path, word):
    model = tiny_family(FAMILIES["bert"], heads=())
    Pretrained(model, None).save(tmp_path / "model", layout="keras")
    (tmp_path / "model" / "manifest.json").unlink()
    file = tmp_path / "model" / "config.json"
    values = json.loads(file.read_text())
    sizes = {"vocab_size": 2**30, "hidden_size": 999_999, "num_hidden_layers": 1000}
    file.write_text(json.dumps({**values, word: sizes[word]}))
    with pytest.raises(CheckpointError, match="does not fit its configuration"):
        load(tmp_path / "model")


def test_what_the_weights_do_not_name_makes_nothing_before_it_is_refused(tiny_family, tmp_path):
    """A word under "hornbook" asks for a table that no file has: it is missing, and not made."""
    Pretrained(tiny_family(FAMILIES["nezha"], heads=()), None).save(tmp_path / "model")
    (tmp_path / "model" / "manifest.json").unlink()
    file = tmp_path / "model" / "config.json"
    values = json.loads(file.read_text())
    values["hornbook"]["position_kind"] = "learned"
    values["max_position_embeddings"] = 2**31 - 1
    file.write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match="missing"):
        load(tmp_path / "model")
