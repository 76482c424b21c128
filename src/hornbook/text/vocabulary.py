"""Learns, prunes and extends vocabularies."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from hornbook.text.vocabulary_file import SPECIAL_TOKENS, VocabularyError
from hornbook.text.wordpiece.joining import is_chinese


class HasTokenIds(Protocol):
    @property
    def token_ids(self) -> list[int]: ...


class Encodes(Protocol):
    def encode(self, first: str, /) -> HasTokenIds: ...


def learn_wordpiece(
    texts: Iterable[str],
    size: int,
    *,
    lowercase: bool = True,
    min_frequency: int = 2,
) -> list[str]:
    """Learns a WordPiece vocabulary from text; the same text always gives the same bytes.

    The five special tokens come first, then the characters (a Chinese character only as a word of
    its own), then the merged pieces in the order of learning.

    Args:
        texts: Lines of text; read once.
        size: Maximum number of tokens.  If the characters do not fit, the rarest are dropped.
        lowercase: Whether the tokenizer will lowercase.
        min_frequency: Minimum frequency of a pair to be merged.

    Raises:
        VocabularyError: the texts hold no words.
    """
    if size <= len(SPECIAL_TOKENS):
        raise ValueError(f"size must be more than the {len(SPECIAL_TOKENS)} special tokens.")
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    cut = pre_tokenizers.BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word for word, _ in cut.pre_tokenize_str(normalizer.normalize_str(text)))
    if not words:
        raise VocabularyError("The texts to learn a vocabulary from hold no words.")
    characters = _frequent_characters(words, size - len(SPECIAL_TOKENS))
    # The library numbers characters in the order of a hash table, which changes from run to run,
    # and breaks ties by these numbers.  Passing them as special tokens fixes both.
    first = [*SPECIAL_TOKENS, *sorted(characters)]
    known = set(characters)
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, min_frequency=min_frequency, special_tokens=first, show_progress=False
    )
    library = Tokenizer(models.WordPiece(unk_token=SPECIAL_TOKENS[1]))
    library.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    library.train_from_iterator(_repeated(words, known), trainer)
    ids = library.get_vocab()
    return sorted(ids, key=ids.__getitem__)[:size]


def _pieces_of(word: str) -> list[str]:
    return [word[0], *(f"##{character}" for character in word[1:])]


def _frequent_characters(words: Counter[str], limit: int) -> list[str]:
    """Returns the characters as pieces, `a` and `##a`; if too many, those of frequent ones."""
    counts: Counter[str] = Counter()
    pieces: dict[str, set[str]] = {}
    for word, count in words.items():
        for character, piece in zip(word, _pieces_of(word), strict=True):
            counts[character] += count
            pieces.setdefault(character, {character}).add(piece)
    frequent: list[str] = []
    for character in sorted(counts, key=lambda character: (-counts[character], character)):
        if len(frequent) + len(pieces[character]) > limit:
            break
        frequent += sorted(pieces[character])
    return frequent


def _repeated(words: Counter[str], known: set[str], block: int = 1000) -> Iterator[str]:
    """Yields each word with something to merge as often as it occurs, in blocks."""
    for word in sorted(words):
        if len(word) > 1 and known.issuperset(_pieces_of(word)):
            for start in range(0, words[word], block):
                yield " ".join([word] * min(block, words[word] - start))


def simplify(
    vocabulary: Sequence[str],
    keep_prefix: Sequence[str] = (*SPECIAL_TOKENS[:4],),
) -> tuple[list[str], list[int]]:
    """Drops tokens that tokenizing never produces, to make a Chinese model smaller.

    Redundant are tokens of several characters (counting `##`) that include a Chinese character or a
    punctuation mark: BERT splits at these.  This includes `[unused1]` etc.; list those to keep in
    `keep_prefix`.

    Args:
        vocabulary: All tokens in the order of their ids.
        keep_prefix: Tokens to keep first, in this order.

    Returns:
        The new vocabulary, and the old id of each of its tokens: the embedding rows to keep.

    Raises:
        VocabularyError: a token of `keep_prefix` is not in the vocabulary.
    """
    ids = {token: token_id for token_id, token in enumerate(vocabulary)}
    if missing := [token for token in keep_prefix if token not in ids]:
        raise VocabularyError(f"The vocabulary has no {', '.join(missing)}, to be kept first.")
    first = set(keep_prefix)
    tokens = [*keep_prefix, *(t for t in vocabulary if t not in first and not _is_redundant(t))]
    return tokens, [ids[token] for token in tokens]


def _is_redundant(token: str) -> bool:
    stem = token.removeprefix("##")  # ##中 as well: a Chinese character never continues a word
    return len(token) > 1 and any(is_chinese(c) or is_punctuation(c) for c in stem)


def is_punctuation(character: str) -> bool:
    """Returns whether BERT counts it as punctuation: ASCII symbols, and Unicode categories P*."""
    code = ord(character)
    keyboard = 33 <= code <= 126 and not character.isalnum()
    return keyboard or unicodedata.category(character).startswith("P")


def extend(
    vocabulary: Sequence[str], new_tokens: Iterable[str], tokenizer: Encodes
) -> tuple[list[str], list[list[int]]]:
    """Adds tokens whose embeddings are initialized to the mean of their old tokens'.

    This makes a Chinese model word-based (WoBERT), or an uncased model cased.

    Args:
        vocabulary: The tokens of `tokenizer`.
        new_tokens: Tokens to add, in order; known ones are skipped.
        tokenizer: The old tokenizer.

    Returns:
        The extended vocabulary, and for each added token the old ids to average.

    Raises:
        VocabularyError: a new token gives no tokens of the old tokenizer.
    """
    known = set(vocabulary)
    added: list[str] = []
    compounds: list[list[int]] = []
    empty = []
    for token in new_tokens:
        if token in known:
            continue
        known.add(token)
        stem = token.removeprefix("##") if len(token) > 2 else token
        compound = tokenizer.encode(stem).token_ids[1:-1]  # without [CLS] and [SEP]
        if not compound:
            empty.append(repr(token))
        added.append(token)
        compounds.append(compound)
    if empty:
        raise VocabularyError(
            f"These new tokens give no tokens of the old tokenizer: {', '.join(empty)}."
        )
    return [*vocabulary, *added], compounds
