"""`hornbook demo`: three folders, none of which is overwritten."""

from __future__ import annotations

import pytest

from hornbook.cli import main


@pytest.mark.parametrize("name", ["mine", "mine-data", "mine-from-scratch"])
def test_an_existing_folder_is_refused_and_unchanged(name, tmp_path, capsys):
    (tmp_path / name).mkdir()
    (tmp_path / name / "own.txt").write_text("mine", "utf-8")
    assert main(["demo", "--out", str(tmp_path / "mine")]) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path / name} exists already" in error
    assert "--resume" not in error  # which the demo does not have
    assert [path.name for path in tmp_path.rglob("*")] == [name, "own.txt"]
