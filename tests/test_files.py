"""What was there before stays until what is new is whole, whatever happens in between."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hornbook.errors import CheckpointError, HornbookError
from hornbook.files import (
    MANIFEST,
    REPLACED,
    atomic_file,
    atomic_folder,
    settle,
    verify_manifest,
    write_json,
    write_manifest,
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


def test_a_folder_is_replaced_whole_with_its_manifest(tmp_path):
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


def test_a_folder_that_fails_leaves_none_that_were_made_for_it(tmp_path):
    (tmp_path / "kept").mkdir()
    with pytest.raises(ValueError, match="no"), atomic_folder(tmp_path / "kept" / "a" / "b"):
        raise ValueError("no")
    assert list(tmp_path.rglob("*")) == [tmp_path / "kept"]


def test_a_users_own_copies_beside_a_folder_are_left_alone(tmp_path):
    for name in ("model.old", "model.bak", "model.tmp", "model.tmp-mine"):
        (tmp_path / name).mkdir()
    settle(tmp_path / "model")
    assert not (tmp_path / "model").exists()
    with atomic_folder(tmp_path / "model") as folder:
        fill(folder, "x")
    settle(tmp_path / "model")
    assert names_in(tmp_path) == ["model", "model.bak", "model.old", "model.tmp", "model.tmp-mine"]


def test_a_kill_between_the_two_renames_is_put_right(tmp_path):
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
def test_after_a_kill_the_old_or_the_new_is_there_and_whole(tmp_path, kind):
    path = tmp_path / "target"
    chance = random.Random(0)
    seen = set()
    for _ in range(20):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, kind, str(path)], stdout=subprocess.PIPE
        )
        for _ in range(chance.randint(2, 20)):  # those before the last number are written
            writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.002))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        settle(path)
        files = [path] if kind == "file" else [path / name for name in "abc"]
        texts = {file.read_text() for file in files}
        (text,) = texts  # of one and the same writing
        assert text.endswith("end")
        number = text.removesuffix("end")
        assert number == number[: len(number) // 3000] * 3000
        if kind == "folder":
            assert verify_manifest(path)
        seen.add(number)
    assert len(seen) > 1  # the kills came at different moments
    assert len(names_in(tmp_path)) <= 3  # what earlier kills left behind is cleared away


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
def test_a_full_disk_leaves_what_was_there(tmp_path, kind):
    path = tmp_path / "target"
    if kind == "file":
        path.write_text("old")
    else:
        with atomic_folder(path) as folder:
            fill(folder, "old")
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, kind, str(path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "there is no space left on the disk" in done.stdout
    assert "What was there before is unchanged" in done.stdout
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
def test_what_the_system_says_becomes_a_sentence(tmp_path, monkeypatch, number, words):
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


def test_the_manifest_notices_every_changed_bit(tmp_path):
    fill(tmp_path, "some text")
    write_manifest(tmp_path)
    assert verify_manifest(tmp_path)
    for name in ("one", "inner/two"):
        file = tmp_path / name
        whole = file.read_bytes()
        for bit in range(8 * len(whole)):
            damaged = bytearray(whole)
            damaged[bit // 8] ^= 1 << bit % 8
            file.write_bytes(damaged)
            with pytest.raises(CheckpointError, match=f"damaged   {name}"):
                verify_manifest(tmp_path)
        file.write_bytes(whole)


def test_a_damaged_manifest_is_refused_or_still_true(tmp_path):
    (tmp_path / "one").write_text("some text")
    write_manifest(tmp_path)
    manifest = tmp_path / MANIFEST
    whole = manifest.read_bytes()
    refused = 0
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        manifest.write_bytes(damaged)
        try:
            verify_manifest(tmp_path)
        except CheckpointError:
            refused += 1
    assert refused > 0.9 * 8 * len(whole)  # the rest is white space


def test_everything_wrong_in_a_folder_is_named_at_once(tmp_path):
    for name in ("kept", "gone", "short", "changed"):
        (tmp_path / name).write_text("text")
    write_manifest(tmp_path)
    (tmp_path / "gone").unlink()
    (tmp_path / "short").write_text("tex")
    (tmp_path / "changed").write_text("TEXT")
    entries = json.loads((tmp_path / MANIFEST).read_text())
    entries["../outside"] = entries["nul\0"] = entries["gone"]
    write_json(tmp_path / MANIFEST, entries)
    with pytest.raises(CheckpointError) as caught:
        verify_manifest(tmp_path)
    lines = str(caught.value).splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == [
        "damaged",
        "missing",
        "size",
        "outside",
        "outside",
    ]


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"a": 1}', '{"a": {}}', '{"a": {"bytes": 1e999, "sha256": ""}}', "[" * 100_000],
)
def test_what_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(CheckpointError, match="not a list of checksums"):
        verify_manifest(tmp_path)


def test_a_missing_manifest_is_an_error_only_where_it_is_needed(tmp_path):
    assert verify_manifest(tmp_path, required=False) is False
    with pytest.raises(CheckpointError, match=r"has no manifest\.json"):
        verify_manifest(Path(tmp_path))
