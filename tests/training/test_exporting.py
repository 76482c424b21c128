import keras
import numpy as np
import pytest

from hornbook.errors import HornbookError, MissingExtraError
from hornbook.training import exporting
from hornbook.training.exporting import export_backend, export_onnx, largest_difference

pytestmark = pytest.mark.backend


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    pixels = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(2, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, keras.layers.Dense(4)(keras.layers.Flatten()(x)))


needs_export = pytest.mark.skipif(
    keras.config.backend() == "jax", reason="Keras writes ONNX well on PyTorch and TensorFlow"
)


@needs_export
def test_onnx_runtime_computes_the_model_outputs_in_batches_of_any_size(model, tmp_path):
    import onnxruntime

    file = tmp_path / "model.onnx"
    difference = export_onnx(model, file, metadata={"classes": "a"}, command=[])
    session = onnxruntime.InferenceSession(file)
    assert session.get_modelmeta().custom_metadata_map["classes"] == "a"
    pixels = np.random.default_rng(1).uniform(0, 255, (7, 6, 6, 3)).astype("float32")
    (outputs,) = session.run(None, {session.get_inputs()[0].name: pixels})
    np.testing.assert_allclose(outputs, model.predict_on_batch(pixels), atol=1e-4)
    assert difference < 1e-4


@needs_export
def test_a_file_with_different_outputs_is_not_written(model, tmp_path, monkeypatch):
    data = exporting._exported(model)
    model.layers[-1].bias.assign(np.ones(4))
    with pytest.raises(HornbookError, match="differs from the model by 1"):
        largest_difference(model, data)
    monkeypatch.setattr(exporting, "_exported", lambda model: data)
    with pytest.raises(HornbookError, match="differs"):
        export_onnx(model, tmp_path / "model.onnx", metadata={}, command=[])
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_run_is_refused(model):
    with pytest.raises(HornbookError, match="ONNX Runtime cannot run"):
        largest_difference(model, b"no model")


def test_the_export_backend_is_this_one_or_an_installed_one(monkeypatch):
    def only(*packages):
        monkeypatch.setattr(exporting, "_installed", lambda package: package in packages)

    only("torch", "onnxscript", "tensorflow", "tf2onnx", "jax")
    assert [export_backend(name) for name in ("jax", "torch", "tensorflow")] == [
        "torch",
        "torch",
        "tensorflow",
    ]
    only("tensorflow", "tf2onnx", "torch", "jax", "jax2onnx")
    assert export_backend("torch") == "tensorflow"
    only("jax", "torch")
    with pytest.raises(MissingExtraError, match=r"hornbook\[onnx,torch\]"):
        export_backend("jax")
