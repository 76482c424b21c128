"""What `fit` does for every recipe: its folder is locked, a run starts, resumes and finishes."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import pytest

from hornbook.errors import DataError, HornbookError, LockedError, WriteError
from hornbook.files import LOCK, atomic_file
from hornbook.recipes.fields import learned, option
from hornbook.recipes.recipe import Recipe


@dataclass(kw_only=True)
class Counting(Recipe):
    """Counts the letters of a text; `stops_at` is where `fit` is interrupted."""

    name: ClassVar[str] = "counting"
    purpose: ClassVar[str] = "count letters"
    stops_at: ClassVar[str] = ""
    fits: ClassVar[int] = 0

    factor: int = option(1, "the count of one letter", at_least=1)

    letters: int = learned(int)

    def _fit(self, data, out, *, resume):
        Counting.fits += 1
        if self.stops_at == "data":
            raise DataError("no data")
        run = self.open_run(out, {"text": data}, resume=resume)
        if self.stops_at == "disk":
            raise WriteError("Could not write it: full.\nFree some space.")
        if self.stops_at == "training":
            raise KeyboardInterrupt
        self.letters, self.model = len(data) * self.factor, "model"
        self.save(run.model)
        (run.path / "checkpoints").mkdir()
        if self.stops_at == "system":
            raise OSError(errno.ENOSPC, "full")
        run.write_report("<html>")
        if self.stops_at != "cleaning":
            run.snapshots.clear()

    def build(self):
        return "model"

    def write_parts(self, folder):
        (folder / "weights").write_text("weights")

    def read_parts(self, folder):
        assert (folder / "weights").read_text() == "weights"

    def evaluate(self, data):
        return {}

    def table(self, metrics):
        return [], []

    def predict_stream(self, samples):
        yield from ()

    def predict_files(self, sources):
        yield from ()


@pytest.fixture(autouse=True)
def _reset_count(monkeypatch):
    monkeypatch.setattr(Counting, "fits", 0)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_resume_starts_a_new_run_and_does_nothing_for_a_finished_one(tmp_path, capsys):
    for _ in range(3):
        fitted = Counting().fit("abc", tmp_path / "run", resume=True)
        assert fitted.letters == 3
        assert fitted.model == "model"
    assert Counting.fits == 1
    messages = capsys.readouterr().err
    assert messages.count("has no run yet: starting a new one.") == 1
    assert messages.count("is finished; there is nothing to resume") == 2
    assert LOCK not in names_in(tmp_path / "run")


def test_an_interrupted_run_is_resumed(tmp_path, monkeypatch):
    monkeypatch.setattr(Counting, "stops_at", "training")
    with pytest.raises(KeyboardInterrupt):
        Counting().fit("abc", tmp_path / "run")
    assert LOCK not in names_in(tmp_path / "run")
    monkeypatch.setattr(Counting, "stops_at", "")
    assert Counting().fit("abc", tmp_path / "run", resume=True).letters == 3


def test_checkpoints_left_by_a_kill_after_the_report_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(Counting, "stops_at", "cleaning")
    Counting().fit("abc", tmp_path / "run")
    assert "checkpoints" in names_in(tmp_path / "run")
    Counting().fit("abc", tmp_path / "run", resume=True)
    assert "checkpoints" not in names_in(tmp_path / "run")


def test_resuming_a_finished_run_with_other_fields_is_refused(tmp_path):
    Counting().fit("abc", tmp_path / "run")
    with pytest.raises(HornbookError, match="factor: 1 then, 2 now"):
        Counting(factor=2).fit("abc", tmp_path / "run", resume=True)


def test_resume_refuses_a_folder_with_other_files(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(HornbookError, match="never overwritten"):
        Counting().fit("abc", tmp_path, resume=True)
    assert names_in(tmp_path) == ["thesis.txt"]


def test_invalid_data_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(Counting, "stops_at", "data")
    with pytest.raises(DataError):
        Counting().fit("abc", tmp_path / "deep" / "run")
    assert names_in(tmp_path) == []


def test_a_second_fit_in_the_same_folder_is_refused(tmp_path, monkeypatch):
    fit = Counting._fit

    def fit_twice(self, data, out, *, resume):
        with ThreadPoolExecutor() as executor, pytest.raises(LockedError) as error:
            executor.submit(lambda: Counting().fit("x", out, resume=True)).result()
        assert f"The run {out} is in use by process {os.getpid()}" in str(error.value)
        fit(self, data, out, resume=resume)

    monkeypatch.setattr(Counting, "_fit", fit_twice)
    assert Counting().fit("abc", tmp_path / "run").letters == 3
    assert Counting.fits == 1


def test_a_write_error_names_the_final_path(tmp_path, monkeypatch):
    def full(self, folder):
        with atomic_file(folder / "weights"):
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Counting, "write_parts", full)
    with pytest.raises(WriteError) as error:
        Counting().fit("abc", tmp_path / "run")
    assert str(error.value).startswith(f"Could not write {tmp_path / 'run' / 'model'}: ")


@pytest.mark.parametrize("kind", ["disk", "system"])
def test_a_full_disk_is_answered_with_resume(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(Counting, "stops_at", kind)
    with pytest.raises(WriteError, match=r"Free some space.*\n.*--resume"):
        Counting().fit("abc", tmp_path / "run")
