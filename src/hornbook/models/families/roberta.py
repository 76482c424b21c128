"""Facebook's RoBERTa: no segments, and positions that start after the padding token's."""

from hornbook.models.family import Family
from hornbook.models.tables.bert_rows import (
    ENCODER_REQUIRED,
    first_token_heads,
    huggingface_denses,
    huggingface_norm,
    huggingface_table,
    without,
)

ROBERTA = Family(
    name="roberta",
    # the Chinese models roberta-zh and roberta-wwm belong to the family bert
    aliases=("camembert", "xlm-roberta"),
    paper="https://arxiv.org/abs/1907.11692",
    sizes=("base 12x768", "large 24x1024"),
    model_type="roberta",
    choices={
        "classifier_pooling": "cls",
        "classifier_transform": "dense",
        "first_position": "after_pad",
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": 514,
        "pad_token_id": 1,
        "type_vocab_size": 1,
    },
    config_keys=frozenset({"tie_word_embeddings"}),
    required=ENCODER_REQUIRED,
    weights={
        "huggingface": {
            **without(huggingface_table("roberta"), "mlm", "nsp"),
            **huggingface_denses({"mlm.dense": "lm_head.dense"}),
            **huggingface_norm("mlm.norm", "lm_head.layer_norm"),
            "mlm.bias": ("lm_head.bias", "lm_head.decoder.bias"),
        }
    },
    head_table={"huggingface": "lm_head.decoder.weight"},
    task_heads={"huggingface": first_token_heads()},
    optional_prefix={"huggingface": "roberta."},
)
