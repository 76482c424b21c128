"""Event files, read with TensorBoard's own reader."""

from __future__ import annotations

import pytest

from hornbook.training.event_file import NAME, write_scalars

pytest.importorskip("tensorboard")


def test_scalars_have_their_step_and_a_rewritten_file_has_none_twice(tmp_path):
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    first = {"step": 1, "loss": 2.5}
    write_scalars(tmp_path, [first])
    write_scalars(tmp_path, [first, {"step": 4, "loss": 1.25, "accuracy": 0.5}])
    assert [file.name for file in tmp_path.iterdir()] == [NAME]
    version, *events = map(Event.FromString, RawEventFileLoader(str(tmp_path / NAME)).Load())
    assert version.file_version == "brain.Event:2"
    scalars = [
        (event.step, {value.tag: value.simple_value for value in event.summary.value})
        for event in events
    ]
    assert scalars == [(1, {"loss": 2.5}), (4, {"loss": 1.25, "accuracy": 0.5})]
