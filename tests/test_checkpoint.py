"""A training run that is interrupted, killed or out of disk space resumes from its checkpoint."""

import errno
import io
import json
import os
import pickle
import random
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from sk_mnist_cnn import CNNDigitClassifier
from sk_mnist_cnn._architecture import Architecture
from sk_mnist_cnn._keras.backend import keras
from sk_mnist_cnn._training import checkpoint as checkpoint_module
from sk_mnist_cnn._training.checkpoint import Checkpoint, open_checkpoint, saved_seed
from sk_mnist_cnn._training.config import TrainingConfig, TrainingRun, TrainingState
from sk_mnist_cnn._training.fingerprint import digest
from sk_mnist_cnn._training.targets import ImageDataset
from tests.estimators import same_training, small_classifier
from tests.interrupting import interrupt_fit


class StopAfter(keras.callbacks.Callback):
    """Interrupt a fit after `n_epochs` epochs, as Ctrl-C does."""

    def __init__(self, n_epochs):
        super().__init__()
        self._left = n_epochs

    def on_epoch_begin(self, epoch, logs=None):
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1


class StopAll(keras.callbacks.Callback):
    """Interrupt after `n_epochs` epochs of all fits together, whose number all copies share."""

    n_begun = 0

    def __init__(self, n_epochs):
        super().__init__()
        self.n_epochs = n_epochs

    def on_epoch_begin(self, epoch, logs=None):
        if StopAll.n_begun == self.n_epochs:
            raise KeyboardInterrupt
        StopAll.n_begun += 1


