import json
import os

import keras
import numpy as np
import pandas
import pytest

from hornbook.cli import main
from hornbook.data import ahead
from hornbook.data.captchas.labeled_images import read_captchas
from hornbook.data.images.decoding import read_image
from hornbook.data.images.formats import find_images
from hornbook.errors import DataError, OptionError
from hornbook.recipes.captcha import CaptchaReading
from hornbook.recipes.captcha.readings import Readings, read
from hornbook.recipes.captcha.report import NOTHING, aligned
from hornbook.recipes.captcha.suspect_labels import misread_images, texts_of, write_labels_to_check
from hornbook.training.loop import Loop


@pytest.fixture(scope="module")
def reader(captcha_run):
    return CaptchaReading.load(captcha_run)


@pytest.mark.backend
def test_a_run_has_metrics_weights_and_a_report_with_its_errors(captcha_run):
    rows = [json.loads(line) for line in (captcha_run / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[1]["loss"] < rows[0]["loss"]
    report = (captcha_run / "report.html").read_text()
    assert "data:image/png;base64," in report
    assert "Confused characters" in report


@pytest.mark.backend
def test_the_saved_model_has_the_metrics_of_the_best_epoch(captcha_run, captcha_data, reader):
    rows = [json.loads(line) for line in (captcha_run / "metrics.jsonl").read_text().splitlines()]
    best = max(rows, key=lambda row: row["probability"])
    metrics = reader.evaluate(captcha_data)
    assert metrics["images"] == 4  # a tenth of 40; the unreadable one is not counted
    assert metrics["whole"] == best["whole"]
    assert metrics["characters"] == best["characters"]


def test_an_image_reads_the_same_alone_in_a_batch_and_in_another_format(captcha_data, reader):
    paths = find_images(captcha_data)
    together = reader.predict(paths)
    path = paths[3]
    alone = reader.predict([path])[0]
    assert alone["text"] == together[3]["text"]
    assert alone["confidence"] == pytest.approx(together[3]["confidence"], abs=1e-4)
    assert len(alone["character_confidence"]) == len(alone["text"])
    image = read_image(path)
    image.save(path.parent / ".copy.bmp")
    as_bmp = reader.predict([path.parent / ".copy.bmp", path.read_bytes()])
    os.unlink(path.parent / ".copy.bmp")
    assert as_bmp[0]["text"] == alone["text"] == as_bmp[1]["text"]
    assert as_bmp[1]["file"] is None


def test_an_unreadable_image_is_an_error_in_its_row_only(captcha_data, reader):
    answers = reader.predict(find_images(captcha_data))
    broken = [answer for answer in answers if answer["error"]]
    assert len(answers) == 41
    assert [answer["text"] for answer in broken] == [None]
    assert "ab_broken.png" in broken[0]["error"]
    assert reader.predict([captcha_data / "ab_broken.png"])[0]["error"] == broken[0]["error"]


def test_a_few_images_are_read_without_threads(captcha_data, reader, monkeypatch):
    paths = find_images(captcha_data)[:3]
    texts = [answer["text"] for answer in reader.predict(paths)]
    monkeypatch.setattr(ahead, "ThreadPoolExecutor", None)
    assert [answer["text"] for answer in reader.predict(paths)] == texts
    assert reader.predict([]) == []


def test_evaluation_on_other_data_uses_all_images(captcha_data, reader, tmp_path):
    for path in find_images(captcha_data)[:9]:
        read_image(path).save(tmp_path / path.name)
    assert reader.evaluate(tmp_path)["images"] == 9


def test_label_renames_files_and_undoes_it(captcha_run, captcha_data, tmp_path, capsys):
    for number, path in enumerate(find_images(captcha_data)[:3]):
        read_image(path).save(tmp_path / f"{number}.png")
    command = ["label", captcha_run, tmp_path, "--min-confidence", "0"]
    before = sorted(os.listdir(tmp_path))
    assert main(command) == 0
    assert sorted(os.listdir(tmp_path)) == before
    assert main([*command, "--apply"]) == 0
    after = sorted(os.listdir(tmp_path))
    assert len(after) == 4
    assert not set(before) & set(after)
    (undo,) = tmp_path.glob("undo-*.csv")
    assert main([*command, "--undo", undo]) == 0
    assert sorted(os.listdir(tmp_path)) == [*before, undo.name]
    capsys.readouterr()


def test_predict_writes_a_table_of_a_folder(captcha_run, captcha_data, tmp_path, capsys):
    out = tmp_path / "answers.csv"
    assert main(["predict", captcha_run, captcha_data, "--out", out]) == 0
    lines = out.read_text().splitlines()
    assert lines[0] == "file,text,confidence,character_confidence,error"
    assert len(lines) == 42
    capsys.readouterr()


def test_info_lists_the_learned_characters(captcha_run, capsys):
    assert main(["info", captcha_run]) == 0
    out = capsys.readouterr().out
    assert "PROBLEM" not in out
    assert "'characters': '12ABab'" in out
    assert "all files are correct" in out


def test_a_length_that_the_labels_do_not_have_is_one_message(captcha_data, tmp_path):
    with pytest.raises(DataError, match="--length 4 needs labels of 4 characters; there are"):
        CaptchaReading(length=4).fit(captcha_data, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(OptionError, match="Did you mean 'Xception'"):
        CaptchaReading(backbone="Xcepton", weights="none").fit(captcha_data, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    for field in (
        {"weights": "a.h5"},
        {"length": "four"},
        {"size": "60"},
        {"size": "9x9"},
        {"case": "lower"},
    ):
        with pytest.raises(OptionError):
            CaptchaReading(**field)


def test_labels_that_disagree_with_a_confident_reading_are_listed(reader, captcha_data, tmp_path):
    captchas = [one for one in read_captchas(captcha_data) if "broken" not in one.path.name][:3]
    numbers = reader._numbers(captchas)
    other = np.where(numbers == 1, 2, 1) * (numbers > 0)
    candidates = np.stack([numbers, other], axis=1)
    # the first is read as its label, the second differently but with low confidence
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.05, 0.95]])
    readings = Readings(candidates, probabilities)
    assert len(misread_images(captchas, readings, reader.alphabet)) == 2
    (row,) = rows = misread_images(captchas, readings, reader.alphabet, min_confidence=0.8)
    read_as = "".join("1" if one != "1" else "2" for one in captchas[2].label)
    assert (row["label"], row["read"]) == (captchas[2].label, read_as)
    message = write_labels_to_check(tmp_path, rows, 3)
    assert "1 of 3 images" in message
    lines = (tmp_path / "labels_to_check.csv").read_text("utf-8").splitlines()
    assert lines == [
        "file,label,read,confidence",
        f"{captchas[2].path},{row['label']},{read_as},0.95",
    ]
    assert write_labels_to_check(tmp_path / "none", [], 3) == ""
    assert not (tmp_path / "none").exists()


def test_deleted_and_inserted_characters_are_aligned_with_nothing():
    assert aligned("abcd", "abd") == [("a", "a"), ("b", "b"), ("c", NOTHING), ("d", "d")]
    assert aligned("ab", "xab") == [(NOTHING, "x"), ("a", "a"), ("b", "b")]
    assert aligned("ab", "ax") == [("a", "a"), ("b", "x")]


def test_the_exported_model_has_the_characters_as_metadata(reader):
    model, metadata = reader.exported()
    assert metadata == {"characters": "12ABab", "slots": "2"}
    pixels = np.zeros((1, 16, 40, 3), "float32")
    assert model.predict_on_batch(pixels).shape == (1, 2 + 5, 7)


@pytest.mark.backend
@pytest.mark.skipif(
    keras.config.backend() == "jax", reason="it would be opened in a process on another backend"
)
def test_the_onnx_file_has_the_logits_of_the_run(captcha_run, captcha_data, reader, tmp_path):
    import onnxruntime

    file = tmp_path / "model.onnx"
    assert main(["export", str(captcha_run), "--out", str(file)]) == 0
    session = onnxruntime.InferenceSession(file)
    paths = find_images(captcha_data)[:3]
    pixels = np.stack([np.asarray(read_image(path), "float32") for path in paths])
    (logits,) = session.run(None, {session.get_inputs()[0].name: pixels})
    readings = read(logits, reader.alphabet.longest, reader.temperature)
    assert texts_of(readings, reader.alphabet) == [one["text"] for one in reader.predict(paths)]


def test_case_and_lengths_are_learned_from_the_labels(captcha_data, reader):
    assert reader.alphabet.case == "distinguished"
    assert reader.alphabet.length == "1 to 2"
    paths = [path for path in find_images(captcha_data) if "broken" not in path.name]
    captchas = [captcha for captcha in read_captchas(captcha_data) if captcha.path in paths]
    numbers = reader._numbers(captchas)
    for captcha, row in zip(captchas, numbers, strict=True):
        assert "".join(reader.alphabet.characters[one - 1] for one in row if one) == captcha.label
    assert {len(captcha.label) for captcha in captchas} == {1, 2}


def test_any_network_can_be_the_backbone(captcha_data, tiny_backbone, tmp_path):
    weights = tmp_path / "tiny.weights.h5"
    tiny_backbone(include_top=False).save_weights(weights)
    fields = {"backbone": "Tiny", "weights": str(weights), "epochs": 1, "size": "64x32"}
    trained = CaptchaReading(**fields).fit(captcha_data, tmp_path / "run")
    path = find_images(captcha_data)[0]
    assert CaptchaReading.load(tmp_path / "run").predict([path]) == trained.predict([path])


class Killed(Exception):
    pass


def test_a_killed_run_on_rows_ends_with_the_bytes_of_the_run_on_the_same_files(
    captcha_run, captcha_data, reader, tmp_path, monkeypatch
):
    files = read_captchas(captcha_data)
    rows = [{"image": one.path.read_bytes(), "label": one.label, "id": 7} for one in files]
    step = Loop._step

    def die_at_step_4(loop, batch):
        step(loop, batch)
        if loop.state["step"] == 4:
            raise Killed

    fields = {"size": "40x16", "epochs": 2, "batch_size": 16, "seed": 1}
    monkeypatch.setattr(CaptchaReading, "snapshot_seconds", 0)
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_step", die_at_step_4)
        with pytest.raises(Killed):
            CaptchaReading(**fields).fit(rows, tmp_path / "run")
    table = pandas.DataFrame(rows)
    trained = CaptchaReading(**fields).fit(table, tmp_path / "run", resume=True)
    for name in ("model/model.safetensors", "metrics.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (captcha_run / name).read_bytes()
    assert trained.evaluate(rows) == reader.evaluate(captcha_data)
    answers = trained.predict(table)
    assert [one["text"] for one in answers] == [
        one["text"] for one in reader.predict([one.path for one in files])
    ]
    (broken,) = [one for one in answers if one["error"]]
    assert broken["error"].startswith(f"row {broken['row']} is not a readable image")
    assert list(answers[0])[:4] == ["row", "label", "id", "file"]
