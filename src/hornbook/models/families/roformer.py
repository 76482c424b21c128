"""RoFormer: BERT with rotary positions.

RoFormer-v2 is simpler: no biases, RMS norms without weights, and the token embedding alone as its
language head.
"""

from hornbook.models.family import Family
from hornbook.models.tables.bert4keras_rows import bert4keras_table
from hornbook.models.tables.bert_rows import (
    ENCODER_REQUIRED,
    HEAD_TABLE,
    first_token_heads,
    google_denses,
    google_table,
    huggingface_denses,
    huggingface_table,
    without,
)

REQUIRED = {**ENCODER_REQUIRED, "rotary_value": (False,)}
GOOGLE = {
    **without(google_table(), "position_embedding"),
    **google_denses({"embedding_projection": "bert/encoder/embedding_hidden_mapping_in"}),
}
BERT4KERAS = {
    **without(bert4keras_table(), "position_embedding"),
    **google_denses({"embedding_projection": "Embedding-Mapping"}),
}
HUGGINGFACE = {
    **without(huggingface_table("roformer"), "position_embedding", "pooler", "nsp"),
    **huggingface_denses({"embedding_projection": "roformer.embeddings_project"}),
}
# the files also have sines and cosines, which are computed here
IGNORE = {
    "huggingface": (r"encoder\.embed_positions\.weight$",),
}

HEADS = first_token_heads()
# the text classifier has the activation of the blocks
CLASSIFIER = {"classifier_pooling": "cls", "classifier_transform": "dense", "classifier_act": None}

ROFORMER = Family(
    name="roformer",
    aliases=("roformer-sim",),
    paper="https://arxiv.org/abs/2104.09864",
    sizes=("small 6x384", "base 12x768"),
    model_type="roformer",
    choices={**CLASSIFIER, "position_kind": "rotary", "max_position_embeddings": 1536},
    config_keys=frozenset({"embedding_size", "tie_word_embeddings"}),
    required=REQUIRED,
    weights={"google": GOOGLE, "huggingface": HUGGINGFACE},
    read_weights={"bert4keras": BERT4KERAS},
    head_table=HEAD_TABLE,
    task_heads={"huggingface": HEADS},
    optional_prefix={"huggingface": "roformer."},
    ignore=IGNORE,
)

# bert4keras gives its norms no condition
CONDITION = ("hidden_kernel", "beta_kernel", "gamma_kernel")
ABSENT = ("bias", "gamma", "beta", "pooler", "mlm", "nsp", "embedding_projection")

ROFORMER_V2 = Family(
    name="roformer-v2",
    paper="https://kexue.fm/archives/8998",
    sizes=("small 6x384", "base 12x768", "large 24x1024"),
    model_type="roformer",
    choices={
        **CLASSIFIER,
        "position_kind": "rotary",
        "max_position_embeddings": 1536,
        "embedding_dropout": "before_norm",
        "initializer_order": 2,
        "norm_kind": "rms",
        "norm_scale": False,
        "norm_offset": False,
        "use_bias": False,
        "language_head": "tied",
    },
    config_keys=frozenset({"embedding_size", "tie_word_embeddings"}),
    signature={"norm_type": "rms_norm", "use_bias": False},
    required=REQUIRED,
    weights={"google": without(GOOGLE, *ABSENT), "huggingface": without(HUGGINGFACE, *ABSENT)},
    read_weights={"bert4keras": without(BERT4KERAS, *ABSENT, *CONDITION)},
    head_table=HEAD_TABLE,
    task_heads={"huggingface": HEADS},
    optional_prefix={"huggingface": "roformer."},
    ignore=IGNORE,
)
