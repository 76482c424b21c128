"""The loop on a model of one matrix, whose arithmetic NumPy can repeat."""

from __future__ import annotations

import errno
import signal

import keras
import numpy as np
import pytest

from hornbook.errors import DataError, HornbookError, Stopped
from hornbook.training.averaging import averaged_weights
from hornbook.training.loop import Batch, Loop
from hornbook.training.optimizer import adamw
from hornbook.training.run_folder import RunFolder

pytestmark = pytest.mark.backend

BATCHES, ROWS, EPOCHS = 3, 4, 3


def make_batches(epoch, requests=None, nan_at=None):
    """The batches of an epoch, a function of the epoch."""
    random = np.random.default_rng(epoch)
    batches = []
    for number in range(BATCHES):
        x = random.normal(size=(ROWS, 5)).astype("float32")
        y = x.sum(axis=1, keepdims=True)
        if nan_at == (epoch, number):
            x[:] = np.nan

        def arrays(x=x, y=y, number=number):
            if requests is not None:
                requests.append((epoch, number))
            return x, y, np.ones(ROWS, "float32")

        where = [f"data:{epoch}-{number}-{row}" for row in range(ROWS)]
        batches.append(Batch(size=ROWS, arrays=arrays, where=lambda where=where: where))
    return batches


def make_model(ema=0.9, dropout=0.3):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dropout(dropout), keras.layers.Dense(1)]
    )
    # with the actual number of steps `ema` would be limited
    model.compile(adamw(model, steps=100, learning_rate=0.1, ema=ema), "mse")
    return model


def make_loop(path, model=None, scores=None, batches=make_batches, resume=False, **changes):
    """A loop with given scores per epoch, and the list of epochs it saves."""
    fields = {"recipe": "none", "fields": {"a": 1}}
    run = RunFolder.resume(path, fields) if resume else RunFolder.create(path, fields)
    saved = []
    loop = Loop(
        model=model or make_model(),
        batches=batches,
        epochs=changes.pop("epochs", EPOCHS),
        evaluate=changes.pop(
            "evaluate", lambda: {"score": (scores or [0.1, 0.2, 0.3])[loop.state["epoch"]]}
        ),
        monitor="score",
        save=lambda: saved.append(loop.state["epoch"]),
        patience=changes.pop("patience", 0),
        run=run,
        **{"snapshot_seconds": 0, **changes},
    )
    if resume:
        loop.resume()
    return loop, saved


def weights_of(model):
    return [np.array(keras.ops.convert_to_numpy(v.value)) for v in model.trainable_variables]


def assert_equal_weights(weights, expected):
    for value, expected_value in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(value, expected_value)


@pytest.mark.only_on("jax")
def test_every_batch_of_every_epoch_is_used_once(tmp_path):
    requests = []
    loop, _ = make_loop(tmp_path / "run", batches=lambda epoch: make_batches(epoch, requests))
    rows = loop.train()
    assert requests == [(epoch, number) for epoch in range(EPOCHS) for number in range(BATCHES)]
    assert [row["step"] for row in rows] == [3, 6, 9]
    assert loop.run.metrics() == rows


@pytest.mark.only_on("jax")
def test_batches_prepared_in_threads_change_nothing_and_an_initial_score_is_epoch_0(tmp_path):
    weights = {}
    for workers in (0, 3):
        loop, saved = make_loop(tmp_path / str(workers), workers=workers)
        loop.begin({"score": 0.25})
        rows = loop.train()
        assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
        assert rows[0] == {"epoch": 0, "step": 0, "loss": None, "score": 0.25}
        assert saved == [0, 3]  # the epochs between are worse than the initial score
        weights[workers] = weights_of(loop.model)
    assert_equal_weights(weights[3], weights[0])


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows(tmp_path):
    losses = []

    class Recorder:
        """The model, with a record of its losses."""

        def __init__(self, model):
            self.__dict__["model"] = model

        def __getattr__(self, name):
            return getattr(self.model, name)

        def train_on_batch(self, *inputs, **options):
            losses.append(float(self.model.train_on_batch(*inputs, **options)))
            return losses[-1]

    loop, _ = make_loop(tmp_path / "run", model=Recorder(make_model()), epochs=1)
    assert loop.train()[0]["loss"] == pytest.approx(np.mean(losses))


