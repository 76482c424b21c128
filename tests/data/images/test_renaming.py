import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hornbook.data.images.renaming import mend, named_after, rename, undo
from hornbook.errors import DataError


@pytest.fixture
def folder(tmp_path):
    for name in ("1.png", "2.png", "ab_3.png", "3.png"):
        (tmp_path / name).write_text(name)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".png")


def test_files_are_renamed_and_restored(folder):
    before = names(folder)
    renamings = named_after([(folder / "1.png", "ab"), (folder / "3.png", "ab")])
    assert [one.new.name for one in renamings] == ["ab_1.png", "ab_3-2.png"]
    assert rename(renamings, folder / "undo.csv") == 2
    assert names(folder) == ["2.png", "ab_1.png", "ab_3-2.png", "ab_3.png"]
    assert (folder / "ab_3.png").read_text() == "ab_3.png"
    assert undo(folder / "undo.csv") == (2, 0)
    assert names(folder) == before


def test_an_existing_file_is_never_overwritten(folder):
    renamings = named_after([(folder / "1.png", "ab")])
    (folder / "ab_1.png").write_text("new")
    assert rename(renamings, folder / "undo.csv") == 0
    assert (folder / "ab_1.png").read_text() == "new"
    assert (folder / "1.png").read_text() == "1.png"


def test_renamings_that_cannot_be_undone_are_counted(folder):
    renamings = named_after([(folder / "1.png", "ab"), (folder / "2.png", "cd")])
    rename(renamings, folder / "undo.csv")
    (folder / "cd_2.png").unlink()
    (folder / "ab_1.png").rename(folder / "1.png")  # as if it had been killed before this one
    assert undo(folder / "undo.csv") == (0, 1)


def test_an_undo_file_is_never_overwritten_and_is_checked(folder):
    (folder / "undo.csv").write_text("a,b\n")
    with pytest.raises(DataError, match="exists already"):
        rename([], folder / "undo.csv")
    with pytest.raises(DataError, match="the header lacks"):
        undo(folder / "undo.csv")


def test_texts_that_cannot_be_names_give_no_renaming(folder):
    assert named_after([(folder / "1.png", "a/b"), (folder / "2.png", "")]) == []


def test_a_calculation_can_be_a_name(folder):
    assert [one.new.name for one in named_after([(folder / "1.png", "8-3=")])] == ["8-3=_1.png"]


def test_a_link_is_renamed_and_not_its_target(tmp_path):
    folder, far = tmp_path / "data", tmp_path / "far"
    folder.mkdir()
    far.mkdir()
    (far / "1.png").write_text("far")
    (folder / "1.png").symlink_to(far / "1.png")
    assert rename(named_after([(folder / "1.png", "ab")]), folder / "undo.csv") == 1
    assert (folder / "ab_1.png").is_symlink()
    assert (folder / "ab_1.png").read_text() == "far"
    assert undo(folder / "undo.csv") == (1, 0)
    assert (folder / "1.png").is_symlink()
    assert [path.name for path in far.iterdir()] == ["1.png"]


def test_an_undo_file_works_after_the_folder_was_moved(folder, tmp_path):
    before = names(folder)
    rename(named_after([(folder / "1.png", "ab")]), folder / "undo.csv")
    moved = folder.rename(tmp_path.with_name("moved"))
    assert undo(moved / "undo.csv") == (1, 0)
    assert names(moved) == before


@pytest.mark.parametrize(
    "row",
    [
        "../stolen.png,ab_1.png",
        "1.png,../ab_1.png",
        "../outside.png,../ab_1.png",
        "{outside}/stolen.png,{outside}/secret.png",
        "sub/../../stolen.png,ab_1.png",
        "link/stolen.png,link/secret.png",
        "1.png,sub/1.png",
        ".,ab_1.png",
        ",ab_1.png",
    ],
)
def test_undo_changes_nothing_outside_of_the_folder(row, tmp_path):
    folder, outside = tmp_path / "data", tmp_path / "outside"
    for place in (folder, folder / "sub", outside):
        place.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "ab_1.png").write_text("x")
    (folder / "good_2.png").write_text("x")
    (outside / "secret.png").write_text("x")
    before = sorted(tmp_path.rglob("*"))
    text = f"old,new\n2.png,good_2.png\n{row.format(outside=outside)}\n"
    (tmp_path / "undo.csv").write_text(text)
    with pytest.raises(DataError, match="Nothing was renamed"):
        undo(tmp_path / "undo.csv", folder)
    assert sorted(tmp_path.rglob("*")) == [*before, tmp_path / "undo.csv"]


def test_files_outside_of_the_folder_are_not_renamed(folder, tmp_path):
    (folder / "sub").mkdir()
    with pytest.raises(DataError, match="is not in"):
        rename(named_after([(folder / "1.png", "ab")]), folder / "sub" / "undo.csv")
    assert "1.png" in names(folder)


def run_until_killed(folder, step, verb):
    script = Path(__file__).with_name("killed_renaming.py")
    child = subprocess.run(
        [sys.executable, script, folder, str(step), verb], capture_output=True, check=False
    )
    assert child.returncode in (0, -signal.SIGKILL), child.stderr.decode()
    return child.returncode == -signal.SIGKILL


@pytest.mark.skipif(os.name == "nt", reason="a rename is one step there")
def test_kills_leave_every_image_exactly_once(tmp_path):
    contents = {str(number) for number in range(12)}
    for number in contents:
        (tmp_path / f"{number}.png").write_text(number)
    killed = [run_until_killed(tmp_path, step, "rename") for step in (2, 1, 4, 3, 6, 5)]
    assert all(killed)
    assert not run_until_killed(tmp_path, 999, "rename")
    found = {path.name: path.read_text() for path in tmp_path.glob("*.png")}
    assert found == {f"7h2k_{number}.png": number for number in contents}
    for undo_file in sorted(tmp_path.glob("undo-*.csv")):
        undo(undo_file)
    assert {path.name for path in tmp_path.glob("*.png")} == {f"{one}.png" for one in contents}


@pytest.mark.skipif(os.name == "nt", reason="a rename is one step there")
@pytest.mark.parametrize("step", [1, 2, 3, 6])
def test_a_killed_undo_is_completed_by_the_next(tmp_path, step):
    for number in range(3):
        (tmp_path / f"{number}.png").write_text(str(number))
    paths = sorted(tmp_path.glob("*.png"))
    rename(named_after((path, "7h2k") for path in paths), tmp_path / "undo-000.csv")
    assert run_until_killed(tmp_path, step, "undo")
    done, failed = undo(tmp_path / "undo-000.csv")
    assert (done > 0, failed) == (True, 0)
    assert {path.name: path.read_text() for path in tmp_path.glob("*.png")} == {
        f"{number}.png": str(number) for number in range(3)
    }


def test_mending_ignores_lists_that_lead_outside(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "a.png").write_text("x")
    os.link(tmp_path / "a.png", tmp_path / "b.png")
    (folder / "undo-1.csv").write_text("old,new\n../a.png,../b.png\n")
    (folder / "undo-2.csv").write_text("nothing of it\n")
    assert mend(folder) == set()
    assert (tmp_path / "a.png").exists()
