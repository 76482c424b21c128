"""GAU-alpha: RoFormer-v2 with gated attention units in place of attention and feed-forward."""

from hornbook.models.family import Family

UNIT = "GAU_alpha/encoder/layer_{i}/gau"

GAU_ALPHA = Family(
    name="gau-alpha",
    aliases=("gau",),
    paper="https://kexue.fm/archives/9052",
    sizes=("base 24x768",),
    model_type="gau-alpha",
    choices={
        "attention_head_size": 128,
        "attention_normalization": "softmax_plus",
        "block": "gau",
        "embedding_dropout": "before_norm",
        "hidden_act": "swish",
        "initializer_order": 3,
        "language_head": "tied",
        "norm_kind": "rms",
        "norm_offset": False,
        "norm_scale": False,
        "num_attention_heads": 1,
        "position_kind": "rotary",
        "use_bias": False,
    },
    config_keys=frozenset({"attention_head_size"}),
    signature={"attention_key_size": None},
    rename={"attention_key_size": "attention_head_size"},
    weights={
        "google": {
            "token_embedding.embeddings": "bert/embeddings/word_embeddings",
            "segment_embedding.embeddings": "bert/embeddings/token_type_embeddings",
            "blocks.{i}.attention.input_dense.kernel": f"{UNIT}/i_dense/kernel",
            "blocks.{i}.attention.query_scale": f"{UNIT}/q_scaleoffset/gamma",
            "blocks.{i}.attention.key_scale": f"{UNIT}/k_scaleoffset/gamma",
            "blocks.{i}.attention.output_dense.kernel": f"{UNIT}/o_dense/kernel",
        }
    },
)
