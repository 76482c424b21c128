"""What holds for every recipe, because its fields are declared once."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import hornbook.recipes
from hornbook.errors import CheckpointError, HornbookError, OptionError
from hornbook.files import write_manifest
from hornbook.recipes import RECIPES, open_run, recipe_named
from hornbook.recipes.fields import (
    LIMITS,
    Option,
    add_flags,
    fits,
    flag_of,
    learned_by,
    option,
    options_of,
    take_learned,
)
from hornbook.recipes.recipe import Recipe, read_description, read_saved

# a value on the wrong side of each kind of limit
BEYOND = {
    "at_least": lambda limit: limit - 1,
    "above": lambda limit: limit,
    "at_most": lambda limit: limit + 1,
    "below": lambda limit: limit,
    "multiple_of": lambda limit: limit * 3 // 2,
}


@pytest.fixture(params=RECIPES)
def recipe(request):
    return recipe_named(request.param)


def options_with(recipe, *names):
    items = [item for item in options_of(recipe) if set(names) & set(item.limits)]
    assert items
    return items


def options_of_kind(recipe, *kinds):
    items = [item for item in options_of(recipe) if item.kind in kinds]
    assert items
    return items


def test_a_recipe_has_the_name_it_is_found_by(recipe):
    assert RECIPES[recipe.name].endswith(f":{recipe.__name__}")
    assert recipe.__name__ in hornbook.recipes.__all__
    assert recipe.purpose


def test_fields_flags_and_saved_json_are_the_same(recipe):
    arguments = {item.name for item in dataclasses.fields(recipe) if item.init}
    parser = argparse.ArgumentParser()
    add_flags(parser, recipe)
    flags = vars(parser.parse_args([]))
    assert set(flags) == set(recipe().fields()) == arguments == set(recipe.field_names())
    assert flags == recipe().fields()
    saved = json.loads(json.dumps(recipe().fields()))
    assert recipe.from_fields(saved).fields() == recipe().fields()


def test_each_flag_sets_its_field(recipe):
    parser = argparse.ArgumentParser()
    add_flags(parser, recipe)
    for item in options_of(recipe):
        flag = "--" + item.name.replace("_", "-")
        if item.kind is bool:
            words, expected = ["--no-" + flag[2:]], False
        else:
            expected = item.choices[-1] if item.choices else item.kind(64)
            words = [flag, str(expected)]
        assert getattr(parser.parse_args(words), item.name) == expected


def test_every_field_has_a_help_text(recipe):
    assert all(item.help for item in options_of(recipe))


def test_the_defaults_are_valid(recipe):
    assert not [item.name for item in options_of(recipe) if item.problem(item.default)]


def test_a_value_of_the_wrong_type_is_refused_and_named(recipe):
    for item in options_of(recipe):
        wrong = "many" if item.kind is float else 3.5
        with pytest.raises(OptionError, match=f"{item.name} is {wrong!r}, expected a|True"):
            recipe(**{item.name: wrong})


def test_true_is_not_a_number(recipe):
    for item in options_of_kind(recipe, int, float):
        with pytest.raises(OptionError, match=item.name):
            recipe(**{item.name: True})


def test_every_number_is_limited_below(recipe):
    numbers = {item.name for item in options_of(recipe) if item.kind in (int, float)}
    assert numbers == {item.name for item in options_with(recipe, "at_least", "above")}
    assert all(item.problem(-1) for item in options_with(recipe, "at_least", "above"))


def test_a_value_beyond_a_limit_is_refused_with_the_limit(recipe):
    for item in options_with(recipe, *LIMITS):
        for name, limit in item.limits.items():
            wrong = item.kind(BEYOND[name](limit))
            with pytest.raises(OptionError, match=f"  {item.name} is .*{LIMITS[name][1]} {limit}"):
                recipe(**{item.name: wrong})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(recipe, value):
    for item in options_of_kind(recipe, float):
        with pytest.raises(OptionError, match=f"{item.name} is {value}"):
            recipe(**{item.name: value})


def test_an_unknown_choice_is_answered_with_the_nearest(recipe):
    items = [item for item in options_of(recipe) if item.choices]
    assert items
    for item in items:
        with pytest.raises(OptionError, match=f"mean '{item.choices[0]}'"):
            recipe(**{item.name: item.choices[0] + "x"})


def test_all_problems_are_named_at_once(recipe):
    items = options_with(recipe, "at_least")
    with pytest.raises(OptionError) as error:
        recipe(**{item.name: item.kind(-7) for item in items})
    assert all(f"  {item.name} is -7" in str(error.value) for item in items)


def test_an_integer_is_accepted_for_a_float(recipe):
    items = [item for item in options_of_kind(recipe, float) if not item.problem(1.0)]
    assert items
    for item in items:
        assert type(getattr(recipe(**{item.name: 1}), item.name)) is float


def test_a_field_of_another_version_is_named(recipe):
    with pytest.raises(HornbookError, match="wings"):
        recipe.from_fields({**recipe().fields(), "wings": 2})


def test_an_existing_run_is_refused_before_the_data_is_read(recipe, tmp_path):
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(HornbookError, match=r"exists already.*\n.*--resume"):
        recipe().fit("nowhere", tmp_path)


VERBS = {
    "evaluate": ("data",),
    "predict": ([],),
    "predict_stream": ([],),
    "predict_files": (["x"],),
    "save": ("saved",),
    "exported": (),
}


@pytest.mark.parametrize("verb", VERBS)
def test_an_untrained_recipe_is_refused_in_one_sentence(recipe, verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    untrained = recipe()
    match = f"This {recipe.__name__} is not trained. Call fit"
    with pytest.raises(OptionError, match=match) as error:
        getattr(untrained, verb)(*VERBS[verb])
    assert len(str(error.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", VERBS)
def test_a_recipe_whose_training_was_interrupted_is_refused(recipe, verb, monkeypatch, tmp_path):
    def stop(self, *arguments, **options):
        self.model = object()
        raise KeyboardInterrupt

    interrupted = recipe()
    monkeypatch.setattr(recipe, "_fit", stop)
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit("data", tmp_path / "out")
    with pytest.raises(OptionError, match=r"was interrupted.*fit\(..., resume=True\)"):
        getattr(interrupted, verb)(*VERBS[verb])


@pytest.mark.parametrize("data", [[{"text": "a", "label": "b"}], [], None, 3, {"text": ["a"]}])
def test_data_of_another_type_is_refused_with_what_is_expected(recipe, data, tmp_path):
    if recipe.takes_rows and data not in (None, 3):
        pytest.skip("it learns from rows in memory")
    with pytest.raises(OptionError, match=r"expects (the name of a|names of) f"):
        recipe().fit(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_single_sample_in_place_of_a_list_is_refused(recipe):
    trained = recipe()
    trained.model = object()
    for verb in ("predict", "predict_stream", "predict_files"):
        with pytest.raises(OptionError, match=rf"{verb} expects a list.*{verb}\(\['good'\]\)"):
            getattr(trained, verb)("good")


def test_numpy_scalars_and_paths_are_converted(recipe):
    for item in options_of(recipe):
        if item.problem(item.kind(64)) or item.choices:
            continue
        kinds = {int: (np.int64, np.uint8), float: (np.float32, np.int64), str: (np.str_, Path)}
        for kind in kinds.get(item.kind, ()):
            instance = recipe.__new__(recipe)
            instance.__dict__.update({each.name: each.default for each in options_of(recipe)})
            setattr(instance, item.name, kind("64"))
            Recipe.__post_init__(instance)
            value = getattr(instance, item.name)
            assert value == item.kind(64)
            assert type(value) is item.kind
    assert "seed" in recipe.field_names()
    with pytest.raises(OptionError, match=r"seed is 3\.5, expected an integer"):
        recipe(seed=np.float64(3.5))
    with pytest.raises(OptionError, match="seed is True, expected an integer"):
        recipe(seed=np.bool_(True))


def test_an_unknown_recipe_is_answered_with_the_nearest_name():
    with pytest.raises(OptionError, match="Did you mean 'text-matching'"):
        recipe_named("text-maching")


def test_an_unknown_limit_is_a_value_error():
    with pytest.raises(ValueError, match="at_most"):
        option(1, "a number", largest=3)


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"recipe": "soup"}'])
def test_a_folder_that_is_not_a_run_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "recipe.json").write_text(content)
    with pytest.raises(HornbookError):
        open_run(tmp_path)
    with pytest.raises(HornbookError):
        open_run(tmp_path / "nowhere")


def test_a_run_without_a_model_is_refused_with_resume_suggested(tmp_path, recipe):
    values = {"recipe": recipe.name, "fields": recipe().fields()}
    (tmp_path / "recipe.json").write_text(json.dumps(values))
    with pytest.raises(HornbookError, match="--resume"):
        open_run(tmp_path)


@dataclasses.dataclass
class Pair:
    left: int
    right: list[str]


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (str, ["", "x"], [None, 1, ["x"]]),
        (int, [1], [True, 1.0, "1"]),
        (float, [1, 1.5], [True, "1", float("nan"), float("inf"), None]),
        (list[str], [[], ["a"]], [None, "a", {"a": 1}, ["a", 1], [None]]),
        (list[str | int], [["a", 1]], [["a", 1.5], [True]]),
        (list[float] | None, [None, [], [1, 0.5]], ["", [None], {}]),
        (dict[str, float], [{}, {"a": 1}], [None, [], {"a": "x"}, {"a": None}]),
        (tuple[int, int], [[1, 2]], [[1], [1, 2, 3], [1, 2.5], "ab", None]),
        (tuple[str, ...], [[], ["a", "b"]], [[1], "a"]),
        (Pair, [{"left": 1, "right": []}], [None, {}, {"left": 1}, {"left": "1", "right": []}]),
    ],
)
def test_values_read_from_json_are_checked_against_the_annotation(hint, good, bad):
    assert all(fits(value, hint) for value in good)
    assert not any(fits(value, hint) for value in bad)


def test_all_learned_fields_of_a_wrong_type_are_named_at_once(recipe):
    instance = recipe()
    values = json.loads(json.dumps(learned_by(instance)))
    take_learned(instance, values)
    broken = {name: ["x", None, {"y": 1}] for name in values}
    before = learned_by(instance)
    with pytest.raises(HornbookError) as error:
        take_learned(instance, broken)
    assert all(f"  {name} is [" in str(error.value) for name in values)
    assert learned_by(instance) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read as JSON"),
        ("[]", "expected one JSON object"),
        ("null", "expected one JSON object"),
        ("[" * 100_000, "cannot be read as JSON"),
        ('{"recipe": 3, "fields": {}, "learned": {}}', "'recipe' is 3, expected a string"),
        ('{"recipe": "images", "fields": [], "learned": {}}', "'fields' is .*JSON object"),
        ('{"recipe": "images", "fields": {}, "learned": null}', "'learned' is None"),
        ('{"recipe": "images", "fields": {}}', "'learned' is None"),
        (
            '{"recipe": "captcha", "fields": {}, "learned": {}}',
            "of the recipe captcha, not of images",
        ),
        (
            '{"recipe": "images", "fields": {}, "learned": {}}',
            "classes is missing: this run was made with another version",
        ),
        ('{"recipe": "images", "fields": {"epochs": "3"}, "learned": {}}', "epochs is '3'"),
        ('{"recipe": "images", "fields": {"size": null}, "learned": {}}', "size is None"),
        (
            '{"recipe": "images", "fields": {}, "learned": {"classes": "ab", "learned_from": ""}}',
            r"classes is 'ab', expected list\[str\]",
        ),
    ],
)
def test_an_invalid_recipe_json_is_one_message_that_names_it(tmp_path, content, message):
    model = tmp_path / "model"
    model.mkdir()
    (model / "recipe.json").write_text(content)
    write_manifest(model)
    with pytest.raises(HornbookError, match=message) as error:
        recipe_named("images").load(tmp_path)
    assert str(model) in str(error.value)


def test_a_recipe_json_that_the_manifest_does_not_list_is_refused(tmp_path):
    (tmp_path / "weights").write_text("x")
    write_manifest(tmp_path)
    (tmp_path / "recipe.json").write_text('{"recipe": "images", "fields": {}, "learned": {}}')
    with pytest.raises(CheckpointError, match=r"unlisted  recipe\.json"):
        read_saved(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(CheckpointError, match="lists no file"):
        read_saved(tmp_path)


def test_learned_fields_are_required_of_a_model_only(tmp_path):
    file = tmp_path / "recipe.json"
    file.write_text('{"recipe": "images", "fields": {}}')
    assert read_description(file)["recipe"] == "images"
    with pytest.raises(CheckpointError, match="learned"):
        read_description(file, learned=True)


def test_old_values_of_every_choice_are_accepted_on_the_command_line_and_in_saved_runs(recipe):
    parser = argparse.ArgumentParser()
    add_flags(parser, recipe)
    pairs = [
        (item.name, old, value)
        for item in options_of(recipe)
        for old, value in [
            *((value.replace("_", "-"), value) for value in item.choices or ()),
            *item.aliases.items(),
        ]
        if old != value
    ]
    for name, old, value in pairs:
        for spelling in (old, value):
            assert getattr(parser.parse_args([flag_of(name), spelling]), name) == value
            assert recipe.canonical_fields({name: spelling, "x": 2}) == {name: value, "x": 2}
    expected = {
        "text-matching": {"double-softmax", "window-landmarks"},
        "text-classification": {"double-softmax", "window-landmarks"},
        "pretraining": {"lm", "causal-lm", "prefix-lm"},
    }
    assert {old for _, old, _ in pairs} >= expected.get(recipe.name, set())


@pytest.mark.parametrize(
    ("old", "value"), [("lm", "causal_lm"), ("causal-lm", "causal_lm"), ("prefix-lm", "prefix_lm")]
)
def test_old_values_are_accepted_in_python(old, value):
    recipe = recipe_named("pretraining")
    assert recipe(objective=old).objective == value
    assert recipe.from_fields({"objective": old}).objective == value


OLD_NAMES = [
    ("images", "teacher", "teacher_run", "run"),
    ("images", "unlabelled", "unlabeled", "folder"),
    ("images", "sure", "min_confidence", 0.5),
    ("pretraining", "hours", "training_hours", 2.0),
    ("pretraining", "keep", "keep_checkpoints", 5),
    ("pretraining", "licence", "license", "CC0"),
]


@pytest.mark.parametrize(("recipe_name", "old", "name", "value"), OLD_NAMES)
def test_old_option_names_are_accepted_on_the_command_line_and_in_saved_runs(
    recipe_name, old, name, value, capsys
):
    recipe = recipe_named(recipe_name)
    parser = argparse.ArgumentParser()
    add_flags(parser, recipe)
    assert getattr(parser.parse_args([f"--{old}", str(value)]), name) == value
    assert recipe.canonical_fields({old: value}) == {name: value}
    assert f"--{old} " not in parser.format_help()


def test_a_choice_may_be_spelled_with_hyphens():
    item = Option("kind", str, False, "a_b", "help", ("a_b", "c"), {}, None, {})
    assert [item.canonical(word) for word in ("a-b", "a_b", "c", "d-e", None)] == [
        "a_b",
        "a_b",
        "c",
        "d-e",
        None,
    ]
