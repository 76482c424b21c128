"""Settings of all tests, and the small models, data and runs that many of them share."""

import os
import shutil
import signal
import tarfile
from pathlib import Path

import pytest
from hypothesis import settings

# Nearly everything is compiled for one call: optimizing it takes longer than it saves.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
# What several tests and their child processes compile alike is compiled once, also for the next
# run.  Each worker has a folder of its own, since JAX does not write into one atomically.
COMPILED = Path(__file__).parents[1] / ".pytest_cache" / "jax"
COMPILED /= os.environ.get("PYTEST_XDIST_WORKER", "main")
if sum(1 for _ in COMPILED.glob("*")) > 20_000:
    shutil.rmtree(COMPILED)
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(COMPILED)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

# Some shells and CI runners start a job with SIGINT ignored (`nohup`, `&`), and so would its
# children: tests that send it would wait forever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import hornbook  # noqa: E402, F401 - chooses the backend before a test imports Keras

# Tests check what is true, never how fast: a busy machine must not make them fail.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


# One family of each kind of block, norm, positions and head; together they use every layer.
ONE_OF_EACH_KIND = {
    *("bert", "albert", "electra", "nezha", "roformer-v2", "gau-alpha", "modernbert"),
    *("gpt2", "qwen3", "t5", "bart"),
}


# The errors of float16 and bfloat16 in a tiny model of each family: the norm of the difference to
# float32, divided by the norm, and the largest of all outputs and backends.  Measured on a CPU with
# the models and inputs of `tests/models/families/test_families.py`, on JAX for every family, on
# PyTorch and TensorFlow for those above.
HALF_PRECISION_ERRORS = {
    "bert": (0.0018, 0.012),
    "roberta": (0.0008, 0.006),
    "albert": (0.0025, 0.018),
    "albert-unshared": (0.0012, 0.011),
    "electra": (0.0013, 0.018),
    "electra-generator": (0.0013, 0.009),
    "nezha": (0.0012, 0.013),
    "roformer": (0.0018, 0.011),
    "roformer-v2": (0.001, 0.008),
    "gau-alpha": (0.0005, 0.005),
    "modernbert": (0.0008, 0.009),
    "gpt": (0.0015, 0.008),
    "gpt2": (0.001, 0.01),
    "gpt2-ml": (0.0009, 0.007),
    "nezha-gen": (0.0011, 0.01),
    "llama": (0.0017, 0.014),
    "mistral": (0.0011, 0.017),
    "qwen2": (0.0018, 0.011),
    "qwen3": (0.001, 0.01),
    "t5": (0.0014, 0.009),
    "t5.1.1": (0.0048, 0.023),
    "mt5": (0.0048, 0.023),
    "t5-pegasus": (0.0043, 0.023),
    "bart": (0.0014, 0.01),
}
HALF_PRECISION_FACTOR = 3  # tolerance: other inputs, processors and versions round differently


@pytest.fixture(scope="session")
def half_precision_errors():
    return HALF_PRECISION_ERRORS


@pytest.fixture(scope="session")
def half_precision_error():
    """Measures the error of outputs in half precision, as in `HALF_PRECISION_ERRORS`."""
    import numpy as np

    def error(half, full):
        half, full = (np.asarray(x).astype("float32") for x in (half, full))
        return float(np.linalg.norm(half - full) / np.linalg.norm(full))

    return error


@pytest.fixture(scope="session")
def assert_half_precision(half_precision_error):
    """Checks the outputs of a tiny model in half precision against those in float32."""

    def check(family, dtype, half, full):
        error = half_precision_error(half, full)
        float16, bfloat16 = HALF_PRECISION_ERRORS[family]
        tolerance = HALF_PRECISION_FACTOR * {"float16": float16, "bfloat16": bfloat16}[dtype]
        assert 0 < error <= tolerance, f"{family}, {dtype}"

    return check


def pytest_ignore_collect(collection_path, config):
    """With `-m backend`, leaves out files without such a test: importing all of them takes 20 s."""
    if config.option.markexpr != "backend" or not collection_path.name.startswith("test_"):
        return None
    return "mark.backend" not in collection_path.read_text("utf-8") or None


