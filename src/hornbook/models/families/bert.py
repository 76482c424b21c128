"""BERT, and everything that computes exactly the same under another name."""

from hornbook.checkpoints.weight_table import transposed
from hornbook.models.family import Family

GOOGLE = {
    "token_embedding.embeddings": "bert/embeddings/word_embeddings",
    "segment_embedding.embeddings": "bert/embeddings/token_type_embeddings",
    "position_embedding.embeddings": "bert/embeddings/position_embeddings",
    "embedding_norm.gamma": "bert/embeddings/LayerNorm/gamma",
    "embedding_norm.beta": "bert/embeddings/LayerNorm/beta",
    **{
        f"blocks.{{i}}.{ours}": f"bert/encoder/layer_{{i}}/{theirs}"
        for ours, theirs in {
            "attention.query.kernel": "attention/self/query/kernel",
            "attention.query.bias": "attention/self/query/bias",
            "attention.key.kernel": "attention/self/key/kernel",
            "attention.key.bias": "attention/self/key/bias",
            "attention.value.kernel": "attention/self/value/kernel",
            "attention.value.bias": "attention/self/value/bias",
            "attention.output_dense.kernel": "attention/output/dense/kernel",
            "attention.output_dense.bias": "attention/output/dense/bias",
            "attention_norm.gamma": "attention/output/LayerNorm/gamma",
            "attention_norm.beta": "attention/output/LayerNorm/beta",
            "feed_forward.intermediate.kernel": "intermediate/dense/kernel",
            "feed_forward.intermediate.bias": "intermediate/dense/bias",
            "feed_forward.output_dense.kernel": "output/dense/kernel",
            "feed_forward.output_dense.bias": "output/dense/bias",
            "feed_forward_norm.gamma": "output/LayerNorm/gamma",
            "feed_forward_norm.beta": "output/LayerNorm/beta",
        }.items()
    },
    "pooler.kernel": "bert/pooler/dense/kernel",
    "pooler.bias": "bert/pooler/dense/bias",
    "mlm.dense.kernel": "cls/predictions/transform/dense/kernel",
    "mlm.dense.bias": "cls/predictions/transform/dense/bias",
    "mlm.norm.gamma": "cls/predictions/transform/LayerNorm/gamma",
    "mlm.norm.beta": "cls/predictions/transform/LayerNorm/beta",
    "mlm.bias": "cls/predictions/output_bias",
    # the one kernel that Google stores as (out, in)
    "nsp.kernel": transposed("cls/seq_relationship/output_weights"),
    "nsp.bias": "cls/seq_relationship/output_bias",
}

_DENSE = {
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "attention.output_dense": "attention.output.dense",
    "feed_forward.intermediate": "intermediate.dense",
    "feed_forward.output_dense": "output.dense",
}
_NORMS = {"attention_norm": "attention.output", "feed_forward_norm": "output"}
# checkpoints converted before 2020 keep Google's words gamma and beta
_NORM_WORDS = {"gamma": ("weight", "gamma"), "beta": ("bias", "beta")}

HUGGINGFACE = {
    "token_embedding.embeddings": "bert.embeddings.word_embeddings.weight",
    "segment_embedding.embeddings": "bert.embeddings.token_type_embeddings.weight",
    "position_embedding.embeddings": "bert.embeddings.position_embeddings.weight",
    **{
        f"embedding_norm.{ours}": tuple(f"bert.embeddings.LayerNorm.{word}" for word in words)
        for ours, words in _NORM_WORDS.items()
    },
    **{
        f"blocks.{{i}}.{ours}.kernel": transposed(f"bert.encoder.layer.{{i}}.{theirs}.weight")
        for ours, theirs in _DENSE.items()
    },
    **{
        f"blocks.{{i}}.{ours}.bias": f"bert.encoder.layer.{{i}}.{theirs}.bias"
        for ours, theirs in _DENSE.items()
    },
    **{
        f"blocks.{{i}}.{norm}.{ours}": tuple(
            f"bert.encoder.layer.{{i}}.{theirs}.LayerNorm.{word}" for word in words
        )
        for norm, theirs in _NORMS.items()
        for ours, words in _NORM_WORDS.items()
    },
    "pooler.kernel": transposed("bert.pooler.dense.weight"),
    "pooler.bias": "bert.pooler.dense.bias",
    "mlm.dense.kernel": transposed("cls.predictions.transform.dense.weight"),
    "mlm.dense.bias": "cls.predictions.transform.dense.bias",
    **{
        f"mlm.norm.{ours}": tuple(f"cls.predictions.transform.LayerNorm.{word}" for word in words)
        for ours, words in _NORM_WORDS.items()
    },
    "mlm.bias": "cls.predictions.bias",
    "nsp.kernel": transposed("cls.seq_relationship.weight"),
    "nsp.bias": "cls.seq_relationship.bias",
}

BERT = Family(
    name="bert",
    # Chinese RoBERTa-wwm and its relatives are BERT in another training, not Facebook's RoBERTa
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
    model_type="bert",
    required={
        "add_cross_attention": (False,),
        "is_decoder": (False,),
        "is_encoder_decoder": (False,),
        "position_embedding_type": ("absolute",),
        "pruned_heads": ({},),
        "tie_word_embeddings": (True,),
    },
    # written by Google's and HIT's tools, read by nobody
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
    weights={"google": GOOGLE, "huggingface": HUGGINGFACE},
    # a bare BertModel, as sentence-transformers saves it, leaves this out
    optional_prefix={"huggingface": "bert."},
    ignore={
        # tied copies of the token embedding and of the bias
        "huggingface": (r"^cls\.predictions\.decoder\.(weight|bias)$",),
    },
)
