"""ELECTRA: a discriminator, and the small generator that it was trained with."""

from dataclasses import replace

from hornbook.models.family import Family
from hornbook.models.tables.bert4keras_rows import bert4keras_table
from hornbook.models.tables.bert_rows import (
    ENCODER_REQUIRED,
    first_token_heads,
    google_denses,
    google_norm,
    google_table,
    huggingface_denses,
    huggingface_norm,
    huggingface_table,
    without,
)

BARE = ("pooler", "mlm", "nsp")
EMBEDDINGS = ("token_embedding", "segment_embedding", "position_embedding", "embedding_norm")

DISCRIMINATOR = {
    **without(google_table("electra"), *BARE),
    **google_denses(
        {
            "embedding_projection": "electra/embeddings_project",
            "discriminator.dense": "discriminator_predictions/dense",
            "discriminator.prediction": "discriminator_predictions/dense_1",
        }
    ),
}
BERT4KERAS = {
    **without(bert4keras_table(), *BARE),
    **google_denses(
        {
            "embedding_projection": "Embedding-Mapping",
            "discriminator.dense": "Discriminator-Dense",
            "discriminator.prediction": "Discriminator-Prediction",
        }
    ),
}
# Google's checkpoints have both models, which share the embeddings.
GENERATOR = {
    **without(google_table("electra"), *BARE, "blocks"),
    **without(google_table("generator"), *BARE, *EMBEDDINGS),
    **google_denses(
        {
            "embedding_projection": "generator/embeddings_project",
            "mlm.dense": "generator_predictions/dense",
        }
    ),
    **google_norm("mlm.norm", "generator_predictions/LayerNorm"),
    "mlm.bias": "generator_predictions/output_bias",
}
HUGGINGFACE = {
    **without(huggingface_table("electra"), *BARE),
    **huggingface_denses(
        {
            "embedding_projection": "electra.embeddings_project",
            "discriminator.dense": "discriminator_predictions.dense",
            "discriminator.prediction": "discriminator_predictions.dense_prediction",
            "mlm.dense": "generator_predictions.dense",
        }
    ),
    **huggingface_norm("mlm.norm", "generator_predictions.LayerNorm"),
    "mlm.bias": "generator_lm_head.bias",
}

ELECTRA = Family(
    name="electra",
    aliases=("electra-discriminator",),
    paper="https://arxiv.org/abs/2003.10555",
    sizes=("small 12x256", "base 12x768", "large 24x1024"),
    model_type="electra",
    # the text classifier has gelu where BERT has tanh
    choices={
        "classifier_pooling": "cls",
        "classifier_transform": "dense",
        "classifier_act": "gelu",
    },
    config_keys=frozenset({"embedding_size", "tie_word_embeddings"}),
    required=ENCODER_REQUIRED,
    harmless=frozenset(
        {"summary_activation", "summary_last_dropout", "summary_type", "summary_use_proj"}
    ),
    weights={"google": DISCRIMINATOR, "huggingface": HUGGINGFACE},
    read_weights={"bert4keras": BERT4KERAS},
    head_table={"huggingface": "generator_lm_head.weight"},
    task_heads={"huggingface": first_token_heads()},
    optional_prefix={"huggingface": "electra."},
    ignore={"google": (r"^generator(_predictions)?/",)},
)

ELECTRA_GENERATOR = replace(
    ELECTRA,
    name="electra-generator",
    aliases=(),
    sizes=(),  # a fraction of its discriminator's, which varies
    # whatever the activation of the blocks
    choices={**ELECTRA.choices, "language_head_act": "gelu"},
    read_weights={},
    weights={"google": GENERATOR, "huggingface": HUGGINGFACE},
    ignore={"google": (r"^electra/", r"^discriminator_predictions/")},
)
