"""`bert4keras.models`: `build_transformer_model`, and the classes that it builds."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, NoReturn

from hornbook.compat.bert4keras.backend import K as K
from hornbook.compat.bert4keras.backend import keras as keras
from hornbook.compat.building.decoders import (
    GPT,
    GPT2,
    GPT2_ML,
    T5,
    T5_Base,
    T5_Decoder,
    T5_Encoder,
)
from hornbook.compat.building.encoders import (
    ALBERT,
    BERT,
    ELECTRA,
    NEZHA,
    ALBERT_Unshared,
    RoFormer,
    RoFormerV2,
)
from hornbook.compat.building.graph import LM_Mask, Transformer, UniLM_Mask
from hornbook.compat.keras.keras2_models import Model as Model
from hornbook.errors import CheckpointError, OptionError, did_you_mean

__all__ = [
    *("ALBERT", "BERT", "ELECTRA", "GPT", "GPT2", "NEZHA", "T5", "ALBERT_Unshared", "GPT2_ML"),
    *("K", "LM_Mask", "Model", "RoFormer", "RoFormerV2", "T5_Base", "T5_Decoder", "T5_Encoder"),
    *("Transformer", "UniLM_Mask", "build_transformer_model", "data_parallel"),
    *("extend_with_language_model", "extend_with_unified_language_model", "keras"),
]
MODELS: dict[str, Any] = {
    "bert": BERT,
    "albert": ALBERT,
    "albert_unshared": ALBERT_Unshared,
    "roberta": BERT,
    "nezha": NEZHA,
    "roformer": RoFormer,
    "roformer_v2": RoFormerV2,
    "electra": ELECTRA,
    "gpt": GPT,
    "gpt2": GPT2,
    "gpt2_ml": GPT2_ML,
}
for _version in ("t5", "t5.1.0", "t5.1.1", "mt5.1.1"):
    MODELS |= {_version: T5, f"{_version}_encoder": T5_Encoder, f"{_version}_decoder": T5_Decoder}
_REQUIRED = [
    name
    for name, parameter in inspect.signature(Transformer).parameters.items()
    if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
]
# bert4keras's argument -> the key of a config.json, and what it is without both
_KEYS = {
    "max_position": ("max_position_embeddings", 512),
    "dropout_rate": ("hidden_dropout_prob", None),
    "attention_dropout_rate": ("attention_probs_dropout_prob", None),
    "segment_vocab_size": ("type_vocab_size", 2),
}


def build_transformer_model(
    config_path: Any = None,
    checkpoint_path: Any = None,
    model: Any = "bert",
    application: str = "encoder",
    return_keras_model: bool = True,
    **kwargs: Any,
) -> Any:
    """Returns a functional model, with the weights of a checkpoint if there is one.

    Args:
        config_path: A JSON file.
        checkpoint_path: See `Transformer.load_weights_from_checkpoint`.
        model: One of `MODELS`, or a class.
        application: `"encoder"`, `"lm"` or `"unilm"`.
        return_keras_model: With False, the object that built the model is returned, with
            `.model`, `.inputs`, `.outputs`, `.layers` and `.initializer`.
        kwargs: Replace what the file says; other arguments of the class and of its `build`.

    Raises:
        CheckpointError: the configuration or the checkpoint cannot be read.
        OptionError: there is no such model, or it has no such application.
    """
    config: dict[str, Any] = {}
    if config_path is not None:
        try:
            config = json.loads(Path(config_path).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{config_path} cannot be read as JSON: {error}") from None
        if not isinstance(config, dict):
            raise CheckpointError(f"{config_path} is not a JSON object, as a configuration is.")
    config |= kwargs
    for argument, (key, default) in _KEYS.items():
        config.setdefault(argument, config.get(key, default))
    chosen = model
    if isinstance(model, str):
        name = model.lower()
        if name not in MODELS:
            raise OptionError(f"Unknown model {model!r}. {did_you_mean(name, MODELS)}")
        chosen = MODELS[name]
        if missing := [key for key in _REQUIRED if key not in config]:
            raise OptionError(
                f"{config_path or 'The configuration'} lacks {', '.join(missing)}: add them, or "
                "pass them to build_transformer_model."
            )
        if issubclass(chosen, T5_Base) and "5.1.1" in name:
            config["version"] = name.partition("_")[0]
    builder = with_application(chosen, application.lower())(**config)
    builder.build(**config)
    if checkpoint_path is not None:
        builder.load_weights_from_checkpoint(checkpoint_path)
    return builder.model if return_keras_model else builder


def with_application(model: Any, application: str) -> Any:
    """Returns a class of models for an application."""
    masks = {"lm": LM_Mask, "unilm": UniLM_Mask}
    if application == "encoder":
        return model
    if application not in masks:
        raise OptionError(f"application is {application!r}, expected encoder, lm or unilm.")
    if issubclass(model, ELECTRA | T5_Base):
        raise OptionError(f"{model.__name__} cannot be used as {application!r}.")
    mask: Any = masks[application]

    class WithApplication(mask, model):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.with_mlm: Any = getattr(self, "with_mlm", None) or True

    WithApplication.__name__ = model.__name__
    return WithApplication


def extend_with_language_model(model: Any) -> Any:
    return with_application(model, "lm")


def extend_with_unified_language_model(model: Any) -> Any:
    return with_application(model, "unilm")


def data_parallel(model: Any, devices: Any = None, parts: Any = None) -> NoReturn:
    raise OptionError(
        "data_parallel is not supported. Remove it and train on all devices with "
        "keras.distribution.set_distribution(keras.distribution.DataParallel()), on JAX."
    )