class HalveRate(keras.callbacks.Callback):
    """Halve the learning rate before every epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        rate = self.model.optimizer.learning_rate
        rate.assign(rate / 2)


@pytest.fixture(scope="module")
def digits(digits):
    """The first 300 digits and their labels, read-only."""
    return digits[0][:300], digits[1][:300]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


def assert_same_training(one, other):
    for a, b in zip(one._weights, other._weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.history_ == other.history_
    assert one.n_iter_ == other.n_iter_


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"optimizer": "adadelta", "learning_rate": "auto"},
        {"learning_rate_schedule": "one_cycle"},
        {"augmentation": "affine"},
        {"augmentation": keras.layers.RandomTranslation(0.1, 0.1)},
        {"early_stopping": True, "n_iter_no_change": 1},
        {"validation_split": 0.2},
        {"class_weight": "balanced", "dtype": "float64"},
        {"callbacks": [HalveRate()]},
        {"optimizer": keras.optimizers.SGD(gradient_accumulation_steps=2)},
    ],
    ids=lambda params: ",".join(params) or "plain",
)
def test_resumed_fit_equals_uninterrupted_fit(digits, path, params):
    X, y = digits[0][:500], digits[1][:500]
    whole = small_classifier(epochs=4, **params).fit(X, y)
    clf = interrupt_fit(small_classifier(epochs=4, checkpoint=path, **params), X, y, after=2)
    assert path.exists()
    assert not hasattr(clf, "classes_")
    small_classifier(random_state=7, dense_dropout=0.2).fit(X, y)  # uses the same trainers
    assert_same_training(clf.fit(X, y), whole)
    assert not path.exists()


def test_fit_that_is_interrupted_while_it_trains_resumes(digits, path):
    clf = small_classifier(checkpoint=path, callbacks=[StopAfter(2)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*digits)
    assert epochs_in(path) == 2
    assert_same_training(clf.set_params(callbacks=None).fit(*digits), small_classifier().fit(*digits))
    assert not path.exists()


def test_verbose_fit_prints_where_it_resumes(digits, path, capsys):
    clf = interrupt_fit(small_classifier(checkpoint=str(path)), *digits, after=2)
    assert capsys.readouterr().out == ""
    clf.set_params(verbose=2).fit(*digits)
    assert f"Resuming after epoch 2 from {path}" in capsys.readouterr().out


def test_resumed_fit_uses_the_saved_seed(digits, path):
    X, y = digits
    clf = small_classifier(random_state=None, checkpoint=path, validation_split=0.2)
    interrupt_fit(clf, X, y, after=1).fit(X, y)
    assert_same_training(
        clf,
        small_classifier(random_state=None, validation_split=0.2)
        .set_params(random_state=SeedOf(clf._seed))
        .fit(X, y),
    )


class SeedOf(np.random.RandomState):
    """Return a fixed seed instead of a random one."""

    def randint(self, *args, **kwargs):
        return self._given

    def __init__(self, given):
        super().__init__(0)
        self._given = given


def test_warm_start_resumes(digits, path):
    X, y = digits
    whole = small_classifier(epochs=2, warm_start=True).fit(X, y).fit(X, y)
    clf = small_classifier(epochs=2, warm_start=True, checkpoint=path).fit(X, y)
    assert_same_training(interrupt_fit(clf, X, y, after=1).fit(X, y), whole)
    assert clf.n_iter_ == 4


def test_fit_that_was_stopped_early_is_not_continued(digits, path, monkeypatch):
    X, y = digits
    params = {"epochs": 8, "early_stopping": True, "n_iter_no_change": 1, "learning_rate": 0.1}
    whole = small_classifier(**params).fit(X, y)
    assert whole.n_iter_ < 8
    monkeypatch.setattr(Checkpoint, "remove", lambda self: None)
    small_classifier(checkpoint=path, **params).fit(X, y)
    assert_same_training(small_classifier(checkpoint=path, **params).fit(X, y), whole)


def test_a_complete_fit_is_resumed_after_another_one_has_diverged(digits, path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "remove", lambda self: None)
        whole = small_classifier(checkpoint=path).fit(*digits)
    with pytest.raises(ValueError, match="loss became"):
        small_classifier(learning_rate=1e30).fit(*digits)
    assert_same_training(small_classifier(checkpoint=path).fit(*digits), whole)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 0.02}, "learning_rate"),
        ({"filters": (8, 4)}, "filters"),
        ({"epochs": 5}, "epochs"),
        ({"random_state": 1}, "random_state"),
        ({"optimizer": keras.optimizers.Adam(beta_1=0.8)}, "optimizer"),
        ({"augmentation": "shift"}, "augmentation"),
    ],
)
def test_raises_for_other_parameters(digits, path, change, named):
    clf = interrupt_fit(small_classifier(checkpoint=path), *digits, after=1)
    with pytest.raises(
        ValueError,
        match=rf"must be saved by a fit with the same data and parameters, got .* differs in {named}\. Fit",
    ):
        clf.set_params(**change).fit(*digits)
    assert path.exists()


def test_raises_for_other_data(digits, path):
    X, y = digits
    clf = interrupt_fit(small_classifier(checkpoint=path), X, y, after=1)
    changed = X.copy()
    changed[-1, 0, 0] = 0.5
    with pytest.raises(ValueError, match=r"the same data and parameters, .* differs in training images\."):
        clf.fit(changed, y)
    with pytest.raises(ValueError, match=r"the same data and parameters, .* differs in training labels\."):
        clf.fit(X, np.roll(y, 1))
    with pytest.raises(ValueError, match=r"the same data and parameters, .* differs in training weights\."):
        clf.fit(X, y, np.arange(1, len(y) + 1))
    assert_same_training(clf.set_params(verbose=0).fit(X, y), small_classifier().fit(X, y))


def test_raises_if_validation_data_or_warm_start_is_missing(digits, path):
    X, y = digits
    validated = {"X_val": X[:50], "y_val": y[:50]}
    clf = interrupt_fit(small_classifier(checkpoint=path), X, y, after=1, **validated)
    with pytest.raises(ValueError, match=r"differs in validation .*, validation .*, validation"):
        clf.fit(X, y)
    path.unlink()
    warm = small_classifier(warm_start=True, checkpoint=path).fit(X, y)
    interrupt_fit(warm, X, y, after=1)
    with pytest.raises(ValueError, match="differs in fitted weights"):
        small_classifier(warm_start=True, checkpoint=path).fit(X, y)


def test_schedules_are_compared_by_their_rates(digits, path):
    clf = small_classifier(checkpoint=path, learning_rate_schedule=lambda step: 0.01)
    interrupt_fit(clf, *digits, after=1)
    with pytest.raises(ValueError, match="differs in learning_rate_schedule"):
        clone(clf).set_params(learning_rate_schedule=lambda step: 0.02).fit(*digits)
    clone(clf).set_params(learning_rate_schedule=partial(lambda rate, step: rate, 0.01)).fit(*digits)
    assert not path.exists()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"dense_units": (32, 16)}, {"dense_units": np.array([32, 16])}),
        ({"batch_size": 64}, {"batch_size": np.int64(64)}),
        ({"learning_rate": 1}, {"learning_rate": 1.0}),
        ({"class_weight": {0: 2, 1: 3.0}}, {"class_weight": {np.int64(1): 3, 0: 2.0}}),
    ],
    ids=lambda params: ",".join(params),
)
def test_resumes_with_equal_parameters_of_other_types(digits, path, one, other):
    interrupt_fit(small_classifier(checkpoint=path, **one), *digits, after=2)
    assert small_classifier(checkpoint=path, **other).fit(*digits).n_iter_ == 3


def test_resumes_with_equal_keras_objects(digits, path):
    def clf():
        return small_classifier(
            optimizer=keras.optimizers.Adam(0.01),
            learning_rate="auto",
            augmentation=[keras.layers.RandomTranslation(0.1, 0.1)],
            checkpoint=path,
        )

    interrupt_fit(clf(), *digits, after=2)
    assert clf().fit(*digits).n_iter_ == 3


class AddPattern(keras.Layer):
    """An augmentation with a large array among its settings."""

    def __init__(self, pattern, **kwargs):
        super().__init__(**kwargs)
        self.pattern = pattern

    def call(self, images):
        return images + np.reshape(self.pattern[:64], (8, 8, 1))

    def get_config(self):
        return {**super().get_config(), "pattern": self.pattern}


def test_raises_for_an_augmentation_with_another_array(digits, path):
    pattern = np.zeros(2000, np.float32)
    interrupt_fit(small_classifier(augmentation=AddPattern(pattern), checkpoint=path), *digits, after=1)
    pattern = pattern.copy()
    pattern[1000] = 0.1
    with pytest.raises(ValueError, match=r"differs in augmentation\."):
        small_classifier(augmentation=AddPattern(pattern), checkpoint=path).fit(*digits)


class WithoutConfig(keras.Layer):
    """An augmentation for which Keras cannot determine the arguments."""

    def __init__(self, function):
        super().__init__()
        self.call = function


@pytest.mark.parametrize("layer", [AddPattern(abs), WithoutConfig(abs)], ids=["function", "no get_config"])
def test_raises_for_a_parameter_that_cannot_be_compared(digits, tmp_path, layer):
    clf = small_classifier(augmentation=layer, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="augmentation must hold no functions and no objects without"):
        clf.fit(*digits)
    assert list(tmp_path.iterdir()) == []


# Damaged and forged files


def tiny_run(path):
    """Return a run of a tiny network."""
    params = CNNDigitClassifier(epochs=3, early_stopping=True, checkpoint=path).get_params()
    sizes = {"filters": (), "kernel_size": 1, "pool_size": 1, "dense_units": ()}
    images = ImageDataset(np.zeros((3, 2)), np.arange(3), np.ones(3), np.arange(3))
    return TrainingRun(
        params=params,
        features={},
        classes=np.arange(3),
        architecture=Architecture.resolve((1, 2, 1), 3, **sizes, activation="relu", dtype="float32"),
        config=TrainingConfig.from_params(params, seed=7),
        training=images,
        validation=images,
        previous=TrainingState(),
    )


def state(**changes):
    """Return the state of the tiny network after two epochs."""
    values = {
        "weights": (np.ones((2, 3), np.float32), np.zeros(3, np.float32)),
        "optimizer": (np.array(4), np.ones((2, 3), np.float32), np.zeros(3, np.float32)),
        "optimizer_fingerprint": "adam",
        "history": {
            "loss": [1.5, 0.1 + 0.2],
            "accuracy": [0.1, 1.0],
            "val_loss": [float("nan"), 1.0],
            "val_accuracy": [0.0, 1e-9],
            "lr": [0.5],
        },
        "best_weights": (np.full((2, 3), 2, np.float32), np.zeros(3, np.float32)),
        "best_epoch": 1,
    }
    return TrainingState(**{**values, **changes})


@pytest.fixture
def checkpoint(path):
    """A checkpoint whose file holds the state of a tiny network."""
    checkpoint = Checkpoint(tiny_run(path))
    checkpoint.save(state())
    return checkpoint


def read(path):
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def forge(path, changes, compression=ZIP_STORED):
    """Change or add members of an archive, or leave them out where they are None."""
    members = {**read(path), **changes}
    with ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)


def forge_description(path, part, changes):
    """Change or add values of the JSON member's "run" or "state"."""
    description = json.loads(read(path)["training.json"])
    description[part].update(changes)
    forge(path, {"training.json": json.dumps(description)})


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def assert_damaged(checkpoint, match="", *, has_seed=False):
    with pytest.raises(ValueError, match=rf"(?s)must be an intact file .*run\.ckpt.*{match}.* Delete it"):
        checkpoint.load()
    if has_seed:
        assert saved_seed(checkpoint.path) == 7
        return
    with pytest.raises(ValueError, match=r"must be an intact file .*run\.ckpt"):
        saved_seed(checkpoint.path)


