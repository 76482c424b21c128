import gzip
import json
import os
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.data.corpus.documents import LONGEST_BLOCK, corpus_files, documents
from hornbook.errors import DataError

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

TEXTS = ["床前明月光，\n疑是地上霜。", "To be, or not to be:\nthat is the question."]


def texts(*sources, **options):
    return [document.text for document in documents(sources, **options)]


def message(*sources, **options):
    with pytest.raises(DataError) as caught:
        texts(*sources, **options)
    return str(caught.value)


def write_text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = arrow.compress(data, codec="zstd", asbytes=True)
    path.write_bytes(data)
    return path


def write_rows(path, texts, field="text"):
    if path.suffix == ".parquet":
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(arrow.table({"n": range(len(texts)), field: texts}), path)
        return path
    lines = [json.dumps({field: text}, ensure_ascii=False) + "\n" for text in texts]
    return write_text(path, "".join(lines))


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_documents_of_a_text_file_are_blocks_or_lines(tmp_path, packing):
    path = write_text(tmp_path / f"a.txt{packing}", "\n".join([*TEXTS[:1], " ", TEXTS[1], ""]))
    found = list(documents(path))
    assert [document.text for document in found] == TEXTS
    assert [(document.file, document.line) for document in found] == [
        (str(path), 1),
        (str(path), 4),
    ]
    assert texts(path, lines=True) == "\n".join(TEXTS).split("\n")


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.ndjson.zst", "a.parquet"])
def test_each_row_of_any_file_format_is_a_document(tmp_path, name):
    path = write_rows(tmp_path / name, [TEXTS[0], " ", TEXTS[1]], "body")
    texts = list(documents(path, "body"))
    assert [(document.text, document.line) for document in texts] == [(TEXTS[0], 1), (TEXTS[1], 3)]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.booleans())
def test_no_character_of_a_text_is_lost(tmp_path_factory, content, lines):
    path = tmp_path_factory.mktemp("texts") / "a.txt"
    path.write_bytes(content.encode())
    texts = list(documents(path, lines=lines, encoding="utf-8"))
    plain = content.removeprefix("\ufeff").replace("\r\n", "\n")
    kept = "".join(line for line in plain.split("\n") if line.strip())
    assert "".join(document.text for document in texts).replace("\n", "") == kept
    numbered = plain.split("\n")
    for document in texts:
        assert document.text.strip()
        assert document.text.split("\n")[0] == numbered[document.line - 1]


def test_files_of_folders_and_patterns_are_sorted_and_read_once(tmp_path):
    for name in ("b/2.txt", "b/10.jsonl", "a/3.txt.gz", ".hidden/x.txt", "a/image.png", "c.md"):
        path = tmp_path / name
        (write_rows(path, [name]) if "jsonl" in name else write_text(path, name))
    assert texts(tmp_path) == ["a/3.txt.gz", "b/10.jsonl", "b/2.txt", "c.md"]
    assert texts(tmp_path / "b", tmp_path / "*" / "*.txt*", tmp_path) == [
        "b/10.jsonl", "b/2.txt", "a/3.txt.gz", "c.md",
    ]  # fmt: skip
    assert len(corpus_files([tmp_path, tmp_path])) == 4
    assert texts(tmp_path / "**" / "2.txt") == ["b/2.txt"]


def test_an_explicitly_named_file_is_read_whatever_its_suffix(tmp_path):
    assert texts(write_text(tmp_path / "corpus", "x")) == ["x"]


def test_errors_name_file_and_line(tmp_path):
    bad = write_text(tmp_path / "bad.txt", "好\n".encode() + b"\xe5\xa5\n")
    assert f"{bad}:2: byte 1 of the line is not UTF-8" in message(bad)
    row = write_text(tmp_path / "row.jsonl", '{"text": "a"}\n{"txt": "b"}\n')
    assert message(row).startswith(f"{row}:2: there is no 'text'.  Did you mean 'txt'?")
    row = write_text(tmp_path / "row.jsonl", '{"text": "a"}\n{"text": 3}\n')
    assert message(row) == f"{row}:2: 'text' must be a text, but is int."
    row = write_text(tmp_path / "row.jsonl", '{"text": "a"}\n{"text"\n')
    assert f"{row}:2: column 8" in message(row)
    table = write_rows(tmp_path / "a.parquet", ["a", None])
    assert message(table) == f"{table}:2: 'text' must be a text, but is empty."
    assert f"{table} has no column 'Text'.  Did you mean 'text'?" in message(
        table, text_field="Text"
    )
    broken = tmp_path / "b.parquet"
    broken.write_bytes(table.read_bytes()[:-9])
    assert f"{broken} cannot be read as Parquet" in message(broken)


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst"])
def test_a_truncated_compressed_file_is_refused(tmp_path, name):
    path = write_text(tmp_path / name, "\n\n".join(str(n) for n in range(50_000)))
    path.write_bytes(path.read_bytes()[:-5])
    assert str(path) in message(path)


def test_an_empty_source_is_named(tmp_path):
    assert f"There is no {tmp_path / 'x.txt'}" in message(tmp_path / "x.txt")
    assert f"There is no {tmp_path / '*.txt'}" in message(tmp_path / "*.txt")
    assert f"{tmp_path} has no file to read: .txt" in message(tmp_path)
    assert "There is no corpus" in message()
    assert "cannot be standard input" in message("-")


def test_a_huge_block_is_split_within_constant_memory(tmp_path):
    line = "没有空行的长文。" * 100 + "\n"
    path = write_text(tmp_path / "long.txt", line * 8_000)  # 6.4 million characters, 19 MB
    tracemalloc.start()
    sizes = [len(document.text) for document in documents(path)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(sizes) + len(sizes) == len(line) * 8_000
    assert max(sizes) <= LONGEST_BLOCK
    assert peak < 12e6


def test_an_unreadable_folder_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"Could not read .*closed: Permission denied"):
        corpus_files(tmp_path)
