"""The same training on one device and on two; `test_choosing.py` runs it in a child process.

    python trained_on_devices.py CORPUS VOCABULARY FOLDER FIELDS...

Each FIELDS is a JSON object, and each training has the folder `0`, `1` ... of FOLDER.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

FOUR = "--xla_force_host_platform_device_count=4"


def main(corpus: str, vocabulary: str, folder: str, *trainings: str) -> None:
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow

        [processor] = tensorflow.config.list_physical_devices("CPU")
        four = [tensorflow.config.LogicalDeviceConfiguration()] * 4
        tensorflow.config.set_logical_device_configuration(processor, four)
    from hornbook.recipes.pretraining import Pretraining

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Path(folder, "config.json")
    config.write_text(json.dumps({**sizes, "intermediate_size": 32}), "utf-8")
    for number, fields in enumerate(trainings):
        recipe = Pretraining(
            vocabulary=vocabulary,
            model_config=str(config),
            steps=3,
            length=16,
            batch_tokens=64,
            measure_steps=3,
            **json.loads(fields),
        )
        recipe.fit(corpus, Path(folder, str(number)))


if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FOUR}"
    main(*sys.argv[1:])