def pytest_collection_modifyitems(config, items):
    """Deselects tests that say the same again on another backend.

    On JAX a test with the name of a family among its parameters runs for every family, unless it is
    marked `one_of_each_kind` because it depends on the layers alone.  On other backends it runs for
    one of each kind: what differs between backends is the layers.  A test marked `only_on` runs on
    the backends it names.
    """
    import keras

    from hornbook.models.families import FAMILIES

    backend = keras.config.backend()

    others = FAMILIES.keys() - ONE_OF_EACH_KIND

    def is_of_another_backend(item):
        return any(backend not in marker.args for marker in item.iter_markers("only_on"))

    def is_of_another_family(item):
        if backend == "jax" and item.get_closest_marker("one_of_each_kind") is None:
            return False
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        names = [name for value in values for name in (value if type(value) is tuple else [value])]
        return any(type(name) is str and name in others for name in names)

    def is_left_out(item):
        return is_of_another_backend(item) or is_of_another_family(item)

    left_out = [item for item in items if is_left_out(item)]
    items[:] = [item for item in items if not is_left_out(item)]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def bert4keras_files(tmp_path_factory):
    """Files that the original bert4keras wrote, a folder per case, with outputs of the model."""
    archive = Path(__file__).parent / "checkpoints" / "bert4keras" / "bert4keras_files.tar.xz"
    folder = tmp_path_factory.mktemp("files")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return folder / "bert4keras"


@pytest.fixture(scope="session")
def tiny_fields():
    """Options of a matching model that trains in seconds: four steps per epoch, two lengths."""
    return {
        "hidden_size": 64,
        "num_hidden_layers": 1,
        "vocabulary_size": 300,
        "max_length": 32,
        "epochs": 3,
        "batch_size": 16,
        "patience": 0,
        "seed": 1,
    }


@pytest.fixture(scope="session")
def matching_data(tmp_path_factory):
    """A folder of demo data: six criteria, ten training and ten validation pairs of each."""
    from hornbook.data.demo.matching import write_demo_data

    folder = tmp_path_factory.mktemp("matching") / "data"
    write_demo_data(folder, pairs_per_criterion=10)
    return folder


@pytest.fixture(scope="session")
def matching_run(tmp_path_factory, matching_data, tiny_fields):
    """The run folder of a finished run, which no test changes."""
    from hornbook.recipes.text_matching import TextMatching

    out = tmp_path_factory.mktemp("runs") / "tiny"
    TextMatching(**tiny_fields).fit(matching_data, out)
    return out


@pytest.fixture(scope="session")
def little_corpus(tmp_path_factory):
    """A text of 60 documents, each a few sentences of 30 words in an order that can be learned."""
    import numpy as np

    random = np.random.default_rng(0)
    words = [f"{first}{second}o" for first in "bdfglm" for second in "aeiou"]
    blocks = []
    for _ in range(60):
        place, sentences = random.integers(len(words)), []
        for _ in range(random.integers(1, 5)):
            sentence = []
            for _ in range(random.integers(4, 9)):
                place = (place + random.integers(1, 3)) % len(words)
                sentence.append(words[place])
            sentences.append(" ".join(sentence) + ".")
        blocks.append("\n".join(sentences))
    file = tmp_path_factory.mktemp("corpus") / "little.txt"
    file.write_text("\n\n".join(blocks), "utf-8")
    return file


@pytest.fixture(scope="session")
def little_vocabulary(tmp_path_factory, little_corpus):
    """A folder with a WordPiece vocabulary of `little_corpus`, with sentinels."""
    from hornbook.text.vocabulary import learn_wordpiece
    from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

    words = learn_wordpiece(little_corpus.read_text("utf-8").splitlines(), 60)
    folder = tmp_path_factory.mktemp("vocabulary")
    WordPieceTokenizer([*words, *(f"[unused{number}]" for number in range(1, 9))]).save(folder)
    return folder


