"""The original configurations of well-known checkpoints, without their weights."""

from __future__ import annotations

import json

from hornbook.models.families import FAMILIES

SMOLLM2 = json.loads("""{
    "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
    "bos_token_id": 0, "eos_token_id": 0, "hidden_act": "silu", "hidden_size": 576,
    "initializer_range": 0.041666666666666664, "intermediate_size": 1536, "mlp_bias": false,
    "is_llama_config": true, "max_position_embeddings": 8192, "model_type": "llama",
    "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3,
    "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_interleaved": false, "rope_scaling": null,
    "rope_theta": 100000, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
    "transformers.js_config": {}, "use_cache": true, "transformers_version": "4.40.1",
    "vocab_size": 49152
}""")
QWEN = json.loads("""{
    "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
    "eos_token_id": 151645, "hidden_act": "silu", "hidden_size": 896, "rope_theta": 1000000.0,
    "initializer_range": 0.02, "intermediate_size": 4864, "max_position_embeddings": 32768,
    "max_window_layers": 21, "model_type": "qwen2", "num_attention_heads": 14,
    "num_hidden_layers": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "sliding_window":
    32768, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers_version":
    "4.43.1", "use_cache": true, "use_sliding_window": false, "use_mrope": false, "vocab_size":
    151936
}""")
MODERN_BASE = json.loads("""{
    "architectures": ["ModernBertForMaskedLM"], "attention_bias": false, "bos_token_id": 50281,
    "attention_dropout": 0.0, "classifier_activation": "gelu", "classifier_bias": false,
    "classifier_dropout": 0.0, "classifier_pooling": "mean", "cls_token_id": 50281,
    "decoder_bias": true, "deterministic_flash_attn": false, "embedding_dropout": 0.0,
    "eos_token_id": 50282, "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0,
    "gradient_checkpointing": false, "hidden_activation": "gelu", "hidden_size": 768,
    "initializer_cutoff_factor": 2.0, "initializer_range": 0.02, "intermediate_size": 1152,
    "layer_norm_eps": 1e-12, "local_attention": 128, "local_rope_theta": 10000.0,
    "max_position_embeddings": 8192, "mlp_bias": false, "mlp_dropout": 0.0, "model_type":
    "modernbert", "norm_bias": false, "norm_eps": 1e-05, "pad_token_id": 50283,
    "num_attention_heads": 12, "num_hidden_layers": 22, "position_embedding_type": "absolute",
    "sep_token_id": 50282, "tie_word_embeddings": true, "torch_dtype": "float32",
    "transformers_version": "4.47.0.dev0", "vocab_size": 50368
}""")


def test_published_configurations_are_read_correctly():
    small = FAMILIES["llama"].read_config(SMOLLM2, "config.json")
    assert (small.language_head, small.rope_theta, small.use_bias) == ("tied", 100000, False)
    assert (small.num_key_value_heads, small.head_size, small.attention_window) == (3, 64, None)
    qwen = FAMILIES["qwen2"].read_config(QWEN, "config.json")
    assert (qwen.attention_window, qwen.layer_types) == (None, None)
    sliding = FAMILIES["qwen2"].read_config({**QWEN, "use_sliding_window": True}, "config.json")
    assert sliding.attention_window == 32767
    assert sliding.layer_types == (*("full_attention",) * 21, *("sliding_attention",) * 3)
    modern = FAMILIES["modernbert"].read_config(MODERN_BASE, "config.json")
    assert (modern.attention_window, modern.layer_norm_eps) == (64, 1e-5)
    assert (modern.rope_theta, modern.local_rope_theta) == (160000, 10000)
    assert [index for index in range(22) if not modern.is_sliding(index)] == [*range(0, 22, 3)]
