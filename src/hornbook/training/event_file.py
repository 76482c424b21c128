"""Numbers for TensorBoard, through its own package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from hornbook.errors import require
from hornbook.files import atomic_file

NAME = "events.out.tfevents.0000000000.hornbook"


def write_scalars(folder: str | Path, lines: Iterable[Mapping[str, float]]) -> None:
    """Writes one file of events, or the same one again with more in it.

    So a run that was killed and resumed has no step twice.

    Args:
        folder: Made if needed.
        lines: `step`, and other numbers by name.

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
            found = [
                Summary.Value(tag=name, simple_value=value)
                for name, value in line.items()
                if name != "step"
            ]
            event = Event(step=int(line["step"]), summary=Summary(value=found))
            writer.write(event.SerializeToString())
