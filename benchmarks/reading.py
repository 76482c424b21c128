"""Reading comprehension: the recipe `reading` compared with transformers from the same weights.

    python benchmarks/reading.py DATA... --pretrained FOLDER [--seeds 1]

Each DATA is a folder for `hornbook train reading` whose questions all have an answer.  Measured on
its test split, or the validation split where it has none: exact match and F1 by one function, with
the rule of CMRC 2018 for Chinese answers and that of SQuAD for others, written here from their
definitions.

The peer is `AutoModelForQuestionAnswering`, trained and used as in transformers' own example: the
tokenizer's pieces with their offsets, start and end as two softmaxes, windows without the answer
point to the first token, and over all windows the best sum of both scores decides.  It has the same
pieces, windows, epochs, batch size, learning rate and maximum length of answers, and both keep the
epoch with the best F1 on the measured questions.

Needs `pip install transformers torch`; run with `KERAS_BACKEND=torch` to compare times.
"""

from __future__ import annotations

import argparse
import os
import re
import string
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("HORNBOOK_QUIET", "1")

import numpy as np
from results import keep

from hornbook.data.questions.passage_question import Question
from hornbook.data.questions.question_data import questions_with_answers
from hornbook.recipes.reading import ReadingComprehension

MAX_LENGTH = 384
OVERLAP = 4  # windows share one part in this many, as those of the recipe
LONGEST = 64  # tokens of an answer
BEST = 20  # starts and ends that are paired

# Metrics

