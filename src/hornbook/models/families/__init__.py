"""The families that hornbook supports.  A new one is a file in this folder and a line here."""

from __future__ import annotations

from hornbook.errors import CheckpointError, did_you_mean
from hornbook.models.families.albert import ALBERT, ALBERT_UNSHARED
from hornbook.models.families.bart import BART
from hornbook.models.families.bert import BERT
from hornbook.models.families.electra import ELECTRA, ELECTRA_GENERATOR
from hornbook.models.families.gau_alpha import GAU_ALPHA
from hornbook.models.families.gpt import GPT
from hornbook.models.families.gpt2 import GPT2
from hornbook.models.families.gpt2_ml import GPT2_ML
from hornbook.models.families.llama import LLAMA, MISTRAL
from hornbook.models.families.modernbert import MODERNBERT
from hornbook.models.families.mt5 import MT5, T5_PEGASUS
from hornbook.models.families.nezha import NEZHA
from hornbook.models.families.nezha_gen import NEZHA_GEN
from hornbook.models.families.qwen import QWEN2, QWEN3
from hornbook.models.families.roberta import ROBERTA
from hornbook.models.families.roformer import ROFORMER, ROFORMER_V2
from hornbook.models.families.t5 import T5, T5_1_1
from hornbook.models.family import Family

# in the order of the documentation; if a config.json fits several, the first one is used
FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        BERT,
        ROBERTA,
        ALBERT,
        ALBERT_UNSHARED,
        ELECTRA,
        ELECTRA_GENERATOR,
        NEZHA,
        ROFORMER,
        ROFORMER_V2,
        GAU_ALPHA,
        MODERNBERT,
        GPT,
        GPT2,
        GPT2_ML,
        NEZHA_GEN,
        LLAMA,
        MISTRAL,
        QWEN2,
        QWEN3,
        T5,
        T5_1_1,
        MT5,
        T5_PEGASUS,
        BART,
    )
}


def family_named(name: str) -> Family:
    """Returns the family with this name or alias.

    Raises:
        CheckpointError: the name is unknown; the message suggests a similar one.
    """
    names = {alias: family for family in FAMILIES.values() for alias in family.aliases} | FAMILIES
    key = name.lower().replace("_", "-")
    if key not in names:
        raise CheckpointError(f"Unknown model family {name!r}. {did_you_mean(key, names)}")
    return names[key]
