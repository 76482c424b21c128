"""The keys of transformers' base configuration, which may be in the `config.json` of any family.

Most have no effect on the computation: they are about training, calling or text generation.  The
others are only accepted with the value that has no effect here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

HARMLESS_KEYS = frozenset(
    {
        # its source, and what loaded and saved it
        "_attn_implementation",
        "_attn_implementation_autoset",
        "_attn_implementation_internal",
        "_auto_class",
        "_commit_hash",
        "_experts_implementation",
        "_experts_implementation_internal",
        "_flash_attn_2_enabled",
        "_from_model_config",
        "_model_name_or_path",
        "_name_or_path",
        "adapters",
        "architectures",
        "attn_implementation",
        "auto_map",
        "custom_pipelines",
        "dtype",
        "experts_implementation",
        "finetuning_task",
        "gradient_checkpointing",
        "keys_to_ignore_at_inference",
        "language",
        "model_max_length",
        "model_type",
        "name_or_path",
        "sentence_transformers",
        "tokenizer_class",
        "tokenizer_name",
        "torch_dtype",
        "transformers.js_config",
        "transformers_version",
        "transformers_weights",
        "unsloth_fixed",
        "unsloth_version",
        # arguments of a call, and what it returns
        "attn_output_cache",
        "chunk_size_feed_forward",
        "output_attentions",
        "output_hidden_states",
        "output_past",
        "return_dict",
        "tf_legacy_loss",
        "torchscript",
        "use_bfloat16",
        "use_cache",
        "use_return_dict",
        "xla_device",
        # token IDs
        "bos_token_id",
        "cls_token_id",
        "decoder_start_token_id",
        "eos_token_id",
        "mask_token_id",
        "sep_token_id",
        "unk_token_id",
        # labels and losses of fine-tuning
        "_num_labels",
        "classifier_dropout",
        "classifier_dropout_prob",
        "id2label",
        "keep_prob",
        "label2id",
        "label_smoothing",
        "num_choices",
        "num_labels",
        "problem_type",
        "task_specific_params",
        "token_classification_bias",
        # for a decoder, which exists only with `add_cross_attention`
        "cross_attention_hidden_size",
        # text generation, which newer files have in generation_config.json
        "assistant_confidence_threshold",
        "assistant_early_exit",
        "assistant_ensemble_weight",
        "assistant_lookbehind",
        "bad_words_ids",
        "begin_suppress_tokens",
        "cache_config",
        "cache_implementation",
        "compile_config",
        "constraints",
        "continuous_batching_config",
        "dola_layers",
        "disable_compile",
        "diversity_penalty",
        "do_sample",
        "early_stopping",
        "encoder_no_repeat_ngram_size",
        "encoder_repetition_penalty",
        "epsilon_cutoff",
        "eta_cutoff",
        "exponential_decay_length_penalty",
        "force_words_ids",
        "forced_bos_token_id",
        "forced_decoder_ids",
        "forced_eos_token_id",
        "generation_kwargs",
        "guidance_scale",
        "is_assistant",
        "length_penalty",
        "low_memory",
        "max_cache_len",
        "max_length",
        "max_matching_ngram_size",
        "max_new_tokens",
        "max_time",
        "min_length",
        "min_new_tokens",
        "min_p",
        "no_repeat_ngram_size",
        "num_assistant_tokens",
        "num_assistant_tokens_schedule",
        "num_beam_groups",
        "num_beams",
        "num_return_sequences",
        "output_logits",
        "output_scores",
        "penalty_alpha",
        "prefill_chunk_size",
        "prefix",
        "prompt_lookup_num_tokens",
        "remove_invalid_values",
        "renormalize_logits",
        "repetition_penalty",
        "return_dict_in_generate",
        "return_legacy_cache",
        "sequence_bias",
        "speculation_type",
        "stop_strings",
        "suppress_tokens",
        "target_lookbehind",
        "temperature",
        "token_healing",
        "top_h",
        "top_k",
        "top_p",
        "typical_p",
        "use_model_defaults",
        "use_mtp",
        "watermarking_config",
    }
)
# A key -> the values that have no effect; None is always one of them.
HARMLESS_VALUES: dict[str, tuple[Any, ...]] = {
    "add_cross_attention": (False,),
    "is_decoder": (False,),
    "is_encoder_decoder": (False,),
    "per_layer_config": ({},),
    "pruned_heads": ({},),
    "quantization_config": ({},),
    "tie_encoder_decoder": (False,),
    "tie_word_embeddings": (True,),  # families with untied heads have a key of their own
}


def nearest_key(key: str, known: Iterable[str]) -> str:
    """Returns the known key that is most similar, or "".

    The cutoff is high, because the keys of a config.json are similar to each other.
    """
    matches = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.86)
    return matches[0] if matches else ""


def quantization(values: Any) -> str | None:
    """Returns the quantization method in a `quantization_config`; None if there is none.

    Args:
        values: The value of that key.
    """
    if not values:
        return None
    if not isinstance(values, dict):
        return repr(values)
    method = values.get("quant_method")
    if method is None:
        method = "bitsandbytes" if any("bit" in str(key) for key in values) else "unknown method"
    bits = values.get("bits")
    if bits is None:
        bits = 4 if values.get("load_in_4bit") else 8 if values.get("load_in_8bit") else None
    return f"{method}, {bits} bits" if isinstance(bits, int) else str(method)
