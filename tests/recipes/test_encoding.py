from __future__ import annotations

import pytest

from hornbook.cli import main
from hornbook.data.texts.labeled import read_labeled_texts, read_texts_to_predict
from hornbook.errors import OptionError
from hornbook.recipes.recipe_verbs import checked
from hornbook.tabular.encodings import reading_as

TEXTS = ["сегодня", "завтра", "вчера", "хорошо"]


class Reader:
    """A recipe that only reads its data."""

    interrupted = False
    several_sources = False
    model = None

    def __init__(self):
        self.model = object()

    def fit(self, data, out):
        self.texts = {text.text for text in read_labeled_texts(data)}
        return self

    def evaluate(self, data):
        return {"texts": len(read_labeled_texts(data))}

    def predict_files(self, sources):
        for source in sources:
            for text in read_texts_to_predict(source):
                yield {"text": text.text}


checked(Reader)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "train.csv"
    rows = [f"{text},{label}" for text in TEXTS for label in ("да", "нет")]
    path.write_bytes("\n".join(["text,label", *rows]).encode("cp1251"))
    return path


def test_every_verb_that_reads_files_has_an_encoding(file):
    recipe = Reader().fit(file, "run", encoding="cp1251")
    assert recipe.texts <= set(TEXTS)
    assert recipe.evaluate(file, encoding="cp1251")["texts"] > 0
    answers = recipe.predict_files([file], encoding="windows-1251")
    assert next(answers) == {"text": TEXTS[0]}
    with pytest.raises(Exception, match="whether it is GB18030, Windows-1252 or another"):
        recipe.evaluate(file)  # not while a generator of answers is paused
    assert [answer["text"] for answer in answers][-1] == TEXTS[-1]


def test_an_encoding_applies_to_its_block_only(file):
    with reading_as("utf-8"):
        with reading_as("cp1251"), reading_as(None):
            assert next(read_texts_to_predict(file)).text == TEXTS[0]
        with pytest.raises(Exception, match="is not UTF-8"):
            next(read_texts_to_predict(file))
    with pytest.raises(OptionError, match="Unknown encoding"), reading_as("klingon"):
        pass


def test_an_unknown_encoding_is_answered_with_the_nearest(tmp_path, capsys):
    words = ["train", "text-classification", "data", "--out", str(tmp_path / "run")]
    assert main([*words, "--encoding", "cp1225"]) == 2
    assert "Unknown encoding 'cp1225'.  Did you mean 'cp125" in capsys.readouterr().err
