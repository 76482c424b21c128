"""GPT2_ML, a Chinese model of 1.5 billion parameters: named after GPT-2, built like Grover."""

from hornbook.models.family import Family
from hornbook.models.tables.bert4keras_rows import bert4keras_norm, bert4keras_table
from hornbook.models.tables.bert_rows import google_denses, google_norm, without

GPT2_ML = Family(
    name="gpt2-ml",
    aliases=("grover", "newslm"),
    paper="https://github.com/imcaspar/gpt2-ml",
    sizes=("base 12x768", "large 24x1024", "mega 48x1536"),
    model_type="gpt2-ml",
    choices={
        "application": "causal_lm",
        # there was none in its training, whatever its configuration says
        "attention_probs_dropout_prob": 0.0,
        "language_head": "tied",
        "layer_norm_eps": 1e-5,
        "block": "grover",
        "type_vocab_size": 0,
    },
    harmless=frozenset({"attention_probs_dropout_prob"}),
    special_tokens=False,  # there was no [CLS] or [SEP] in its training
    weights={
        "google": {
            "token_embedding.embeddings": "newslm/embeddings/word_embed",
            "position_embedding.embeddings": "newslm/embeddings/pos_embed",
            **google_norm("embedding_norm", "newslm/embeddings/LayerNorm_embed_norm"),
            **google_denses(
                {
                    f"blocks.{{i}}.{ours}": f"newslm/layer{{i:02d}}/{theirs}"
                    for ours, theirs in {
                        "attention.query": "query_layer",
                        "attention.key": "key_layer",
                        "attention.value": "value_layer",
                        "attention.output_dense": "context_projection_layer",
                        "feed_forward.intermediate": "intermediate",
                        "feed_forward.output_dense": "output",
                    }.items()
                }
            ),
            **google_norm("blocks.{i}.attention_norm", "newslm/layer{i:02d}/LayerNorm_mlp_ln0"),
            **google_norm("blocks.{i}.feed_forward_norm", "newslm/layer{i:02d}/LayerNorm_mlp_ln1"),
        }
    },
    read_weights={
        "bert4keras": {
            **without(bert4keras_table(), "segment_embedding", "pooler", "mlm", "nsp"),
            **bert4keras_norm("blocks.{i}.attention_norm", "Transformer-{i}-FeedForward-Norm-0"),
            **bert4keras_norm("blocks.{i}.feed_forward_norm", "Transformer-{i}-FeedForward-Norm-1"),
        }
    },
)
