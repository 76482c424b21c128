"""Templates of special tokens around one or two texts.

The syntax is that of the `tokenizers` library: `"[CLS] $A [SEP]"` for one text,
`"[CLS] $A [SEP] $B:1 [SEP]:1"` for two.  The number after a colon is the segment id, by default 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hornbook.text.vocabulary_file import VocabularyError

Pieces = tuple[list[int], list[tuple[int, int]]]  # ids and offsets
Arranged = tuple[list[int], list[int], list[tuple[int, int] | None]]  # ids, segment ids, offsets

_TEXTS = {"$A": 0, "$": 0, "$0": 0, "$B": 1, "$1": 1}


class Place(NamedTuple):
    """An element of a template: a special token, or all tokens of one text."""

    segment_id: int
    token_id: int | None = None  # of a special token; None for a text
    text: int = 0  # index of the text


class Template:
    """The templates of one text and of a pair.

    Args:
        single: Elements for one text.
        pair: Elements for two texts; None if the tokenizer cannot join texts.
    """

    def __init__(self, single: Iterable[Place], pair: Iterable[Place] | None) -> None:
        self._places = {1: tuple(single)}
        if pair is not None:
            self._places[2] = tuple(pair)

    @classmethod
    def written(
        cls, single: str, pair: str | None, ids: Mapping[str, int] | None = None
    ) -> Template:
        """Parses two template strings; `ids` maps the special tokens in them to ids.

        Raises:
            VocabularyError: a special token is not in `ids`.
        """
        return cls(_places(single, ids or {}), None if pair is None else _places(pair, ids or {}))

    def num_special_tokens(self, texts: int) -> int:
        """Returns the number of special tokens around one or two texts.

        Raises:
            VocabularyError: two texts, but no template for pairs.
        """
        return sum(place.token_id is not None for place in self._of(texts))

    def arrange(self, parts: Sequence[Pieces], limit: int | None) -> Arranged:
        """Applies the template to one or two texts, truncated to `limit` tokens in total."""
        places = self._of(len(parts))
        if limit is not None:
            lengths = [len(ids) for ids, _ in parts]
            truncated = truncated_lengths(lengths, limit - self.num_special_tokens(len(parts)))
            parts = [
                (ids[:length], spans[:length])
                for (ids, spans), length in zip(parts, truncated, strict=True)
            ]
        token_ids: list[int] = []
        segment_ids: list[int] = []
        offsets: list[tuple[int, int] | None] = []
        for place in places:
            if place.token_id is not None:
                token_ids.append(place.token_id)
                segment_ids.append(place.segment_id)
                offsets.append(None)
            else:
                ids, spans = parts[place.text]
                token_ids += ids
                segment_ids += [place.segment_id] * len(ids)
                offsets += spans
        return token_ids, segment_ids, offsets

    def _of(self, texts: int) -> tuple[Place, ...]:
        if texts not in self._places:
            raise VocabularyError(
                "This tokenizer cannot join two texts: its files name no special tokens between "
                "them.\nPass one text, or join the two yourself."
            )
        return self._places[texts]


def truncated_lengths(lengths: Sequence[int], room: int) -> list[int]:
    """Returns the truncated lengths of one or two texts with `room` for tokens.

    This equals removing tokens one by one from the longer text, or from the second if both are
    equally long.
    """
    if len(lengths) == 1:
        return [min(lengths[0], room)]
    first, second = lengths
    if first + second <= room:
        return [first, second]
    if first <= room - room // 2:
        return [first, room - first]
    if second <= room // 2:
        return [room - second, second]
    return [room - room // 2, room // 2]


def processor_template(processor: Mapping[str, Any] | None) -> Template:
    """Returns the template of the `post_processor` of a `tokenizer.json`.

    Raises:
        VocabularyError: it adds special tokens more than once.
    """
    parts = [part for part in _parts(processor) if part["type"] != "ByteLevel"]
    if not parts:
        return Template.written("$A", None)
    if len(parts) > 1:
        kinds = ", ".join(part["type"] for part in parts)
        raise VocabularyError(f"The post-processor of tokenizer.json has several parts: {kinds}.")
    [part] = parts
    if part["type"] == "TemplateProcessing":
        ids = {name: token["ids"] for name, token in part["special_tokens"].items()}
        try:
            single, pair = (list(_library_places(part[kind], ids)) for kind in ("single", "pair"))
        except KeyError as error:
            raise VocabularyError(f"The post-processor does not give the ids of {error}.") from None
        return Template(single, pair)
    (_, start), (_, end) = part["cls"], part["sep"]
    between, second = ("", 1) if part["type"] == "BertProcessing" else (" {end}", 0)
    return Template.written(
        "{start} $A {end}",
        f"{{start}} $A {{end}}{between} $B:{second} {{end}}:{second}",
        {"{start}": start, "{end}": end},
    )


def _parts(processor: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if processor is None:
        return []
    if processor["type"] == "Sequence":
        return [inner for part in processor["processors"] for inner in _parts(part)]
    return [processor]


def _library_places(
    places: Iterable[Mapping[str, Any]], ids: Mapping[str, list[int]]
) -> Iterable[Place]:
    for place in places:
        [(kind, value)] = place.items()
        if kind == "Sequence":
            yield Place(value["type_id"], text=_TEXTS[f"${value['id']}"])
        else:
            yield from (Place(value["type_id"], token_id) for token_id in ids[value["id"]])


def _places(written: str, ids: Mapping[str, int]) -> Iterable[Place]:
    for word in written.split():
        name, _, segment = word.rpartition(":") if word[-2:-1] == ":" else (word, "", "0")
        if name in _TEXTS:
            yield Place(int(segment), text=_TEXTS[name])
        elif name in ids:
            yield Place(int(segment), ids[name])
        else:
            raise VocabularyError(f"The vocabulary has no {name}, a special token of the template.")
