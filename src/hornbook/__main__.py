"""`hornbook` and `python -m hornbook`."""

import sys

from hornbook.cli import run_program as main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
