from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from hornbook.errors import HornbookError, LockedError
from hornbook.files import LOCK
from hornbook.training.run_folder import RunFolder

RECIPE = {"recipe": "some", "fields": {"epochs": 3, "seed": 1}, "data": {"train": "abc"}}


def test_a_new_run_records_its_recipe_and_environment(tmp_path):
    run = RunFolder.create(tmp_path / "deep" / "run", RECIPE)
    assert run.recipe() == RECIPE
    environment = json.loads((run.path / "environment.json").read_text("utf-8"))
    assert {"backend", "packages", "python", "system", "cores", "command"} <= set(environment)


@pytest.mark.parametrize("name", ["recipe.json", "thesis.txt"])
def test_a_folder_with_contents_is_never_overwritten(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(HornbookError, match="never overwritten") as info:
        RunFolder.create(tmp_path, RECIPE)
    assert ("--resume" in str(info.value)) == (name == "recipe.json")
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_file_is_never_overwritten(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(HornbookError, match="never overwritten"):
        RunFolder.create(tmp_path / "run", RECIPE)


def test_a_half_written_file_of_a_killed_process_does_not_count_as_contents(tmp_path):
    (tmp_path / "recipe.json.tmp-123").write_text("{")
    assert RunFolder.create(tmp_path, RECIPE).recipe() == RECIPE


def test_resuming_with_other_fields_is_refused_and_each_is_named(tmp_path):
    RunFolder.create(tmp_path / "run", RECIPE)
    other = {**RECIPE, "fields": {"epochs": 4, "seed": 1, "dropout": 0.5}}
    with pytest.raises(HornbookError) as info:
        RunFolder.resume(tmp_path / "run", other)
    lines = str(info.value).splitlines()
    assert "  epochs: 3 then, 4 now" in lines
    assert any(line.startswith("  dropout:") for line in lines)
    assert not any(line.startswith("  seed:") for line in lines)


def test_resuming_with_other_data_is_refused(tmp_path):
    RunFolder.create(tmp_path / "run", RECIPE)
    with pytest.raises(HornbookError, match="the data"):
        RunFolder.resume(tmp_path / "run", {**RECIPE, "data": {"train": "xyz"}})


def test_a_run_is_finished_once_it_has_a_report(tmp_path):
    run = RunFolder(tmp_path / "run")
    assert not run.is_begun()
    run = RunFolder.create(tmp_path / "run", RECIPE)
    assert run.is_begun()
    assert not run.is_finished()
    run.write_report("<html></html>")
    assert run.is_finished()


def test_only_one_process_at_a_time_can_lock_a_run(tmp_path):
    run = RunFolder(tmp_path / "run")
    with (
        run.locked(),
        pytest.raises(LockedError, match=r"The run .* is in use by process") as info,
        ThreadPoolExecutor() as other,
    ):
        other.submit(lambda: run.locked().__enter__()).result()
    assert str(os.getpid()) in str(info.value)
    assert not run.path.exists()
    with run.locked():
        RunFolder.create(run.path, RECIPE)
    assert sorted(file.name for file in run.path.iterdir()) == ["environment.json", "recipe.json"]


def test_the_lock_of_a_killed_process_is_ignored(tmp_path):
    (tmp_path / LOCK).write_text("{")
    run = RunFolder(tmp_path)
    with run.locked():
        RunFolder.create(tmp_path, RECIPE)
    assert not (tmp_path / LOCK).exists()


@pytest.mark.parametrize("content", [None, "", "{", "[1]", '{"fields": 3}'])
def test_a_folder_that_is_not_a_run_cannot_be_resumed(tmp_path, content):
    if content is not None:
        (tmp_path / "recipe.json").write_text(content)
    with pytest.raises(HornbookError):
        RunFolder.resume(tmp_path, RECIPE)


def test_writing_metrics_replaces_the_earlier_ones(tmp_path):
    run = RunFolder.create(tmp_path / "run", RECIPE)
    assert run.metrics() == []
    run.write_metrics([{"epoch": 1, "f1": {"甲": 0.5}}])
    run.write_metrics([{"epoch": 1}, {"epoch": 2}])
    assert run.metrics() == [{"epoch": 1}, {"epoch": 2}]