@pytest.mark.only_on("jax")
def test_only_improvements_are_saved(tmp_path):
    loop, saved = make_loop(tmp_path / "run", scores=[0.5, 0.9, 0.7])
    loop.train()
    assert saved == [1, 2]
    assert loop.state["best_epoch"] == 2


@pytest.mark.only_on("jax")
def test_an_equal_score_is_no_improvement(tmp_path):
    loop, saved = make_loop(tmp_path / "run", scores=[0.5, 0.5, 0.5])
    loop.train()
    assert saved == [1]


@pytest.mark.only_on("jax")
def test_training_stops_after_patience_epochs_without_improvement(tmp_path):
    loop, saved = make_loop(
        tmp_path / "run", scores=[0.5, 0.9, 0.7, 0.8, 0.95], epochs=5, patience=2
    )
    assert len(loop.train()) == 4
    assert saved == [1, 2]


def test_a_run_that_failed_at_any_step_resumes_to_the_same_result(tmp_path):
    whole, _ = make_loop(tmp_path / "whole")
    whole.train()

    class Failure(Exception):
        pass

    for epoch, number in ((0, 0), (0, 2), (1, 0), (2, 1)):

        def failing_batches(current, failure=(epoch, number)):
            def fail():
                raise Failure

            batches = make_batches(current)
            if current == failure[0]:
                batches[failure[1]] = Batch(size=ROWS, arrays=fail, where=list)
            return batches

        path = tmp_path / f"failed-{epoch}-{number}"
        loop, _ = make_loop(path, batches=failing_batches)
        with pytest.raises(Failure):
            loop.train()
        resumed, _ = make_loop(path, resume=True)
        assert resumed.state["step"] == epoch * BATCHES + number
        resumed.train()
        assert_equal_weights(weights_of(resumed.model), weights_of(whole.model))
        assert resumed.run.metrics_file.read_bytes() == whole.run.metrics_file.read_bytes()


def test_another_random_state_of_dropout_gives_other_weights(tmp_path):
    weights = []
    for seed in (1, 2):
        loop, _ = make_loop(tmp_path / str(seed))
        keras.utils.set_random_seed(seed)  # torch draws from its own generator
        for variable in loop.model.non_trainable_variables:  # the others from Keras's
            if "seed" in variable.path:
                variable.assign([seed, 0])
        loop.train()
        weights.append(weights_of(loop.model))
    assert not np.array_equal(weights[0][0], weights[1][0])


def test_evaluation_uses_the_moving_average_and_training_its_own_weights(tmp_path):
    weights, averages = [], []
    model = make_model(ema=0.9)

    def one_batch(epoch):
        first = make_batches(epoch)[0]

        def arrays():
            weights.append(weights_of(model))  # after the last step
            return first.arrays()

        return [Batch(size=ROWS, arrays=arrays, where=first.where)]

    def evaluate():
        averages.append(weights_of(model))
        return {"score": float(len(averages))}

    loop, _ = make_loop(tmp_path / "run", model, batches=one_batch, epochs=5, evaluate=evaluate)
    loop.train()
    weights.append(weights_of(model))
    for index in range(2):  # kernel and bias
        expected = weights[1][index]  # the average begins with the weights after the first step
        for step, average in enumerate(averages, 1):
            if step > 1:
                expected = 0.9 * expected + 0.1 * weights[step][index]
            np.testing.assert_allclose(average[index], expected, rtol=1e-5, atol=1e-7)
    assert not np.allclose(averages[-1][0], weights[-1][0])


def test_using_the_average_between_steps_does_not_change_them(tmp_path):
    plain, averaged = make_model(dropout=0), make_model(dropout=0)
    for number, batch in enumerate(make_batches(0)):
        x, y, weights = batch.arrays()
        for model in (plain, averaged):
            model.train_on_batch(x, y, sample_weight=weights)
        with averaged_weights(averaged):
            averaged.predict_on_batch(x)
            if number:
                assert not np.array_equal(weights_of(averaged)[0], weights_of(plain)[0])
        assert_equal_weights(weights_of(averaged), weights_of(plain))


