"""BART: an encoder-decoder of BERT's blocks; encoder and decoder have their own positions."""

from typing import Any

from hornbook.checkpoints.weight_table import one_row
from hornbook.models.family import Family
from hornbook.models.tables.bert_rows import huggingface_denses, huggingface_norm


def read(values: dict[str, Any]) -> dict[str, Any]:
    """Removes the second key for the number of layers."""
    if "encoder_layers" in values:
        values.pop("num_hidden_layers", None)
    return values


def stack_table(stack: str) -> dict[str, Any]:
    """Returns Hugging Face's names of the encoder or the decoder."""
    theirs, block = f"model.{stack}", f"model.{stack}.layers.{{i}}"
    attentions = {"attention": "self_attn", "cross_attention": "encoder_attn"}
    if stack == "encoder":
        del attentions["cross_attention"]
    table: dict[str, Any] = {
        f"{stack}.position_embedding.embeddings": f"{theirs}.embed_positions.weight",
        **huggingface_norm(f"{stack}.embedding_norm", f"{theirs}.layernorm_embedding"),
    }
    for ours, name in attentions.items():
        attention = f"{stack}.blocks.{{i}}.{ours}"
        table |= huggingface_denses(
            {
                f"{attention}.query": f"{block}.{name}.q_proj",
                f"{attention}.key": f"{block}.{name}.k_proj",
                f"{attention}.value": f"{block}.{name}.v_proj",
                f"{attention}.output_dense": f"{block}.{name}.out_proj",
            }
        )
        table |= huggingface_norm(f"{attention}_norm", f"{block}.{name}_layer_norm")
    feed_forward = f"{stack}.blocks.{{i}}.feed_forward"
    return {
        **table,
        **huggingface_denses(
            {
                f"{feed_forward}.intermediate": f"{block}.fc1",
                f"{feed_forward}.output_dense": f"{block}.fc2",
            }
        ),
        **huggingface_norm(f"{feed_forward}_norm", f"{block}.final_layer_norm"),
    }


BART = Family(
    name="bart",
    aliases=("bart-chinese",),
    paper="https://arxiv.org/abs/1910.13461",
    sizes=("base 6x768", "large 12x1024"),
    model_type="bart",
    choices={
        "encoder_decoder": True,
        "application": "seq2seq",
        "decoder_start_token_id": 2,
        "first_position": "two",
        "language_head": "tied",
        "language_head_bias": True,
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": 1024,
        "pad_token_id": 1,
        "type_vocab_size": 0,
    },
    config_keys=frozenset(
        {
            "decoder_intermediate_size",
            "decoder_num_attention_heads",
            "decoder_start_token_id",
            "num_decoder_layers",
        }
    ),
    rename={
        "activation_function": "hidden_act",
        "attention_dropout": "attention_probs_dropout_prob",
        "d_model": "hidden_size",
        "decoder_attention_heads": "decoder_num_attention_heads",
        "decoder_ffn_dim": "decoder_intermediate_size",
        "decoder_layers": "num_decoder_layers",
        "dropout": "hidden_dropout_prob",
        "encoder_attention_heads": "num_attention_heads",
        "encoder_ffn_dim": "intermediate_size",
        "encoder_layers": "num_hidden_layers",
        "init_std": "initializer_range",
    },
    translate=read,
    required={
        "add_bias_logits": (False,),
        "add_final_layer_norm": (False,),
        "extra_pos_embeddings": (2,),
        "is_decoder": (False,),
        "is_encoder_decoder": (True,),
        "normalize_before": (False,),
        "normalize_embedding": (True,),
        "scale_embedding": (False,),
        "static_position_embeddings": (False,),
    },
    # for training and classification
    harmless=frozenset(
        {
            "activation_dropout",
            "classif_dropout",
            "decoder_layerdrop",
            "encoder_layerdrop",
            "force_bos_token_to_be_generated",
        }
    ),
    weights={
        "huggingface": {
            # one table with several names
            "token_embedding.embeddings": (
                "model.shared.weight",
                "model.encoder.embed_tokens.weight",
                "model.decoder.embed_tokens.weight",
            ),
            **stack_table("encoder"),
            **stack_table("decoder"),
            "mlm.bias": one_row("final_logits_bias"),
        }
    },
    # a bare BartModel, as many are published, has neither this nor the bias, which is zeros
    optional_prefix={"huggingface": "model."},
    optional=(r"^mlm\.bias$",),
    # its config.json cannot declare the head untied: transformers would untie the embeddings of
    # encoder and decoder too
    head_table={"huggingface": "lm_head.weight"},
    ignore={"huggingface": (r"^(model\.)?(encoder|decoder)\.version$",)},
)
