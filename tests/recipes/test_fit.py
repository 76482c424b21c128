"""What `fit` does for every recipe: alone in its folder, begun once, resumed, and finished once."""

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
    """Counts the letters of a text; `stops_at` is where a fit is cut off."""

    name: ClassVar[str] = "counting"
    purpose: ClassVar[str] = "count letters"
    stops_at: ClassVar[str] = ""
    fits: ClassVar[int] = 0

    factor: int = option(1, "what is counted for a letter", at_least=1)

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
def _count_from_zero(monkeypatch):
    monkeypatch.setattr(Counting, "fits", 0)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_one_command_begins_and_is_a_success_when_all_is_done(tmp_path, capsys):
    for _ in range(3):
        fitted = Counting().fit("abc", tmp_path / "run", resume=True)
        assert fitted.letters == 3
        assert fitted.model == "model"
    assert Counting.fits == 1
    said = capsys.readouterr().err
    assert said.count("holds no run yet, so a new one starts") == 1
    assert said.count("is finished; there is nothing to resume") == 2
    assert LOCK not in names_in(tmp_path / "run")


def test_a_run_that_was_cut_off_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(Counting, "stops_at", "training")
    with pytest.raises(KeyboardInterrupt):
        Counting().fit("abc", tmp_path / "run")
    assert LOCK not in names_in(tmp_path / "run")
    monkeypatch.setattr(Counting, "stops_at", "")
    assert Counting().fit("abc", tmp_path / "run", resume=True).letters == 3


def test_what_a_kill_behind_the_report_left_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(Counting, "stops_at", "cleaning")
    Counting().fit("abc", tmp_path / "run")
    assert "checkpoints" in names_in(tmp_path / "run")
    Counting().fit("abc", tmp_path / "run", resume=True)
    assert "checkpoints" not in names_in(tmp_path / "run")


def test_a_finished_run_with_other_fields_is_another_one(tmp_path):
    Counting().fit("abc", tmp_path / "run")
    with pytest.raises(HornbookError, match="factor: 1 then, 2 now"):
        Counting(factor=2).fit("abc", tmp_path / "run", resume=True)


def test_resume_begins_nothing_in_a_folder_of_something_else(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(HornbookError, match="never written over"):
        Counting().fit("abc", tmp_path, resume=True)
    assert names_in(tmp_path) == ["thesis.txt"]


def test_bad_data_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(Counting, "stops_at", "data")
    with pytest.raises(DataError):
        Counting().fit("abc", tmp_path / "deep" / "run")
    assert names_in(tmp_path) == []


def test_nobody_else_fits_into_a_folder_that_is_used(tmp_path, monkeypatch):
    begin = Counting._fit

    def then_another(self, data, out, *, resume):
        with ThreadPoolExecutor() as other, pytest.raises(LockedError) as found:
            other.submit(lambda: Counting().fit("x", out, resume=True)).result()
        assert f"The run {out} is in use by process {os.getpid()}" in str(found.value)
        begin(self, data, out, resume=resume)

    monkeypatch.setattr(Counting, "_fit", then_another)
    assert Counting().fit("abc", tmp_path / "run").letters == 3
    assert Counting.fits == 1


def test_what_could_not_be_written_is_named_itself(tmp_path, monkeypatch):
    def full(self, folder):
        with atomic_file(folder / "weights"):
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Counting, "write_parts", full)
    with pytest.raises(WriteError) as found:
        Counting().fit("abc", tmp_path / "run")
    assert str(found.value).startswith(f"Could not write {tmp_path / 'run' / 'model'}: ")


@pytest.mark.parametrize("kind", ["disk", "system"])
def test_a_full_disk_says_that_resume_goes_on(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(Counting, "stops_at", kind)
    with pytest.raises(WriteError, match=r"Free some space.*\n.*--resume"):
        Counting().fit("abc", tmp_path / "run")
