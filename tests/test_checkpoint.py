"""A training that is interrupted, killed or out of disk, and goes on as if nothing had been."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from sk_mnist_cnn._checkpoint import Checkpoint, digest
from sk_mnist_cnn._keras.backend import keras
from tests.estimators import small_classifier


class StopAfter(keras.callbacks.Callback):
    """Interrupts a fit as Ctrl-C would, when so many of its epochs are over."""

    def __init__(self, n_epochs):
        super().__init__()
        self._left = n_epochs

    def on_epoch_begin(self, epoch, logs=None):
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1


class HalveRate(keras.callbacks.Callback):
    """Halves the learning rate before every epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        rate = self.model.optimizer.learning_rate
        rate.assign(rate / 2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


def interrupt(clf, *data, after, **fit_params):
    """Break a fit off between two epochs."""
    callbacks = clf.callbacks
    clf.set_params(callbacks=[*(callbacks or ()), StopAfter(after)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*data, **fit_params)
    return clf.set_params(callbacks=callbacks)


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
def test_an_interrupted_fit_ends_as_an_uninterrupted_one(digits, path, params):
    X, y = digits[0][:500], digits[1][:500]
    whole = small_classifier(epochs=4, **params).fit(X, y)
    clf = interrupt(small_classifier(epochs=4, checkpoint=path, **params), X, y, after=2)
    assert path.exists()
    assert not hasattr(clf, "classes_")
    small_classifier(random_state=7, dense_dropout=0.2).fit(X, y)  # the engine does other things meanwhile
    assert_same_training(clf.fit(X, y), whole)
    assert not path.exists()


def test_it_says_where_it_goes_on(digits, path, capsys):
    clf = interrupt(small_classifier(checkpoint=str(path)), *digits, after=2)
    assert capsys.readouterr().out == ""
    clf.set_params(verbose=2).fit(*digits)
    assert f"Going on after epoch 2, from {path}" in capsys.readouterr().out


def test_a_seed_that_was_drawn_is_in_the_file(digits, path):
    X, y = digits
    clf = small_classifier(random_state=None, checkpoint=path, validation_split=0.2)
    interrupt(clf, X, y, after=1).fit(X, y)
    assert_same_training(
        clf,
        small_classifier(random_state=None, validation_split=0.2)
        .set_params(random_state=SeedOf(clf._seed))
        .fit(X, y),
    )


class SeedOf(np.random.RandomState):
    """Draws the one seed it was given."""

    def randint(self, *args, **kwargs):
        return self._given

    def __init__(self, given):
        super().__init__(0)
        self._given = given


def test_a_warm_start_goes_on_too(digits, path):
    X, y = digits
    whole = small_classifier(epochs=2, warm_start=True).fit(X, y).fit(X, y)
    clf = small_classifier(epochs=2, warm_start=True, checkpoint=path).fit(X, y)
    assert_same_training(interrupt(clf, X, y, after=1).fit(X, y), whole)
    assert clf.n_iter_ == 4


def test_a_fit_that_had_stopped_early_does_not_train_on(digits, path, monkeypatch):
    X, y = digits
    params = {"epochs": 8, "early_stopping": True, "n_iter_no_change": 1, "learning_rate": 0.1}
    whole = small_classifier(**params).fit(X, y)
    assert whole.n_iter_ < 8
    monkeypatch.setattr(Checkpoint, "remove", lambda self: None)
    small_classifier(checkpoint=path, **params).fit(X, y)
    assert_same_training(small_classifier(checkpoint=path, **params).fit(X, y), whole)


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
def test_other_parameters_are_refused_by_name(digits, path, change, named):
    clf = interrupt(small_classifier(checkpoint=path), *digits, after=1)
    with pytest.raises(ValueError, match=rf"holds another training run: {named} differ"):
        clf.set_params(**change).fit(*digits)
    assert path.exists()


def test_other_data_are_refused_by_name(digits, path):
    X, y = digits
    clf = interrupt(small_classifier(checkpoint=path), X, y, after=1)
    changed = X.copy()
    changed[-1, 0, 0] = 0.5
    with pytest.raises(ValueError, match="another training run: training images differ"):
        clf.fit(changed, y)
    with pytest.raises(ValueError, match="another training run: training labels differ"):
        clf.fit(X, np.roll(y, 1))
    with pytest.raises(ValueError, match="another training run: training weights differ"):
        clf.fit(X, y, np.arange(1, len(y) + 1))
    assert_same_training(clf.set_params(verbose=0).fit(X, y), small_classifier().fit(X, y))


def test_a_run_with_less_to_it_is_another_run(digits, path):
    X, y = digits
    validated = {"X_val": X[:50], "y_val": y[:50]}
    clf = interrupt(small_classifier(checkpoint=path), X, y, after=1, **validated)
    with pytest.raises(ValueError, match=r"another training run: validation .*, validation .*, validation"):
        clf.fit(X, y)
    path.unlink()
    warm = small_classifier(warm_start=True, checkpoint=path).fit(X, y)
    interrupt(warm, X, y, after=1)
    with pytest.raises(ValueError, match="another training run: fitted weights differ"):
        small_classifier(warm_start=True, checkpoint=path).fit(X, y)


def test_a_schedule_is_told_by_its_rates(digits, path):
    clf = small_classifier(checkpoint=path, learning_rate_schedule=lambda step: 0.01)
    interrupt(clf, *digits, after=1)
    with pytest.raises(ValueError, match="another training run: learning_rate_schedule differ"):
        clone(clf).set_params(learning_rate_schedule=lambda step: 0.02).fit(*digits)
    clone(clf).set_params(learning_rate_schedule=partial(lambda rate, step: rate, 0.01)).fit(*digits)
    assert not path.exists()


def test_the_same_optimizer_in_another_object_is_the_same_run(digits, path):
    def clf():
        return small_classifier(optimizer=keras.optimizers.Adam(0.01), learning_rate="auto", checkpoint=path)

    interrupt(clf(), *digits, after=2)
    clf().fit(*digits)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign", "pickle"])
def test_a_damaged_file_is_named_and_refused(digits, path, damage):
    clf = interrupt(small_classifier(checkpoint=path), *digits, after=1)
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    elif damage == "empty":
        content = b""
    path.write_bytes(content)
    if damage == "foreign":
        np.savez(path.with_suffix(".npz"), a=np.ones(3))
        path.with_suffix(".npz").replace(path)
    elif damage == "pickle":
        np.savez(path.with_suffix(".npz"), facts=np.array([{}], dtype=object))
        path.with_suffix(".npz").replace(path)
    with pytest.raises(ValueError, match=r"run\.ckpt' is damaged or not a checkpoint .* Delete it"):
        clf.fit(*digits)
    assert not hasattr(clf, "classes_")


def test_partial_fit_does_not_look_at_it(digits, path):
    path.write_bytes(b"damaged")
    small_classifier(checkpoint=path, random_state=None).partial_fit(*digits, classes=range(10))


@pytest.mark.parametrize("random_state", [None, 0])
def test_a_folder_is_no_checkpoint(digits, tmp_path, random_state):
    with pytest.raises(ValueError, match=r"checkpoint=.* must lie in a folder that exists, and not be one"):
        small_classifier(checkpoint=tmp_path, random_state=random_state).fit(*digits)


def test_a_missing_folder_is_named_before_anything_is_trained(digits, tmp_path):
    clf = small_classifier(checkpoint=tmp_path / "nowhere" / "run.ckpt", callbacks=[StopAfter(0)])
    with pytest.raises(ValueError, match=r"checkpoint='.*' must lie in a folder that exists"):
        clf.fit(*digits)


def test_a_path_may_start_at_home(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # on Windows
    clf = small_classifier(checkpoint="~/run.ckpt", callbacks=[StopAfter(1)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*digits)
    assert epochs_in(tmp_path / "run.ckpt") == 1
    clf.set_params(callbacks=None).fit(*digits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root can write to")
def test_a_folder_that_cannot_be_written_to_is_named_before_anything_is_trained(digits):
    clf = small_classifier(checkpoint="/proc/self/run.ckpt", callbacks=[StopAfter(0)])
    with pytest.raises(ValueError, match=r"checkpoint='/proc/self/run\.ckpt' must lie in a folder that can"):
        clf.fit(*digits)


def test_a_full_disk_leaves_the_last_whole_epoch(digits, path, monkeypatch):
    clf = interrupt(small_classifier(checkpoint=path), *digits, after=2)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        clf.fit(*digits)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    monkeypatch.undo()
    assert_same_training(clf.fit(*digits), small_classifier().fit(*digits))


def test_digests_tell_contents_shapes_and_dtypes_apart():
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


def test_a_quota_that_is_used_up_stops_the_fit_and_nothing_else(path):
    pytest.importorskip("resource", reason="only Unix has quotas on a process")
    script = textwrap.dedent(QUOTA.format(root=str(Path(__file__).parents[1]), path=str(path)))
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "OSError True\n"
    assert list(path.parent.iterdir()) == []


SCRIPT = """
    import sys
    sys.path.insert(0, {root!r})
    from tests.estimators import small_classifier
    from sklearn.datasets import load_digits
    X, y = load_digits(return_X_y=True)
    clf = small_classifier(epochs=40, checkpoint={path!r}, learning_rate_schedule="cosine")
    print("begins", flush=True)
    clf.fit((X / 16).astype("float32"), y)
    import numpy as np
    np.savez({result!r}, *clf._weights)
"""


@pytest.mark.slow
def test_a_fit_survives_being_killed_twenty_times(digits, tmp_path, path):
    result = tmp_path / "weights.npz"
    names = {"root": str(Path(__file__).parents[1]), "path": str(path), "result": str(result)}
    script = textwrap.dedent(SCRIPT.format(**names))
    n_kills, epochs = 0, [0]
    while n_kills < 20 or not result.exists():
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        process.stdout.readline()
        if n_kills < 20:
            began = epochs[-1]
            while process.poll() is None and epochs_in(path) < began + 1:
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
            n_kills += 1
        process.communicate(timeout=300)
        if not result.exists():
            epochs.append(epochs_in(path))
            assert epochs[-1] > epochs[-2], "epochs that were over are lost"
    X, y = digits[0].reshape(-1, 64), digits[1]
    whole = small_classifier(epochs=40, learning_rate_schedule="cosine").fit(X, y)
    with np.load(result) as weights:
        for a, b in zip(weights.values(), whole._weights, strict=True):
            np.testing.assert_array_equal(a, b)
    assert os.listdir(tmp_path) == ["weights.npz"]


def epochs_in(path):
    """The epochs that a checkpoint holds."""
    from sk_mnist_cnn._checkpoint import read_facts

    facts = read_facts(path)
    return len(facts["facts"]["history"]["loss"]) if facts else 0
