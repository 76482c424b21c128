"""Draws captchas with two workers, and kills itself while they are at it.

python killed_making.py FOLDER WHEN    # WHEN: first, last or renamed
"""

import os
import signal
import sys

from hornbook.data.captchas import making
from hornbook.data.captchas.making import Order, make_captchas
from hornbook.files import atomic_folders


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def die_after_the_first(*arguments, **options):
    for made in in_processes(*arguments, **options):
        yield made
        die()


if __name__ == "__main__":
    folder, when = sys.argv[1:]
    making.PART = 10
    in_processes = making.in_processes
    if when == "first":
        making.in_processes = die_after_the_first
    elif when == "last":
        atomic_folders.write_manifest = die
    else:
        os.rename = die
    order = Order("mixed", (64, 32), (), "abc123", (2, 3), 1)
    make_captchas(folder, order, 200, workers=2)
