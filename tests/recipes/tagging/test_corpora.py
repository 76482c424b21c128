from __future__ import annotations

import keras
import numpy as np
import pytest

from hornbook.data.entities.tagged_text import Entity, TaggedText
from hornbook.data.readers.text_lines import note_once
from hornbook.errors import DataError, OptionError
from hornbook.recipes import open_run
from hornbook.recipes.tagging import Tagging
from hornbook.recipes.tagging.corpora import check_corpus, scores_of_types, types_of_corpora
from hornbook.recipes.tagging.heads import ILLEGAL
from hornbook.recipes.tagging.pointer_head import PointerHead
from hornbook.recipes.tagging.tag_heads import TagHead

WORDS = ["我们", "在", "北京", "很久", "去"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two corpora in segmented files: one of them cuts 北京 in two."""
    folder = tmp_path_factory.mktemp("corpora")
    random = np.random.default_rng(0)
    for corpus, count in (("long", 96), ("short", 80)):
        lines = [" ".join(random.choice(WORDS, 4)) for _ in range(count)]
        if corpus == "short":
            lines = [line.replace("北京", "北 京") for line in lines]
        (folder / corpus).mkdir()
        (folder / corpus / "train.txt").write_text("\n".join(lines[:-16]), "utf-8")
        (folder / corpus / "valid.txt").write_text("\n".join(lines[-16:]), "utf-8")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory, data):
    out = tmp_path_factory.mktemp("runs") / "run"
    Tagging(
        head="memm",
        num_hidden_layers=1,
        vocabulary_size=200,
        max_length=16,
        batch_size=16,
        learning_rate=1e-2,
        ema=0.5,
        dropout=0.0,
        patience=0,
        epochs=4,
    ).fit(data, out)
    return out


@pytest.mark.backend
def test_corpora_that_contradict_each_other_are_all_learned(run, data):
    tagging = open_run(run)
    assert tagging.corpora == {"long": ["word"], "short": ["word"]}
    metrics = tagging.evaluate(data)
    assert min(metrics["by_corpus"]["f1"].values()) > 0.95
    assert sum(metrics["by_corpus"]["entities"].values()) == metrics["entities"]["word"]
    assert [row[0] for row in tagging.table(metrics)[1]] == [
        *("word", "all of long", "all of short", "all"),
    ]
    [long], [short] = (tagging.predict(["我们在北京"], corpus=name) for name in tagging.corpora)
    assert long == {"text": "我们在北京", "corpus": "long", "words": ["我们", "在", "北京"]}
    assert short["words"] == ["我们", "在", "北", "京"]
    page = (run / "report.html").read_text("utf-8")
    assert "F1 of short" in page
    assert "--corpus long" in page
    file = data / "short" / "valid.txt"  # named after its corpus
    assert tagging.data_to_measure(file).to_measure("")[0].corpus == "short"
    assert tagging.example(file) == [str(file), "--corpus", "short"]


def test_words_of_the_user_are_never_cut_nor_joined(run):
    own = open_run(run).predict(["我们在北京"], words=["们在", "我们在北"])
    assert own[0]["words"] == ["我们在北", "京"]


def test_a_row_may_name_its_corpus_and_others_are_of_the_largest(run, capfd, monkeypatch):
    monkeypatch.delenv("HORNBOOK_QUIET", raising=False)
    note_once.cache_clear()
    tagging = open_run(run)
    [first] = tagging.predict(["我们在北京"])
    assert first["words"] == ["我们", "在", "北京"]
    assert "read as those of long, which has the most" in capfd.readouterr().err
    [second] = tagging.predict([{"text": "我们在北京", "corpus": " short", "id": 3}])
    assert (second["id"], second["corpus"], len(second["words"])) == (3, "short", 4)


def test_unknown_corpora_are_refused_with_the_closest(run, tmp_path):
    tagging = open_run(run)
    with pytest.raises(OptionError, match=r"Unknown corpus 'shrt'\. Did you mean 'short'"):
        tagging.predict(["x"], corpus="shrt")
    with pytest.raises(DataError, match=r"row 2: the corpus 'lon'\. Did you mean 'long'"):
        tagging.predict(["x", {"text": "x", "corpus": "lon"}])
    with pytest.raises(DataError, match=r"'corpus' is \['long'\], not a name"):
        tagging.predict([{"text": "x", "corpus": ["long"]}])
    with pytest.raises(OptionError, match="this one has learned from one"):
        check_corpus("long", {})
    (tmp_path / "a.txt").write_text("我们 在 北京\n", "utf-8")
    with pytest.raises(DataError, match=r"a\.txt:1: no corpus(.|\n)*Name the folder after one"):
        tagging.evaluate(tmp_path / "a.txt")


def text(corpus, *kinds, where="a:1"):
    return TaggedText("ab", tuple(Entity(0, 1, kind) for kind in kinds), where, corpus=corpus)


def test_corpora_have_their_own_types_and_the_largest_comes_first():
    texts = [text("a", "x"), text("b", "y"), text("b", "x")]
    assert types_of_corpora(texts, texts) == {"b": ["x", "y"], "a": ["x"]}
    assert types_of_corpora(texts[1:], texts[1:]) == {}
    with pytest.raises(DataError, match="1 texts name no corpus, c:5 first; others are of a"):
        types_of_corpora([text("a", "x"), text("", "x", where="c:5")], [])
    with pytest.raises(DataError, match="a: no validation texts"):
        types_of_corpora(texts, texts[1:])
    with pytest.raises(DataError, match="'y' is in no training text of a, c:5"):
        types_of_corpora(texts, [*texts, text("a", "y", where="c:5")])
    with pytest.raises(DataError, match="none of the training texts of a has an entity"):
        types_of_corpora([text("a"), text("b", "x")], [text("a"), text("b", "x")])
    tagging = Tagging()
    tagging.types, tagging.corpora = ["x", "y"], {"b": ["x", "y"], "a": ["x"]}
    with pytest.raises(DataError, match="'y' is unknown to the model of a, c:5"):
        tagging.checked([text("a", "y", where="c:5")])


@pytest.mark.parametrize("head", ["crf", "pointer"])
def test_a_text_has_only_types_of_its_corpus(head):
    types = ["x", "y"]
    scores = scores_of_types(types, {"a": ["x"], "b": ["x", "y"]})
    assert scores.tolist() == [[0, ILLEGAL], [0, 0]]
    assert scores_of_types(types, {"a": types, "b": types}) is None
    one = (
        PointerHead(types)
        if head == "pointer"
        else TagHead(types, pretrained=False, outside=True, kind=head)
    )
    features, mask = np.ones((2, 3, 4), "float32"), np.ones((2, 3), "int32")
    outputs, _ = one.build(features, mask, keras.ops.convert_to_tensor(scores))
    first, second = keras.ops.convert_to_numpy(outputs)
    if head == "pointer":
        assert (first[1] < ILLEGAL / 2).all()
        np.testing.assert_array_equal(first[0], second[0])
    else:
        of_y = np.array([tag.endswith("y") for tag in one.tags])
        assert (first[:, of_y] < ILLEGAL / 2).all()
        np.testing.assert_array_equal(first[:, ~of_y], second[:, ~of_y])
