"""Parts of a checkpoint, selected while it is read: blocks, and rows of the vocabulary."""

from __future__ import annotations

import re

import numpy as np
import pytest
from keras import ops

import hornbook
from hornbook.errors import CheckpointError, OptionError
from hornbook.models.families import FAMILIES
from hornbook.pretrained import Pretrained, open_folder, read_model
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


TABLES = [(family, layout) for family, data in FAMILIES.items() for layout in data.weights]


@pytest.fixture(scope="module", params=[*TABLES, ("bert", "keras")], ids="-".join)
def saved(request, tiny_family, tmp_path_factory):
    """A folder of a model with three blocks, its layout, and the model, for every table."""
    name, layout = request.param
    transformer = tiny_family(
        FAMILIES[name], None if layout == "keras" else layout, num_hidden_layers=3
    )
    folder = tmp_path_factory.mktemp("saved") / "model"
    Pretrained(transformer, None).save(folder, layout=layout)
    return folder, layout, hornbook.load(folder)


def in_block(number):
    return re.compile(rf"(?:^|\.)blocks\.{number}\.")


@pytest.mark.one_of_each_kind
@pytest.mark.parametrize("blocks", [[0, 1], [2, 0]])
def test_selected_blocks_of_a_checkpoint_are_loaded(saved, blocks, weights_of, tmp_path):
    folder, layout, loaded = saved
    whole = weights_of(loaded.model)
    if blocks[0] != 0 and not loaded.config.first_attention_norm:
        with pytest.raises(OptionError, match="it must be the first of the selected blocks"):
            hornbook.load(folder, blocks=blocks)
        return
    if blocks == [0, 1]:
        model = hornbook.load(folder, num_hidden_layers=2)
    else:
        model = hornbook.load(folder, blocks=blocks)
    assert model.config.num_hidden_layers == 2
    shared = model.config.num_hidden_groups == 1
    for path, value in weights_of(model.model).items():
        for number, old in enumerate([] if shared else blocks):
            if in_block(number).search(path):
                path = path.replace(f"blocks.{number}.", f"blocks.{old}.")
                break
        np.testing.assert_array_equal(value, whole[path], err_msg=path)
    model.save(tmp_path / "cut", layout=layout)
    again = hornbook.load(tmp_path / "cut")
    for path, value in weights_of(again.model).items():
        np.testing.assert_array_equal(value, weights_of(model.model)[path], err_msg=path)


@pytest.mark.backend
def test_a_model_of_the_first_blocks_computes_their_outputs(tiny_transformer, tmp_path):
    transformer = tiny_transformer(num_hidden_layers=3, heads=())
    Pretrained(transformer, None).save(tmp_path / "model")
    cut = hornbook.load(tmp_path / "model", num_hidden_layers=2).model
    ids = np.array([[5, 6, 7]])
    x = transformer.embed(ids, None, np.array([[0, 1, 2]]), None, False)
    for block in transformer.blocks[:2]:
        x = block(x)
    np.testing.assert_allclose(
        ops.convert_to_numpy(cut(ids)), ops.convert_to_numpy(x), atol=1e-6, rtol=1e-6
    )


@pytest.mark.parametrize("blocks", [[], [3], [-1], [0, 0]])
def test_blocks_that_do_not_exist_are_refused(tiny_transformer, tmp_path, blocks):
    Pretrained(tiny_transformer(num_hidden_layers=3), None).save(tmp_path / "model")
    with pytest.raises(OptionError, match="has blocks 0 to 2, and each can be used once"):
        hornbook.load(tmp_path / "model", blocks=blocks)
    with pytest.raises(OptionError, match="either num_hidden_layers or blocks"):
        hornbook.load(tmp_path / "model", blocks=blocks, num_hidden_layers=1)


def test_layers_that_share_several_blocks_cannot_be_selected(tiny_transformer, tmp_path):
    transformer = tiny_transformer(num_hidden_layers=4, num_hidden_groups=2)
    Pretrained(transformer, None).save(tmp_path / "model", layout="keras")
    with pytest.raises(OptionError, match="2 blocks are each used several times"):
        hornbook.load(tmp_path / "model", num_hidden_layers=2)


def test_without_a_selection_additional_blocks_are_unexpected(tiny_transformer, tmp_path):
    Pretrained(tiny_transformer(num_hidden_layers=3), None).save(tmp_path / "model")
    _, _, checkpoint = open_folder(tmp_path / "model")
    with pytest.raises(CheckpointError, match=r"unexpected bert\.encoder\.layer\.2"):
        read_model(tiny_transformer(num_hidden_layers=2), checkpoint)


@pytest.mark.one_of_each_kind
@pytest.mark.parametrize("vocab_size", [30, 45])
def test_a_vocabulary_grows_and_shrinks(saved, vocab_size, weights_of, tmp_path):
    folder, layout, loaded = saved
    before = weights_of(loaded.model)
    model = hornbook.load(folder, vocab_size=vocab_size)
    assert model.config.vocab_size == vocab_size
    resized = []
    for path, value in weights_of(model.model).items():
        old = before[path]
        if value.shape == old.shape:
            np.testing.assert_array_equal(value, old, err_msg=path)
            continue
        resized.append(path)
        if value.shape[0] != vocab_size:
            value, old = value.T, old.T
        assert (len(value), len(old)) == (vocab_size, 40)
        np.testing.assert_array_equal(value[:40], old[:vocab_size], err_msg=path)
        distance = np.abs(value[40:] - old.mean(0)) / old.std(0)
        assert (distance < 0.5).all()
        assert len(np.unique(value[40:], axis=0)) == len(value[40:])
    assert "token_embedding.embeddings" in resized
    if model.model.mlm is not None:
        hidden = np.zeros((1, 2, 12), "float32")
        assert tuple(model.model.mlm(hidden).shape) == (1, 2, vocab_size)
    model.save(tmp_path / "resized", layout=layout)
    assert hornbook.load(tmp_path / "resized").config.vocab_size == vocab_size