def test_loads_saved_state(checkpoint):
    loaded, saved = checkpoint.load(), state()
    assert repr(loaded) == repr(saved)
    for name in ("weights", "optimizer", "best_weights"):
        for one, other in zip(getattr(loaded, name), getattr(saved, name), strict=True):
            assert_array_equal(one, other, strict=True)
    assert saved_seed(checkpoint.path) == 7


def test_returns_none_without_a_file(path):
    assert Checkpoint(tiny_run(path)).load() is None
    assert saved_seed(path) is None


def test_an_open_checkpoint_holds_the_state_that_was_saved_before(checkpoint):
    opened = open_checkpoint(tiny_run(checkpoint.path))
    opened.save(state(best_epoch=2))
    assert repr(opened.resumed) == repr(state())
    checkpoint.remove()
    assert open_checkpoint(tiny_run(checkpoint.path)).resumed is None


def test_symbolic_links_are_followed(checkpoint, tmp_path):
    link = tmp_path / "link.ckpt"
    link.symlink_to(checkpoint.path)
    assert repr(Checkpoint(tiny_run(link)).load()) == repr(state())
    Checkpoint(tiny_run(link)).remove()
    assert checkpoint.load() is None


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps({}), npy(np.ones(3))], ids=range(4))
def test_raises_for_another_kind_of_file(checkpoint, content):
    checkpoint.path.write_bytes(content)
    assert_damaged(checkpoint)


