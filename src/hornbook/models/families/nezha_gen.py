"""NEZHA-GEN, the Chinese GPT by the authors of NEZHA: a causal BERT.

Despite its name it has learned positions, and no segments; its language head is BERT's.
"""

from typing import Any

from hornbook.models.family import Family
from hornbook.models.tables.bert4keras_rows import bert4keras_table
from hornbook.models.tables.bert_rows import google_table, without


def read(values: dict[str, Any]) -> dict[str, Any]:
    """Sets the number of segments to 0: the original code never looks them up."""
    return values if "hornbook" in values else values | {"type_vocab_size": 0}


NEZHA_GEN = Family(
    name="nezha-gen",
    aliases=("chinese-gen", "nezha-gpt"),
    paper="https://github.com/huawei-noah/Pretrained-Language-Model",
    sizes=("base 12x768",),
    model_type="nezha-gen",
    choices={"application": "causal_lm", "type_vocab_size": 0},
    translate=read,
    weights={"google": without(google_table(), "segment_embedding", "pooler", "nsp")},
    read_weights={"bert4keras": without(bert4keras_table(), "segment_embedding", "pooler", "nsp")},
    ignore={
        "google": (
            r"^bert/embeddings/token_type_embeddings$",
            r"^bert/pooler/",
            r"^cls/seq_relationship/",
        )
    },
)
