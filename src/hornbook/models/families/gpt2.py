"""GPT-2: norms before each part and after the last block."""

from hornbook.models.family import Family
from hornbook.models.tables.bert4keras_rows import bert4keras_norm, bert4keras_table
from hornbook.models.tables.bert_rows import (
    google_norm,
    google_table,
    huggingface_norm,
    last_token_heads,
    without,
)

GPT2 = Family(
    name="gpt2",
    aliases=("cpm", "cpm-lm"),
    paper="https://openai.com/research/better-language-models",
    sizes=("small 12x768", "medium 24x1024", "large 36x1280", "xl 48x1600", "CPM 32x2560"),
    model_type="gpt2",
    choices={
        "application": "causal_lm",
        "classifier_pooling": "last",
        "embedding_norm": False,
        "hidden_act": "gelu_new",
        "intermediate_size": None,
        "language_head": "tied",
        "layer_norm_eps": 1e-5,
        "block": "pre",
        "pad_token_id": None,
        "type_vocab_size": 0,
    },
    config_keys=frozenset({"tie_word_embeddings"}),
    rename={
        "activation_function": "hidden_act",
        "attn_pdrop": "attention_probs_dropout_prob",
        "layer_norm_epsilon": "layer_norm_eps",
        "n_embd": "hidden_size",
        "n_head": "num_attention_heads",
        "n_inner": "intermediate_size",
        "n_layer": "num_hidden_layers",
        "n_positions": "max_position_embeddings",
        "resid_pdrop": "hidden_dropout_prob",
    },
    required={
        "add_cross_attention": (False,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "scale_attn_weights": (True,),
    },
    harmless=frozenset(
        {
            "embd_pdrop",
            "n_ctx",
            "reorder_and_upcast_attn",
            "summary_activation",
            "summary_first_dropout",
            "summary_proj_to_labels",
            "summary_type",
            "summary_use_proj",
        }
    ),
    weights={
        # the names of CPM's conversion
        "google": {
            **without(
                google_table("gpt", "transformer"),
                *("segment_embedding", "embedding_norm", "pooler", "mlm", "nsp"),
            ),
            **google_norm(
                "blocks.{i}.attention_norm", "gpt/transformer/layer_{i}/attention/input/LayerNorm"
            ),
            **google_norm(
                "blocks.{i}.feed_forward_norm", "gpt/transformer/layer_{i}/input/LayerNorm"
            ),
            **google_norm("final_norm", "gpt/output/LayerNorm"),
        },
        "huggingface": {
            "token_embedding.embeddings": "transformer.wte.weight",
            "position_embedding.embeddings": "transformer.wpe.weight",
            # query, key and value are concatenated in one matrix
            **{
                f"blocks.{{i}}.{ours}.{part}": f"transformer.h.{{i}}.{theirs}.{name}"
                for ours, theirs in {
                    "attention.{query,key,value}": "attn.c_attn",
                    "attention.output_dense": "attn.c_proj",
                    "feed_forward.intermediate": "mlp.c_fc",
                    "feed_forward.output_dense": "mlp.c_proj",
                }.items()
                for part, name in (("kernel", "weight"), ("bias", "bias"))
            },
            **huggingface_norm("blocks.{i}.attention_norm", "transformer.h.{i}.ln_1"),
            **huggingface_norm("blocks.{i}.feed_forward_norm", "transformer.h.{i}.ln_2"),
            **huggingface_norm("final_norm", "transformer.ln_f"),
        },
    },
    read_weights={
        "bert4keras": {
            **without(
                bert4keras_table(),
                *("segment_embedding", "embedding_norm", "pooler", "mlm", "nsp"),
            ),
            **bert4keras_norm("final_norm", "Output-Norm"),
        }
    },
    head_table={"huggingface": "lm_head.weight"},
    task_heads={"huggingface": last_token_heads("classifier")},
    optional_prefix={"huggingface": "transformer."},
)
