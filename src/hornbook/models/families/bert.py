"""BERT, and models that compute exactly the same under other names."""

from hornbook.models.family import Family
from hornbook.models.tables.bert4keras_rows import bert4keras_table
from hornbook.models.tables.bert_rows import (
    ENCODER_REQUIRED,
    GOOGLE_TASK_HEADS,
    HEAD_TABLE,
    google_table,
    huggingface_table,
    pooled_heads,
)

BERT = Family(
    name="bert",
    # Chinese RoBERTa-wwm and its relatives are BERTs with another training, not Facebook's RoBERTa
    aliases=(
        "bert-wwm",
        "labse",
        "macbert",
        "roberta-wwm",
        "roberta-wwm-ext",
        "roberta-zh",
        "simbert",
        "wobert",
        "wwm",
    ),
    paper="https://arxiv.org/abs/1810.04805",
    sizes=("base 12x768", "large 24x1024"),
    model_type="bert",
    config_keys=frozenset({"tie_word_embeddings"}),
    required=ENCODER_REQUIRED,
    # written by Google's and HIT's tools, but not used
    harmless=frozenset(
        {
            "directionality",
            "output_past",
            "pooler_fc_size",
            "pooler_num_attention_heads",
            "pooler_num_fc_layers",
            "pooler_size_per_head",
            "pooler_type",
        }
    ),
    weights={"google": google_table(), "huggingface": huggingface_table()},
    read_weights={"bert4keras": bert4keras_table()},
    # a bare BertModel, as sentence-transformers saves it, does not have this
    head_table=HEAD_TABLE,
    task_heads={"google": GOOGLE_TASK_HEADS, "huggingface": pooled_heads()},
    optional_prefix={"huggingface": "bert."},
)
