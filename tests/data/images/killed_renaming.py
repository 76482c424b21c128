"""Renames all images of a folder, and kills itself at one of its steps.

python killed_renaming.py FOLDER STEP VERB   # VERB: rename or undo
"""

import itertools
import os
import signal
import sys
from pathlib import Path

from hornbook.data.images import renaming

if __name__ == "__main__":
    folder, step, verb = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    counter = itertools.count(1)

    def dying(function):
        def call(*arguments, **options):
            if next(counter) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    renaming.os.link, renaming.os.unlink = dying(os.link), dying(os.unlink)
    if verb == "rename":
        named = renaming.mend(folder)
        paths = [path for path in sorted(folder.glob("*.png")) if path not in named]
        undo_file = folder / f"undo-{step:03}.csv"
        renaming.rename(renaming.named_after((path, "7h2k") for path in paths), undo_file)
    else:
        renaming.undo(folder / "undo-000.csv")
