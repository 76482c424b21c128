"""Writes the tables of the benchmarks to RESULTS.md, newest first under each heading.

The table at the top has the newest result of each: edit it after a run.  A run superseded by a
newer one moves to `history/`.
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")


def keep(heading: str, table: str) -> None:
    """Puts `table` under `## heading`, with date, commit and machine.

    Raises:
        SystemExit: there is no git here to name the commit.
    """
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=RESULTS.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {load}"
    dated = f"### {datetime.date.today()}, commit {commit}, {where}\n\n{table.strip()}\n"
    text = RESULTS.read_text("utf-8") if RESULTS.exists() else "# Results\n"
    mark = f"## {heading}\n"
    if mark not in text:
        text = f"{text.rstrip()}\n\n{mark}"
    before, after = text.split(mark, 1)
    after = after.lstrip("\n")
    RESULTS.write_text(f"{before}{mark}\n{dated}" + (after and f"\n{after}"), "utf-8")
