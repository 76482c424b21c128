"""Where the special tokens stand around one text, or around two.

A template is written as the `tokenizers` library writes it: `"[CLS] $A [SEP]"` for one text,
`"[CLS] $A [SEP] $B:1 [SEP]:1"` for two.  The number behind a colon is the segment id, 0 when
there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hornbook.text.vocabulary_file import VocabularyError

Pieces = tuple[list[int], list[tuple[int, int]]]  # ids, and where in the text each begins and ends
Arranged = tuple[list[int], list[int], list[tuple[int, int] | None]]  # ids, segment ids, offsets

_TEXTS = {"$A": 0, "$": 0, "$0": 0, "$B": 1, "$1": 1}


class Place(NamedTuple):
    """One place of a template: a special token, or all tokens of one of the texts."""

    segment_id: int
    token_id: int | None = None  # of the special token; None: a text stands here
    text: int = 0  # which of the texts


class Template:
    """The places of one text, and of a pair.

    Args:
        single: The places of one text.
        pair: Those of two texts; None: this tokenizer cannot join two texts.
    """

    def __init__(self, single: Iterable[Place], pair: Iterable[Place] | None) -> None:
        self._places = {1: tuple(single)}
        if pair is not None:
            self._places[2] = tuple(pair)

    @classmethod
    def written(
        cls, single: str, pair: str | None, ids: Mapping[str, int] | None = None
    ) -> Template:
        """The template of two strings; `ids` has the special tokens that they name.

        Raises:
            VocabularyError: a special token is not in `ids`.
        """
        return cls(_places(single, ids or {}), None if pair is None else _places(pair, ids or {}))

    def num_special_tokens(self, texts: int) -> int:
        """How many special tokens are put around one text, or around two.

        Raises:
            VocabularyError: there are two, and no template for a pair.
        """
        return sum(place.token_id is not None for place in self._of(texts))

    def arrange(self, parts: Sequence[Pieces], limit: int | None) -> Arranged:
        """Puts one text or two into their places, cut to `limit` tokens in all."""
        places = self._of(len(parts))
        if limit is not None:
            lengths = [len(ids) for ids, _ in parts]
            kept = truncated_lengths(lengths, limit - self.num_special_tokens(len(parts)))
            parts = [
                (ids[:length], spans[:length])
                for (ids, spans), length in zip(parts, kept, strict=True)
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
                "This tokenizer has no way to join two texts: its files name no special tokens "
                "to put between them.\nGive it one text, or join the two yourself."
            )
        return self._places[texts]


def truncated_lengths(lengths: Sequence[int], room: int) -> list[int]:
    """How many tokens of one or two texts stay when `room` is all there is.

    The same as taking one token after the other from the longer text, from the second when
    both are equally long.
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
    """The template of the `post_processor` of a `tokenizer.json`, which the library has read.

    Raises:
        VocabularyError: it puts special tokens around a text twice.
    """
    found = [part for part in _parts(processor) if part["type"] != "ByteLevel"]
    if not found:
        return Template.written("$A", None)
    if len(found) > 1:
        kinds = ", ".join(part["type"] for part in found)
        raise VocabularyError(f"The post-processor of tokenizer.json has several parts: {kinds}.")
    [part] = found
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
            raise VocabularyError(f"The vocabulary has no {name}, which belongs around each text.")
