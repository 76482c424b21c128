"""`python -m hornbook.compat script.py [arguments]` runs a script that imports bert4keras."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from hornbook.errors import HornbookError

USAGE = "usage: python -m hornbook.compat script.py [arguments]"


def main() -> int:
    """Runs the script; an error of hornbook is printed without a traceback."""
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(USAGE)
        return 0 if sys.argv[1:] else 2
    script = Path(sys.argv[1])
    if not script.is_file():
        print(f"There is no script {script}.\n{USAGE}", file=sys.stderr)
        return 2
    from hornbook.compat.importing import run

    try:
        run(script, sys.argv[2:])
    except HornbookError as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == str(script)
        ]
        place = f"{script}:{lines[-1]}: " if lines else ""
        print(f"hornbook: {place}{error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
