"""CPM's tokenizer: Chinese words first, then SentencePiece.

Reference: https://github.com/TsinghuaAI/CPM-1-Generate
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hornbook.text.sentencepiece.family_styles import CPM, NEWLINE, SPACE
from hornbook.text.sentencepiece.processor import Prepared, SentencePieceTokenizer
from hornbook.text.words import chinese_words, words_and_gaps

_WRITTEN = str.maketrans({" ": SPACE, "\n": NEWLINE})


class CpmTokenizer(SentencePieceTokenizer):
    """A SentencePiece tokenizer for text split into words with spaces between them.

    Spaces of the text are replaced by ▂ and line feeds by ▃; `decode` restores them.

    Args:
        model: The content of a model file, or its path.
        pre_tokenize: Splits a text into words.  Defaults to jieba with guessing of unknown words,
            as in CPM's training.
        options: See `SentencePieceTokenizer`.

    Raises:
        MissingExtraError: `pre_tokenize` is None and rjieba is not installed.
    """

    def __init__(
        self,
        model: Any,
        *,
        pre_tokenize: Callable[[str], Iterable[str]] | None = None,
        **options: Any,
    ) -> None:
        self.pre_tokenize = pre_tokenize or chinese_words(guess=True)
        super().__init__(model, **{"style": CPM, **options})

    def _prepared(self, text: str) -> Prepared:
        written, spans = "", []
        for start, word in words_and_gaps(text, self.pre_tokenize(text)):
            if written:
                written += " "
                spans.append((start, start))
            written += word.translate(_WRITTEN)
            spans += [(place, place + 1) for place in range(start, start + len(word))]
        return written, spans

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "pre_tokenize": self.pre_tokenize}

    def decode(self, token_ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        text = super().decode(token_ids, skip_special_tokens=skip_special_tokens)
        return text.replace(" ", "").replace(SPACE, " ").replace(NEWLINE, "\n")
