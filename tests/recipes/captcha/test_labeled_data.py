from __future__ import annotations

import numpy as np
from PIL import Image

from hornbook.data.captchas import captcha_rows, labeled_images
from hornbook.data.captchas.labeled_images import fingerprint, read_captchas
from hornbook.recipes.captcha import labeled_data


def test_training_images_are_read_and_split_once(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    for _ in range(20):
        pixels = random.integers(0, 255, (8, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{random.integers(1000, 9999)}.png")
    calls = []

    def count(module, name):
        function = getattr(module, name)

        def counted(*arguments, **options):
            calls.append(name)
            return function(*arguments, **options)

        monkeypatch.setattr(module, name, counted)

    count(captcha_rows, "read_captcha_folder")
    count(labeled_images, "split_off")
    data = labeled_data.training_images(tmp_path, seed=0)
    assert calls == ["read_captcha_folder", "split_off"]
    monkeypatch.undo()
    assert data.train == read_captchas(tmp_path, "train")
    assert data.valid == read_captchas(tmp_path, "valid")
    assert data.held_out == fingerprint(data.valid)
