"""`hornbook export RUN --to onnx`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run")
    parser.add_argument("--to", default="onnx", choices=("onnx",), help="format (default: onnx)")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="file to write (default: RUN/model.onnx)"
    )


def run(options: argparse.Namespace) -> None:
    from hornbook.errors import OptionError
    from hornbook.recipes import open_run

    file = options.out or options.run_folder / "model.onnx"
    if file.suffix != ".onnx":
        raise OptionError(f"--out {file}: the name of an ONNX file ends in .onnx.")
    recipe = open_run(options.run_folder)
    model, metadata = recipe.exported()

    from hornbook.training.exporting import export_onnx

    words = ["export", str(options.run_folder), "--to", "onnx"]
    difference = export_onnx(model, file, metadata=metadata, command=words)
    print(f"{file}  {file.stat().st_size / 1e6:.2f} MB")
    print(f"Checked with ONNX Runtime: the maximum difference is {difference:.1g}")
