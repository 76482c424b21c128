"""Two writers of the same place: the second gets an error, and never harms the first."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from hornbook.errors import LockedError
from hornbook.files import (
    LOCK,
    atomic_file,
    atomic_folder,
    locked_folder,
    remove_abandoned,
    settle,
    verify_manifest,
)
from hornbook.files import locks as module
from hornbook.files.writing import TEMPORARY

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills processes")

# writes half, prints its process ID, and continues after a line of input
WRITER = """
import os, sys
from hornbook.errors import HornbookError
from hornbook.files import atomic_file, atomic_folder, locked_folder
kind, path, word = sys.argv[1:]
def half():
    print(os.getpid(), flush=True)
    sys.stdin.readline()
try:
    if kind == "folder":
        with atomic_folder(path) as folder:
            (folder / "a").write_text(word)
            half()
            (folder / "b").write_text(word)
    elif kind == "file":
        with atomic_file(path, "w") as file:
            file.write(word)
            file.flush()
            half()
            file.write(word)
    else:
        with locked_folder(path):
            half()
    print("done")
except HornbookError as error:
    print(error)
"""


@pytest.fixture
def writer():
    """Returns a function that starts a writer, possibly in another process namespace."""
    children = []

    def start(kind, path, word="first", *, before=()):
        child = subprocess.Popen(
            [*before, sys.executable, "-c", WRITER, kind, str(path), word],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        child.number = child.stdout.readline().strip()
        assert child.number.isdecimal()
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


def end(child):
    """Lets a writer finish, and returns its output."""
    return child.communicate("\n", timeout=60)[0].strip()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_second_writer_of_a_folder_gets_an_error_and_the_first_succeeds(tmp_path, writer):
    path = tmp_path / "model"
    first = writer("folder", path)
    with pytest.raises(LockedError) as caught, atomic_folder(path):
        pass
    assert f"{path} is in use by process {first.number} on " in str(caught.value)
    assert "first" in str(caught.value)  # its command
    assert end(first) == "done"
    assert {file.read_text() for file in (path / "a", path / "b")} == {"first"}
    assert verify_manifest(path)
    assert names_in(tmp_path) == ["model"]


def test_two_writers_of_a_file_do_not_harm_each_other(tmp_path, writer):
    path = tmp_path / "answers.csv"
    first = writer("file", path)
    with atomic_file(path, "w") as file:
        file.write("second")
    assert path.read_text() == "second"
    assert end(first) == "done"
    assert path.read_text() == "firstfirst"
    assert names_in(tmp_path) == ["answers.csv"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_killed_writer_blocks_nobody_and_its_temporary_files_are_removed(tmp_path, writer, kind):
    path = tmp_path / "target"
    first = writer(kind, path)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert any(TEMPORARY in name for name in names_in(tmp_path))
    second = writer(kind, path, "second")
    assert end(second) == "done"
    assert names_in(tmp_path) == ["target"]


def test_a_lock_ends_when_its_holder_is_killed(tmp_path, writer):
    first = writer("lock", tmp_path / "run")
    with (
        pytest.raises(LockedError, match=f"process {first.number}"),
        locked_folder(tmp_path / "run"),
    ):
        pass
    first.send_signal(signal.SIGKILL)
    first.wait()
    with locked_folder(tmp_path / "run"):
        assert json.loads((tmp_path / "run" / LOCK).read_text())["pid"] == os.getpid()


@pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run(["unshare", "-p", "-f", "true"], capture_output=True).returncode != 0,
    reason="needs the right to make a process namespace",
)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_writer_in_another_container_holds_its_lock(tmp_path, writer, kind):
    path = tmp_path / "target"
    first = writer(kind, path, before=["unshare", "-p", "-f", "--mount-proc"])
    assert int(first.number) < 10  # a number that means nothing here
    if kind == "folder":
        with pytest.raises(LockedError), atomic_folder(path):
            pass
    else:
        with atomic_file(path, "w") as file:
            file.write("second")
    remove_abandoned(tmp_path, "*")
    assert end(first) == "done"
    assert names_in(tmp_path) == ["target"]


def test_a_reader_does_not_restore_a_folder_that_is_being_replaced(tmp_path, writer, monkeypatch):
    monkeypatch.setattr("hornbook.files.atomic_folders._PATIENCE", 0.1)
    first = writer("lock", tmp_path / "run")
    aside = tmp_path / "run" / "model.replaced-by-hornbook"
    aside.mkdir()
    settle(tmp_path / "run" / "model")
    assert aside.is_dir()
    end(first)
    settle(tmp_path / "run" / "model")
    assert names_in(tmp_path / "run") == ["model"]


def test_only_temporary_files_of_killed_writers_are_removed(tmp_path, writer):
    dead, alive = writer("folder", tmp_path / "step-1"), writer("folder", tmp_path / "step-2")
    (tmp_path / "step-3.tmp-mine").mkdir()
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    remove_abandoned(tmp_path, "step-*")
    assert not any(name.startswith("step-1") for name in names_in(tmp_path))
    assert end(alive) == "done"
    assert names_in(tmp_path) == ["step-2", "step-3.tmp-mine"]


def test_files_in_a_locked_folder_need_no_lock_of_their_own(tmp_path):
    with locked_folder(tmp_path / "run"), atomic_folder(tmp_path / "run" / "model") as folder:
        (folder / "a").write_text("a")
        assert not any(name.endswith(f"model{LOCK}") for name in names_in(tmp_path / "run"))
    assert names_in(tmp_path / "run") == ["model"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named_once_and_used(tmp_path, monkeypatch, capsys, number):
    import fcntl

    def refuse(*arguments):
        raise OSError(number, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(module, "_notified", set())
    temporary = tmp_path / f"x{TEMPORARY}0123456789ab"
    temporary.write_text("of a writer that may be running")
    for _ in range(2):
        with atomic_folder(tmp_path / "model") as folder:
            (folder / "a").write_text("a")
        with locked_folder(tmp_path), atomic_file(tmp_path / "x", "w") as file:
            file.write("x")
    assert capsys.readouterr().err.count("has no locks") == 1
    assert temporary.exists()
    assert verify_manifest(tmp_path / "model")


def test_a_lock_with_a_damaged_file_is_still_held(tmp_path, writer):
    writer("lock", tmp_path)
    (tmp_path / LOCK).write_text('{"pid": ')
    with pytest.raises(LockedError, match="in use by another process"), locked_folder(tmp_path):
        pass
