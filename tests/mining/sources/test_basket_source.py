from __future__ import annotations

import pytest

from hornbook.errors import OptionError
from hornbook.mining.sources.basket_source import FilePartsSource, SparkSource, source_of
from hornbook.mining.sources.memory_source import MemorySource
from hornbook.mining.sources.question import Question


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "baskets.dat"
    path.write_text("1 2\n1 2 3\n" * 5_000)
    return path


def test_the_memory_determines_whether_a_file_is_mined_in_parts(path):
    in_memory, in_parts = source_of(path, 1 << 30), source_of(path, 1 << 16)
    assert isinstance(in_memory, MemorySource)
    assert isinstance(in_parts, FilePartsSource)
    question = Question(0.5, memory=1 << 16)
    assert list(in_memory.mine(question)) == list(in_parts.mine(question))


def test_options_for_reading_are_passed_on(path):
    source = source_of(path, 1 << 16, separator="space", missing="drop")
    assert source == FilePartsSource(path, {"separator": "space", "missing": "drop"})
    assert source_of(path, 1 << 16, spark=True) == SparkSource(str(path), {})


def test_weights_need_baskets_in_memory(path):
    with pytest.raises(OptionError, match="in parts"):
        source_of(path, 1 << 16, weights=[1])
    with pytest.raises(OptionError, match="a Spark table"):
        source_of(path, 1 << 30, weights=[1], spark=True)
