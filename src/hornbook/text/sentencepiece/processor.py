"""SentencePiece vocabularies: T5, mT5, ALBERT, XLNet, Llama 1, XLM-RoBERTa.

They are run by the `sentencepiece` package, with the original model file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from hornbook.files import MAX_VOCABULARY_BYTES, atomic_file, bounded_bytes, write_json
from hornbook.text.added_tokens import FLAGS, Added, AddedTokens, added_settings
from hornbook.text.sentencepiece.family_styles import LLAMA, MAXIMUM_SENTINELS, Style, style_of
from hornbook.text.sentencepiece.model_file import (
    CONTROL,
    has_piece,
    in_fairseq_order,
    kept_pieces,
    new_piece,
    normalization_of,
    open_model,
    with_pieces,
    without_prefix,
)
from hornbook.text.special_tokens import CONFIG, special_ids
from hornbook.text.template import Pieces, Template
from hornbook.text.tokenizer import Tokenizer, checked_ids
from hornbook.text.vocabulary_file import VocabularyError

WORD_START = "▁"
_QUOTES = re.compile("``|''|.", re.DOTALL)
_SENTINEL = re.compile(f"{WORD_START}?<extra_id_[0-9]+>")

# The text as the model sees it, and the original span of each of its characters; None if unchanged.
AddedReader = Callable[[Callable[[str], int | None], int], Mapping[int, Added]]
Prepared = tuple[str, list[tuple[int, int]] | None]


class SentencePieceTokenizer(Tokenizer):
    """A tokenizer run by the `sentencepiece` package.

    User input is text: `</s>` in it is brackets and letters, never the special token.  Only added
    tokens are matched, and T5's `<extra_id_0>` etc., because its prompts contain them.  White space
    before a token is not part of its offsets, unless the token is white space only.

    Args:
        model: The content of a model file, or its path.
        style: Settings of the family.  Defaults to a guess by the special tokens.
        added: Id -> added token; or a function that returns them from a function (piece -> id) and
            the number of pieces.
        max_length: Default of `encode`.  Defaults to no truncation.
        add_special_tokens: Default of `encode`.
        settings: Name -> content of the settings files, which `save` writes back.
        name: Name of the model file.

    Raises:
        VocabularyError: the model is damaged, or lacks a special token of its style.
        MissingExtraError: the `sentencepiece` package is not installed.
    """

    def __init__(
        self,
        model: bytes | str | Path,
        *,
        style: Style | None = None,
        added: Mapping[int, Added] | AddedReader | None = None,
        max_length: int | None = None,
        add_special_tokens: bool = True,
        settings: Mapping[str, bytes] | None = None,
        name: str = "spiece.model",
    ) -> None:
        where = name if isinstance(model, bytes) else str(model)
        if not isinstance(model, bytes):
            model = _read_model(Path(model))
        self._model = model
        self._inner: Any = None  # for text after an added token, made on demand
        self._settings = settings
        self._name = name
        self._processor = open_model(model, where)
        self.style = style or style_of(self._has, where)
        self._added = self._complete(added or {}, where)
        self._verbatim = self._sentinels() | self._added
        tokens = {p: t for p, t in self.style.special_tokens.items() if self._has(t)}
        ids = special_ids(tokens, self._processor.piece_to_id, where)
        names = self.style.special_tokens
        purposes = {f"{{{purpose}}}": token_id for purpose, token_id in ids.items()}
        if missing := [names.get(p, p) for p in self.style.purposes() if p not in ids]:
            raise VocabularyError(
                f"{where}: the vocabulary has no {', '.join(missing)}, which texts are enclosed in."
            )
        marks = {i: one for i, one in self._verbatim.items() if i not in ids.values()}
        super().__init__(
            template=Template.written(self.style.single, self.style.pair, purposes),
            special_ids=ids,
            max_length=max_length,
            add_special_tokens=add_special_tokens,
            added=AddedTokens(marks, normalizer_of(self.style, self._model)) if marks else None,
        )

    def _has(self, piece: str) -> bool:
        return has_piece(self._processor, piece)

    def _complete(self, added: Mapping[int, Added] | AddedReader, where: str) -> dict[int, Added]:
        """Adds pieces that belong to the vocabulary but are not in the file.

        Returns:
            The added tokens by their ids.
        """
        model = self._model
        if self.style.fairseq and not self._has("<mask>"):
            if [self._processor.id_to_piece(i) for i in range(3)] != ["<unk>", "<s>", "</s>"]:
                raise VocabularyError(f"{where} does not start with <unk>, <s> and </s>.")
            model = in_fairseq_order(model)
            self._processor = open_model(model, where)
        if not self._sentinels() and not self._has(f"{WORD_START}<extra_id_0>"):
            sentinels = [f"<extra_id_{number}>" for number in reversed(range(self.style.extra_ids))]
            model = with_pieces(model, [new_piece(token, CONTROL) for token in sentinels])
            self._processor = open_model(model, where)
        if callable(added):
            added = added(self._id_of, self._processor.get_piece_size())
        self._in_file = {
            *self._sentinels(),
            *(i for i in added if i < self._processor.get_piece_size()),
        }
        # they are matched before the model sees the text, so the model must not match them
        more = [new_piece(one.token, CONTROL) for one in added.values() if not self._has(one.token)]
        self._completed = with_pieces(model, more)
        self._processor = open_model(self._completed, where)
        for token_id, (token, _) in added.items():
            if self._processor.piece_to_id(token) != token_id:
                raise VocabularyError(
                    f"{where}: the added token {token!r} has the id {token_id}, but its position "
                    f"after the pieces is {self._processor.piece_to_id(token)}."
                )
        return dict(added)

    def _id_of(self, piece: str) -> int | None:
        return self._processor.piece_to_id(piece) if self._has(piece) else None

    def _sentinels(self) -> dict[int, Added]:
        """Returns T5's `<extra_id_...>` among the pieces, which are matched like added tokens."""
        names = [f"<extra_id_{number}>" for number in range(MAXIMUM_SENTINELS)]
        ids = self._processor.piece_to_id(names)
        options = {name: name == "special" for name in FLAGS}
        unknown = self._processor.unk_id()
        return {i: Added(t, options) for t, i in zip(names, ids, strict=True) if i != unknown}

    def save(self, folder: str | Path) -> None:
        """Writes the original model file, and the settings."""
        folder = Path(folder)
        files = {self._name: self._model, **(self._settings or {})}
        for name, content in files.items():
            with atomic_file(folder / name) as file:
                file.write(content)
        if self._settings is None:
            specials = {i: self.tokens([i])[0] for i in self.special_ids.values()}
            added = added_settings(self._added, specials)
            write_json(folder / CONFIG, {**self.style.settings(), **added})

    def keep(
        self, token_ids: Iterable[int], compounds: Iterable[Sequence[int]] = ()
    ) -> SentencePieceTokenizer:
        """Returns a tokenizer with only these pieces, in this order.

        Texts are tokenized into the remaining pieces, so few become unknown.
        """
        if list(compounds):
            raise VocabularyError("A SentencePiece vocabulary cannot have compound tokens.")
        style = self.style._replace(extra_ids=0)  # the remaining ones are pieces now
        old = checked_ids(token_ids)
        count = len(old)
        # tokens after the pieces stay there, so that the model cannot match them within a word
        while count and old[count - 1] in self._added and old[count - 1] not in self._in_file:
            count -= 1
        pieces = self._in_file_order(old[:count]) if self.style.fairseq else old[:count]
        model = kept_pieces(self._completed, pieces)
        added = {new: self._verbatim[i] for new, i in enumerate(old) if i in self._verbatim}
        return type(self)(model, style=style, name=self._name, added=added, **self._options())

    def _in_file_order(self, old: list[int]) -> list[int]:
        """Returns the ids in the file for fairseq's ids, without those of the tokens it adds."""
        if old[:4] != [0, 1, 2, 3] or old[-1] != self.special_ids["mask"]:
            raise VocabularyError(
                "XLM-RoBERTa's vocabulary starts with the ids 0 to 3 and ends with "
                f"{self.special_ids['mask']}, <mask>: keep them there."
            )
        return [3, 0, 2, *old[4:-1]]

    def _options(self) -> dict[str, Any]:
        return {"max_length": self.max_length, "add_special_tokens": self.add_special_tokens}

    def _prepared(self, text: str) -> Prepared:
        """Returns the text as the model sees it."""
        if not self.style.cleans:
            return text, None
        characters, spans = [], []
        for match in _QUOTES.finditer(text):
            character = '"' if len(match[0]) == 2 else match[0]
            if not self.style.keep_accents:
                character = unicodedata.normalize("NFKD", character)
                character = "".join(c for c in character if not unicodedata.combining(c))
            if self.style.lowercase:
                character = character.lower()
            characters.append(character)
            spans += [match.span()] * len(character)
        return "".join(characters), spans

    def _pieces(self, texts: list[str]) -> list[Pieces]:
        return self._cut(self._processor, texts)

    def _pieces_after_added(self, texts: list[str]) -> list[Pieces]:
        if self.style.tokenizer_class != LLAMA.tokenizer_class:  # others strip white space
            return self._cut(self._processor, texts)
        if self._inner is None:
            self._inner = open_model(without_prefix(self._completed), self._name)
        first = [not self.style.one_start and not text.startswith(" ") for text in texts]
        pieces = {
            own: iter(
                self._cut(processor, [t for t, f in zip(texts, first, strict=True) if f is own])
            )
            for own, processor in ((True, self._processor), (False, self._inner))
        }
        return [next(pieces[own]) for own in first]

    def _cut(self, processor: Any, texts: list[str]) -> list[Pieces]:
        prepared = [self._prepared(text) for text in texts]
        encodings = processor.encode([text for text, _ in prepared], return_type="offset_mapping")
        encoded = []
        for text, (_, spans), pieces in zip(texts, prepared, encodings, strict=True):
            ids = pieces["ids"]
            offsets = _original(text, spans, self._widened(ids, pieces["offsets"]))
            if "<extra_id_" in text:
                ids, offsets = self._without_lone_spaces(ids, offsets)
            encoded.append((ids, offsets))
        return encoded

    def _widened(self, ids: list[int], offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Gives each byte of a character the whole span, which only the last one has."""
        widened = list(offsets)
        for number in range(len(ids) - 2, -1, -1):
            start, end = widened[number]
            if start == end == widened[number + 1][0] and self._processor.is_byte(ids[number]):
                widened[number] = widened[number + 1]
        return widened

    def _without_lone_spaces(self, ids: list[int], offsets: list[tuple[int, int]]) -> Pieces:
        """Drops a single space before `<extra_id_0>`, as in T5's training."""
        indices = [
            number
            for number, token_id in enumerate(ids)
            if not (
                number + 1 < len(ids)
                and self._processor.id_to_piece(token_id) == WORD_START
                and _SENTINEL.fullmatch(self._processor.id_to_piece(ids[number + 1]))
            )
        ]
        return [ids[number] for number in indices], [offsets[number] for number in indices]

    def tokens(self, token_ids: Iterable[int]) -> list[str]:
        pieces: list[str] = self._processor.id_to_piece(list(token_ids))
        return pieces

    def decode(self, token_ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        ids = [token_id for token_id in checked_ids(token_ids) if token_id < self.vocabulary_size]
        if skip_special_tokens:
            ids = [token_id for token_id in ids if not self._is_special(token_id)]
        text = ""
        for verbatim, run in groupby(ids, self._is_verbatim):
            part = list(run)
            pieces = self.tokens(part)
            if verbatim:
                text += "".join(pieces)
            else:
                # the package strips the space at the beginning
                text += " " if text and pieces[0].startswith(WORD_START) else ""
                text += self._processor.decode(part)
        return text

    def _is_verbatim(self, token_id: int) -> bool:
        return token_id in self._verbatim or self._is_special(token_id)

    def _is_special(self, token_id: int) -> bool:
        if token_id in self._verbatim and token_id not in self.special_ids.values():
            return self._verbatim[token_id].options["special"]
        processor = self._processor
        if processor.is_control(token_id) or processor.is_unknown(token_id):
            return True
        return _SENTINEL.fullmatch(processor.id_to_piece(token_id)) is not None

    @property
    def kind(self) -> str:
        return "SentencePiece"

    @property
    def vocabulary_size(self) -> int:
        return int(self._processor.get_piece_size())


def normalizer_of(style: Style, model: bytes) -> Any:
    """Returns the normalizer for `normalized` added tokens; None for no normalization."""
    from tokenizers import normalizers

    if style.tokenizer_class == LLAMA.tokenizer_class:
        return None
    steps: list[Any] = []
    if style.cleans:
        steps += [normalizers.Replace(quotes, '"') for quotes in ("``", "''")]
        if not style.keep_accents:
            steps += [normalizers.NFKD(), normalizers.StripAccents()]
        steps += [normalizers.Lowercase()] if style.lowercase else []
    if table := normalization_of(model):
        steps.append(normalizers.Precompiled(table))
    return normalizers.Sequence(steps) if steps else None


def _original(
    text: str, spans: list[tuple[int, int]] | None, offsets: Iterable[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Returns offsets in the user's text, without white space before other characters."""
    if spans is not None:
        nothing = [*((start, start) for start, _ in spans), (len(text), len(text))]
        offsets = [
            (spans[start][0], spans[end - 1][1]) if start < end else nothing[start]
            for start, end in offsets
        ]
    return [
        _without_space(text, *span) if span[1] - span[0] > 1 and text[span[0]].isspace() else span
        for span in offsets
    ]


def _without_space(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end].lstrip()
    return (end - len(part), end) if part else (start, end)


def _read_model(path: Path) -> bytes:
    try:
        return bounded_bytes(path, MAX_VOCABULARY_BYTES, VocabularyError)
    except OSError as error:
        raise VocabularyError(f"Could not read {path}: {error.strerror}.") from None
