import pytest

from hornbook.cli import main
from hornbook.text.tokenizer_folder import tokenizer_from_folder


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("今天天气很好。\n\n" * 9, "utf-8")
    (tmp_path / "texts" / "b.jsonl").write_text('{"text": "The weather is fine today."}\n' * 9)
    return tmp_path / "texts"


def test_a_vocabulary_is_learned_measured_and_printed(corpus, tmp_path, capsys):
    out = tmp_path / "v"
    words = ["make", "vocabulary", str(corpus), "--out", str(out), "--size", "60"]
    assert main([*words, "--no-lowercase"]) == 0
    output = capsys.readouterr()
    assert "WordPiece" in output.out
    assert "100.000%" in output.out
    assert "今|天|天|气" in output.out
    assert f"hornbook pretrain {corpus} --vocabulary {out}" in output.out
    assert "learning  18 documents" in output.err
    tokenizer = tokenizer_from_folder(out)
    assert "T" in tokenizer.tokens(range(tokenizer.vocabulary_size))
    assert main(words) == 2
    assert f"hornbook: {out} exists already" in capsys.readouterr().err


def test_a_large_corpus_is_sampled_from_beginning_to_end(corpus, tmp_path, capsys):
    words = ["make", "vocabulary", str(corpus), "--out", str(tmp_path / "v"), "--size", "60"]
    assert main([*words, "--characters", "100"]) == 0
    output = capsys.readouterr()
    assert "learning  9 documents" in output.err
    tokens = tokenizer_from_folder(tmp_path / "v")
    assert tokens.unknown_token_id not in tokens.encode("今天 the weather").token_ids


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing.txt"], "There is no nothing.txt"),
        (["{corpus}", "--size", "4"], "--size is 4; WordPiece needs at least"),
        (["{corpus}", "--text-field", "body"], "there is no 'body'"),
        (["{corpus}", "--kind", "bpe", "--lowercase"], "Byte pairs keep the case"),
    ],
)
def test_invalid_input_is_one_message_and_makes_no_folder(corpus, tmp_path, capsys, words, message):
    words = [word.format(corpus=corpus) for word in words]
    out = tmp_path / "v"
    assert main(["make", "vocabulary", *words, "--out", str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()
