"""NEZHA: BERT with a fixed vector per distance instead of a learned one per position."""

from hornbook.models.family import Family
from hornbook.models.tables.bert4keras_rows import bert4keras_table
from hornbook.models.tables.bert_rows import (
    ENCODER_REQUIRED,
    HEAD_TABLE,
    google_table,
    huggingface_table,
    pooled_heads,
    without,
)

NEZHA = Family(
    name="nezha",
    aliases=("nezha-wwm",),
    paper="https://arxiv.org/abs/1909.00204",
    sizes=("base 12x768", "large 24x1024"),
    model_type="nezha",
    choices={"position_kind": "relative"},
    config_keys=frozenset({"max_relative_position", "tie_word_embeddings"}),
    signature={"use_relative_position": True},
    required=ENCODER_REQUIRED,
    weights={
        "google": without(google_table(), "position_embedding"),
        "huggingface": without(huggingface_table("nezha"), "position_embedding"),
    },
    read_weights={"bert4keras": without(bert4keras_table(), "position_embedding")},
    head_table=HEAD_TABLE,
    task_heads={"huggingface": pooled_heads()},
    optional_prefix={"huggingface": "nezha."},
    ignore={
        # a table that BERT's code creates and NEZHA's does not use
        "google": (r"^bert/embeddings/position_embeddings$",),
        # a table of sines, which is computed here
        "bert4keras": (r"^Embedding-Relative-Position/",),
        "huggingface": (r"\.relative_positions_encoding\.positions_encoding$",),
    },
)
