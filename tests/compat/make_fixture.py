"""Writes bert4keras_outputs.json from the output of shared/reference/bert4keras-oracle.py.

Usage: python tests/compat/make_fixture.py OUT   (the folder with its .npz and .h5 files)

The random weights are drawn again in the test, in the order of the layers, so only names, shapes
and a part of the outputs are kept.
"""

import json
import sys
from pathlib import Path

import h5py
import numpy as np

cases = {}
for file in sorted(Path(sys.argv[1]).glob("*.h5")):
    layers = []
    with h5py.File(file) as weights:
        for layer in weights.attrs["layer_names"]:
            names = [str(name) for name in weights[layer].attrs["weight_names"]]
            if names:
                shapes = [weights[layer][name].shape for name in names]
                layers.append([layer, list(zip(names, shapes, strict=True))])
    outputs = np.load(file.with_suffix(".npz"))["y"][..., ::37]
    cases[file.stem] = {"layers": layers, "outputs": np.round(outputs, 6).tolist()}
fixture = Path(__file__).with_name("bert4keras_outputs.json")
fixture.write_text(json.dumps(cases, separators=(",", ":")) + "\n", encoding="utf-8")
