"""T5: an encoder-decoder with relative positions in buckets.

Version 1.1 has gated feed-forward networks and an untied head, whose input is not scaled.
"""

from dataclasses import replace

from hornbook.models.family import Family
from hornbook.models.tables.bert4keras_rows import t5_bert4keras_table
from hornbook.models.tables.t5_rows import (
    T5_CHOICES,
    T5_HARMLESS,
    T5_IGNORE,
    T5_KEYS,
    T5_RENAME,
    T5_REQUIRED,
    read_gated_t5,
    read_t5,
    t5_google_table,
    t5_huggingface_table,
    write_gated_t5,
    write_t5,
)

NORMS = ("layer_norm", "rms_norm")

T5 = Family(
    name="t5",
    aliases=("t5-1.0", "t5.1.0"),
    paper="https://arxiv.org/abs/1910.10683",
    sizes=("small 6x512", "base 12x768", "large 24x1024"),
    model_type="t5",
    choices={
        **T5_CHOICES,
        "hidden_act": "relu",
        "language_head": "tied",
        "language_head_scale": True,
    },
    config_keys=T5_KEYS,
    rename=T5_RENAME,
    translate=read_t5,
    translate_back=write_t5,
    required={
        **T5_REQUIRED,
        "gated_feed_forward": (False,),
        "scale_decoder_outputs": (True,),
    },
    harmless=T5_HARMLESS,
    weights={
        "google": t5_google_table(gated=False, norms=NORMS),
        "huggingface": t5_huggingface_table(gated=False),
    },
    read_weights={"bert4keras": t5_bert4keras_table(gated=False)},
    # its config.json cannot declare the head untied: to transformers it would mean no scale
    head_table={"huggingface": "lm_head.weight"},
    ignore=T5_IGNORE,
)

T5_1_1 = replace(
    T5,
    name="t5.1.1",
    aliases=("flan-t5", "t5-v1.1"),
    paper="https://arxiv.org/abs/2002.05202",
    sizes=("small 8x512", "base 12x768", "large 24x1024"),
    choices={
        **T5_CHOICES,
        "gated_feed_forward": True,
        "hidden_act": "gelu_new",
        "language_head": "untied",
    },
    signature={"feed_forward_proj": "gated-gelu"},
    translate=read_gated_t5,
    translate_back=write_gated_t5,
    required={**T5_REQUIRED, "gated_feed_forward": (True,), "scale_decoder_outputs": (False,)},
    head_table={},
    weights={
        "google": t5_google_table(gated=True, norms=NORMS),
        "huggingface": t5_huggingface_table(gated=True),
    },
    read_weights={"bert4keras": t5_bert4keras_table(gated=True)},
    ignore=T5_IGNORE,
)
