"""NEZHA: BERT with a fixed vector for each distance instead of one for each position."""

from hornbook.models.bert_tables import (
    ENCODER_REQUIRED,
    TIED_COPIES,
    google_table,
    huggingface_table,
    without,
)
from hornbook.models.family import Family

NEZHA = Family(
    name="nezha",
    aliases=("nezha-wwm",),
    paper="https://arxiv.org/abs/1909.00204",
    sizes=("base 12x768", "large 24x1024"),
    model_type="nezha",
    choices={"position_kind": "relative"},
    words=frozenset({"max_relative_position"}),
    signs={"use_relative_position": True},
    required=ENCODER_REQUIRED,
    weights={
        "google": without(google_table(), "position_embedding"),
        "huggingface": without(huggingface_table("nezha"), "position_embedding"),
    },
    optional_prefix={"huggingface": "nezha."},
    ignore={
        # a table that BERT's code makes and NEZHA's does not look at
        "google": (r"^bert/embeddings/position_embeddings$",),
        "huggingface": (
            TIED_COPIES,
            r"\.relative_positions_encoding\.positions_encoding$",
        ),
    },
)