def test_tokens_are_kept_and_averaged_in_every_family(saved, weights_of):
    folder, _, loaded = saved
    before = weights_of(loaded.model)
    options = {"keep_tokens": [0, 3, 2], "compound_tokens": [[5, 6]]}
    after = weights_of(hornbook.load(folder, **options).model)
    grown = weights_of(hornbook.load(folder, **options, vocab_size=6).model)
    for path, value in after.items():
        old = before[path]
        if old.shape == value.shape:
            continue
        if value.shape[0] != 4:
            value, old, grown[path] = value.T, old.T, grown[path].T
        np.testing.assert_array_equal(value[:3], old[[0, 3, 2]])
        np.testing.assert_allclose(value[3], (old[5] + old[6]) / 2, atol=1e-6)
        np.testing.assert_array_equal(grown[path][:4], value)
        assert len(grown[path]) == 6
    assert len(after["token_embedding.embeddings"]) == 4


def test_a_tokenizer_stays_while_its_ids_do(tiny_transformer, tmp_path):
    folder = tmp_path / "model"
    Pretrained(tiny_transformer(), WordPieceTokenizer([*SPECIAL, *"abcde"])).save(folder)
    assert hornbook.load(folder, vocab_size=10).encode(["a b"]).shape == (1, 12)
    assert hornbook.load(folder, vocab_size=50).tokenizer is not None
    shorter = hornbook.load(folder, vocab_size=9)
    assert shorter.tokenizer.vocabulary == [*SPECIAL, *"abcd"]
    assert shorter.tokenizer.encode("e").tokens[1] == "[UNK]"
    with pytest.raises(OptionError, match="vocab_size is 0"):
        hornbook.load(folder, vocab_size=0)


@pytest.fixture
def words(tiny_transformer, tmp_path):
    """Returns the folder of a model with subwords, Chinese and an added token."""
    from hornbook.text.added_tokens import Added

    vocabulary = [*SPECIAL, *"abcde", "un", "##able", *"天气很好"]
    options = dict.fromkeys(("lstrip", "rstrip", "single_word", "normalized"), False)
    added = {len(vocabulary): Added("[E1]", {**options, "special": True})}
    tokenizer = WordPieceTokenizer(vocabulary, added=added)
    size = {"vocab_size": tokenizer.vocabulary_size}
    Pretrained(tiny_transformer(**size), tokenizer).save(tmp_path / "words")
    return tmp_path / "words"


def test_the_tokenizer_is_adapted_to_the_selected_tokens(words, tmp_path):
    whole = hornbook.load(words)
    ids = [whole.tokenizer.vocabulary.index(token) for token in "天气ab"]
    e1 = whole.tokenizer.vocabulary_size - 1
    small = hornbook.load(words, keep_tokens=[0, 2, 3, 1, *ids, e1], compound_tokens=[[10, 11]])
    assert small.tokenizer.vocabulary == [
        *("[PAD]", "[CLS]", "[SEP]", "[UNK]", "天", "气", "a", "b", "[E1]", "unable"),
    ]
    texts = ["a天 b气", ("a", "天[E1]b")]
    np.testing.assert_allclose(small.encode(texts), whole.encode(texts), atol=1e-6)
    assert small.tokenizer.encode("很 unable[E1]").token_ids == [1, 3, 9, 8, 2]
    small.save(tmp_path / "small")
    again = hornbook.load(tmp_path / "small")
    assert again.tokenizer.encode("a[E1] unable c") == small.tokenizer.encode("a[E1] unable c")
    np.testing.assert_allclose(again.encode(texts), small.encode(texts), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep_tokens": [0, 1, 2, 5]}, r"missing: \[SEP\]"),
        ({"keep_tokens": [0, 1, 2, 3, 3]}, "token 3 is kept twice"),
        (
            {"keep_tokens": [0, 1, 2, 3], "compound_tokens": [[10, 11], [10, 11]]},
            "'unable' is already on",
        ),
    ],
)
def test_a_tokenizer_that_cannot_be_adapted_says_what_to_do(words, options, message):
    pattern = rf"cannot be adapted(?s:.*){message}(?s:.*)tokenizer=\.\.\."
    with pytest.raises(OptionError, match=pattern):
        hornbook.load(words, **options)
    assert hornbook.load(words, **options, tokenizer=None).tokenizer is None
    own = WordPieceTokenizer([*SPECIAL[:4]])
    assert hornbook.load(words, **options, tokenizer=own).tokenizer is own
    with pytest.raises(OptionError, match="tokenizer is 'other'"):
        hornbook.load(words, **options, tokenizer="other")


def test_ids_in_the_folder_s_files_are_translated_too(words):
    import json

    config = json.loads((words / "config.json").read_text("utf-8"))
    (words / "config.json").write_text(json.dumps({**config, "eos_token_id": 3}), "utf-8")
    (words / "generation_config.json").write_text('{"eos_token_id": [3, 9]}', "utf-8")
    (words / "manifest.json").unlink()
    small = hornbook.load(words, keep_tokens=[3, 2, 1, 0])
    assert (small.config.pad_token_id, small.config.extra["eos_token_id"]) == (3, 0)
    assert small.generation.values == {"eos_token_id": [0]}
