import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.data.corpus import preparing
from hornbook.data.corpus.preparing import prepare_shards
from hornbook.data.corpus.shard_index import write_index
from hornbook.data.corpus.token_shards import TokenShards, bits_between
from hornbook.data.corpus.tokenizing import tokenize
from hornbook.data.objectives.packing import pack
from hornbook.errors import DataError, HornbookError, MissingExtraError, OptionError
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

LETTERS = "abcdxyz"
CHINESE = "今天气不错我们去公园散步吧"
VOCABULARY = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]", "[unused2]",
    *LETTERS, *(f"##{letter}" for letter in LETTERS), *CHINESE, *"。，！.,!?",
]  # fmt: skip
SCRIPT = Path(__file__).with_name("killed_preparing.py")


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(VOCABULARY)


@pytest.fixture
def small(monkeypatch):
    """Chunks and shards so small that a page of text has several."""
    monkeypatch.setattr(preparing, "CHUNK_CHARACTERS", 200)
    monkeypatch.setattr(preparing, "SHARD_TOKENS", 500)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A file of 400 documents, some there twice."""
    random = np.random.default_rng(0)
    documents = [
        "".join(random.choice([*LETTERS, " ", *CHINESE, "。", "\n"], size=random.integers(1, 40)))
        for _ in range(380)
    ]
    path = tmp_path_factory.mktemp("corpus") / "a.txt"
    path.write_text("\n\n".join([*documents, *documents[:20]]), "utf-8")
    return path


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def text_of(shard):
    pieces = [VOCABULARY[token].removeprefix("##") for token in shard.token_ids.tolist()]
    return "".join(pieces)


@settings(max_examples=30)
@given(
    st.lists(
        st.text([*LETTERS, *CHINESE, *"。，！.,!? \n"], min_size=1).filter(str.strip), min_size=1
    ),
    st.integers(1, 30),
)
def test_no_character_of_a_corpus_is_lost(tmp_path_factory, tokenizer, texts, length):
    folder = tmp_path_factory.mktemp("corpus")
    rows = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    (folder / "a.jsonl").write_text(rows)
    shards = prepare_shards(folder, tokenizer, folder / "shards", workers=0, quiet=True)
    assert "".join(map(text_of, shards.shards)) == "".join("".join(text.split()) for text in texts)
    assert shards.num_documents == len(texts)
    assert shards.statistics["characters"] == sum(map(len, texts))
    assert shards.statistics["bytes"] == sum(len(text.encode()) for text in texts)
    assert not shards.statistics["left_out"]
    packed = pack(shards, length + 2)
    ids = packed.batch(range(len(packed)))
    assert (
        ids.token_ids[(ids.documents > 0) & ~ids.special].tolist()
        == np.concatenate([shard.token_ids for shard in shards.shards]).tolist()
    )


def test_characters_outside_of_all_tokens_are_counted(tmp_path, tokenizer):
    (tmp_path / "a.txt").write_text("ab\x01c 好\n\n\x02\n\nabc", "utf-8")
    statistics = prepare_shards(tmp_path, tokenizer, tmp_path / "s", quiet=True).statistics
    assert statistics["left_out"] == 2
    assert statistics["empty"] == 1
    assert statistics["unknown"] == 1
    assert statistics["documents"] == 2


def test_starts_of_words_and_sentences_and_special_tokens_are_stored(tmp_path, tokenizer):
    pytest.importorskip("rjieba", reason="rjieba is not installed")
    (tmp_path / "a.txt").write_text("今天天气不错。我们去abc公园！\n\nxyz. bad", "utf-8")
    shards = prepare_shards(tmp_path, tokenizer, tmp_path / "s", quiet=True)
    [shard] = shards.shards
    tokens = np.array([VOCABULARY[token] for token in shard.token_ids])
    begins = [bits_between(bits, 0, len(tokens)) for bits in shard[2:]]
    assert "".join(np.where(begins[0], " ", "") + tokens) == (
        " 今天天气 不错 。 我们 去 a##b##c 公园 ！ x##y##z . b##a##d"
    )
    assert "".join(np.where(begins[1], "|", "") + tokens) == (
        "|今天天气不错。|我们去a##b##c公园！|x##y##z.|b##a##d"
    )
    assert shard.token_ids.dtype == np.uint16
    assert shard.document_starts.tolist() == [0, 16]
    assert (shards.before, shards.after, shards.sentinels) == ((2,), (3,), (5, 6))
    assert shards.special_ids["mask"] == 4


def test_the_result_does_not_depend_on_the_number_of_processes(tmp_path, tokenizer, corpus, small):
    for workers in (0, 2):
        prepare_shards(corpus, tokenizer, tmp_path / str(workers), workers=workers, quiet=True)
    assert content(tmp_path / "0") == content(tmp_path / "2")
    assert len(content(tmp_path / "0")) > 8


def test_a_killed_run_resumes_and_ends_with_the_same_bytes(
    tmp_path, tokenizer, corpus, small, monkeypatch
):
    tokenizer.save(tmp_path / "vocabulary")
    child = subprocess.Popen(
        [sys.executable, SCRIPT, corpus, tmp_path / "vocabulary", tmp_path / "killed"],
        stderr=subprocess.PIPE,
        env=os.environ | {"HORNBOOK_QUIET": "1"},
    )
    _, error = child.communicate()  # ends when the worker is gone, too
    assert child.returncode == -signal.SIGKILL, error.decode()
    with pytest.raises(DataError, match="is not finished"):
        TokenShards.open(tmp_path / "killed")
    chunks = {}
    for name in ("killed", "whole"):
        made = []

        def counted(texts, made=made):
            made.append(texts)
            return tokenize(texts)

        monkeypatch.setattr(preparing, "tokenize", counted)
        options = {"workers": 0, "deduplicate": "exact", "quiet": True}
        prepare_shards(corpus, tokenizer, tmp_path / name, **options)
        chunks[name] = len(made)
    assert content(tmp_path / "killed") == content(tmp_path / "whole")
    assert 0 < chunks["killed"] < chunks["whole"]


def test_duplicate_documents_are_dropped(tmp_path, tokenizer, corpus, small):
    every = prepare_shards(corpus, tokenizer, tmp_path / "all", quiet=True)
    fewer = prepare_shards(corpus, tokenizer, tmp_path / "few", deduplicate="exact", quiet=True)
    assert fewer.statistics["duplicates"] >= 20
    assert fewer.num_documents == every.num_documents - fewer.statistics["duplicates"]
    texts = "".join(map(text_of, every.shards))
    assert texts.startswith("".join(map(text_of, fewer.shards))[:2000])


def test_hosts_share_the_documents(tmp_path, tokenizer, corpus, small):
    parts = [
        prepare_shards(corpus, tokenizer, tmp_path / str(n), part=(n, 3), quiet=True)
        for n in range(3)
    ]
    whole = prepare_shards(corpus, tokenizer, tmp_path / "whole", quiet=True)
    for name in ("documents", "tokens", "characters"):
        shares = [part.statistics[name] for part in parts]
        assert sum(shares) == whole.statistics[name]
        assert min(shares) > 0.2 * sum(shares)


def test_a_prepared_corpus_is_opened_without_reading_text(
    tmp_path, tokenizer, corpus, monkeypatch, capsys
):
    monkeypatch.delenv("HORNBOOK_QUIET", raising=False)
    first = prepare_shards(corpus, tokenizer, tmp_path / "s")
    assert f"{first.num_documents} documents" in capsys.readouterr().err
    monkeypatch.setattr(preparing, "documents", None)
    again = prepare_shards(corpus, tokenizer, tmp_path / "s")
    assert "already prepared" in capsys.readouterr().err
    assert again.statistics == first.statistics


def test_a_folder_with_another_corpus_is_refused(tmp_path, tokenizer):
    source = tmp_path / "a.txt"
    source.write_text("abc")
    folder = tmp_path / "s"

    def prepare(sources=source, with_tokenizer=tokenizer, **options):
        return prepare_shards(sources, with_tokenizer, folder, quiet=True, **options)

    prepare()
    (tmp_path / "b.txt").write_text("abc")
    other = WordPieceTokenizer([*VOCABULARY, "extra"])
    for options, message in (
        ({"sources": [source, tmp_path / "b.txt"]}, f"with {tmp_path / 'b.txt'}"),
        ({"with_tokenizer": other}, "another tokenizer"),
        ({"lines": True}, "lines: False before, True now"),
        ({"words": "tokens"}, "words: 'whitespace' before, 'tokens' now"),
    ):
        with pytest.raises(DataError, match="prepared from something else") as caught:
            prepare(**options)
        assert message in str(caught.value)
    source.write_text("abcd")
    with pytest.raises(DataError, match=f"changed: {source}"):
        prepare()


def test_a_damaged_shard_or_index_is_noticed(tmp_path, tokenizer):
    (tmp_path / "a.txt").write_text("abc")
    folder = tmp_path / "s"
    prepare_shards(tmp_path / "a.txt", tokenizer, folder, quiet=True)
    shard = folder / "shard-00000.safetensors"
    whole = shard.read_bytes()
    for broken in (whole[:-1], whole[:-1] + b"\x07", b""):
        shard.write_bytes(broken)
        with pytest.raises(DataError, match="missing or damaged"):
            TokenShards.open(folder)
    shard.unlink()
    with pytest.raises(DataError, match=r"shard-00000.safetensors is missing"):
        TokenShards.open(folder)
    whole_index = (folder / "index.json").read_text()
    changed = json.loads(whole_index) | {"vocabulary_size": 3}
    for broken in ("{", "[]", '{"format": 2}', json.dumps(changed), whole_index[:-2]):
        (folder / "index.json").write_text(broken)
        with pytest.raises(DataError, match=r"index.json is missing or damaged"):
            TokenShards.open(folder)
    (folder / "index.json").write_text('{"format": 7}')
    with pytest.raises(DataError, match="has format 7; this version of hornbook reads 2"):
        TokenShards.open(folder)
    with pytest.raises(DataError, match=r"there is no index.json"):
        TokenShards.open(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("finished", 1),
        ("vocabulary_size", "12"),
        ("vocabulary_size", 10**30),
        ("before", [None]),
        ("special_ids", {"pad": -1}),
        ("statistics", []),
        ("fingerprint", {"sources": []}),
        ("shards", [{"file": "shard-00000.safetensors"}]),
        ("shards", [{"file": "../a", "sha256": "", "bytes": 1, "documents": 1, "tokens": 1}]),
        ("shards", {}),
    ],
)
def test_an_index_of_wrong_types_is_refused_whatever_its_checksum(tmp_path, tokenizer, name, value):
    (tmp_path / "a.txt").write_text("abc")
    folder = tmp_path / "s"
    prepare_shards(tmp_path / "a.txt", tokenizer, folder, quiet=True)
    index = json.loads((folder / "index.json").read_text())
    del index["sha256"]
    write_index(folder, {**index, name: value})
    with pytest.raises(DataError, match=r"index.json is missing or damaged"):
        TokenShards.open(folder)


def test_skip_bad_skips_and_lists_unreadable_documents(tmp_path, tokenizer, capsys):
    rows = [json.dumps({"text": "abc"})] * 3
    (tmp_path / "a.jsonl").write_text("\n".join([rows[0], '{"text": null}', "{", rows[1], rows[2]]))
    (tmp_path / "b.txt").write_bytes(
        "今".encode() + b"\n\xff\ncd\n\nabc\n"
    )  # one document of two is broken
    with pytest.raises(DataError, match=r"a.jsonl:2"):
        prepare_shards(tmp_path, tokenizer, tmp_path / "s", quiet=True)
    shards = prepare_shards(tmp_path, tokenizer, tmp_path / "t", skip_bad=True, quiet=True)
    assert shards.num_documents == 4
    message = capsys.readouterr().err
    assert "Skipped 3 of 7 documents" in message
    for where in ("a.jsonl:2", "a.jsonl:3", "b.txt:2"):
        assert where in message


def test_a_corpus_that_cannot_be_prepared_is_refused(tmp_path, tokenizer):
    (tmp_path / "a.txt").write_text("\x01\x02")
    with pytest.raises(DataError, match="no text that gives any tokens"):
        prepare_shards(tmp_path / "a.txt", tokenizer, tmp_path / "s", quiet=True)
    for options, message in (
        ({"part": (2, 2)}, r"part=\(2, 2\) is impossible"),
        ({"words": "word"}, "Unknown words='word'"),
        ({"deduplicate": "all"}, "Unknown deduplicate='all'"),
    ):
        with pytest.raises(OptionError, match=message):
            prepare_shards(tmp_path / "a.txt", tokenizer, tmp_path / "t", quiet=True, **options)


def test_jieba_is_required_only_if_requested(tmp_path, tokenizer, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rjieba", None)  # as if it were not installed
    monkeypatch.setattr(preparing, "find_spec", lambda name: None)
    (tmp_path / "a.txt").write_text("今天天气真好")
    shards = prepare_shards(tmp_path / "a.txt", tokenizer, tmp_path / "s")
    assert shards.num_tokens == 6
    assert "pip install 'hornbook[chinese]'" in capsys.readouterr().err
    with pytest.raises(MissingExtraError, match="rjieba"):
        prepare_shards(tmp_path / "a.txt", tokenizer, tmp_path / "t", words="chinese")


def test_a_killed_worker_process_is_reported(tmp_path, tokenizer, corpus, monkeypatch):
    def broken(*_, **__):
        from concurrent.futures.process import BrokenProcessPool

        raise BrokenProcessPool

    monkeypatch.setattr("hornbook.data.processes.in_order", broken)
    with pytest.raises(HornbookError, match="fewer workers: finished parts are kept"):
        prepare_shards(corpus, tokenizer, tmp_path / "s", workers=2, quiet=True)
