"""The first GPT: norms after each part, as in BERT, and none after the embeddings."""

from hornbook.models.family import Family
from hornbook.models.tables.bert4keras_rows import bert4keras_table
from hornbook.models.tables.bert_rows import (
    google_table,
    huggingface_norm,
    last_token_heads,
    without,
)

GPT = Family(
    name="gpt",
    aliases=("cdial-gpt", "openai-gpt"),
    paper="https://openai.com/research/language-unsupervised",
    sizes=("12x768",),
    model_type="openai-gpt",
    choices={
        "application": "causal_lm",
        "classifier_pooling": "last",
        "embedding_norm": False,
        "hidden_act": "gelu_new",
        "intermediate_size": None,
        "language_head": "tied",
        "layer_norm_eps": 1e-5,
        "pad_token_id": None,
        "type_vocab_size": 0,
    },
    config_keys=frozenset({"tie_word_embeddings"}),
    rename={
        "attn_pdrop": "attention_probs_dropout_prob",
        "layer_norm_epsilon": "layer_norm_eps",
        "n_embd": "hidden_size",
        "n_head": "num_attention_heads",
        "n_layer": "num_hidden_layers",
        "n_positions": "max_position_embeddings",
        "resid_pdrop": "hidden_dropout_prob",
    },
    # OpenAI's "gelu" is the tanh approximation
    required={"afn": ("gelu",)},
    harmless=frozenset(
        {
            "embd_pdrop",
            "n_ctx",
            "n_special",
            "predict_special_tokens",
            "summary_activation",
            "summary_first_dropout",
            "summary_proj_to_labels",
            "summary_type",
            "summary_use_proj",
        }
    ),
    weights={
        # the names of CDial-GPT's conversion
        "google": without(
            google_table("gpt", "transformer"),
            *("segment_embedding", "embedding_norm", "pooler", "mlm", "nsp"),
        ),
        "huggingface": {
            "token_embedding.embeddings": "transformer.tokens_embed.weight",
            "position_embedding.embeddings": "transformer.positions_embed.weight",
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
        },
    },
    read_weights={
        "bert4keras": without(bert4keras_table(), "embedding_norm", "pooler", "mlm", "nsp")
    },
    head_table={"huggingface": "lm_head.weight"},
    task_heads={"huggingface": last_token_heads("classifier")},
    optional_prefix={"huggingface": "transformer."},
)