# what CMRC 2018's script removes
PUNCTUATION = set("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
CHINESE = re.compile("[\u4e00-\u9fa5]")
# a Chinese character; a word or number of other letters; another character
CMRC_TOKEN = re.compile(r"[\u4e00-\u9fa5]|[^\W\u4e00-\u9fa5]+(?:[.,][^\W\u4e00-\u9fa5]+)*|[^\w\s]")


def cmrc_scores(gold: str, answer: str) -> tuple[float, float]:
    """Returns exact match and F1 of CMRC 2018.

    Punctuation is removed.  Chinese characters and the words between them are the tokens; what
    gold and answer have in common is their longest common substring of tokens.
    """
    texts = [
        "".join(char for char in text.lower().strip() if char not in PUNCTUATION)
        for text in (gold, answer)
    ]
    golds, answers = (CMRC_TOKEN.findall(text) for text in texts)
    matcher = SequenceMatcher(None, golds, answers, autojunk=False)
    common = matcher.find_longest_match(0, len(golds), 0, len(answers)).size
    return float(texts[0] == texts[1]), _f1(common, len(golds), len(answers))


def squad_scores(gold: str, answer: str) -> tuple[float, float]:
    """Returns exact match and F1 of SQuAD: words in common, without articles and punctuation."""
    golds, answers = (_squad_tokens(text) for text in (gold, answer))
    common = sum((Counter(golds) & Counter(answers)).values())
    return float(golds == answers), _f1(common, len(golds), len(answers))


def _squad_tokens(text: str) -> list[str]:
    kept = "".join(char for char in text.lower() if char not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", kept).split()


def _f1(common: int, golds: int, answers: int) -> float:
    if not common:
        return 0.0
    precision, recall = common / answers, common / golds
    return 2 * precision * recall / (precision + recall)


def measure(questions: Sequence[Question], answers: Sequence[str]) -> tuple[float, float]:
    """Returns the mean exact match and F1, of several right answers the best."""
    golds = [one.golds or () for one in questions]
    letters = "".join(text for texts in golds for text in texts)
    is_chinese = len(CHINESE.findall(letters)) > len(letters) / 2
    score = cmrc_scores if is_chinese else squad_scores
    best = [
        [max(values) for values in zip(*(score(gold, answer) for gold in texts), strict=True)]
        for texts, answer in zip(golds, answers, strict=True)
    ]
    exact, f1 = np.mean(best, axis=0).tolist()
    return exact, f1


# Contenders


def hornbook(
    train: Sequence[Question], measured: Sequence[Question], *, seed: int, **fields: Any
) -> list[str]:
    """The recipe."""
    data = {
        name: [_row(one) for one in split]
        for name, split in (("train", train), ("valid", measured))
    }
    reading = ReadingComprehension(
        seed=seed, max_length=MAX_LENGTH, max_answer_units=LONGEST, patience=0, **fields
    )
    with tempfile.TemporaryDirectory() as folder:
        reading.fit(data, Path(folder, "run"))
        answers = reading.predict([(one.question, one.passages[0]) for one in measured])
    return [answer["answer"] or "" for answer in answers]


def _row(one: Question) -> dict[str, Any]:
    [context] = one.passages
    answers = [{"text": context[a:b], "answer_start": a} for _, a, b in one.spans]
    return {"question": one.question, "context": context, "answers": answers}


class Window(NamedTuple):
    """A window of the context of the `question`-th question.

    Attributes:
        question: Index of the question.
        ids, segments: Of its tokens, with those of the question.
        offsets: Place of each token in the context; None for other tokens.
        label: First and last token of the answer; the first token of all if it is not here.
    """

    question: int
    ids: list[int]
    segments: list[int]
    offsets: list[tuple[int, int] | None]
    label: tuple[int, int]


def windows_of(tokenizer: Any, questions: Sequence[Question]) -> list[Window]:
    """Cuts contexts into windows behind their question."""
    windows = []
    pieces = tokenizer.pieces([text for one in questions for text in (one.question, *one.passages)])
    for number, one in enumerate(questions):
        (front, _), (ids, offsets) = pieces[2 * number : 2 * number + 2]
        front = front[: MAX_LENGTH // 2]
        room = MAX_LENGTH - len(front) - tokenizer.template.num_special_tokens(2)
        first = 0
        while True:
            part = slice(first, first + room)
            arranged = tokenizer.template.arrange(
                [(front, [None] * len(front)), (ids[part], offsets[part])], None
            )
            windows.append(Window(number, *arranged, _label(arranged[2], one)))
            if first + room >= len(ids):
                break
            first += room - room // OVERLAP
    return windows


def _label(offsets: Sequence[tuple[int, int] | None], one: Question) -> tuple[int, int]:
    """Returns the tokens of the first answer that is whole in a window."""
    places = [(index, *place) for index, place in enumerate(offsets) if place is not None]
    for _, start, end in one.spans:
        inside = [index for index, a, b in places if a < end and b > start]
        if inside and places[0][1] <= start and end <= places[-1][2]:
            return inside[0], inside[-1]
    return 0, 0


def transformers(
    train: Sequence[Question],
    measured: Sequence[Question],
    *,
    seed: int,
    pretrained: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
) -> list[str]:
    """Question answering with AdamW, linear warm-up and decay."""
    import torch
    from transformers import AutoModelForQuestionAnswering, get_linear_schedule_with_warmup

    import hornbook

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    tokenizer = hornbook.load(pretrained).require_tokenizer()
    model = AutoModelForQuestionAnswering.from_pretrained(pretrained).float()
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)

    def inputs(part: Sequence[Window]) -> dict[str, Any]:
        length = max(len(one.ids) for one in part)
        arrays = np.zeros((3, len(part), length), int)
        for row, one in enumerate(part):
            arrays[:, row, : len(one.ids)] = one.ids, one.segments, [1] * len(one.ids)
        ids, segments, mask = torch.from_numpy(arrays)
        return {"input_ids": ids, "token_type_ids": segments, "attention_mask": mask}

    def batches(windows: Sequence[Window]) -> list[list[Window]]:
        in_order = sorted(windows, key=lambda one: len(one.ids) // 32)
        return [in_order[i : i + batch_size] for i in range(0, len(in_order), batch_size)]

    def predict(windows: Sequence[Window]) -> list[str]:
        best = [(-np.inf, "")] * len(measured)
        model.eval()
        for part in batches(windows):
            with torch.no_grad():
                outputs = model(**inputs(part))
            logits = outputs.start_logits.numpy(), outputs.end_logits.numpy()
            for row, one in enumerate(part):
                answer = _best_span(one, *(side[row] for side in logits))
                if answer is not None:
                    score, (start, end) = answer
                    text = measured[one.question].passages[0][start:end]
                    best[one.question] = max(best[one.question], (score, text))
        return [text for _, text in best]

    windows, to_measure = windows_of(tokenizer, train), windows_of(tokenizer, measured)
    steps = epochs * len(batches(windows))
    schedule = get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
    of_epochs = []
    for _ in range(epochs):
        model.train()
        parts = batches([windows[n] for n in random.permutation(len(windows))])
        for part in (parts[n] for n in random.permutation(len(parts))):
            starts, ends = torch.tensor([one.label for one in part]).T
            model(**inputs(part), start_positions=starts, end_positions=ends).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        of_epochs.append(predict(to_measure))
    return max(of_epochs, key=lambda answers: measure(measured, answers)[1])


def _best_span(
    one: Window, start: np.ndarray, end: np.ndarray
) -> tuple[float, tuple[int, int]] | None:
    """Returns the best answer in a window, its score and its place in the context."""
    places = [index for index, place in enumerate(one.offsets) if place is not None]
    starts, ends = (
        sorted(places, key=lambda index: -scores[index])[:BEST] for scores in (start, end)
    )
    pairs = [(a, b) for a in starts for b in ends if a <= b < a + LONGEST]
    if not pairs:
        return None
    a, b = max(pairs, key=lambda pair: start[pair[0]] + end[pair[1]])
    return float(start[a] + end[b]), (one.offsets[a][0], one.offsets[b][1])


def main() -> None:
    """Runs both contenders on every set, and keeps the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--pretrained", required=True, help="model folder")
    parser.add_argument("--without", nargs="*", default=[], help="contenders to leave out")
    parser.add_argument("--rows", type=int, help="number of training questions, the first")
    parser.add_argument("--measured-rows", type=int, help="number of measured ones, for a try")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    options = parser.parse_args()
    settings = {
        "pretrained": options.pretrained,
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "learning_rate": options.learning_rate,
    }
    contenders: dict[str, Callable[..., list[str]]] = {
        "transformers": transformers,
        "hornbook": hornbook,
    }
    contenders = {name: run for name, run in contenders.items() if name not in options.without}
    lines = [
        f"Exact match and F1, mean of {options.seeds} seeds, and CPU seconds of each; {settings}.",
        "",
        "| set | questions | measured | "
        + " | ".join(f"{name}, EM | F1 | s" for name in contenders)
        + " |",
        "|---|---:|---:|" + "---:|" * 3 * len(contenders),
    ]
    for data in options.data:
        questions = questions_with_answers(data)
        split = "test" if questions.has("test") else "valid"
        train = questions.samples("train")[: options.rows]
        measured = questions.samples(split)[: options.measured_rows]
        cells = [data.name, f"{len(train):,}", f"{len(measured):,} {split}"]
        for name, contender in contenders.items():
            scores, start = [], time.process_time()
            for seed in range(options.seeds):
                scores.append(measure(measured, contender(train, measured, seed=seed, **settings)))
                exact, f1 = scores[-1]
                print(f"{data.name}  {name}  seed {seed}: {exact:.4f} {f1:.4f}", flush=True)
            seconds = (time.process_time() - start) / options.seeds
            means, errors = np.mean(scores, axis=0), np.std(scores, axis=0)
            cells += [f"{a:.4f} ± {b:.4f}" for a, b in zip(means, errors, strict=True)]
            cells.append(f"{seconds:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    report = "\n".join(lines)
    print(report)
    keep("Reading comprehension", report)


if __name__ == "__main__":
    main()
