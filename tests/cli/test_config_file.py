from __future__ import annotations

import json

import pytest

from hornbook.cli import make_parser
from hornbook.cli.config_file import read_config
from hornbook.errors import OptionError
from hornbook.recipes import recipe_named

MATCHING = recipe_named("text-matching")


def parsed(*words):
    words = [str(word) for word in words]
    return make_parser([words[0]], words).parse_args(words)


def write(path, text):
    path.write_text(text, "utf-8")
    return path


def test_a_toml_file_sets_options_and_the_command_line_overrides_it(tmp_path):
    file = write(tmp_path / "run.toml", 'recipe = "text-matching"\nepochs = 3\nbatch-size = 8\n')
    words = ["train", "text-matching", "data", "--out", "run", "--epochs", 7, "--config", file]
    for line in (words, [*words[:-2], f"--config={file}"]):
        options = parsed(*line)
        assert (options.epochs, options.batch_size, options.window) == (7, 8, 64)


def test_a_saved_recipe_json_is_a_config_file_too(tmp_path):
    fields = MATCHING(epochs=2, conditional=False).fields()
    saved = {"recipe": "text-matching", "fields": fields, "learned": {"criteria": []}}
    file = write(tmp_path / "recipe.json", json.dumps(saved))
    assert read_config(file, MATCHING) == fields
    with pytest.raises(OptionError, match="for the recipe 'text-matching', not for captcha"):
        read_config(file, recipe_named("captcha"))


def test_old_names_and_spellings_of_a_saved_pretraining_are_read(tmp_path):
    saved = {"recipe": "pretraining", "fields": {"objective": "lm", "config": "c.json"}}
    file = write(tmp_path / "recipe.json", json.dumps(saved))
    options = parsed("pretrain", "corpus", "--out", "run", "--config", file)
    assert (options.objective, options.model_config) == ("causal_lm", "c.json")


def test_pretrain_still_accepts_the_config_json_of_a_model(tmp_path):
    file = write(tmp_path / "config.json", '{"hidden_size": 16}')
    options = parsed("pretrain", "corpus", "--out", "run", "--config", file)
    assert options.model_config == str(file)


def test_unknown_keys_and_invalid_values_are_named_with_file_and_key(tmp_path):
    file = write(tmp_path / "run.toml", 'epoch = 3\nema = 2\nattention = "ful"\n')
    with pytest.raises(OptionError) as error:
        read_config(file, MATCHING)
    lines = str(error.value).splitlines()
    assert lines[0] == f"{file} cannot be used:"
    assert lines[1].startswith("  epoch: unknown option.  Did you mean 'epochs'")
    assert lines[2].startswith("  ema is 2.0, expected at least 0 and below 1")
    assert lines[3].startswith("  attention is 'ful'. Did you mean 'full'")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [("a.toml", "epochs = = 3", "as TOML"), ("a.json", "{", "as JSON"), ("a.json", "[]", "object")],
)
def test_an_unreadable_file_is_named(tmp_path, name, text, words):
    with pytest.raises(OptionError, match=words) as error:
        read_config(write(tmp_path / name, text), MATCHING)
    assert name in str(error.value)
    with pytest.raises(OptionError, match="no such file"):
        read_config(tmp_path / "nowhere.toml", MATCHING)
