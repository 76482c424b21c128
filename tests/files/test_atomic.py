"""An old file or folder stays until the new one is complete, whatever happens in between."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from hornbook.errors import DataError, HornbookError, WriteError
from hornbook.files import (
    MANIFEST,
    REPLACED,
    atomic_file,
    atomic_folder,
    settle,
    verify_manifest,
    write_json,
)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_with_its_folders(tmp_path):
    with atomic_file(tmp_path / "a" / "b.txt", "w") as file:
        file.write("später\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "später\n".encode()
    write_json(tmp_path / "c.json", {"明": [1]})
    assert (tmp_path / "c.json").read_text("utf-8") == '{\n  "明": [\n    1\n  ]\n}\n'
    assert names_in(tmp_path) == ["a", "c.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(error), atomic_file(path, "w") as file:  # noqa: PT012
        file.write("new")
        raise error
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["x"]


def fill(folder, word):
    (folder / "inner").mkdir()
    (folder / "one").write_text(word)
    (folder / "inner" / "two").write_text(word)


def test_a_folder_is_replaced_with_its_manifest(tmp_path):
    path = tmp_path / "model"
    for word in ("first", "second"):
        with atomic_folder(path) as folder:
            fill(folder, word)
        assert (path / "inner" / "two").read_text() == word
        assert verify_manifest(path)
        assert set(json.loads((path / MANIFEST).read_text())) == {"one", "inner/two"}
    assert names_in(tmp_path) == ["model"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_folder(tmp_path, error):
    path = tmp_path / "model"
    with atomic_folder(path) as folder:
        fill(folder, "old")
    with pytest.raises(error), atomic_folder(path) as folder:  # noqa: PT012
        fill(folder, "new")
        raise error
    assert (path / "one").read_text() == "old"
    assert names_in(tmp_path) == ["model"]


@pytest.mark.parametrize("name", [".", "../here"])
def test_a_folder_may_be_named_by_dots(tmp_path, monkeypatch, name):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    settle(name)
    with atomic_folder(name) as folder:
        fill(folder, "x")
    assert verify_manifest(tmp_path / "here")


def test_a_failure_removes_the_parent_folders_it_created(tmp_path):
    (tmp_path / "kept").mkdir()
    with pytest.raises(ValueError, match="no"), atomic_folder(tmp_path / "kept" / "a" / "b"):
        raise ValueError("no")
    assert list(tmp_path.rglob("*")) == [tmp_path / "kept"]


def test_a_users_own_copies_beside_a_folder_are_unchanged(tmp_path):
    for name in ("model.old", "model.bak", "model.tmp", "model.tmp-mine"):
        (tmp_path / name).mkdir()
    settle(tmp_path / "model")
    assert not (tmp_path / "model").exists()
    with atomic_folder(tmp_path / "model") as folder:
        fill(folder, "x")
    settle(tmp_path / "model")
    assert names_in(tmp_path) == ["model", "model.bak", "model.old", "model.tmp", "model.tmp-mine"]


def test_a_kill_between_the_two_renames_is_repaired(tmp_path):
    path, aside = tmp_path / "model", tmp_path / f"model{REPLACED}"
    with atomic_folder(aside) as folder:
        fill(folder, "old")
    settle(path)
    assert (path / "one").read_text() == "old"
    assert names_in(tmp_path) == ["model"]
    aside.mkdir()  # and after the second rename, before what was replaced is removed
    settle(path)
    assert (path / "one").read_text() == "old"
    with atomic_folder(path) as folder:
        fill(folder, "new")
    assert names_in(tmp_path) == ["model"]


WRITER = """
import sys
from pathlib import Path
from hornbook.files import atomic_file, atomic_folder
kind, path = sys.argv[1], Path(sys.argv[2])
number = 0
while True:
    number += 1
    print(number, flush=True)
    word = str(number) * 3000
    if kind == "file":
        with atomic_file(path, "w") as file:
            for letter in range(0, len(word), 1000):
                file.write(word[letter : letter + 1000])
            file.write("end")
    else:
        with atomic_folder(path) as folder:
            for name in "abc":
                (folder / name).write_text(word + "end")
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_after_a_kill_the_old_or_the_new_version_is_complete(tmp_path, kind):
    path = tmp_path / "target"
    chance = random.Random(0)
    versions = set()
    for _ in range(20):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, kind, str(path)], stdout=subprocess.PIPE
        )
        for _ in range(chance.randint(2, 20)):  # all versions before the last number are written
            writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.002))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        settle(path)
        files = [path] if kind == "file" else [path / name for name in "abc"]
        texts = {file.read_text() for file in files}
        (text,) = texts  # all of the same version
        assert text.endswith("end")
        number = text.removesuffix("end")
        assert number == number[: len(number) // 3000] * 3000
        if kind == "folder":
            assert verify_manifest(path)
        versions.add(number)
    assert len(versions) > 1  # the kills came at different moments
    assert len(names_in(tmp_path)) <= 3  # temporary files of earlier kills are removed


SMALL_DISK = """
import resource, sys
from pathlib import Path
from hornbook.errors import HornbookError
from hornbook.files import atomic_file, atomic_folder
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
path = Path(sys.argv[2])
try:
    if sys.argv[1] == "file":
        with atomic_file(path) as file:
            file.write(bytes(20_000))
    else:
        with atomic_folder(path) as folder:
            (folder / "small").write_bytes(bytes(10))
            (folder / "large").write_bytes(bytes(20_000))
except HornbookError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs RLIMIT_FSIZE")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_full_disk_leaves_the_old_version(tmp_path, kind):
    path = tmp_path / "target"
    if kind == "file":
        path.write_text("old")
    else:
        with atomic_folder(path) as folder:
            fill(folder, "old")
    process = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, kind, str(path)], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    assert "there is no space left on the disk" in process.stdout
    assert "Existing files are unchanged" in process.stdout
    assert (path if kind == "file" else path / "one").read_text() == "old"
    assert names_in(tmp_path) == ["target"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EDQUOT, "no space left"),
        (errno.EROFS, "may not be written to"),
        (errno.EACCES, "may not be written to"),
    ],
)
def test_errors_of_the_system_become_sentences(tmp_path, monkeypatch, number, words):
    def refuse(*names):
        raise OSError(number, "no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(HornbookError, match=words):
        write_json(tmp_path / "x.json", {})
    assert not names_in(tmp_path)


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(HornbookError, match="a file is where a folder is needed"):
        write_json(tmp_path / "file" / "x.json", {})


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_device_is_written_to_and_never_replaced(tmp_path):
    with pytest.raises(WriteError, match="Could not write /dev/full: there is no space"):
        write_json("/dev/full", {})
    assert not os.path.isfile("/dev/full")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_json(tmp_path / "pipe", [1])
    assert json.loads(os.read(reader, 100)) == [1]
    os.close(reader)
    assert names_in(tmp_path) == ["pipe"]


@pytest.mark.parametrize(
    "text",
    [
        "Error while serializing: I/O error: No space left on device (os error 28)",
        "Can't write data (file write failed: errno = 28, error message = 'No space left')",
    ],
)
def test_a_full_disk_is_recognized_in_the_error_of_a_library(tmp_path, text):
    from safetensors import SafetensorError

    for kind in (SafetensorError, OSError, RuntimeError):
        with (
            pytest.raises(WriteError, match="no space left") as caught,
            atomic_folder(tmp_path / "x"),
        ):
            raise kind(text)
        assert caught.value.path == tmp_path / "x"


def test_the_target_is_named_and_not_its_temporary_file(tmp_path, monkeypatch):
    def full(*names):
        raise OSError(errno.ENOSPC, "no")

    with pytest.raises(WriteError) as caught, atomic_folder(tmp_path / "x") as folder:  # noqa: PT012
        monkeypatch.setattr(os, "replace", full)
        write_json(folder / "inner.json", {})
    assert str(caught.value).startswith(f"Could not write {tmp_path / 'x'}: ")


def test_errors_of_reading_other_files_are_raised_unchanged(tmp_path):
    for error in (
        PermissionError(errno.EACCES, "no", "/elsewhere/image.png"),
        DataError("x cannot be read: [Errno 13] Permission denied"),
    ):
        with pytest.raises(type(error)) as caught, atomic_file(tmp_path / "x.csv"):
            raise error
        assert caught.value is error
