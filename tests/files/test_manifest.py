"""A manifest detects damaged, missing and unlisted files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hornbook.errors import CheckpointError
from hornbook.files import (
    MANIFEST,
    sha256_of,
    unlisted,
    verify_manifest,
    write_json,
    write_manifest,
)


def fill(folder, word):
    (folder / "inner").mkdir()
    (folder / "one").write_text(word)
    (folder / "inner" / "two").write_text(word)


def test_the_manifest_detects_every_changed_bit(tmp_path):
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
    refusals = 0
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        manifest.write_bytes(damaged)
        try:
            verify_manifest(tmp_path)
        except CheckpointError:
            refusals += 1
    assert refusals > 0.9 * 8 * len(whole)  # the rest is white space


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
    [
        "",
        "[]",
        "null",
        '{"a": {"bytes": true, "sha256": ""}}',
        '{"a": 1}',
        '{"a": {}}',
        '{"a": {"bytes": 1e999, "sha256": ""}}',
        "[" * 100_000,
    ],
)
def test_an_invalid_manifest_is_refused(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(CheckpointError, match="not a list of checksums"):
        verify_manifest(tmp_path)


def test_a_missing_manifest_is_an_error_only_if_it_is_required(tmp_path):
    assert verify_manifest(tmp_path, required=False) is False
    with pytest.raises(CheckpointError, match=r"has no manifest\.json"):
        verify_manifest(Path(tmp_path))


def test_an_empty_manifest_is_refused(tmp_path):
    (tmp_path / "one").write_text("text")
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(CheckpointError, match="lists no file"):
        verify_manifest(tmp_path)


def test_unlisted_files_are_an_error_if_they_are_read_and_noted_otherwise(tmp_path, capsys):
    (tmp_path / "weights").write_text("text")
    write_manifest(tmp_path)
    for name in ("state.json", "README.md", ".DS_Store", "LICENSE"):
        (tmp_path / name).write_text("added")
    with pytest.raises(CheckpointError, match=r"unlisted  state\.json"):
        verify_manifest(tmp_path, reads=["state.json"])
    assert verify_manifest(tmp_path)
    assert capsys.readouterr().err.strip() == (
        f"{tmp_path}: not in {MANIFEST}, so not checked: state.json"
    )
    assert unlisted(tmp_path) == ["state.json"]
    assert verify_manifest(tmp_path, quiet=True)
    assert capsys.readouterr().err == ""


def test_links_into_a_cache_are_followed(tmp_path):
    blobs, folder = tmp_path / "blobs", tmp_path / "snapshots" / "0a1b"
    blobs.mkdir()
    folder.mkdir(parents=True)
    (blobs / "abc").write_text("weights")
    (folder / "model.safetensors").symlink_to("../../blobs/abc")
    write_manifest(folder)
    (blobs / "def").write_bytes((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).symlink_to("../../blobs/def")
    assert verify_manifest(folder)
    (blobs / "abc").write_text("weighty")
    with pytest.raises(CheckpointError, match=r"damaged   model\.safetensors"):
        verify_manifest(folder)


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/hostname", "..\\x", "C:\\x", "\\\\host\\x", "", "a\0b"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "x").write_text("x")
    entry = {"bytes": 1, "sha256": sha256_of(tmp_path / "x")}
    (folder / MANIFEST).write_text(json.dumps({name: entry}))
    with pytest.raises(CheckpointError, match="outside"):
        verify_manifest(folder)


def test_at_most_ten_names_are_in_a_message(tmp_path):
    entry = {"bytes": 1, "sha256": ""}
    (tmp_path / MANIFEST).write_text(json.dumps({f"file-{n}": entry for n in range(1000)}))
    with pytest.raises(CheckpointError) as caught:
        verify_manifest(tmp_path)
    assert str(caught.value).count("missing") == 10
    assert "... and 990 more" in str(caught.value)
