from __future__ import annotations

import json

import numpy as np
import pytest

from hornbook.errors import DataError, OptionError
from hornbook.recipes import open_run
from hornbook.recipes.tagging import Tagging

FIELDS = {
    "num_hidden_layers": 1,
    "vocabulary_size": 200,
    "max_length": 16,
    "batch_size": 16,
    "learning_rate": 1e-2,
    "ema": 0.5,
    "dropout": 0.0,
    "patience": 0,
}
NAMES, PLACES, OTHERS = "王李张刘", "北南东西", "在去到了的很好"


def texts(count=96, nested=False):
    """A name is a family name and a character after it, a place ends with 京."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(count):
        name = random.choice(list(NAMES)) + random.choice(list(OTHERS))
        place = random.choice(list(PLACES)) + "京"
        middle = "".join(random.choice(list(OTHERS), 3))
        text = name + middle + place
        entities = [[0, 2, "person"], [5, 7, "place"]]
        if nested:
            entities.append([6, 7, "city"])
        rows.append({"text": text, "entities": entities, "id": number})
    return rows


def write(folder, rows):
    folder.mkdir(parents=True)
    lines = [json.dumps(row) + "\n" for row in rows]
    (folder / "train.jsonl").write_text("".join(lines[:64]), "utf-8")
    (folder / "valid.jsonl").write_text("".join(lines[64:]), "utf-8")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write(tmp_path_factory.mktemp("tagging") / "data", texts())


@pytest.fixture(scope="module")
def run(tmp_path_factory, data):
    out = tmp_path_factory.mktemp("runs") / "run"
    Tagging(**FIELDS, epochs=4).fit(data, out)
    return out


@pytest.mark.backend
def test_entities_are_found_and_reported(run, data):
    tagging = open_run(run)
    assert tagging.evaluate(data)["micro_f1"] > 0.95
    [answer] = tagging.predict([{"text": "张了 很好去 西京", "id": 7}])
    assert answer["id"] == 7
    assert [(one["start"], one["end"], one["type"], one["text"]) for one in answer["entities"]] == [
        (0, 2, "person", "张了"),
        (7, 9, "place", "西京"),
    ]
    assert all(0.5 < one["probability"] <= 1 for one in answer["entities"])
    page = (run / "report.html").read_text("utf-8")
    assert "F1" in page
    assert "Worst mistakes" in page


def test_a_text_longer_than_the_model_is_read_whole(run):
    tagging = open_run(run)
    text = "王好在去到北京" * 12
    [answer] = tagging.predict([text])
    starts = [one["start"] for one in answer["entities"] if one["text"] in ("王好", "北京")]
    assert len(starts) >= 12
    assert min(starts) < 7
    assert max(starts) > 76  # the last of six windows


def test_texts_without_units_and_other_texts_in_one_batch(run):
    answers = open_run(run).predict(["\u3000 ", "李去在好到南京", "x" * 300])
    assert answers[0]["entities"] == []
    assert answers[1]["entities"][0]["text"] == "李去"
    with pytest.raises(OptionError, match="this model finds entities"):
        open_run(run).predict(["x"], words=["x"])


def test_overlapping_entities_need_the_pointer(tmp_path):
    data = write(tmp_path / "data", texts(nested=True))
    with pytest.raises(DataError, match="--head pointer"):
        Tagging(**FIELDS).fit(data, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    tagging = Tagging(**FIELDS, epochs=6, head="pointer").fit(data, tmp_path / "run")
    assert tagging.evaluate(data)["micro_f1"] > 0.9
    [answer] = open_run(tmp_path / "run").predict(["王好在去到北京" * 6])
    found = {(one["start"], one["end"], one["type"]) for one in answer["entities"]}
    assert {(5, 7, "place"), (6, 7, "city")} <= found
    assert max(start for start, _, _ in found) > 16  # beyond the first window