@pytest.fixture(scope="session")
def captcha_data(tmp_path_factory):
    """A folder of 40 generated captchas of 1 or 2 of six characters, and an unreadable one."""
    from hornbook.data.captchas.making import Order, make_captchas

    folder = tmp_path_factory.mktemp("captchas") / "data"
    make_captchas(folder, Order("plain", (40, 16), (), "12ABab", (1, 2), 0), 40, workers=0)
    (folder / "ab_broken.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="session")
def captcha_run(tmp_path_factory, captcha_data):
    """The run folder of a finished run, which no test changes."""
    from hornbook.recipes.captcha import CaptchaReading

    out = tmp_path_factory.mktemp("runs") / "captcha"
    CaptchaReading(size="40x16", epochs=2, batch_size=16, seed=1).fit(captcha_data, out)
    return out


@pytest.fixture(scope="session")
def gpt2_ml_folder(tmp_path_factory):
    """Writes the folder of a tiny GPT2_ML in Google's layout, and returns it.

    The call takes words of its vocabulary besides some Chinese characters, and the positions.
    """

    def write(*words, positions):
        from hornbook.models.building import make_model
        from hornbook.models.families import FAMILIES
        from hornbook.pretrained import Pretrained
        from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"今天气不错很好。，我们", *words]
        config = FAMILIES["gpt2-ml"].configure(
            vocab_size=len(words),
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=positions,
            heads=("mlm",),
        )
        model = make_model(config)
        model.build()
        folder = tmp_path_factory.mktemp("model") / "gpt2-ml"
        Pretrained(model, WordPieceTokenizer(words)).save(folder, layout="google")
        return folder

    return write


@pytest.fixture(scope="session")
def tiny_transformer():
    """Makes a built Transformer of two small layers, every weight of it random.

    The call takes what to change in the configuration, and `compute_dtype`.
    """

    def make(*, compute_dtype="float32", seed=0, **changes):
        import keras
        import numpy as np

        from hornbook.models.configuration.transformer_config import TransformerConfig
        from hornbook.models.variables import named_variables
        from hornbook.pretrained import policy
        from hornbook.pretrained.opening.weights import unbuilt

        sizes = {
            "vocab_size": 40,
            "hidden_size": 12,
            "num_hidden_layers": 2,
            "num_attention_heads": 3,
            "intermediate_size": 20,
            "max_position_embeddings": 24,
            "heads": ("pooler", "mlm", "nsp"),
        }
        keras.utils.set_random_seed(seed)
        config = TransformerConfig(**{**sizes, **changes})
        transformer = unbuilt(config, policy(compute_dtype))
        transformer.build()
        # Keras initializes biases with zeros and gammas with ones, which would hide mix-ups
        random = np.random.default_rng(seed)
        for path, variable in named_variables(transformer).items():
            if path.endswith(("gamma_kernel", "beta_kernel")):
                continue  # a new condition
            start = 1.0 if path.endswith(("gamma", "_scale")) else 0.0
            value = random.normal(start, 0.2, variable.shape)
            variable.assign(value.astype("float32"))
        return transformer

    return make


@pytest.fixture(scope="session")
def tiny_family(tiny_transformer):
    """Makes a tiny model of a family, with all weights that one of its layouts can store."""

    def make(family, layout=None, **changes):
        from keras import ops

        from hornbook.models.configuration.choices import HEADS
        from hornbook.models.variables import named_variables

        layouts = list(family.weights) if layout is None else [layout]
        fields = {"family": family.name, **family.choices}
        heads = {head for one in layouts for head in family.heads_in(one)}
        fields["heads"] = tuple(head for head in HEADS if head in heads)
        if "embedding_size" in family.config_keys and "language_head" not in family.choices:
            fields["embedding_size"] = 8
        if "attention_window" in family.choices and "layer_types" in family.config_keys:
            layers = changes.get("num_hidden_layers", 2)
            kinds = ("full_attention", "sliding_attention")
            fields["layer_types"] = tuple(kinds[number % 2] for number in range(layers))
        if "use_bias" in family.config_keys:
            biased = [path for one in layouts for path in family.weights[one] if "bias" in path]
            everywhere = any("feed_forward" in path for path in biased)
            fields["use_bias"] = True if everywhere else "attention"
        if changes.get("application") == "encoder" and family.choices.get("encoder_decoder"):
            fields["heads"] = ()  # heads are on the decoder
        transformer = tiny_transformer(**{**fields, **changes})
        if family.name == "albert-unshared":  # its files have one block for all
            first, *others = (named_variables(block) for block in transformer.blocks)
            for path, variable in first.items():
                for other in others:
                    other[path].assign(ops.convert_to_numpy(variable.value))
        return transformer

    return make


