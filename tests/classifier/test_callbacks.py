"""Keras callbacks. scikit-learn's are tested in `test_sklearn_callbacks`."""

import logging
import multiprocessing
import pickle
import queue
import re
import subprocess
import sys
import threading

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn._keras.backend import keras
from tests.estimators import same_training

from .conftest import N, classifier

STEPS = 5  # batches per epoch


class Counter(keras.callbacks.Callback):
    """Callback that records its calls in class attributes."""

    epochs, batches = [], []

    def on_epoch_end(self, epoch, logs=None):
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


class Losses(keras.callbacks.Callback):
    """Callback that stores losses on itself, and in a list that is created with it."""

    def __init__(self, all_losses):
        super().__init__()
        self.all_losses = all_losses

    def on_train_begin(self, logs=None):
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        assert len(self.model.weights) > 0
        assert self.params["epochs"] > epoch
        self.losses.append(logs["loss"])
        self.all_losses.append(logs["loss"])


def test_fit_calls_the_callbacks_themselves(data):
    callback = Losses([])
    fitted = classifier(callbacks=[callback]).fit(*data)
    assert callback.losses == fitted.history_["loss"]
    fitted.partial_fit(*data)
    assert callback.losses == fitted.history_["loss"][2:]
    assert callback.all_losses == fitted.history_["loss"]
    assert fitted.callbacks[0] is callback


def test_model_and_params_are_taken_back(data):
    callback = Losses([])
    callback.set_params({"mine": 1})
    fitted = classifier(callbacks=[callback, callback]).fit(*data)
    assert (callback.model, callback.params) == (None, {"mine": 1})

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert callback.model is self.model
            raise KeyboardInterrupt

    failing = Interrupt()
    with pytest.raises(KeyboardInterrupt):
        fitted.set_params(callbacks=[callback, failing]).fit(*data)
    assert (callback.model, callback.params) == (None, {"mine": 1})
    assert (failing.model, failing.params) == (None, None)


def test_callback_keeps_the_model_of_its_fit_around_a_nested_fit(data):
    class FitAgain(keras.callbacks.Callback):
        n_fits = 0

        def on_train_begin(self, logs=None):
            model, self.n_fits = self.model, self.n_fits + 1
            if self.n_fits == 1:
                classifier(epochs=1, callbacks=[self]).fit(*data)
            assert self.model is model

    callback = FitAgain()
    assert classifier(epochs=1, callbacks=[callback]).fit(*data).n_iter_ == 1
    assert (callback.n_fits, callback.model) == (2, None)


def test_callback_without_a_constructor_of_its_base_class(data):
    class Minimal(keras.callbacks.Callback):
        def __init__(self):
            pass

    callback = Minimal()
    classifier(epochs=1, callbacks=[callback]).fit(*data)
    assert vars(callback).keys() & {"_model", "params"} == set()


def keras_callbacks(folder):
    kinds = keras.callbacks
    return [
        kinds.BackupAndRestore(folder / "backup"),
        kinds.CSVLogger(folder / "log.csv"),
        kinds.EarlyStopping("loss"),
        kinds.History(),
        kinds.LearningRateScheduler(schedule),
        kinds.ModelCheckpoint(folder / "epoch.weights.h5", save_weights_only=True),
        kinds.ReduceLROnPlateau("loss"),
        kinds.TerminateOnNaN(),
    ]


def schedule(epoch, rate):
    return rate


# Issued inside Keras, when it saves a model or converts a variable.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Conversion of an array with ndim > 0 to a scalar:DeprecationWarning")
def test_callbacks_of_keras_leave_a_small_pickle(data, reference, tmp_path):
    # lambdas of their attributes cannot be pickled, so these are pickled as joblib does
    fitted = classifier(callbacks=keras_callbacks(tmp_path)).fit(*data)
    again = pickle.loads(pickle.dumps(joblib.wrap_non_picklable_objects(fitted, keep_wrapper=False)))
    assert again.fit(*data).n_iter_ == 2
    assert len(pickle.dumps(fitted)) < len(pickle.dumps(reference)) + 4000


@pytest.mark.parametrize("container", [list, tuple])
def test_clone_has_shallow_copies_of_callbacks(container, data):
    callback, losses = Losses([]), []
    callback.all_losses = losses
    fitted = classifier(callbacks=container([callback])).fit(*data)
    cloned = clone(make_pipeline(fitted))[-1]
    assert isinstance(cloned.callbacks, container)
    (copied,) = cloned.callbacks
    assert copied is not callback
    assert copied.all_losses is losses
    assert not hasattr(cloned, "classes_")
    cloned.fit(*data)
    assert losses == fitted.history_["loss"] + cloned.history_["loss"]
    assert callback.losses == fitted.history_["loss"]
    assert copied.losses == cloned.history_["loss"]


