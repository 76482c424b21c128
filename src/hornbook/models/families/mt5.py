"""mT5, the T5 1.1 for a hundred languages, and T5-PEGASUS, its Chinese successor."""

from dataclasses import replace
from functools import partial

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
    t5_google_table,
    t5_huggingface_table,
    write_gated_t5,
)

MT5 = Family(
    name="mt5",
    aliases=("mt5.1.1",),
    paper="https://arxiv.org/abs/2010.11934",
    sizes=("small 8x512", "base 12x768", "large 24x1024"),
    model_type="mt5",
    choices={
        **T5_CHOICES,
        "gated_feed_forward": True,
        "hidden_act": "gelu_new",
        "language_head": "untied",
    },
    config_keys=T5_KEYS,
    rename=T5_RENAME,
    translate=read_gated_t5,
    translate_back=write_gated_t5,
    required={**T5_REQUIRED, "gated_feed_forward": (True,)},
    # nothing is scaled, whatever the value
    harmless=T5_HARMLESS | {"scale_decoder_outputs"},
    weights={
        "google": t5_google_table(gated=True, norms=("rms_norm", "layer_norm")),
        "huggingface": t5_huggingface_table(gated=True),
    },
    read_weights={"bert4keras": t5_bert4keras_table(gated=True)},
    ignore=T5_IGNORE,
)

# It has a BERT vocabulary, and the exact gelu of its training library.
T5_PEGASUS = replace(
    MT5,
    name="t5-pegasus",
    aliases=(),
    paper="https://kexue.fm/archives/8209",
    sizes=("small 8x512", "base 12x768"),
    choices={**MT5.choices, "hidden_act": "gelu"},
    translate=partial(read_gated_t5, gelu="gelu"),
)
