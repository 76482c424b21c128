"""Image classification from end to end: training, resuming, predicting, ensembles, exporting."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil

import keras
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from hornbook.cli import main
from hornbook.errors import HornbookError, OptionError
from hornbook.recipes.images import Images
from hornbook.recipes.images.stages import TwoStages
from hornbook.training.loop import Loop
from hornbook.training.run_folder import RunFolder

pytest.importorskip("PIL.Image")
COMPARED = ("model/model.safetensors", "model/recipe.json", "metrics.jsonl")


@pytest.fixture
def images(image_run):
    return Images.load(image_run)


def digests(run):
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in COMPARED}


@pytest.mark.backend
def test_a_run_has_the_head_as_epoch_0_and_a_report_with_its_images(image_run):
    rows = RunFolder(image_run).metrics()
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert rows[0]["loss"] is None
    assert all(np.isfinite(row["loss"]) for row in rows[1:])
    page = (image_run / "report.html").read_text("utf-8")
    for heading in ("Confusion matrix", "Grad-CAM", "Training"):
        assert heading in page
    assert page.count("data:image/jpeg") >= 3  # a heat map of each of the three classes
    assert not (image_run / "checkpoints").exists()


class Killed(Exception):
    pass


def test_a_run_killed_in_either_stage_ends_with_the_same_bytes(
    image_data, image_run, image_fields, tmp_path, monkeypatch
):
    run = tmp_path / "run"
    step = Loop._step

    def die(*arguments):
        raise Killed

    def die_at(number):
        def then_die(loop, batch):
            step(loop, batch)
            if loop.state["step"] == number:
                raise Killed

        return then_die

    deaths = [(TwoStages, "train_head", die), (Loop, "_step", die_at(3)), (None, "", None)]
    monkeypatch.setattr(Images, "snapshot_seconds", 0)
    for number, (owner, name, replacement) in enumerate(deaths):
        with monkeypatch.context() as patch:
            if owner is None:
                Images(**image_fields).fit(image_data, run, resume=number > 0)
                continue
            patch.setattr(owner, name, replacement)
            with pytest.raises(Killed):
                Images(**image_fields).fit(image_data, run, resume=number > 0)
    assert digests(run) == digests(image_run)


@pytest.mark.backend
def test_answers_are_sorted_and_an_unreadable_image_is_an_error_in_its_row(
    images, image_data, tmp_path
):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"this is no image")
    good = image_data / "circle" / "0.png"
    answers = images.predict([good, broken, good.read_bytes()], top=3, views=2)
    assert [answer["file"] for answer in answers] == [str(good), str(broken), None]
    probabilities = [answers[0][f"probability{suffix}"] for suffix in ("", "_2", "_3")]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    assert {answers[0][f"label{suffix}"] for suffix in ("", "_2", "_3")} == set(images.classes)
    assert answers[1]["label"] is None
    assert "broken.jpg" in answers[1]["error"]
    assert answers[2]["probability"] == answers[0]["probability"]
    assert images.predict([broken])[0]["error"]
    assert images.predict([]) == []


def test_views_are_averaged(images, image_data):
    file = image_data / "square" / "1.png"
    ten = images.probabilities([file], views=10)
    assert ten.shape == (1, 3)
    assert not np.allclose(ten, images.probabilities([file]))
    for wrong in ({"views": 3}, {"top": 0}):
        with pytest.raises(OptionError, match=next(iter(wrong))):
            images.predict([file], **wrong)


def test_the_commands_give_the_answers_of_python(image_run, images, image_data, tmp_path, capsys):
    out = tmp_path / "answers.csv"
    words = [str(image_run), str(image_data / "circle"), "--top", "2", "--out", str(out)]
    assert main(["predict", *words]) == 0
    rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    expected = images.predict(sorted((image_data / "circle").iterdir()), top=2)
    assert [row["label"] for row in rows] == [answer["label"] for answer in expected]
    assert list(rows[0]) == ["file", "label", "probability", "label_2", "probability_2", "error"]
    page = tmp_path / "page.html"
    words = [str(image_run), str(image_data), "--json", "--report", str(page)]
    capsys.readouterr()
    assert main(["evaluate", *words]) == 0
    metrics = json.loads(capsys.readouterr().out)
    epochs = RunFolder(image_run).metrics()
    assert metrics["top1"] == max(row["top1"] for row in epochs)
    assert sum(metrics["images"].values()) == 6  # those that were held out
    assert "Grad-CAM" in page.read_text("utf-8")


def test_an_ensemble_answers_with_the_mean(
    image_run, images, image_data, tmp_path, capsys, monkeypatch
):
    other = tmp_path / "other"
    shutil.copytree(image_run, other)
    second = Images.load(other)
    for variable in second.model.classifier.variables:
        variable.assign(-2 * np.asarray(variable.numpy()))
    second.save(other / "model")
    file = image_data / "circle" / "3.png"
    both = (images.probabilities([file]) + second.probabilities([file])) / 2
    assert main(["predict", str(image_run), str(other), str(file)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["probability"] == pytest.approx(both.max(), abs=1e-5)
    assert main(["evaluate", str(image_run), str(other), str(image_data)]) == 0
    second.classes = ["something", "else", "here"]
    with pytest.raises(OptionError, match="same classes"):
        images.join([second])


def test_a_teacher_labels_the_images_it_is_confident_about(
    image_run, image_data, image_fields, tmp_path
):
    stripes = image_data / "stripes"
    answers = Images.load(image_run).predict(sorted(stripes.iterdir()), top=1, views=2)
    median = sorted(answer["probability"] for answer in answers)[len(answers) // 2]
    fields = {**image_fields, "epochs": 0, "mixing": "none", "min_confidence": median}
    fields |= {"teacher_run": str(image_run), "unlabeled": str(stripes)}
    images = Images(**fields).fit(image_data, tmp_path / "run")
    file = tmp_path / "run" / "pseudo_labels.jsonl"
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert rows == [answer for answer in answers if answer["probability"] >= median]
    metrics = images.evaluate(image_data)
    assert sum(metrics["images"].values()) == 6  # none of them pseudo-labeled
    with pytest.raises(OptionError, match="must be used together"):
        Images(teacher_run=str(image_run))


def test_random_weights_and_progressive_resizing(image_data, image_fields, tmp_path, monkeypatch):
    fields = {**image_fields, "weights": "none", "progressive": True, "size": 64}
    fields |= {
        "epochs": 3,
        "ema": 0.0,
        "gated": False,
        "class_weights": "none",
    }
    sizes = []
    size_of = TwoStages.size_of
    monkeypatch.setattr(
        TwoStages, "size_of", lambda self, epoch: sizes.append(size_of(self, epoch)) or sizes[-1]
    )
    Images(**fields).fit(image_data, tmp_path / "run")
    assert sorted(set(sizes)) == [32, 64]
    rows = RunFolder(tmp_path / "run").metrics()
    assert [row["epoch"] for row in rows] == [1, 2, 3]


@pytest.mark.backend
@pytest.mark.only_on("torch")  # others compile its eleven operations for a minute
def test_training_with_rand_augment(image_data, image_fields, tmp_path):
    fields = {**image_fields, "weights": "none", "rand_augment": 0.5, "epochs": 1}
    Images(**fields).fit(image_data, tmp_path / "run")
    (row,) = RunFolder(tmp_path / "run").metrics()
    assert np.isfinite(row["loss"])


def test_the_exported_model_gives_the_probabilities_of_the_recipe(images, image_data):
    from hornbook.data.images.crops import fixed_views
    from hornbook.data.images.decoding import read_image

    file = image_data / "square" / "2.png"
    model, metadata = images.exported()
    exported = model.predict_on_batch(fixed_views(read_image(file), size=32).astype("float32"))
    np.testing.assert_allclose(exported, images.probabilities([file]), atol=1e-5)
    assert json.loads(metadata["classes"]) == images.classes


@pytest.mark.backend
@pytest.mark.skipif(
    keras.config.backend() == "jax", reason="it would be opened in a process on another backend"
)
def test_the_onnx_file_gives_the_answers_of_the_run(
    image_run, images, image_data, tmp_path, capsys
):
    import onnxruntime

    from hornbook.data.images.crops import fixed_views
    from hornbook.data.images.decoding import read_image

    file = tmp_path / "model.onnx"
    assert main(["export", str(image_run), "--out", str(file)]) == 0
    assert "the maximum difference is" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(file)
    classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    files = sorted((image_data / "stripes").iterdir())[:3]
    pixels = [fixed_views(read_image(path), size=32)[0] for path in files]
    (probabilities,) = session.run(None, {"images": np.stack(pixels).astype("float32")})
    labels = [answer["label"] for answer in images.predict(files)]
    assert [classes[number] for number in probabilities.argmax(axis=1)] == labels
    np.testing.assert_allclose(probabilities, images.probabilities(files), atol=1e-4)


def test_unreadable_images_are_reported_before_training(
    image_data, image_fields, tmp_path, capsys, monkeypatch
):
    monkeypatch.delenv("HORNBOOK_QUIET", raising=False)
    data = tmp_path / "data"
    shutil.copytree(image_data, data)
    (data / "circle" / "broken.jpg").write_bytes(b"\xff\xd8\xff this is no image")
    fields = {**image_fields, "epochs": 0, "head_epochs": 1}
    Images(**fields).fit(data, tmp_path / "run")
    summary = capsys.readouterr().err
    assert "Left out    1:" in summary
    assert "broken.jpg" in summary
    assert "broken.jpg" in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_invalid_options_are_refused_before_anything_is_written(
    image_data, image_fields, image_run, tmp_path, capsys
):
    with pytest.raises(OptionError, match="there is nothing to train"):
        Images(weights="none", epochs=0)
    with pytest.raises(OptionError, match="size is 100, expected at least 32 and a multiple of 32"):
        Images(size=100)
    with pytest.raises(HornbookError, match="Did you mean 'Tiny'"):
        Images(**{**image_fields, "backbone": "Tinny"}).fit(image_data, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    words = ["predict", str(image_run), str(image_data), "--criterion", "size"]
    assert main(words) == 2
    assert "images runs do not support --criterion" in capsys.readouterr().err


@pytest.mark.parametrize("samples", [{"image": b""}, np.zeros((32, 32, 3), np.uint8)])
def test_a_single_image_in_place_of_a_list_is_refused(images, samples):
    with pytest.raises(OptionError, match=r"predict expects a list.*predict\(\["):
        images.predict(samples)


def test_rows_give_the_results_of_the_same_files(image_run, image_data, image_fields, tmp_path):
    files = sorted(image_data.rglob("*.png"))
    rows = [{"image": {"bytes": file.read_bytes(), "path": file.name}} for file in files]
    rows = [{**row, "label": file.parent.name} for row, file in zip(rows, files, strict=True)]
    parquet = tmp_path / "train-00000-of-00001.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), parquet)
    trained = Images(**{**image_fields, "epochs": 0}).fit(tmp_path, tmp_path / "run")
    expected = RunFolder(image_run).metrics()[0]  # epoch 0 is the head alone
    metrics = trained.evaluate(rows)
    assert (metrics["top1"], metrics["log_loss"]) == (expected["top1"], expected["log_loss"])
    answers = trained.predict(rows, top=1)
    assert list(trained.predict_files([parquet], top=1)) == answers
    plain = trained.predict(files, top=1)
    assert [one["label"] for one in answers] == [one["label"] for one in plain]
    assert [one["file"] for one in answers] == [file.name for file in files]
    assert trained.example(tmp_path) == [str(parquet)]
