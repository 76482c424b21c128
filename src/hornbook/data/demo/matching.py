"""Text pairs to try a matcher on, made by a small grammar: for `hornbook demo` and tests.

There are six criteria, named like those of Sohu's contest of 2021: short or long texts, and
two strictnesses.  By the A criteria two texts match when they are about the same topic; by the
B criteria only when they report the same thing: the same event, of the same one, with the same
number.  So the same pair can match by A and not by B, and counting shared characters decides
neither: the same claim comes in very different words, and one changed name undoes it.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hornbook.data.demo.topics_en import ENGLISH
from hornbook.data.demo.topics_zh import CHINESE, Language
from hornbook.errors import OptionError, did_you_mean
from hornbook.files import atomic_folder

LANGUAGES: dict[str, Language] = {"zh": CHINESE, "en": ENGLISH}
UNSEEN_PER_CRITERION = 10
_LONG = {"zh": (60, 150), "en": (120, 400)}  # characters

# How the second text relates to the first, and how often, for A and for B criteria.
_RELATIONS = {
    "A": {"same": 10, "entity": 7, "number": 3, "event": 10, "both": 20, "topic": 50},
    "B": {"same": 60, "entity": 18, "number": 6, "event": 10, "both": 2, "topic": 4},
}
_ON_TOPIC = {"same", "entity", "number", "event", "both"}
# One in so many claims (an event, told of one entity in one wording) is never trained on.
_HELD_OUT = 6
# Every third pair of an A criterion is a pair of the B criterion beside it as well.
_SHARED = 3


class Claim(NamedTuple):
    """What a text says: numbers into the lists of a language."""

    topic: int
    event: int
    entity: int
    number: int
    wording: int


def write_demo_data(
    folder: str | Path,
    *,
    pairs_per_criterion: int = 1500,
    seed: int = 0,
    language: str = "zh",
    criteria: int = 6,
) -> None:
    """Writes a folder per criterion, with `train.jsonl` and `valid.jsonl`, and `unseen.jsonl`.

    Every validation pair has a claim, that is an event told of someone in a certain wording,
    that no training pair has.  The folder is written as a whole or not at all.

    Args:
        folder: Where to; replaced if it is there.
        pairs_per_criterion: Training pairs of each of the six criteria; a fifth as many more
            for validation.
        seed: The same seed writes the same bytes.
        language: `"zh"` or `"en"`.
        criteria: The first so many of the six: with 2, those of short texts.

    Raises:
        OptionError: there is no such language, fewer than 10 pairs are asked for, or not one to
            six criteria.
    """
    if language not in LANGUAGES:
        raise OptionError(
            f"language={language!r} is not there. {did_you_mean(language, LANGUAGES)}"
        )
    if pairs_per_criterion < 10:
        raise OptionError(f"pairs_per_criterion={pairs_per_criterion} is less than 10.")
    chosen = LANGUAGES[language].criteria[:criteria]
    if not 0 < criteria == len(chosen):
        raise OptionError(f"criteria={criteria}: there are six, and at least one is written.")
    with atomic_folder(folder) as new:
        for split, count in (
            ("train", pairs_per_criterion),
            ("valid", max(pairs_per_criterion // 5, 10)),
        ):
            pairs = demo_pairs(split, count, seed=seed, language=language)
            for criterion in chosen:
                (new / criterion).mkdir(exist_ok=True)
                _write_lines(new / criterion / f"{split}.jsonl", pairs[criterion])
        unseen = demo_pairs("unseen", UNSEEN_PER_CRITERION, seed=seed, language=language)
        rows = [
            {"criterion": criterion, "source": row["source"], "target": row["target"]}
            for criterion in chosen
            for row in unseen[criterion]
        ]
        _write_lines(new / "unseen.jsonl", [{"id": n, **row} for n, row in enumerate(rows)])


def demo_pairs(
    split: str, count: int, *, seed: int = 0, language: str = "zh"
) -> dict[str, list[dict[str, Any]]]:
    """Makes `count` different pairs for each criterion: `source`, `target` and `label`."""
    criteria = LANGUAGES[language].criteria
    pairs: dict[str, list[dict[str, Any]]] = {}
    for place in range(0, len(criteria), 2):
        shared: list[tuple[str, str, str]] = []
        for letter, criterion in zip("AB", criteria[place : place + 2], strict=True):
            writer = _Writer(language, split, f"{seed} {split} {criterion}", place // 2)
            found = dict.fromkeys(shared)
            for pair in writer.pairs(letter):
                if len(found) == count:
                    break
                found[pair] = None
            rows = list(found)
            if letter == "A":
                shared = rows[::_SHARED]
            writer.random.shuffle(rows)
            matching = _ON_TOPIC if letter == "A" else {"same"}
            pairs[criterion] = [
                {"source": source, "target": target, "label": int(relation in matching)}
                for source, target, relation in rows
            ]
    return pairs


class Frame(NamedTuple):
    """What surrounds a claim."""

    opening: str
    closing: str
    asides: tuple[str, ...]


class _Writer:
    """Writes pairs for one criterion.

    Args:
        language: A key of `LANGUAGES`.
        split: Other than `"train"`: the first text makes a claim that is held out.
        seed: Of everything that is drawn.
        lengths: 0: both short, 1: the second is long, 2: both are long.
    """

    def __init__(self, language: str, split: str, seed: str, lengths: int) -> None:
        self.language = LANGUAGES[language]
        self.shortest, self.longest = _LONG[language]
        self.split = split
        self.random = random.Random(seed)
        self.long = (lengths == 2, lengths >= 1)

    def pairs(self, letter: str) -> Iterator[tuple[str, str, str]]:
        """First text, second text, and their relation, without end."""
        relations = list(_RELATIONS[letter])
        weights = list(_RELATIONS[letter].values())
        while True:
            relation = self.random.choices(relations, weights)[0]
            first, second = self._two_claims(relation)
            # Two texts on different topics often look alike in all that does not matter.
            alike = self._chance(0.7 if relation == "topic" else 0.2)
            frame = self._frame()
            source = self._text(first, frame, is_long=self.long[0])
            target = self._text(second, frame if alike else self._frame(), is_long=self.long[1])
            yield source, target, relation

    def _two_claims(self, relation: str) -> tuple[Claim, Claim]:
        while True:
            first = self._claim()
            second = self._related(first, relation)
            if second is None or second == first:
                continue
            if self.split == "train":
                if not _is_held_out(first) and not _is_held_out(second):
                    return first, second
            elif _is_held_out(first):
                return first, second

    def _claim(self, topic: int | None = None) -> Claim:
        topic = self.random.randrange(len(self.language.topics)) if topic is None else topic
        material = self.language.topics[topic]
        event = self.random.randrange(len(material.events))
        return Claim(
            topic,
            event,
            self.random.randrange(len(material.entities)),
            self.random.randrange(len(material.events[event].numbers)),
            self.random.randrange(len(material.events[event].wordings)),
        )

    def _related(self, claim: Claim, relation: str) -> Claim | None:
        """A claim in the given relation to `claim`, or None when there is none this time."""
        other = self._claim(None if relation == "topic" else claim.topic)
        reworded = claim._replace(wording=self._wording(claim))
        match relation:
            case "same":
                return reworded
            case "entity":
                changed = reworded._replace(entity=other.entity)
                return changed if changed.entity != claim.entity else None
            case "number":
                numbers = self.language.topics[claim.topic].events[claim.event].numbers
                changed = reworded._replace(number=self.random.randrange(len(numbers)))
                return changed if changed.number != claim.number else None
            case "event":
                changed = other._replace(entity=claim.entity)
                return changed if changed.event != claim.event else None
            case "both":
                apart = other.event != claim.event and other.entity != claim.entity
                return other if apart else None
            case _:
                mine = self.language.topics[claim.topic].entities
                theirs = self.language.topics[other.topic].entities
                if other.topic == claim.topic:
                    return None
                return other._replace(entity=claim.entity) if mine == theirs else other

    def _wording(self, claim: Claim) -> int:
        return self.random.randrange(
            len(self.language.topics[claim.topic].events[claim.event].wordings)
        )

    def _sentence(self, claim: Claim) -> str:
        topic = self.language.topics[claim.topic]
        event = topic.events[claim.event]
        return event.wordings[claim.wording].format(
            e=topic.entities[claim.entity], n=event.numbers[claim.number]
        )

    def _opened(self, claim: Claim, frame: Frame) -> str:
        sentence = frame.opening + self._sentence(claim)
        return sentence[0].upper() + sentence[1:]

    def _frame(self) -> Frame:
        """What surrounds a claim and says nothing about it."""
        return Frame(
            self.random.choice(self.language.openings) if self._chance(0.5) else "",
            self.random.choice(self.language.closings) if self._chance(0.5) else "",
            tuple(self.random.sample(self.language.asides, 3)),
        )

    def _text(self, claim: Claim, frame: Frame, *, is_long: bool) -> str:
        """A short text is the claim; in a long one it stands among details and asides."""
        if not is_long:
            return self._opened(claim, frame) + frame.closing
        topic = self.language.topics[claim.topic]
        space = self.language.space
        others = [entity for number, entity in enumerate(topic.entities) if number != claim.entity]
        more = [
            *self.random.sample(topic.details, 3),
            *(aside.format(o=self.random.choice(others)) for aside in frame.asides),
        ]
        self.random.shuffle(more)
        sentences = [self._opened(claim, frame) + ("." if space else "。")]
        length = self.random.triangular(self.shortest, self.longest, self.shortest)
        for sentence in more:
            text = space.join([*sentences, sentence])
            if len(text) <= max(length, self.shortest + 20):
                sentences.append(sentence)
        if self._chance(0.3):
            sentences[:2] = reversed(sentences[:2])
        return space.join(sentences)

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability


def _is_held_out(claim: Claim) -> bool:
    """By the claim alone, so that no split can disagree; its number does not count."""
    words = f"{claim.topic} {claim.event} {claim.entity} {claim.wording}"
    return zlib.crc32(words.encode()) % _HELD_OUT == 0


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