def test_raises_for_a_truncated_or_changed_file(checkpoint):
    content = checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(content[: len(content) // 2])
    assert_damaged(checkpoint)
    start = content.index(b"NUMPY") + 200
    checkpoint.path.write_bytes(content[:start] + bytes([content[start] ^ 1]) + content[start + 1 :])
    assert_damaged(checkpoint, "Bad CRC-32")


@pytest.mark.parametrize(
    "description",
    [
        "",
        "[",
        "[]",
        "null",
        "{}",
        '{"run": {}, "state": {}}',
        '{"run": 1, "state": 2}',
        "[" * 99_999,
        "1" * 9999,
    ],
    ids=range(9),
)
def test_raises_for_a_damaged_description(checkpoint, description):
    forge(checkpoint.path, {"training.json": description})
    assert_damaged(checkpoint)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("run", {"epochs": 3}),
        ("run", {"random_state": "-1"}),
        ("run", {"random_state": "none"}),
        ("run", {"random_state": "9" * 5000}),
        ("state", {"optimizer_fingerprint": 1}),
        ("state", {"best_epoch": True}),
        ("state", {"history": []}),
    ],
    ids=str,
)
def test_raises_for_impossible_values(checkpoint, part, changes):
    forge_description(checkpoint.path, part, changes)
    assert_damaged(checkpoint)


@pytest.mark.parametrize(
    "changes",
    [
        {"history": {}},
        {"history": {"loss": []}},
        {"history": {"loss": 2}},
        {"history": {"loss": "ab"}},
        {"history": {"loss": [1.0, None]}},
        {"history": {"loss": [1.0], "accuracy": [1.0, 2.0]}},
        {"history": {"loss": [1.0], "accuracy": []}},
        {"history": {"loss": [1.0, 2.0], "accuracy": [1.0, 2.0]}},
        {"best_epoch": 3},
    ],
    ids=str,
)
def test_raises_for_a_state_that_the_run_cannot_reach(checkpoint, changes):
    forge_description(checkpoint.path, "state", changes)
    assert_damaged(checkpoint, has_seed=True)


@pytest.mark.parametrize(
    "array",
    [
        b"",
        b"text",
        npy(np.array(["text"])),
        npy(np.array([True])),
        npy(np.array([1j])),
        npy(np.zeros(2, [("a", int)])),
        b"\x93NUMPY\x01\x00\x4c\x00{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,)}\n",
    ],
    ids=range(7),
)
def test_raises_for_wrong_arrays(checkpoint, array):
    forge(checkpoint.path, {"best_weights-0000.npy": array})
    assert_damaged(checkpoint)


