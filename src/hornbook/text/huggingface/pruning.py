"""Prunes a `tokenizer.json`: the same texts give the same pieces, with new ids."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hornbook.text.huggingface.library_calls import library_errors
from hornbook.text.vocabulary_file import VocabularyError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

_SHOWN = 5
_UNLIKELY = 100.0  # how far the scores of added tokens are below that of the least likely piece


def cut_library(
    library: Library, content: Mapping[str, Any], token_ids: Sequence[int]
) -> tuple[Library, dict[str, Any]]:
    """Returns the tokenizer with only these tokens, in this order, and its `tokenizer.json`.

    Args:
        library: The original tokenizer.
        content: Its `tokenizer.json`.
        token_ids: The old ids.

    Raises:
        VocabularyError: the remaining tokens cannot tokenize texts as before.
    """
    from tokenizers import Tokenizer as Library

    new_ids = {old: new for new, old in enumerate(token_ids)}
    tokens = [library.id_to_token(old) or "" for old in token_ids]
    cut = dict(copy.deepcopy(content))
    cut["truncation"] = cut["padding"] = None
    added = {one["content"] for one in cut.get("added_tokens") or ()}
    in_model = set(_texts_of(cut["model"]))
    # added tokens at the end stay after the vocabulary
    count = len(tokens)
    while count and tokens[count - 1] in added and tokens[count - 1] not in in_model:
        count -= 1
    _cut_model(cut["model"], tokens[:count], new_ids)
    ids = {token: new for new, token in enumerate(tokens)}
    listed = [one for one in cut["added_tokens"] if one["content"] in ids]
    listed = [{**one, "id": ids[one["content"]]} for one in listed]
    cut["added_tokens"] = sorted(listed, key=lambda one: one["id"])
    _renumber_processor(cut.get("post_processor"), new_ids)
    with library_errors("The pruned tokenizer is invalid"):
        pruned = Library.from_str(json.dumps(cut))
    if [pruned.id_to_token(new) for new in range(len(tokens))] != tokens:
        raise VocabularyError("The tokens to keep cannot have these ids in a tokenizer.json.")
    _check_all_bytes(cut, tokens)
    _check_reached(library, pruned, tokens[:count])
    return pruned, cut


def _texts_of(model: Mapping[str, Any]) -> Iterable[str]:
    vocabulary = model["vocab"]
    return vocabulary if isinstance(vocabulary, dict) else (piece for piece, _ in vocabulary)


def _cut_model(model: dict[str, Any], tokens: Sequence[str], new_ids: Mapping[int, int]) -> None:
    unknown = model.get("unk_token")
    if isinstance(model["vocab"], list):
        scores = dict(model["vocab"])
        least = min(scores.values(), default=0.0) - _UNLIKELY
        if model.get("unk_id") is not None:
            if model["unk_id"] not in new_ids:
                unknown = model["vocab"][model["unk_id"]][0]
            else:
                model["unk_id"] = new_ids[model["unk_id"]]
        model["vocab"] = [[token, scores.get(token, least)] for token in tokens]
    else:
        model["vocab"] = {token: new for new, token in enumerate(tokens)}
    if unknown is not None and unknown not in tokens:
        raise VocabularyError(f"{unknown!r}, the unknown token, must be kept.")
    if "merges" in model:
        prefix = model.get("continuing_subword_prefix") or ""
        pairs = [one.split(" ") if isinstance(one, str) else one for one in model["merges"]]
        model["merges"] = [
            [left, right]
            for left, right in pairs
            if {left, right, left + right.removeprefix(prefix)} <= model["vocab"].keys()
        ]


def _renumber_processor(processor: Any, new_ids: Mapping[int, int]) -> None:
    """Replaces the ids of special tokens in a post-processor."""
    for part in _parts(processor):
        try:
            for end in ("cls", "sep"):
                if end in part:
                    part[end][1] = new_ids[part[end][1]]
            for token in (part.get("special_tokens") or {}).values():
                token["ids"] = [new_ids[old] for old in token["ids"]]
        except KeyError as error:
            raise VocabularyError(
                f"Token {error}, which is added around texts, must be kept."
            ) from None


def _parts(part: Any) -> Iterator[dict[str, Any]]:
    """Yields a part of a `tokenizer.json`, and the parts of a sequence."""
    if isinstance(part, dict):
        yield part
        for name in ("processors", "pretokenizers", "normalizers"):
            for inner in part.get(name) or ():
                yield from _parts(inner)


def _check_all_bytes(content: Mapping[str, Any], tokens: Sequence[str]) -> None:
    """Without an unknown token, checks that every byte has a token, or it would be lost."""
    from tokenizers import pre_tokenizers

    before = [*_parts(content.get("pre_tokenizer")), *_parts(content.get("normalizer"))]
    if not any(part.get("type") == "ByteLevel" for part in before):
        return
    if content["model"].get("unk_token") is not None:
        return
    if missing := sorted({*pre_tokenizers.ByteLevel.alphabet()} - {*tokens}):
        raise VocabularyError(
            f"These bytes must be kept, or texts with them lose them: {_listed(missing)}."
        )


def _check_reached(old: Library, new: Library, tokens: Iterable[str]) -> None:
    """Checks that every token can still be merged from the remaining pieces."""

    def pieces(library: Library, token: str) -> list[str]:
        with library_errors("The tokenizer cannot be cut"):
            return [piece.value for piece in library.model.tokenize(token)]

    lost = [t for t in tokens if pieces(old, t) == [t] and pieces(new, t) != [t]]
    if lost:
        raise VocabularyError(
            "Byte pairs are merged step by step, and a step of these tokens is missing: "
            f"{_listed(lost)}.\nKeep the parts they are merged from, too."
        )


def _listed(tokens: Sequence[str]) -> str:
    more = len(tokens) - _SHOWN
    return ", ".join(map(repr, tokens[:_SHOWN])) + (f" and {more} more" if more > 0 else "")
