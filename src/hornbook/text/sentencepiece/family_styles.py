"""SentencePiece settings of each family: special tokens around a text, letter case."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from hornbook.text.vocabulary_file import VocabularyError


class Style(NamedTuple):
    """The settings of a family.

    Attributes:
        tokenizer_class: Name in Hugging Face's `tokenizer_config.json`.
        single: Template of one text, with purposes in braces; see `Template`.
        pair: Template of two texts; None if texts cannot be joined.
        special_tokens: Purpose -> special token.
        cleans: Whether ``quotes'' are replaced, and accents and letter case may be removed.
        keep_accents: Whether cleaning keeps accents.
        lowercase: Whether cleaning lowercases.
        extra_ids: Number of T5's `<extra_id_...>` after the pieces, in descending order.
        fairseq: Whether ids are numbered as in fairseq.
        one_start: Whether the model's leading space is only added at the start of a text, not
            after an added token.
    """

    tokenizer_class: str
    single: str
    pair: str | None
    special_tokens: Mapping[str, str]
    cleans: bool = False
    keep_accents: bool = False
    lowercase: bool = False
    extra_ids: int = 0
    fairseq: bool = False
    one_start: bool = False

    def purposes(self) -> list[str]:
        """Returns the purposes of the special tokens around a text."""
        return list(dict.fromkeys(re.findall(r"\{(\w+)\}", f"{self.single} {self.pair or ''}")))

    def settings(self) -> dict[str, Any]:
        """Returns the `tokenizer_config.json`, for hornbook and Hugging Face."""
        settings: dict[str, Any] = {"tokenizer_class": self.tokenizer_class}
        settings |= {f"{purpose}_token": token for purpose, token in self.special_tokens.items()}
        if self.cleans:
            settings |= {"do_lower_case": self.lowercase, "keep_accents": self.keep_accents}
        if self.tokenizer_class == "T5Tokenizer":
            settings["extra_ids"] = self.extra_ids
        if self.tokenizer_class == "LlamaTokenizer":
            settings["add_bos_token"] = self.single.startswith("{bos}")
            settings["add_eos_token"] = self.single.endswith("{eos}")
            settings["legacy"] = not self.one_start
        return settings


_COMMON = {"pad": "<pad>", "unk": "<unk>"}
T5 = Style(
    "T5Tokenizer",
    "$A {eos}",
    "$A {eos} $B {eos}",
    {**_COMMON, "eos": "</s>"},
    extra_ids=100,
)
ALBERT = Style(
    "AlbertTokenizer",
    "{cls} $A {sep}",
    "{cls} $A {sep} $B:1 {sep}:1",
    {**_COMMON, "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
    cleans=True,
    lowercase=True,
)
XLNET = Style(
    "XLNetTokenizer",
    "$A {sep} {cls}:2",
    "$A {sep} $B:1 {sep}:1 {cls}:2",
    {**_COMMON, "bos": "<s>", "eos": "</s>", "cls": "<cls>", "sep": "<sep>", "mask": "<mask>"},
    cleans=True,
)
CPM = XLNET._replace(
    tokenizer_class="CpmTokenizer",
    single="$A",  # CPM is a language model: nothing is around its texts
    pair=None,
    special_tokens={**XLNET.special_tokens, "eos": "<eod>"},
    cleans=False,
)
LLAMA = Style(
    "LlamaTokenizer",
    "{bos} $A",
    "{bos} $A {bos}:1 $B:1",
    {"bos": "<s>", "eos": "</s>", "unk": "<unk>"},
    one_start=True,
)
XLM_ROBERTA = Style(
    "XLMRobertaTokenizer",
    "{cls} $A {sep}",
    "{cls} $A {sep} {sep} $B {sep}",
    {**_COMMON, "bos": "<s>", "eos": "</s>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"},
    fairseq=True,
)
STYLES = {
    "MT5Tokenizer": T5,
    **{style.tokenizer_class: style for style in (T5, ALBERT, XLNET, CPM, LLAMA, XLM_ROBERTA)},
}

SPACE, NEWLINE = "▂", "▃"  # as CPM writes them
_SIGNATURES = [  # pieces that identify a model without settings
    (("[CLS]", "[SEP]"), ALBERT),
    (("<eod>", SPACE, NEWLINE), CPM),
    (("<cls>", "<sep>"), XLNET),
    (("<s>", "</s>"), LLAMA),
    (("</s>",), T5),
]


MAXIMUM_SENTINELS = 10_000
_SENTINEL = re.compile("<extra_id_([0-9]+)>")


def sentinels_in(tokens: Iterable[str]) -> int:
    """Returns the number of T5's `<extra_id_...>`, from 0 to the highest of these tokens.

    Raises:
        VocabularyError: more than supported.
    """
    count = 0
    for token in tokens:
        if match := _SENTINEL.fullmatch(token):
            if len(match[1]) > 5 or int(match[1]) >= MAXIMUM_SENTINELS:
                raise VocabularyError(
                    f"The added token {token[:40]!r} exceeds the {MAXIMUM_SENTINELS:,} supported "
                    "sentinels."
                )
            count = max(count, int(match[1]) + 1)
    return count


def style_of(has: Callable[[str], bool], where: str) -> Style:
    """Guesses the style of a model by its special tokens.

    Raises:
        VocabularyError: no style matches.
    """
    for pieces, style in _SIGNATURES:
        if all(has(piece) for piece in pieces):
            return style
    raise VocabularyError(
        f"{where} has none of the special tokens of a known family.\n"
        "Name its tokenizer_class in a tokenizer_config.json beside it: one of "
        f"{', '.join(sorted(STYLES))}."
    )
