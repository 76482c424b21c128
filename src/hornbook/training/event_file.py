"""Writes scalars for TensorBoard, with TensorBoard's own package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from hornbook.errors import require
from hornbook.files import atomic_file

NAME = "events.out.tfevents.0000000000.hornbook"


def write_scalars(folder: str | Path, lines: Iterable[Mapping[str, float]]) -> None:
    """Writes all scalars to one event file, and replaces it if it exists.

    So a run that was killed and resumed has no step twice.

    Args:
        folder: Folder of the file; created if needed.
        lines: One mapping per step: `step`, and the scalars by name.

    Raises:
        MissingExtraError: tensorboard is not installed.
    """
    require("tensorboard", extra="pretraining")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    with atomic_file(Path(folder) / NAME) as file:
        writer = RecordWriter(file)
        writer.write(Event(file_version="brain.Event:2").SerializeToString())
        for line in lines:
            scalars = [
                Summary.Value(tag=name, simple_value=value)
                for name, value in line.items()
                if name != "step"
            ]
            event = Event(step=int(line["step"]), summary=Summary(value=scalars))
            writer.write(event.SerializeToString())