@pytest.mark.parametrize("name", ["weights", "best_weights"])
@pytest.mark.parametrize(
    "array",
    [np.ones((3, 2), np.float32), np.ones((2, 3)), np.full((2, 3), np.nan, np.float32)],
    ids=["shape", "dtype", "NaN"],
)
def test_raises_for_weights_of_another_network(checkpoint, name, array):
    forge(checkpoint.path, {f"{name}-0000.npy": npy(array)})
    assert_damaged(checkpoint, f"the {name} must", has_seed=True)


def test_arrays_are_not_unpickled(checkpoint, tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "marker"),)

    forge(checkpoint.path, {"weights-0000.npy": npy(np.array([Bomb()], dtype=object))})
    assert_damaged(checkpoint, "allow_pickle=False")
    assert not (tmp_path / "marker").exists()


def test_nothing_is_decompressed(checkpoint):
    forge(checkpoint.path, {"weights-0000.npy": npy(np.zeros(10_000_000))}, ZIP_DEFLATED)
    assert_damaged(checkpoint, "must be stored uncompressed")


@pytest.mark.parametrize("member", ["../weights-0000.npy", "/weights-0000.npy", "a/"])
def test_members_have_plain_names(checkpoint, member):
    forge(checkpoint.path, {member: b""})
    assert_damaged(checkpoint, "plain, unique names")


@pytest.mark.parametrize("field", ["weights-0000.npy", "training.json"])
def test_raises_for_missing_members(checkpoint, field):
    forge(checkpoint.path, {field: None})
    assert_damaged(checkpoint, has_seed=field != "training.json")


@pytest.mark.parametrize("add", ["state", "arrays", "description"])
def test_raises_for_fields_of_a_later_release(checkpoint, add):
    if add == "state":
        forge_description(checkpoint.path, "state", {"temperature": 1.5})
    elif add == "arrays":
        forge(checkpoint.path, {"temperature-0000.npy": npy(np.ones(2))})
    else:
        description = json.loads(read(checkpoint.path)["training.json"])
        forge(checkpoint.path, {"training.json": json.dumps({**description, "temperature": 1.5})})
    for load in (checkpoint.load, lambda: saved_seed(checkpoint.path)):
        with pytest.raises(ValueError, match=r"this release or .* unknown fields temperature\. Install"):
            load()


