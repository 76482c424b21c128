"""Default generation options of a model folder, and the precedence of the caller's."""

from __future__ import annotations

import json

import pytest

from hornbook.errors import CheckpointError, OptionError
from hornbook.generation import Request
from hornbook.pretrained.tasks.generation_config import GenerationConfig

PROMPTS = [[5, 6, 7]]


def options(values, chosen=None, *, encoder_decoder=False, prompts=PROMPTS):
    config = GenerationConfig(values, "generation_config.json", 50)
    result = config.options(chosen or {}, prompts, encoder_decoder=encoder_decoder)
    Request(prompts=prompts, vocabulary_size=50, **result)
    return result


def test_without_do_sample_generation_is_greedy():
    assert options({"temperature": 0.5, "top_p": 0.9, "top_k": 20}) == {}


def test_do_sample_samples_as_transformers_does():
    assert options({"do_sample": True}) == {"temperature": 1.0, "top_k": 50}
    values = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20}
    assert options(values) == {"temperature": 0.7, "top_p": 0.8, "top_k": 20}
    assert options({"do_sample": True, "top_k": 0, "top_p": 1.0}) == {"temperature": 1.0}


def test_options_of_the_caller_take_precedence():
    values = {"do_sample": True, "temperature": 0.7, "max_new_tokens": 9}
    assert options(values, {"temperature": 0, "max_new_tokens": 3}) == {
        "temperature": 0,
        "top_k": 50,
        "max_new_tokens": 3,
    }
    assert options(values, {"beams": 3}) == {"beams": 3, "max_new_tokens": 9}
    assert options({"num_beams": 4, "length_penalty": 2.0}, {"top_p": 0.5}) == {"top_p": 0.5}
    assert options({"num_beams": 4}, {"beams": 1}) == {"beams": 1}


def test_searches_and_penalties_are_read():
    values = {"num_beams": 4, "length_penalty": 2.0, "early_stopping": True}
    values |= {"no_repeat_ngram_size": 3, "repetition_penalty": 1.1}
    assert options(values) == {
        "beams": 4,
        "length_penalty": 2.0,
        "early_stopping": True,
        "no_repeat_ngram": 3,
        "repetition_penalty": 1.1,
    }
    assert options({"length_penalty": 2.0}, {"beams": 2}) == {"beams": 2, "length_penalty": 2.0}


def test_lengths_include_the_prompt_or_the_decoders_start():
    assert options({"max_length": 20}) == {"max_new_tokens": 17}
    values = {"max_length": 20, "min_length": 5}
    assert options(values, encoder_decoder=True) == {"max_new_tokens": 19, "min_new_tokens": 4}
    assert options(values, {"max_new_tokens": 2}, encoder_decoder=True)["min_new_tokens"] == 2
    assert options({"max_length": 20, "max_new_tokens": 8}) == {"max_new_tokens": 8}
    with pytest.raises(OptionError, match=r"max_length is 3 in .*, but a prompt already has 3"):
        options({"max_length": 3})


def test_tokens_are_forced_at_both_ends():
    values = {"forced_bos_token_id": 4, "forced_eos_token_id": 2, "max_length": 9}
    result = options(values, encoder_decoder=True)
    assert result["forced_prefix"] == [4]
    assert len(result["constraints"]) == 1
    assert "forced_prefix" not in options(values)


def test_end_ids_are_one_or_several():
    def stop_ids(value):
        return GenerationConfig({"eos_token_id": value}, "file", 50).stop_ids

    assert stop_ids([2, 30]) == [2, 30]
    assert stop_ids(2) == [2]
    assert stop_ids([2, 99, -1]) == [2]
    assert stop_ids(None) is None


def test_unsupported_keys_are_listed():
    values = {"guidance_scale": 2.0, "suppress_tokens": [3], "output_scores": True, "use_cache": 1}
    config = GenerationConfig({**values, "pad_token_id": 0, "watermark": None}, "file", 50)
    assert config.unused == ["guidance_scale", "suppress_tokens"]
    both = GenerationConfig({"do_sample": True, "num_beams": 2}, "file", 50)
    assert both.unused == ["do_sample beside num_beams"]
    assert both.described() == "beams 2"


def test_ids_are_translated_to_a_smaller_vocabulary():
    config = GenerationConfig({"eos_token_id": [2, 30], "pad_token_id": 7}, "file", 50)
    small = config.renumbered({30: 1}.get, 3)
    assert small.values == {"eos_token_id": [1]}
    assert small.stop_ids == [1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"eos_token_id": "2"}, "eos_token_id is '2'; expected a token id"),
        ({"eos_token_id": [True]}, "expected a token id"),
        ({"max_length": -1}, "max_length is -1"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0; it must be at least 1"),
        ({"do_sample": True, "temperature": "hot"}, "temperature is 'hot'"),
        ({"num_beams": 4, "early_stopping": "soon"}, "early_stopping is 'soon'"),
        ({"bad_words_ids": [[99]]}, "bad_words has token 99"),
    ],
)
def test_values_that_cannot_work_name_the_file(values, message):
    with pytest.raises(CheckpointError, match=f"some.json: .*{message}"):
        GenerationConfig(values, "some.json", 50)


@pytest.mark.parametrize("content", ["[]", "{", "\xff"])
def test_a_file_that_is_no_json_object_is_named(tmp_path, content):
    (tmp_path / "generation_config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(CheckpointError, match=r"generation_config\.json"):
        GenerationConfig.read(tmp_path, 50)
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": 3}), "utf-8")
    config = GenerationConfig.read(tmp_path, 50)
    assert config is not None
    assert config.stop_ids == [3]
