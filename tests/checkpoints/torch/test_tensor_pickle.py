"""Pickles of tensors are read; those that refer to anything else are refused."""

from __future__ import annotations

import collections
import io
import os
import pickle
import tracemalloc

import pytest

from hornbook.checkpoints.torch.tensor_pickle import Storage, StoredTensor, read_tensor_pickle


class FloatStorage:
    """Replaces torch's class in a pickle."""


FloatStorage.__module__ = "torch"


class Pickler(pickle._Pickler):
    """Writes torch's names without torch."""

    def persistent_id(self, value):
        return ("storage", FloatStorage, *value[1:]) if type(value) is Stored else None

    def save_global(self, value, name=None):
        if value is FloatStorage:
            self.write(b"ctorch\nFloatStorage\n")
        elif value is rebuild:
            self.write(b"ctorch._utils\n_rebuild_tensor_v2\n")
        else:
            super().save_global(value, name)

    dispatch = pickle._Pickler.dispatch | {type: save_global, type(lambda: 0): save_global}


class Stored(tuple):
    """A storage: `('storage', key, device, count)`."""


def rebuild():
    """Replaces torch's function of that name."""


class Tensor:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return rebuild, self.arguments


def pickled(value, protocol=2):
    file = io.BytesIO()
    Pickler(file, protocol).dump(value)
    return file.getvalue()


def tensor(key="0", count=6, offset=0, shape=(2, 3), strides=(3, 1)):
    storage = Stored(("storage", key, "cpu", count))
    return Tensor(storage, offset, shape, strides, False, collections.OrderedDict())


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_dict_of_tensors_is_read(protocol):
    table = collections.OrderedDict(a=tensor(), b=tensor("1", 9, 4, (5,), (1,)), note="x", step=3)
    table._metadata = collections.OrderedDict(version=1)
    assert read_tensor_pickle(pickled(table, protocol)) == {
        "a": StoredTensor(Storage("0", "float32", 6), 0, (2, 3), (3, 1)),
        "b": StoredTensor(Storage("1", "float32", 9), 4, (5,), (1,)),
    }


class Evil:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_executed(tmp_path, protocol):
    marker = tmp_path / "ran"
    data = pickle.dumps({"a": Evil(os.mkdir, str(marker))}, protocol)
    with pytest.raises(ValueError, match=r"posix\.mkdir|nt\.mkdir|instruction"):
        read_tensor_pickle(data)
    assert not marker.exists()
    pickle.loads(data)  # the pickle does execute code
    assert marker.exists()


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "os.system"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "builtins.eval"),
        (b"ctorch.nn.modules.linear\nLinear\n.", "torch.nn.modules.linear.Linear"),
        (b"ccollections\nOrderedDict.__init__.__globals__\n.", "refers to collections.Ordered"),
        (b"(S'true'\nios\nsystem\n.", "instruction"),
        (b"(ccollections\nOrderedDict\no.", "instruction OBJ"),
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "instruction NEWOBJ"),
        (b"\x80\x04\x82\x01.", "instruction EXT1"),
        (b"Pstorage\n.", "instruction PERSID"),
        (b"ccollections\nOrderedDict\n(K\x01tR.", "does not create a tensor"),
        (b"ctorch\nFloatStorage\n)R.", "does not create a tensor"),
        (b"K\x01}b.", "int in place of a dict"),
        (b"}(K\x01K\x02K\x03u.", "has no value"),
        (b"}(}K\x02u.", "not a string"),
        (b"h\x00.", "value that does not exist"),
        (b"u.", "mark that does not exist"),
        (b"(K\x01\x85.", "dict of tensors"),
        (b"(\x85.", "more values from the stack than there are"),
        (b"K\x01.", "dict of tensors"),
        (b"}", "."),
        (b"", "."),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f}.", "."),
        (b"(K\x01K\x02tQ.", "storage is not described"),
    ],
)
def test_programs_for_anything_else_are_refused(program, reason):
    with pytest.raises(ValueError, match=reason):
        read_tensor_pickle(program)


def test_large_memo_indices_need_no_memory():
    tracemalloc.start()
    assert read_tensor_pickle(b"}r\xff\xff\xff\x7f.") == {}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_nesting_does_not_overflow_the_stack():
    depth = 200_000
    assert read_tensor_pickle(b"}\x8c\x01a)" + b"\x85" * depth + b"s.") == {}
    with pytest.raises(ValueError, match="not a string"):
        read_tensor_pickle(b"})" + b"\x85" * depth + b"K\x01s.")


def test_an_endless_program_is_refused():
    with pytest.raises(ValueError, match="too many instructions"):
        read_tensor_pickle(b"N" * 1_000_001 + b".")