def test_without_an_average_evaluation_uses_the_weights_themselves(tmp_path):
    model = make_model(ema=0)
    batch = make_batches(0)[0]
    model.train_on_batch(*batch.arrays()[:2])
    before = weights_of(model)
    with averaged_weights(model):
        assert_equal_weights(weights_of(model), before)


def test_a_loss_that_is_not_finite_names_its_rows_and_its_step_is_not_saved(tmp_path):
    loop, _ = make_loop(tmp_path / "run", batches=lambda epoch: make_batches(epoch, nan_at=(1, 1)))
    with pytest.raises(DataError, match=r"nan at step 5, on a batch with\sdata:1-1-0, ") as info:
        loop.train()
    assert "learning rate" in str(info.value)
    resumed, _ = make_loop(tmp_path / "run", resume=True)
    assert resumed.state["step"] == 4
    assert all(np.isfinite(value).all() for value in weights_of(resumed.model))


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_stops_after_the_step_and_the_run_resumes_exactly(tmp_path, name):
    before = signal.getsignal(getattr(signal, name))
    whole, _ = make_loop(tmp_path / "whole")
    whole.train()

    def stopped_batches(epoch):
        batches = make_batches(epoch)
        second = batches[1]

        def arrays():
            signal.raise_signal(getattr(signal, name))
            return second.arrays()

        if epoch == 1:
            batches[1] = Batch(size=ROWS, arrays=arrays, where=second.where)
        return batches

    loop, _ = make_loop(tmp_path / "run", batches=stopped_batches, snapshot_seconds=1e9)
    with pytest.raises(Stopped, match=f"stopped by {name} after step 5") as info:
        loop.train()
    assert info.value.exit_status == {"SIGINT": 130, "SIGTERM": 143}[name]
    assert signal.getsignal(getattr(signal, name)) == before
    resumed, _ = make_loop(tmp_path / "run", resume=True)
    assert resumed.state["step"] == 5
    resumed.train()
    assert_equal_weights(weights_of(resumed.model), weights_of(whole.model))


@pytest.mark.only_on("jax")
def test_a_second_ctrl_c_stops_at_once(tmp_path):
    def batches(epoch):
        def arrays():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("the second signal did not stop it")

        return [Batch(size=ROWS, arrays=arrays, where=list)]

    loop, _ = make_loop(tmp_path / "run", batches=batches)
    with pytest.raises(KeyboardInterrupt):
        loop.train()


@pytest.mark.only_on("jax")
def test_after_a_damaged_snapshot_the_previous_one_is_used_with_a_note(tmp_path, capsys):
    whole, _ = make_loop(tmp_path / "run")
    whole.train()
    newest, before = whole.run.snapshots._paths()
    file = newest / "variables.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    resumed, _ = make_loop(tmp_path / "run", resume=True)
    assert f"step-{resumed.state['step']:08d}" == before.name
    messages = capsys.readouterr().err
    assert "variables.safetensors: its SHA-256" in messages
    assert f"resumes from the one before, {before.name}" in messages
    resumed.train()
    assert_equal_weights(weights_of(resumed.model), weights_of(whole.model))


@pytest.mark.only_on("jax")
def test_when_every_snapshot_is_damaged_the_error_names_each_and_the_way_out(tmp_path):
    loop, _ = make_loop(tmp_path / "run")
    loop.train()
    for path in loop.run.snapshots._paths():
        (path / "state.json").write_text("{")
    with pytest.raises(HornbookError, match="Every snapshot") as info:
        make_loop(tmp_path / "run", resume=True)
    assert "step-00000009" in str(info.value)
    assert "step-00000008" in str(info.value)
    assert "Remove" in str(info.value)