@pytest.mark.parametrize("random_state", [None, 0])
def test_fit_raises_for_a_damaged_file(digits, path, random_state):
    path.write_bytes(b"damaged")
    clf = small_classifier(checkpoint=path, random_state=random_state)
    with pytest.raises(ValueError, match=r"must be an intact file saved by `fit`, got '.*run\.ckpt': BadZip"):
        clf.fit(*digits)
    assert not hasattr(clf, "classes_")
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "changes",
    [
        {"weights-0000.npy": npy(np.ones((3, 3, 1, 9), np.float32))},
        {"weights-0000.npy": npy(np.ones((3, 3, 1, 8)))},
        {"weights-0000.npy": None},
        {"optimizer-0002.npy": npy(np.ones(3, np.float32))},
        {"optimizer_fingerprint": "other"},
        {"history": {"loss": [1.0] * 9}},
        {"history": {"loss": [1.0]}},
        {"best_epoch": 1},
        {"best_weights-0000.npy": npy(np.ones(3, np.float32))},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_fit_raises_for_a_forged_state(digits, path, changes):
    clf = interrupt_fit(small_classifier(checkpoint=path), *digits, after=1)
    if next(iter(changes)).endswith("npy"):
        forge(path, changes)
    else:
        forge_description(path, "state", changes)
    with pytest.raises(ValueError, match=r"must be an intact file saved by `fit`, got '.*run\.ckpt'"):
        clf.fit(*digits)


# Paths


def test_nothing_is_hashed_before_the_path_and_the_network_are_checked(digits, path, monkeypatch):
    def fail(*arrays):
        raise AssertionError("hashed")

    monkeypatch.setattr(checkpoint_module, "digest", fail)
    with pytest.raises(ValueError, match="checkpoint must be a directory, or a file in an existing one"):
        small_classifier(checkpoint=path / "run.ckpt").fit(*digits)
    with pytest.raises(ValueError, match="kernel_size"):
        small_classifier(checkpoint=path, kernel_size=(3, 3, 3)).fit(*digits)
    with pytest.raises(AssertionError, match="hashed"):
        small_classifier(checkpoint=path).fit(*digits)


@pytest.mark.parametrize("after", [None, 1])
def test_fit_changes_no_other_file(digits, path, after):
    names = "run.ckpt.lock", "run.ckpt.part", "run.ckpt.bak", "run.lock"
    others = {path.with_name(name) for name in names} | {path.with_name("run.ckpt.abcdefgh.part") / "file"}
    path.with_name("run.ckpt.abcdefgh.part").mkdir()
    for other in others:
        other.write_bytes(b"mine")
    clf = small_classifier(checkpoint=path)
    if after:
        interrupt_fit(clf, *digits, after=after)
    clf.fit(*digits)
    assert {file for file in path.parent.rglob("*") if file.is_file()} == others
    assert {other.read_bytes() for other in others} == {b"mine"}


def test_the_last_of_two_fits_at_one_time_wins(digits, path):
    """The inner fit saves to the same file, and removes it; then the outer one saves again."""

    class FitAnother(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                path.unlink()  # otherwise the inner fit would resume the outer one
                small_classifier(checkpoint=path, epochs=1).fit(*digits)

    clf = small_classifier(checkpoint=path, epochs=2, callbacks=[FitAnother()]).fit(*digits)
    assert_same_training(clf, small_classifier(epochs=2).fit(*digits))
    assert list(path.parent.iterdir()) == []


def test_partial_fit_ignores_the_checkpoint(digits, path):
    path.write_bytes(b"damaged")
    small_classifier(checkpoint=path, random_state=None).partial_fit(*digits, classes=range(10))


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_a_directory_needs_an_integer_as_random_state(digits, tmp_path, random_state):
    with pytest.raises(ValueError, match=r"random_state must be an integer if checkpoint is a directory"):
        small_classifier(checkpoint=tmp_path, random_state=random_state).fit(*digits)


def test_a_search_resumes_each_of_its_runs_in_a_directory(digits, tmp_path):
    X, y = digits[0][:120], digits[1][:120]
    grid, options = {"learning_rate": [0.01, 0.03]}, {"cv": 2, "error_score": "raise"}

    def search(checkpoint, n_epochs=100):
        clf = small_classifier(epochs=2, checkpoint=checkpoint, callbacks=[StopAll(n_epochs)])
        return GridSearchCV(clf, grid, **options).fit(X, y)

    expected = search(None).cv_results_["mean_test_score"]
    StopAll.n_begun = 0
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, n_epochs=5)  # in the third of four runs
    assert [file.suffix for file in tmp_path.iterdir()] == [".checkpoint"]
    StopAll.n_begun = 0
    found = search(tmp_path).cv_results_["mean_test_score"]
    assert StopAll.n_begun == 9  # one epoch less than 4 runs and the best one again
    assert_array_equal(found, expected)
    assert list(tmp_path.iterdir()) == []


def test_a_generator_as_random_state_resumes_in_the_same_process(digits, path):
    X, y = digits[0][:120], digits[1][:120]
    random_state = np.random.RandomState(3)
    whole = small_classifier(epochs=2, random_state=np.random.RandomState(3)).fit(X, y)
    clf = small_classifier(epochs=2, random_state=random_state, checkpoint=path)
    interrupt_fit(clf, X, y, after=1)
    resumed = clf.fit(X, y)
    assert same_training(resumed, whole)
    assert not path.exists()


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EIO, "Input/output error")])
def test_errors_of_the_machine_are_not_those_of_the_file(checkpoint, monkeypatch, error):
    def fail(file):
        raise error

    monkeypatch.setattr(checkpoint_module, "read_members", fail)
    with pytest.raises(type(error)) as raised:
        checkpoint.load()
    assert raised.value is error


@pytest.mark.skipif(os.name == "nt", reason="Windows limits whole paths")
def test_file_names_of_any_length_are_accepted(digits, tmp_path):
    path = tmp_path / ("a" * 255)
    clf = small_classifier(epochs=2, checkpoint=path)
    interrupt_fit(clf, *digits, after=1)
    assert path.exists()
    clf.fit(*digits)
    assert list(tmp_path.iterdir()) == []


def test_raises_for_an_empty_path(digits):
    with pytest.raises(ValueError, match=r"checkpoint must be a directory, or a file in .*, got ''"):
        small_classifier(checkpoint="").fit(*digits)


