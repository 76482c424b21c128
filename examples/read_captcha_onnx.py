"""Reads captchas with nothing but onnxruntime and Pillow: what `hornbook export` wrote.

python examples/read_captcha_onnx.py RUN/model.onnx image.png ...
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1])
(pixels,), known = session.get_inputs(), session.get_modelmeta().custom_metadata_map
_, height, width, _ = pixels.shape
for file in sys.argv[2:]:
    image = Image.open(file).convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    (logits,) = session.run(None, {pixels.name: np.asarray(image, np.float32)[None]})
    slots, columns = np.split(logits[0].argmax(axis=1), [int(known["slots"])])  # 0 is nothing
    # columns that follow each other say the same character; a large backbone has only slots
    best = columns[np.append(True, columns[1:] != columns[:-1])] if len(columns) else slots
    print(file, "".join(known["characters"][number - 1] for number in best if number), sep="\t")