@pytest.fixture(scope="session")
def tiny_backbone():
    """Registers a network of two convolutions in `keras.applications` as `Tiny`."""
    import sys

    import keras

    def tiny(include_top=True, weights=None, input_shape=None, **options):
        inputs = keras.Input(input_shape or (None, None, 3))
        x = keras.layers.Conv2D(8, 3, strides=4, name="first")(inputs)
        x = keras.layers.BatchNormalization(name="norm")(x)
        x = keras.layers.Conv2D(12, 3, activation="relu", name="second")(x)
        if include_top:
            x = keras.layers.Dense(1000)(keras.layers.GlobalAveragePooling2D()(x))
        return keras.Model(inputs, x)

    module = type(sys)("tiny_application")
    module.preprocess_input = lambda x: x / 127.5 - 1.0
    tiny.__module__ = module.__name__
    patch = pytest.MonkeyPatch()
    patch.setitem(sys.modules, module.__name__, module)
    patch.setattr(keras.applications, "Tiny", tiny, raising=False)
    yield tiny
    patch.undo()


@pytest.fixture(scope="session")
def draw_classes():
    """Draws labeled images: circles, squares and stripes in random colors."""
    import numpy as np

    def draw(folder, count=8, seed=0, size=48):
        image_module = pytest.importorskip("PIL.Image")
        random = np.random.default_rng(seed)
        y, x = np.mgrid[:size, :size]
        for name in ("circle", "square", "stripes"):
            (folder / name).mkdir(parents=True)
            for number in range(count):
                center, half = random.integers(18, size - 18, 2), random.integers(9, 16)
                inside = {
                    "circle": (x - center[0]) ** 2 + (y - center[1]) ** 2 < half**2,
                    "square": np.maximum(abs(x - center[0]), abs(y - center[1])) < half,
                    "stripes": (y + center[0]) // 4 % 2 == 0,
                }[name]
                colors = random.integers(0, 110, 3), random.integers(140, 255, 3)
                pixels = np.where(inside[..., None], colors[1], colors[0])
                pixels = pixels + random.integers(-20, 20, pixels.shape)
                image = image_module.fromarray(pixels.clip(0, 255).astype(np.uint8))
                image.save(folder / name / f"{number}.png")
        return folder

    return draw


@pytest.fixture(scope="session")
def image_data(tmp_path_factory, draw_classes):
    """A folder of three classes of drawn images, without splits."""
    return draw_classes(tmp_path_factory.mktemp("images") / "shapes")


@pytest.fixture(scope="session")
def image_fields(tmp_path_factory, tiny_backbone):
    """Options of an image classifier with most methods enabled, which trains in seconds."""
    import keras

    keras.utils.set_random_seed(0)
    file = tmp_path_factory.mktemp("weights") / "tiny.weights.h5"
    tiny_backbone(include_top=False).save_weights(file)
    return {
        "backbone": "Tiny",
        "weights": str(file),
        "size": 32,
        "gated": True,
        "center_loss": 0.01,
        "mixing": "both",
        "erasing": 0.5,
        "class_weights": "balanced",
        "head_epochs": 3,
        "epochs": 2,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "seed": 1,
    }


@pytest.fixture(scope="session")
def image_run(tmp_path_factory, image_data, image_fields):
    """The run folder of a finished images run, which no test changes."""
    from hornbook.recipes.images import Images

    out = tmp_path_factory.mktemp("runs") / "shapes"
    Images(**image_fields).fit(image_data, out)
    return out