def test_raises_for_a_missing_directory_before_training(digits, tmp_path):
    clf = small_classifier(checkpoint=tmp_path / "nowhere" / "run.ckpt", callbacks=[StopAfter(0)])
    with pytest.raises(ValueError, match=r"must be a directory, or a file in .*, got '.*nowhere"):
        clf.fit(*digits)


def test_home_directory_is_expanded(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # on Windows
    clf = small_classifier(checkpoint="~/run.ckpt", callbacks=[StopAfter(1)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*digits)
    assert epochs_in(tmp_path / "run.ckpt") == 1
    clf.set_params(callbacks=None).fit(*digits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a directory where even root cannot write")
def test_raises_for_a_read_only_directory_before_training(digits):
    clf = small_classifier(checkpoint="/proc/self/run.ckpt", callbacks=[StopAfter(0)])
    with pytest.raises(ValueError, match=r"checkpoint must be a file in a directory that can be written to"):
        clf.fit(*digits)


def test_full_disk_keeps_the_last_saved_epoch(digits, path, monkeypatch):
    clf = interrupt_fit(small_classifier(checkpoint=path), *digits, after=2)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        clf.fit(*digits)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    monkeypatch.undo()
    assert_same_training(clf.fit(*digits), small_classifier().fit(*digits))


def test_digest_depends_on_content_shape_and_dtype():
    a = np.arange(12)
    arrays = [a, a[::-1], a.reshape(3, 4), a.astype(np.int32), a.astype(float)]
    assert len({digest(array) for array in arrays}) == len(arrays)
    assert digest(np.asfortranarray(arrays[2])) == digest(arrays[2])
    rows = np.arange(10_000).reshape(5000, 2)
    changed = rows.copy()
    changed[4999, 1] = 0
    assert digest(rows) != digest(changed)


QUOTA = """
    import resource, sys
    sys.path.insert(0, {root!r})
    from tests.estimators import small_classifier
    from sklearn.datasets import load_digits
    X, y = load_digits(return_X_y=True)
    clf = small_classifier(epochs=2).fit(X / 16, y)
    before = clf.predict_proba(X / 16)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    clf.set_params(checkpoint={path!r})
    try:
        clf.fit(X / 16, y)
    except OSError as error:
        print(type(error).__name__, (clf.predict_proba(X / 16) == before).all())
"""


@pytest.mark.slow
def test_exceeded_disk_quota_raises_and_keeps_the_fitted_state(path):
    pytest.importorskip("resource", reason="only Unix has quotas for processes")
    script = textwrap.dedent(QUOTA.format(root=str(Path(__file__).parents[1]), path=str(path)))
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "OSError True\n"
    assert list(path.parent.iterdir()) == []


N_KILLS = 8
N_EPOCHS = 100  # more than are trained before the last kill
SCRIPT = """
    import sys
    sys.path.insert(0, {root!r})
    from tests.estimators import small_classifier
    from sklearn.datasets import load_digits
    X, y = load_digits(return_X_y=True)
    clf = small_classifier(epochs={epochs}, checkpoint={path!r}, learning_rate_schedule="cosine")
    clf.fit((X / 16).astype("float32"), y)
    import numpy as np
    np.savez({result!r}, *clf._weights)
"""


@pytest.mark.slow
def test_resumes_after_each_of_several_kills(tmp_path, path):
    result = tmp_path / "weights.npz"
    names = {
        "root": str(Path(__file__).parents[1]),
        "path": str(path),
        "result": str(result),
        "epochs": N_EPOCHS,
    }
    script = textwrap.dedent(SCRIPT.format(**names))
    n_epochs = 0
    for _ in range(N_KILLS):
        process = subprocess.Popen([sys.executable, "-c", script])
        while epochs_in(path) == n_epochs:
            assert process.poll() is None, "the fit ended before it was killed"
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.15))
        process.kill()
        process.wait()
        assert epochs_in(path) > n_epochs, "a finished epoch was lost"
        n_epochs = epochs_in(path)
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    whole = small_classifier(epochs=N_EPOCHS, learning_rate_schedule="cosine").fit(X, y)
    with np.load(result) as weights:
        for a, b in zip(weights.values(), whole._weights, strict=True):
            np.testing.assert_array_equal(a, b)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".part"] == ["weights.npz"]


def epochs_in(path):
    """Return the number of epochs in a checkpoint."""
    if not path.exists():
        return 0
    return len(json.loads(read(path)["training.json"])["state"]["history"]["loss"])
