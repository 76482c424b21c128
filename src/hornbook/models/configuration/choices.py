"""The allowed values of a configuration: choices of families, applications, heads."""

from __future__ import annotations

from typing import Any

SINGLE_STACK = ("encoder", "causal_lm", "prefix_lm")
APPLICATIONS = (*SINGLE_STACK, "seq2seq")
HEADS = ("pooler", "mlm", "nsp", "discriminator")
# heads of fine-tuned checkpoints, which are only read on request
TASK_HEADS = ("classification", "token_classification", "question_answering")

# The fields that define a family, and their allowed values; the first is the default.
CHOICES: dict[str, tuple[Any, ...]] = {
    "encoder_decoder": (False, True),
    "block": ("post", "pre", "grover", "gau"),
    "position_kind": ("learned", "rotary", "relative", "buckets"),
    "first_position": ("zero", "after_pad", "two"),
    "rotary_pairs": ("interleaved", "halves"),
    "norm_kind": ("layer", "rms"),
    "norm_scale": (True, False),
    "norm_offset": (True, False),
    "embedding_norm": (True, False),
    "first_attention_norm": (True, False),
    "embedding_projection": (False, True),
    "embedding_dropout": ("after_norm", "before_norm"),
    "use_bias": (True, False, "attention", "query_key_value"),
    "query_key_norm": (False, True),
    "scale_attention": (True, False),
    "attention": (
        "full",
        "nystrom",
        "double_softmax",
        "performer",
        "linear",
        "window",
        "window_landmarks",
    ),
    "landmark_inverse": ("iteration", "ridge"),
    "feature_map": ("elu", "relu", "squared_relu", "softmax"),
    "redraw_features": (False, True),
    "attention_normalization": ("softmax", "softmax_plus", "squared_relu"),
    "residual_attention_scores": (False, True),
    "gated_feed_forward": (False, True),
    "share_segment_embedding": (False, True),
    "language_head": ("transform", "tied", "untied"),
    "language_head_bias": (False, True),
    "language_head_scale": (False, True),
    "classifier_pooling": ("pooler", "cls", "mean", "last"),
    "classifier_transform": ("none", "dense", "head"),
}
# Fields that are in the config.json of some families only.
FAMILY_KEYS = (
    "embedding_size",
    "initializer_order",
    "num_hidden_groups",
    "max_relative_position",
    "num_key_value_heads",
    "attention_head_size",
    "rope_theta",
    "local_rope_theta",
    "rope_scaling",
    "attention_window",
    "layer_types",
    "language_head_act",
    "relative_attention_num_buckets",
    "relative_attention_max_distance",
    "num_decoder_layers",
    "decoder_num_attention_heads",
    "decoder_intermediate_size",
    "decoder_start_token_id",
    "tie_word_embeddings",
    "classifier_act",
    "num_labels",
)
LAYER_TYPES = ("full_attention", "sliding_attention")