@pytest.mark.only_on("jax")
def test_a_snapshot_of_another_model_changes_nothing(tmp_path):
    loop, _ = make_loop(tmp_path / "run", epochs=1)
    loop.train()
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    before = weights_of(model)
    with pytest.raises(HornbookError, match="of another model"):
        loop.run.snapshots.restore(model, loop.run.snapshots.newest())
    assert_equal_weights(weights_of(model), before)


@pytest.mark.only_on("jax")
def test_only_the_newest_snapshots_are_kept(tmp_path):
    loop, _ = make_loop(tmp_path / "run")
    loop.train()
    names = sorted(path.name for path in loop.run.snapshots.folder.iterdir())
    assert names == ["step-00000008", "step-00000009"]
    loop.run.snapshots.clear()
    assert not loop.run.snapshots.folder.exists()


@pytest.mark.only_on("jax")
def test_keep_and_snapshot_steps_decide_the_snapshots(tmp_path):
    loop, _ = make_loop(tmp_path / "run", snapshot_seconds=1e9, snapshot_steps=2)
    loop.run.snapshots.keep = 4
    loop.train()
    names = sorted(path.name for path in loop.run.snapshots.folder.iterdir())
    assert names == [f"step-{step:08d}" for step in (4, 6, 8, 9)]  # 3, 6, 9 end an epoch


@pytest.mark.only_on("jax")
def test_a_full_disk_stops_training_and_leaves_earlier_snapshots_intact(tmp_path, monkeypatch):
    from hornbook.training import snapshots

    whole, _ = make_loop(tmp_path / "whole")
    whole.train()
    save_file = snapshots.save_file

    def save_on_full_disk(values, path):
        save_file(values, path)
        if "step-00000005" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")

    loop, _ = make_loop(tmp_path / "run")
    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "save_file", save_on_full_disk)
        with pytest.raises(HornbookError, match="no space left on the disk"):
            loop.train()
    assert sorted(path.name for path in loop.run.snapshots.folder.iterdir()) == [
        "step-00000003",
        "step-00000004",
    ]
    resumed, _ = make_loop(tmp_path / "run", resume=True)
    assert resumed.state["step"] == 4
    resumed.train()
    assert_equal_weights(weights_of(resumed.model), weights_of(whole.model))


@pytest.mark.only_on("jax")
def test_the_step_can_be_replaced_and_the_lowest_score_can_be_best(tmp_path):
    rows, losses = [], iter([3.0, 1.0, 2.0, 6.0, 5.0, 4.0, 9.0, 9.0, 9.0])
    loop, saved = make_loop(
        tmp_path / "run",
        scores=[0.5, 0.4, 0.7],
        step=lambda inputs, labels, weights: next(losses),
        best="lowest",
        after=rows.append,
        part="part",
        total=BATCHES * ROWS * EPOCHS,
    )
    assert loop.train() == rows
    assert saved == [1, 2]
    assert [row["loss"] for row in rows] == [2.0, 5.0, 9.0]
    assert loop.state["seen"] == BATCHES * ROWS * EPOCHS
    assert "part 1 " in (tmp_path / "run" / "log.txt").read_text("utf-8")


@pytest.mark.only_on("jax")
def test_a_progress_bar_over_the_whole_training_resumes_where_it_was(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("HORNBOOK_QUIET", raising=False)
    total = BATCHES * ROWS * EPOCHS
    loop, _ = make_loop(tmp_path / "run", epochs=1, total=total)
    loop.train()
    resumed, _ = make_loop(tmp_path / "run", resume=True, total=total)
    capsys.readouterr()
    resumed.train()
    [line] = [line for line in capsys.readouterr().err.splitlines() if "training" in line]
    assert f"{total}/{total}" in line


@pytest.mark.only_on("jax")
def test_the_log_has_one_line_per_epoch(tmp_path):
    loop, _ = make_loop(tmp_path / "run")
    loop.train()
    lines = (tmp_path / "run" / "log.txt").read_text("utf-8").splitlines()
    assert len(lines) == EPOCHS
    assert all(" UTC  epoch " in line for line in lines)
    assert [row["epoch"] for row in loop.run.metrics()] == [1, 2, 3]
