from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from hornbook.data.demo.matching import LANGUAGES, demo_pairs, write_demo_data
from hornbook.data.texts.pairs import read_pairs, read_pairs_to_predict
from hornbook.errors import OptionError
from hornbook.files import verify_manifest


@pytest.fixture(scope="module", params=sorted(LANGUAGES))
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "demo"
    write_demo_data(folder, pairs_per_criterion=300, language=request.param)
    return folder


def f1(labels, predictions):
    both = sum(x and y for x, y in zip(labels, predictions, strict=True))
    return 2 * both / max(sum(labels) + sum(predictions), 1)


def test_the_demo_data_has_six_criteria_in_two_groups(folder):
    train, valid = read_pairs(folder), read_pairs(folder, "valid")
    assert {name: len(criteria) for name, criteria in train.groups.items()} == {"A": 3, "B": 3}
    assert (len(train.pairs), len(valid.pairs)) == (1800, 360)
    assert train.criteria == valid.criteria
    assert verify_manifest(folder)
    unseen = list(read_pairs_to_predict(folder / "unseen.jsonl"))
    assert {pair.criterion for pair in unseen} == set(train.criteria)
    assert [pair.extra["id"] for pair in unseen] == list(range(60))


def test_pairs_are_distinct_within_and_across_splits(folder):
    sides = [
        {(pair.criterion, *sorted((pair.source, pair.target))) for pair in data.pairs}
        for data in (read_pairs(folder), read_pairs(folder, "valid"))
    ]
    texts = [{pair[1:] for pair in side} for side in sides]
    assert not texts[0] & texts[1]
    assert [len(side) for side in sides] == [1800, 360]
    first = [
        {
            pair.source
            for pair in data.pairs
            if "短短" in pair.criterion or "short-s" in pair.criterion
        }
        for data in (read_pairs(folder), read_pairs(folder, "valid"))
    ]
    assert not first[0] & first[1]


def test_a_pair_may_match_by_one_criterion_only(folder):
    labels: dict[tuple[str, str], dict[str, int]] = {}
    for pair in read_pairs(folder).pairs:
        letter = "A" if pair.criterion.removesuffix("类").endswith("A") else "B"
        labels.setdefault((pair.source, pair.target), {})[letter] = pair.label
    both = [pair_labels for pair_labels in labels.values() if len(pair_labels) == 2]
    assert sum(pair_labels == {"A": 1, "B": 0} for pair_labels in both) > 50
    assert not any(pair_labels == {"A": 0, "B": 1} for pair_labels in both)


def test_labels_are_balanced_and_not_predictable_from_shared_characters(folder):
    data = read_pairs(folder)
    for criterion in data.criteria:
        pairs = [pair for pair in data.pairs if pair.criterion == criterion]
        labels = [pair.label for pair in pairs]
        assert 0.35 < sum(labels) / len(labels) < 0.65
        shared = []
        for pair in pairs:
            source, target = set(pair.source), set(pair.target)
            shared.append(len(source & target) / min(len(source), len(target)))
        best = max(f1(labels, [value >= cut for value in shared]) for cut in set(shared))
        assert best < 0.85


def test_lengths_of_short_and_long_texts():
    for language, (short, shortest, longest) in {
        "zh": (40, 60, 150),
        "en": (110, 100, 400),
    }.items():
        pairs = demo_pairs("train", 100, language=language)
        for place, rows in enumerate(pairs.values()):
            for row in rows:
                for text, is_long in (row["source"], place >= 4), (row["target"], place >= 2):
                    assert shortest <= len(text) <= longest if is_long else len(text) <= short
                    assert "{" not in text


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    program = (
        "from hornbook.data.demo.matching import write_demo_data;"
        f"write_demo_data({str(tmp_path / 'there')!r}, pairs_per_criterion=20, seed=4)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    write_demo_data(tmp_path / "here", pairs_per_criterion=20, seed=4)
    write_demo_data(tmp_path / "other", pairs_per_criterion=20, seed=5)
    manifests = [
        json.loads((tmp_path / name / "manifest.json").read_text("utf-8"))
        for name in ("here", "there", "other")
    ]
    assert manifests[0] == manifests[1]
    assert all(manifests[0][name] != manifests[2][name] for name in manifests[0])


def test_fewer_criteria_have_the_same_pairs(tmp_path):
    write_demo_data(tmp_path / "all", pairs_per_criterion=20)
    write_demo_data(tmp_path / "two", pairs_per_criterion=20, criteria=2)
    names = sorted(path.name for path in (tmp_path / "two").iterdir() if path.is_dir())
    assert names == sorted(LANGUAGES["zh"].criteria[:2])
    for name in names:
        first, second = (tmp_path / part / name / "train.jsonl" for part in ("all", "two"))
        assert first.read_bytes() == second.read_bytes()


def test_invalid_options_are_refused_and_leave_nothing(tmp_path):
    for criteria in (0, 7):
        with pytest.raises(OptionError, match="expected 1 to 6"):
            write_demo_data(tmp_path / "x", criteria=criteria)
    with pytest.raises(OptionError, match="Known: en, zh"):
        write_demo_data(tmp_path / "x", language="latin")
    with pytest.raises(OptionError, match="at least 10"):
        write_demo_data(tmp_path / "x", pairs_per_criterion=9)
    assert not list(tmp_path.iterdir())
