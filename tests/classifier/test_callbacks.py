"""Keras callbacks. scikit-learn's are tested in `test_sklearn_callbacks`."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from sk_mnist_cnn._keras.backend import keras
from tests.estimators import same_training

from .conftest import N, classifier

STEPS = 5  # batches per epoch


class Counter(keras.callbacks.Callback):
    """Callback that records its calls in class attributes, which are shared by its copies."""

    epochs, batches = [], []

    def __init__(self):
        super().__init__()
        self.calls = 0

    def on_epoch_end(self, epoch, logs=None):
        self.calls += 1
        self.epochs.append((epoch, sorted(logs)))


class BatchCounter(Counter):
    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)


class StopAfterFirstEpoch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


@pytest.fixture
def counter():
    yield Counter
    Counter.epochs.clear()
    Counter.batches.clear()


def test_callbacks_are_called_every_epoch(data, reference, counter):
    fitted = classifier(callbacks=[Counter()]).fit(*data)
    assert counter.epochs == [(0, ["accuracy", "loss"]), (1, ["accuracy", "loss"])]
    assert same_training(fitted, reference)
    fitted.partial_fit(*data)
    assert counter.epochs[2:] == [(2, ["accuracy", "loss"])]


def test_callbacks_receive_validation_metrics(data, counter):
    classifier(callbacks=(Counter(),), validation_split=0.2, epochs=1).fit(*data)
    assert counter.epochs == [(0, ["accuracy", "loss", "val_accuracy", "val_loss"])]


def test_batch_hooks_are_called_every_batch(data, reference, counter):
    fitted = classifier(callbacks=[BatchCounter()]).fit(*data)
    assert counter.batches == [*range(STEPS)] * 2
    assert_allclose(fitted.predict_proba(data[0]), reference.predict_proba(data[0]), atol=1e-5)
    begun = []
    hook = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: begun.append(batch))
    classifier(callbacks=[hook], epochs=1).fit(*data)
    assert begun == [*range(STEPS)]


class RecordSteps(keras.callbacks.Callback):
    recorded = []

    def on_epoch_begin(self, epoch, logs=None):
        self.recorded.append(self.params["steps"])


class RecordStepsOfBatches(RecordSteps):
    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize("callback", [RecordSteps, RecordStepsOfBatches])
def test_callbacks_know_the_number_of_batches(data, callback):
    RecordSteps.recorded.clear()
    classifier(callbacks=[callback()], epochs=1).fit(*data)
    assert RecordSteps.recorded == [STEPS]


LOAD_MODEL = """
import keras, numpy as np
model = keras.models.load_model({model!r})
print(model.get_layer("conv_dropout").rate, model.optimizer.iterations.numpy())
np.save({probabilities!r}, model(np.load({images!r})))
"""


@pytest.mark.slow
# Issued inside Keras when it saves a model.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_model_checkpoint_saves_models_that_keras_loads_alone(data, tmp_path):
    path, weights_path = tmp_path / "epoch.keras", tmp_path / "epoch.weights.h5"
    checkpoints = [
        keras.callbacks.ModelCheckpoint(path),
        keras.callbacks.ModelCheckpoint(weights_path, save_weights_only=True),
    ]
    fitted = classifier(callbacks=checkpoints, epochs=1, conv_dropout=0.125).fit(*data)
    images, expected = data[0], fitted.predict_proba(data[0])
    np.save(tmp_path / "images.npy", images)
    files = {"images": tmp_path / "images.npy", "probabilities": tmp_path / "probabilities.npy"}
    code = LOAD_MODEL.format(model=str(path), **{name: str(file) for name, file in files.items()})
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["0.125", str(-(-N // fitted.batch_size))]
    assert_allclose(np.load(files["probabilities"]), expected, atol=1e-6)
    model = classifier(epochs=1, random_state=1).fit(*data).model_
    model.load_weights(weights_path)
    assert_allclose(model(images), expected, atol=1e-6)


def test_callbacks_are_copied(data, counter):
    callback = Counter()
    fitted = classifier(callbacks=[callback]).fit(*data)
    assert counter.epochs
    assert callback.calls == 0
    assert callback.model is None
    assert fitted.callbacks[0] is callback


def test_callbacks_do_not_add_model_to_pickle(data, reference):
    fitted = classifier(callbacks=[keras.callbacks.TerminateOnNaN()]).fit(*data)
    assert len(pickle.dumps(fitted)) < len(pickle.dumps(reference)) + 500


def test_clone_keeps_callbacks(data, counter):
    cloned = clone(classifier(callbacks=[Counter()], epochs=1).fit(*data))
    cloned.fit(*data)
    cloned.fit(*data)
    assert [epoch for epoch, _ in counter.epochs] == [0, 0, 0]


def test_callback_can_stop_training(data, reference):
    fitted = classifier(callbacks=[StopAfterFirstEpoch()]).fit(*data)
    assert fitted.n_iter_ == 1
    assert fitted.history_["loss"] == reference.history_["loss"][:1]


class Uncopyable(keras.callbacks.Callback):
    def __deepcopy__(self, memo):
        raise TypeError("cannot copy a lock")


def test_raises_for_callback_that_cannot_be_copied(data, no_training):
    with pytest.raises(ValueError, match=r"callbacks must hold objects .*Uncopyable.*cannot copy a lock"):
        classifier(callbacks=[Uncopyable()]).fit(*data)


class RemoveLoss(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        del logs["loss"]
        logs["val_accuracy"] = "high"
        logs["note"] = "a text"


def test_history_is_complete_if_a_callback_removes_metrics(data):
    params = {"validation_split": 0.2, "early_stopping": True}
    expected = classifier(**params).fit(*data)
    fitted = classifier(**params, callbacks=[RemoveLoss()]).fit(*data)
    assert fitted.history_ == expected.history_


class CountTestBatches(keras.callbacks.Callback):
    counts = []

    def on_test_batch_end(self, batch, logs=None):
        self.counts.append(batch)


def test_validation_batch_hooks_are_called_for_each_batch(data):
    CountTestBatches.counts.clear()
    X, y = data
    classifier(epochs=1, batch_size=10, callbacks=[CountTestBatches()]).fit(X, y, X_val=X[:50], y_val=y[:50])
    assert CountTestBatches.counts == [0, 1, 2, 3, 4]