@pytest.mark.parametrize("callbacks", ["x", 3, keras.callbacks.History(), [None], (), None])
def test_clone_accepts_what_fit_may_refuse(callbacks):
    cloned = clone(classifier(callbacks=callbacks, epochs=7))
    assert type(cloned.callbacks) is type(callbacks)
    assert cloned.epochs == 7


def test_clone_copies_all_other_parameters_and_settings(data):
    clf = classifier(optimizer=keras.optimizers.SGD(0.1), callbacks=[Losses([])])
    cloned = clone(clf.set_output(transform="pandas").fit(*data))
    assert cloned.optimizer is not clf.optimizer
    assert isinstance(cloned.fit(*data).transform(data[0]), pd.DataFrame)


def test_callback_can_stop_training(data, reference):
    fitted = classifier(callbacks=[StopAfterFirstEpoch()]).fit(*data)
    assert fitted.n_iter_ == 1
    assert fitted.history_["loss"] == reference.history_["loss"][:1]


class Put(keras.callbacks.Callback):
    """Callback that puts each epoch somewhere."""

    def __init__(self, put, **attributes):
        super().__init__()
        self.put = put
        vars(self).update(attributes)

    def on_epoch_end(self, epoch, logs=None):
        self.put(epoch)


def put_nowhere(epoch):
    pass


EPOCHS_OF_SEARCH = [0, 0, 1] * 2 + [0]  # two candidates in two folds, and the best on all images


def search_with(callback, **params):
    """Return a search over one epoch, which scores best, and two epochs."""
    return GridSearchCV(
        make_pipeline(classifier(callbacks=[callback])),
        {"cnndigitclassifier__epochs": [1, 2]},
        scoring=fewest_epochs,
        cv=2,
        error_score="raise",
        **params,
    )


def fewest_epochs(pipeline, X, y):
    return -pipeline[-1].n_iter_


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_search_in_one_process_fills_the_list_queue_and_log_of_callbacks(backend, data, caplog):
    found, waiting, logger = [], queue.Queue(), logging.getLogger(__name__)
    caplog.set_level(logging.INFO, __name__)
    callbacks = [Put(found.append), Put(waiting.put), Put(lambda epoch: logger.info("%d", epoch))]
    callbacks.append(Put(put_nowhere, lock=threading.Lock()))
    with joblib.parallel_config(backend, n_jobs=2 if backend == "threading" else 1):
        for callback in callbacks:
            search_with(callback).fit(*data)
    logged = [int(record.getMessage()) for record in caplog.records if record.name == __name__]
    for epochs in (found, [waiting.get() for _ in range(waiting.qsize())], logged):
        assert sorted(epochs) == sorted(EPOCHS_OF_SEARCH)


def test_candidates_of_a_search_are_full_copies(data):
    found = []
    grid = {"callbacks": [[Losses(found)]]}
    search = GridSearchCV(classifier(epochs=1), grid, cv=2, error_score="raise").fit(*data)
    (copied,) = search.best_estimator_.callbacks
    assert copied.all_losses == search.best_estimator_.history_["loss"]
    assert found == []


@pytest.mark.slow
def test_search_in_two_processes_uses_copies_of_callbacks(data, tmp_path):
    found, path = [], tmp_path / "epochs.txt"
    search = search_with(WriteAndAppend(path, found), n_jobs=2).fit(*data)
    assert found == [0]  # of the last fit, which is in this process
    assert search.best_estimator_[-1].callbacks[0].epochs is found
    assert sorted(path.read_text().split()) == sorted(map(str, EPOCHS_OF_SEARCH))


class WriteAndAppend(keras.callbacks.Callback):
    def __init__(self, path, epochs):
        super().__init__()
        self.path, self.epochs = path, epochs

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)
        with open(self.path, "a") as file:
            print(epoch, file=file)


@pytest.mark.parametrize("attribute", [queue.Queue(), threading.Lock(), multiprocessing.Queue()], ids=type)
def test_search_in_two_processes_refuses_callbacks_that_cannot_be_pickled(attribute, data):
    rule = r"callbacks must hold objects that can be pickled, got <.*\.Put object.*"
    with pytest.raises(pickle.PicklingError) as raised:
        search_with(Put(put_nowhere, attribute=attribute), n_jobs=2).fit(*data)
    assert re.search(rule + "n_jobs=None", str(raised.value.__cause__))
    clf = classifier(callbacks=[Put(put_nowhere, attribute=attribute)])
    with pytest.raises(TypeError, match=rule + r"set_params\(callbacks=None\)"):
        pickle.dumps(clf)
    assert pickle.loads(pickle.dumps(clf.set_params(callbacks=None))).epochs == 2


def test_callback_may_hold_the_classifier_that_holds_it():
    clf = classifier()
    clf.set_params(callbacks=[Put(put_nowhere, owner=clf)])
    again = pickle.loads(pickle.dumps(clf))
    assert again.callbacks[0].owner is again


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
