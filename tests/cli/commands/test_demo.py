"""`hornbook demo`: three folders, none of which is written over."""

from __future__ import annotations

import pytest

from hornbook.cli import main


@pytest.mark.parametrize("name", ["mine", "mine-data", "mine-from-scratch"])
def test_a_folder_that_is_there_is_refused_at_once_and_left_alone(name, tmp_path, capsys):
    (tmp_path / name).mkdir()
    (tmp_path / name / "own.txt").write_text("mine", "utf-8")
    assert main(["demo", "--out", str(tmp_path / "mine")]) == 2
    shown = capsys.readouterr().err
    assert f"{tmp_path / name} exists already" in shown
    assert "--resume" not in shown  # which the demo does not have
    assert [path.name for path in tmp_path.rglob("*")] == [name, "own.txt"]
