"""`bert4keras.snippets`: data, texts, lists and decoding.

Corrections: `DataGenerator` without data ends (and `forfit` says so) instead of raising
RuntimeError; `ViterbiDecoder` leaves the scores as they are; `strQ2B` works; `parallel_apply`
raises the error of a worker instead of waiting forever; an index of `open` older than its file is
made again.  See `autoregressive.py` for the decoder.
"""

from __future__ import annotations

import builtins
import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from hornbook.compat.bert4keras.autoregressive import AutoRegressiveDecoder as AutoRegressiveDecoder
from hornbook.compat.bert4keras.autoregressive import softmax as softmax
from hornbook.compat.bert4keras.common_parts import (
    longest_common_subsequence as longest_common_subsequence,
)
from hornbook.compat.bert4keras.common_parts import (
    longest_common_substring as longest_common_substring,
)
from hornbook.compat.bert4keras.web_serving import WebServing as WebServing
from hornbook.compat.keras.functions import RemovedError
from hornbook.data.forked import in_forked_processes as parallel_apply_generator
from hornbook.files.indexed_lines import IndexedLines
from hornbook.layers.tagging.viterbi import viterbi

is_py2 = False
uniout = None  # `from bert4keras.snippets import uniout` printed Chinese on Python 2


def to_array(*args: Any) -> Any:
    """Returns each argument as an array; a single one not in a list."""
    arrays = [np.array(argument) for argument in args]
    return arrays[0] if len(arrays) == 1 else arrays


def is_string(s: Any) -> bool:
    return isinstance(s, str)


def strQ2B(ustring: str) -> str:
    """Returns a text with half-width instead of full-width characters."""
    return "".join(
        chr(ord(c) - 0xFEE0) if "！" <= c <= "～" else " " if c == "\u3000" else c for c in ustring
    )


def string_matching(s: str, keywords: Iterable[str]) -> bool:
    """Returns whether one of the regular expressions occurs in a string."""
    return any(re.search(keyword, s) for keyword in keywords)


def convert_to_unicode(text: Any, encoding: str = "utf-8", errors: str = "ignore") -> Any:
    return text.decode(encoding, errors) if isinstance(text, bytes) else text


convert_to_str = convert_to_unicode


