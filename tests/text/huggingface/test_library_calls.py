from __future__ import annotations

import contextlib
import json
import os

import pytest

from hornbook.text.huggingface.library_calls import library_errors, quiet_panics
from hornbook.text.tokenizer_folder import tokenizer_from_folder
from hornbook.text.vocabulary_file import VocabularyError


class PanicException(BaseException):
    """Like Rust's: it is not an `Exception`."""


@pytest.fixture
def endless(tokenizer_folder, tmp_path):
    """Returns a tokenizer whose regular expression tries every way to split a run of letters."""
    [path] = tokenizer_folder("modernbert").glob("tokenizer.json")
    content = json.loads(path.read_text("utf-8"))
    split = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"}
    content["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [{**split, "invert": False}, content["pre_tokenizer"]],
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    return tokenizer_from_folder(tmp_path)


def test_a_runaway_regular_expression_is_one_message(endless, capfd):
    assert "a" in endless.encode("aab").tokens
    with pytest.raises(VocabularyError, match=r"a regular expression of its .* does not finish"):
        endless.encode("a" * 40 + "b")
    os.write(2, b"said afterwards\n")
    assert capfd.readouterr().err == "said afterwards\n"
    assert endless.encode("aab").token_ids  # it works as before


def test_other_output_is_not_lost(capfd):
    with quiet_panics(), quiet_panics():
        os.write(2, b"first\n")
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == "first\n"
    with contextlib.suppress(ValueError), quiet_panics():
        os.write(2, b"thread panicked\n")
        raise ValueError
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("error", [PanicException("Onig: broken\nmore"), Exception("Onig: broken")])
def test_a_panic_is_an_error_of_the_vocabulary(error):
    raises = pytest.raises(VocabularyError, match=r"^no tokenizer: Onig: broken\.$")
    with raises, library_errors("no tokenizer"):
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError, TypeError])
def test_other_exceptions_are_raised_unchanged(error):
    with pytest.raises(error), library_errors("no tokenizer", passed_on=(TypeError,)):
        raise error


def test_special_tokens_around_a_text_may_have_spaces_in_them(tokenizer_folder, tmp_path):
    [path] = tokenizer_folder("mpnet").glob("tokenizer.json")
    content = json.loads(path.read_text("utf-8"))
    content["post_processor"]["cls"] = ["<s> a:b", 0]
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    assert tokenizer_from_folder(tmp_path).encode("a").token_ids[0] == 0
