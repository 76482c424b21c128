"""Reads captchas with a model written by `hornbook export`, using only onnxruntime and Pillow.

python examples/read_captcha_onnx.py RUN/model.onnx image.png ...
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1])
(pixels,), metadata = session.get_inputs(), session.get_modelmeta().custom_metadata_map
_, height, width, _ = pixels.shape
for file in sys.argv[2:]:
    image = Image.open(file).convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    (logits,) = session.run(None, {pixels.name: np.asarray(image, np.float32)[None]})
    slots, columns = np.split(logits[0].argmax(axis=1), [int(metadata["slots"])])  # 0 is blank
    # CTC: repeated columns are one character; a large backbone has only slots
    best = columns[np.append(True, columns[1:] != columns[:-1])] if len(columns) else slots
    print(file, "".join(metadata["characters"][number - 1] for number in best if number), sep="\t")
