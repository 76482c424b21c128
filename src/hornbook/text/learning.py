"""Learns a vocabulary from texts and writes it as a tokenizer folder.

WordPiece as in BERT, with each Chinese character a token of its own; byte pairs as in GPT-2, which
cover every character; or SentencePiece unigrams as in ALBERT, or as in T5 with sentinels.  The same
texts always give the same bytes.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hornbook.errors import HornbookError, OptionError, did_you_mean, require
from hornbook.files import atomic_file, atomic_folder, write_json
from hornbook.text.alignment import align
from hornbook.text.sentencepiece.family_styles import ALBERT, T5
from hornbook.text.special_tokens import CONFIG
from hornbook.text.tokenizer import Tokenizer
from hornbook.text.tokenizer_folder import tokenizer_from_folder
from hornbook.text.vocabulary_file import SPECIAL_TOKENS, VocabularyError

END, PADDING, MASK = "<|endoftext|>", "<|padding|>", "<mask>"
THREADS = 8  # SentencePiece's result depends on the number of threads


def learn_vocabulary(
    texts: Iterable[str],
    size: int,
    folder: str | Path,
    *,
    kind: str = "wordpiece",
    lowercase: bool | None = None,
    sentinels: int = 0,
    named: str = "size",
) -> Tokenizer:
    """Learns a vocabulary, writes it to a folder, and opens it.

    Args:
        texts: Read once.
        size: Maximum number of tokens, special ones included; a small corpus may give fewer.
        folder: A new folder.
        kind: `"wordpiece"`, `"bpe"` or `"unigram"`.
        lowercase: Whether to lowercase.  Defaults to True for WordPiece and False otherwise.
        sentinels: Number of sentinel tokens for span corruption: `<extra_id_0>` or `[unused1]`.
        named: The option behind `size`, for messages.

    Raises:
        OptionError: an unknown kind, or too small a size for it.
        VocabularyError: the texts hold no words.
        HornbookError: the folder is not empty.
        MissingExtraError: `kind` is `"unigram"` and the package sentencepiece is not installed.
    """
    if kind not in KINDS:
        raise OptionError(f"Unknown kind {kind!r}.  {did_you_mean(kind, KINDS)}")
    learner = KINDS[kind]
    minimum = learner.minimum + sentinels
    if size < minimum:
        raise OptionError(f"{named} is {size}; {learner.title} at least {minimum}.")
    if kind == "bpe" and lowercase:
        raise OptionError("Byte pairs keep the case of letters; lowercase is for the other kinds.")
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise HornbookError(f"{folder} exists already; name a new folder for the vocabulary.")
    with atomic_folder(folder) as temporary:
        lowercase = kind == "wordpiece" if lowercase is None else lowercase
        learner.learn(texts, size, temporary, lowercase, sentinels)
    tokenizer = tokenizer_from_folder(folder)
    assert tokenizer is not None
    return tokenizer


def _wordpiece(
    texts: Iterable[str], size: int, folder: Path, lowercase: bool, sentinels: int
) -> None:
    from hornbook.text.vocabulary import learn_wordpiece
    from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

    vocabulary = learn_wordpiece(texts, size - sentinels, lowercase=lowercase)
    first = len(SPECIAL_TOKENS)
    unused = [f"[unused{number}]" for number in range(1, sentinels + 1)]
    tokens = [*vocabulary[:first], *unused, *vocabulary[first:]]
    WordPieceTokenizer(tokens, lowercase=lowercase).save(folder)


def _byte_pairs(
    texts: Iterable[str], size: int, folder: Path, lowercase: bool, sentinels: int
) -> None:
    from tokenizers import Tokenizer as Library
    from tokenizers import models, pre_tokenizers, trainers

    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[END, PADDING, MASK, *_extra_ids(sentinels)],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    library.train_from_iterator(_not_empty(texts), trainer)
    model = json.loads(library.to_str())["model"]
    with atomic_file(folder / "vocab.json", "w") as file:
        json.dump(model["vocab"], file, ensure_ascii=False)
    with atomic_file(folder / "merges.txt", "w") as file:
        file.write("#version: 0.2\n")
        file.writelines(f"{first} {second}\n" for first, second in model["merges"])
    settings = {f"{purpose}_token": END for purpose in ("bos", "eos", "unk")}
    settings |= {"pad_token": PADDING, "mask_token": MASK, "tokenizer_class": "GPT2Tokenizer"}
    write_json(folder / CONFIG, settings)


def _unigram(
    texts: Iterable[str], size: int, folder: Path, lowercase: bool, sentinels: int
) -> None:
    library = require("sentencepiece", extra="sentencepiece")
    style = T5._replace(extra_ids=sentinels) if sentinels else ALBERT._replace(keep_accents=True)
    style = style._replace(lowercase=False)  # the model lowercases by itself
    model = io.BytesIO()
    options: dict[str, Any] = (
        {"eos_id": 1, "unk_id": 2}
        if sentinels
        else {"unk_id": 1, "eos_id": -1, "control_symbols": ["[CLS]", "[SEP]", "[MASK]"]}
    )
    lines = (line for text in _not_empty(texts) for line in lines_of(text) if line.strip())
    try:
        library.SentencePieceTrainer.train(
            sentence_iterator=lines,
            model_writer=model,
            model_type="unigram",
            vocab_size=size - sentinels,
            hard_vocab_limit=False,
            normalization_rule_name="nmt_nfkc_cf" if lowercase else "nmt_nfkc",
            max_sentence_length=2**24,
            num_threads=THREADS,
            minloglevel=2,
            pad_id=0,
            bos_id=-1,
            **options,
        )
    except RuntimeError as error:
        reason = str(error).rpartition("] ")[2] or str(error)
        raise VocabularyError(f"SentencePiece cannot learn from these texts: {reason}") from None
    with atomic_file(folder / "spiece.model") as file:
        file.write(model.getvalue())
    write_json(folder / CONFIG, style.settings())


def lines_of(text: str) -> list[str]:
    """Splits at line feeds and carriage returns only; `str.splitlines` also cuts at U+2028."""
    return re.split(r"\r\n|\r|\n", text)


def _extra_ids(count: int) -> list[str]:
    return [f"<extra_id_{number}>" for number in range(count)]


def _not_empty(texts: Iterable[str]) -> Iterator[str]:
    """Passes the texts on.

    Raises:
        VocabularyError: at the end, if no text holds anything.
    """
    is_empty = True
    for text in texts:
        is_empty = is_empty and not text.strip()
        yield text
    if is_empty:
        raise VocabularyError("The texts to learn a vocabulary from hold no words.")


class _Kind(NamedTuple):
    title: str  # with its verb, for messages
    learn: Callable[[Iterable[str], int, Path, bool, int], None]
    minimum: int  # tokens


KINDS = {
    "wordpiece": _Kind("WordPiece needs", _wordpiece, len(SPECIAL_TOKENS) + 1),
    "bpe": _Kind("byte pairs need", _byte_pairs, 256 + 3),
    "unigram": _Kind("unigram pieces need", _unigram, 6),
}


class Fit(NamedTuple):
    """How well a vocabulary fits texts.

    Attributes:
        characters: Number of characters in the texts, without white space.
        tokens: Number of tokens they are split into.
        covered: Share of the characters that are part of a known token.
        samples: Beginnings of a few texts, with `|` between tokens.
    """

    characters: int
    tokens: int
    covered: float
    samples: list[str]


def measure_fit(tokenizer: Tokenizer, texts: Sequence[str]) -> Fit:
    """Tokenizes texts and measures how well the vocabulary fits them."""
    unknown = tokenizer.special_ids.get("unk")
    characters = tokens = covered = 0
    samples: list[str] = []
    of_interest = {0, len(texts) // 2, len(texts) - 1}
    pieces = tokenizer.pieces(list(texts))
    for number, (text, (ids, offsets)) in enumerate(zip(texts, pieces, strict=True)):
        known = [span for one, span in zip(ids, offsets, strict=True) if one != unknown]
        places = {place for begin, end in known for place in range(begin, end)}
        covered += sum(not text[place].isspace() for place in places)
        characters += len("".join(text.split()))
        tokens += len(ids)
        if number in of_interest:
            spans = dict.fromkeys(offsets[:24])  # bytes of one character share a span
            parts = (part.strip() for part in align(text, spans))
            samples.append("|".join(part for part in parts if part))
    return Fit(characters, tokens, covered / max(characters, 1), samples)
