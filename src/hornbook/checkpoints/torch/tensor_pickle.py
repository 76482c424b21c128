"""Reads the pickle of an old `pytorch_model.bin` without executing anything.

A pickle is a program for a small stack machine, and some of its instructions call functions
by name.  Here only the instructions of a dict of tensors are supported, three function names
are interpreted, and everything else is refused.  Nothing is imported or called, and only lists,
tuples, dicts and the descriptions below are created.

Reference: the standard library's `pickletools`; `torch/_utils.py` for the three names.
"""

from __future__ import annotations

import pickletools
import re
from dataclasses import dataclass
from typing import Any

# keys under which trainers store the weights, beside the state of the optimizer
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "weights", "net", "network")
_MAXIMUM_INSTRUCTIONS = 1_000_000  # about 30 per tensor
_STORAGE_TYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


@dataclass(frozen=True, slots=True)
class Storage:
    """An array of `count` numbers, in a file of the archive called `key`."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """The location of a tensor in a storage; offset and strides are in numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Name:
    """A class or function that the pickle refers to."""

    module: str
    name: str


_ORDERED_DICT = _Name("collections", "OrderedDict")
_REBUILD_TENSOR = _Name("torch._utils", "_rebuild_tensor_v2")
_REBUILD_PARAMETER = _Name("torch._utils", "_rebuild_parameter")
_SUPPORTED = {_ORDERED_DICT, _REBUILD_TENSOR, _REBUILD_PARAMETER} | {
    _Name("torch", storage) for storage in _STORAGE_TYPES
}


def read_tensor_pickle(data: bytes) -> dict[str, StoredTensor]:
    """Returns the tensors of the dict in `data`; other values are ignored.

    Raises:
        ValueError: it is damaged, or refers to anything other than tensors.
    """
    return read_nested_pickle(data)[0]


def read_nested_pickle(data: bytes) -> tuple[dict[str, StoredTensor], str]:
    """Returns the tensors of a dict, or of a dict in it, such as the `state_dict` of a trainer.

    Returns:
        The tensors by name, and the key of their dict; "" for the outer one.

    Raises:
        ValueError: as for `read_tensor_pickle`.
    """
    result = _Machine().run(data)
    if not isinstance(result, dict):
        raise ValueError("it does not hold a dict of tensors")
    tensors = _tensors_in(result)
    for key in _WRAPPERS:
        inner = _tensors_in(result.get(key))
        if len(inner) > len(tensors):
            return inner, key
    return tensors, ""


def _tensors_in(table: Any) -> dict[str, StoredTensor]:
    entries = table.items() if isinstance(table, dict) else ()
    return {
        name: value
        for name, value in entries
        if isinstance(name, str) and isinstance(value, StoredTensor)
    }


class _Machine:
    """The stack machine: a stack, marks in it, and a memo of values that are used again."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > _MAXIMUM_INSTRUCTIONS:
                raise ValueError("it has too many instructions")
            if opcode.name == "STOP":
                return self.pop()
            self.step(opcode.name, argument)
        raise ValueError("it has no end")

    def step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _LITERALS:
            self.stack.append(argument)
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.top()
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.top()
        elif name in ("BINGET", "LONG_BINGET"):
            if argument not in self.memo:
                raise ValueError("it refers to a value that does not exist")
            self.stack.append(self.memo[argument])
        elif name in _INSTRUCTIONS:
            _INSTRUCTIONS[name](self, argument)
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"it has the instruction {name}, which no dict of tensors needs")

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise ValueError("it takes more values from the stack than there are")
        return self.stack.pop()

    def top(self) -> Any:
        value = self.pop()
        self.stack.append(value)
        return value

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise ValueError("it refers to a mark that does not exist")
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def tuple_to_mark(self, _: Any) -> None:
        self.stack.append(tuple(self.pop_to_mark()))

    def tuple_of(self, size: int) -> None:
        values = [self.pop() for _ in range(size)]
        self.stack.append(tuple(reversed(values)))

    def append(self, values: list[Any]) -> None:
        _expect(self.top(), list).extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = _expect(self.top(), dict)
        if len(values) % 2:
            raise ValueError("a key has no value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) not in (str, int):
                raise ValueError("a key is not a string")
            target[key] = value

    def set_item(self, _: Any) -> None:
        value = self.pop()
        self.set_items([self.pop(), value])

    def find(self, module: Any, name: Any) -> None:
        reference = _Name(_expect(module, str), _expect(name, str))
        if re.search("float8|qtensor|QInt|QUInt", f"{module}.{name}", re.IGNORECASE):
            raise ValueError(
                f"it holds weights in 8 or fewer bits ({module}.{name}), which are not supported: "
                "convert them to bfloat16 first"
            )
        if reference not in _SUPPORTED:
            raise ValueError(
                f"it refers to {module}.{name}; only tensors are read, and nothing is executed"
            )
        self.stack.append(reference)

    def find_on_stack(self, _: Any) -> None:
        name = self.pop()
        self.find(self.pop(), name)

    def persistent(self, _: Any) -> None:
        """Replaces `('storage', type, key, device, count)` by a storage."""
        reference = self.pop()
        if not isinstance(reference, tuple) or len(reference) != 5 or reference[0] != "storage":
            raise ValueError("a storage is not described in torch's format")
        kind = _expect(reference[1], _Name).name
        if kind not in _STORAGE_TYPES:
            raise ValueError(f"a storage has the unknown type {kind}")
        key, count = _expect(reference[2], str), _expect(reference[4], int)
        self.stack.append(Storage(key, _STORAGE_TYPES[kind], count))

    def call(self, _: Any) -> None:
        """Applies the three functions to descriptions instead of tensors."""
        arguments = _expect(self.pop(), tuple)
        function = self.pop()
        if function == _ORDERED_DICT and not arguments:
            self.stack.append({})
        elif function == _REBUILD_PARAMETER and len(arguments) == 3:
            self.stack.append(_expect(arguments[0], StoredTensor))
        elif function == _REBUILD_TENSOR and len(arguments) >= 6:
            storage, offset, shape, strides = arguments[:4]
            self.stack.append(
                StoredTensor(
                    _expect(storage, Storage),
                    _expect(offset, int),
                    tuple(_expect(size, int) for size in _expect(shape, tuple)),
                    tuple(_expect(stride, int) for stride in _expect(strides, tuple)),
                )
            )
        else:
            raise ValueError("it has a call that does not create a tensor")

    def set_state(self, _: Any) -> None:
        """Ignores the attributes of a dict (`_metadata`)."""
        self.pop()
        _expect(self.top(), dict)


_LITERALS = {
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BININT", "BININT1", "BININT2"),
    *("LONG1", "BINFLOAT"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list}
_INSTRUCTIONS = {
    "MARK": _Machine.mark,
    "TUPLE": _Machine.tuple_to_mark,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": lambda machine, _: machine.append([machine.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.pop_to_mark()),
    "SETITEM": _Machine.set_item,
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "GLOBAL": lambda machine, argument: machine.find(*argument.split(" ", 1)),
    "STACK_GLOBAL": _Machine.find_on_stack,
    "BINPERSID": _Machine.persistent,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.set_state,
}


def _expect(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"it has a {type(value).__name__} in place of a {kind.__name__}")
    return value