def lowercase_and_normalize(text: str) -> str:
    """Lowercases a text, and removes its accents."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn")


def is_one_of(x: Any, ys: Iterable[Any]) -> bool:
    """Returns whether `x` itself, not an equal, is in `ys`."""
    return any(x is y for y in ys)


def insert_arguments(**arguments: Any) -> Callable[[Any], Any]:
    """A decorator of `__init__` that sets attributes from keywords with these defaults."""

    def decorator(init: Any) -> Any:
        @functools.wraps(init)
        def extended(self: Any, *args: Any, **kwargs: Any) -> Any:
            for name, default in arguments.items():
                setattr(self, name, kwargs.pop(name, default))
            return init(self, *args, **kwargs)

        return extended

    return decorator


def delete_arguments(*arguments: str) -> Callable[[Any], Any]:
    """A decorator of `__init__` that refuses keywords."""

    def decorator(init: Any) -> Any:
        @functools.wraps(init)
        def reduced(self: Any, *args: Any, **kwargs: Any) -> Any:
            if refused := [name for name in arguments if name in kwargs]:
                raise TypeError(f"{type(self).__name__} has no argument {refused[0]!r}.")
            return init(self, *args, **kwargs)

        return reduced

    return decorator


def open(
    name: Any,
    mode: str = "r",
    encoding: str | None = None,
    errors: str = "strict",
    indexable: bool | str = False,
) -> Any:
    """Opens a file; if `indexable`, its lines by number (a string names the file of the index)."""
    if indexable:
        index = indexable if isinstance(indexable, str) else None
        return IndexedLines(name, encoding or "utf-8", errors, index)
    return builtins.open(name, mode, encoding=encoding, errors=None if "b" in mode else errors)


def parallel_apply(
    func: Callable[[Any], Any],
    iterable: Iterable[Any],
    workers: int,
    max_queue_size: int,
    callback: Callable[[Any], Any] | None = None,
    dummy: bool = False,
    random_seeds: Any = True,
    unordered: bool = True,
) -> list[Any] | None:
    """Applies a function to all items in processes, or in threads if `dummy`."""
    results = parallel_apply_generator(func, iterable, workers, max_queue_size, dummy, random_seeds)
    if callback is not None:
        for _, result in results:
            callback(result)
        return None
    if unordered:
        return [result for _, result in results]
    return [result for _, result in sorted(results, key=lambda pair: pair[0])]


def sequence_padding(
    inputs: Sequence[Any],
    length: Any = None,
    value: Any = 0,
    seq_dims: int = 1,
    mode: str = "post",
) -> np.ndarray:
    """Pads the first `seq_dims` axes to the longest, or pads and truncates them to `length`."""
    if mode not in ("post", "pre"):
        raise ValueError(f'Unknown mode {mode!r}: expected "post" or "pre".')
    arrays = [np.asarray(one) for one in inputs]
    if length is None:
        length = np.max([array.shape[:seq_dims] for array in arrays], axis=0)
    lengths = [int(one) for one in np.ravel(length)[:seq_dims]]
    rest = arrays[0].shape[seq_dims:]
    dtype = np.result_type(*[array for array in arrays if array.size] or arrays)
    padded = np.full((len(arrays), *lengths, *rest), value, dtype)
    for row, array in zip(padded, arrays, strict=True):
        array = array[tuple(slice(size) for size in lengths)]
        sizes = zip(array.shape, lengths, strict=False)
        post = mode == "post"
        row[tuple(slice(n) if post else slice(size - n, None) for n, size in sizes)] = array
    return padded


def truncate_sequences(maxlen: int, indices: Any, *sequences: Any) -> list[Any]:
    """Removes items at an index from the longest list, one by one, until `maxlen` are left.

    Returns:
        The lists that are not empty, which are modified.
    """
    lists = [one for one in sequences if one]
    positions = indices if isinstance(indices, list | tuple) else [indices] * len(lists)
    while sum(lengths := [len(one) for one in lists]) > maxlen:
        longest = lengths.index(max(lengths))
        lists[longest].pop(positions[longest])
    return lists


def text_segmentate(
    text: str, maxlen: int, seps: str = "\n", strips: str | None = None
) -> list[str]:
    """Splits a text into parts of at most `maxlen`, at the first separators that suffice."""
    text = text.strip().strip(strips)
    if not seps or len(text) <= maxlen:
        return [text]
    parts, part = [], ""
    pieces = text.split(seps[0])
    for number, piece in enumerate(pieces, start=1):
        if part and piece and len(part) + len(piece) >= maxlen:
            parts += text_segmentate(part, maxlen, seps[1:], strips)
            part = ""
        part += piece + (seps[0] if number < len(pieces) else "")
    return parts + (text_segmentate(part, maxlen, seps[1:], strips) if part else [])


class DataGenerator:
    """Batches of data; subclasses define `__iter__(random)`, which reads from `sample(random)`."""

    def __init__(self, data: Any, batch_size: int = 32, buffer_size: int | None = None) -> None:
        self.data = data
        self.batch_size = batch_size
        self.steps = -(-len(data) // batch_size) if hasattr(data, "__len__") else None
        self.buffer_size = buffer_size or batch_size * 1000

    def __len__(self) -> int:
        return self.steps  # type: ignore[return-value] # an iterator has no length

    def sample(self, random: bool = False) -> Iterator[tuple[bool, Any]]:
        """Yields whether an item is the last, and the item."""
        items = iter(self.data)
        if random and self.steps is None:
            items = self._shuffled()
        elif random:
            items = (self.data[i] for i in np.random.permutation(len(self.data)))
        for current in items:
            for following in items:
                yield False, current
                current = following
            yield True, current

    def _shuffled(self) -> Iterator[Any]:
        buffer: list[Any] = []
        for item in self.data:
            buffer.append(item)
            if len(buffer) > self.buffer_size:
                yield buffer.pop(np.random.randint(len(buffer)))
        while buffer:
            yield buffer.pop(np.random.randint(len(buffer)))

    def __iter__(self, random: bool = False) -> Iterator[Any]:
        raise NotImplementedError

    def forfit(self, random: bool = True) -> Iterator[Any]:
        """Yields batches without end.

        Raises:
            ValueError: there are none.
        """
        while True:
            batch = None
            for batch in self.__iter__(random):
                yield batch
            if batch is None:
                raise ValueError("The generator yields no batch: is the data empty?")

    def fortest(self, random: bool = False) -> Iterator[Any]:
        """Yields the inputs of batches without end."""
        return (batch[0] for batch in self.forfit(random))

    def to_dataset(self, *_: Any, **__: Any) -> NoReturn:
        raise RemovedError(
            "to_dataset made a tf.data.Dataset for MirroredStrategy.  Yield whole batches in "
            "__iter__ and pass forfit() to fit, with steps_per_epoch=len(generator)."
        )


class ViterbiDecoder:
    """The tags with the highest score; see `hornbook.layers.tagging.viterbi`.

    Args:
        trans: `(tags, tags)`, the score of a tag (row) before a tag (column).
        starts: Tags that a text may start with.  Defaults to all.
        ends: Tags that a text may end with.  Defaults to all.
    """

    def __init__(
        self, trans: Any, starts: Iterable[int] | None = None, ends: Iterable[int] | None = None
    ) -> None:
        self.trans = trans
        self.num_labels = len(trans)
        self.non_starts, self.non_ends = (
            [] if tags is None else sorted({*range(self.num_labels)} - {*tags})
            for tags in (starts, ends)
        )

    def decode(self, nodes: np.ndarray) -> np.ndarray:
        """Returns the tags `(length,)` of scores `(length, tags)`."""
        start, end = np.zeros((2, self.num_labels))
        start[self.non_starts] = end[self.non_ends] = -np.inf
        tags, _ = viterbi(np.asarray(nodes)[None], np.asarray(self.trans), start, end)
        return np.asarray(tags[0])
