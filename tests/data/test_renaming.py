import pytest

from hornbook.data.renaming import named_after, rename, undo
from hornbook.errors import DataError


@pytest.fixture
def folder(tmp_path):
    for name in ("1.png", "2.png", "ab_3.png", "3.png"):
        (tmp_path / name).write_text(name)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".png")


def test_files_are_renamed_and_get_their_names_back(folder):
    before = names(folder)
    renamings = named_after([(folder / "1.png", "ab"), (folder / "3.png", "ab")])
    assert [one.new.name for one in renamings] == ["ab_1.png", "ab_3-2.png"]
    assert rename(renamings, folder / "undo.csv") == 2
    assert names(folder) == ["2.png", "ab_1.png", "ab_3-2.png", "ab_3.png"]
    assert (folder / "ab_3.png").read_text() == "ab_3.png"
    assert undo(folder / "undo.csv") == (2, 0)
    assert names(folder) == before


def test_a_name_taken_in_the_meantime_is_not_written_over(folder):
    renamings = named_after([(folder / "1.png", "ab")])
    (folder / "ab_1.png").write_text("new")
    assert rename(renamings, folder / "undo.csv") == 0
    assert (folder / "ab_1.png").read_text() == "new"
    assert (folder / "1.png").read_text() == "1.png"


def test_what_cannot_be_undone_is_counted_and_what_never_happened_is_not(folder):
    renamings = named_after([(folder / "1.png", "ab"), (folder / "2.png", "cd")])
    rename(renamings, folder / "undo.csv")
    (folder / "cd_2.png").unlink()
    (folder / "ab_1.png").rename(folder / "1.png")  # as if it had been killed before this one
    assert undo(folder / "undo.csv") == (0, 1)


def test_an_undo_file_is_never_replaced_and_must_be_one(folder):
    (folder / "undo.csv").write_text("a,b\n")
    with pytest.raises(DataError, match="exists already"):
        rename([], folder / "undo.csv")
    with pytest.raises(DataError, match="the header lacks"):
        undo(folder / "undo.csv")


def test_texts_that_cannot_be_names_give_no_renaming(folder):
    assert named_after([(folder / "1.png", "a/b"), (folder / "2.png", "")]) == []
