"""Fits that share a trainer: callbacks do not affect later fits, and no fit waits forever."""

import threading
from functools import partial

import pytest

from sk_mnist_cnn._keras import engine
from sk_mnist_cnn._keras.backend import keras
from tests.estimators import same_training, small_classifier

TIMEOUT = 60  # seconds


class Change(keras.callbacks.Callback):
    """Apply a function to the model at the end of each epoch."""

    def __init__(self, change):
        super().__init__()
        self._change = change

    def on_epoch_end(self, epoch, logs=None):
        self._change(self.model)


def set_initial_epoch(model):
    model._initial_epoch = 2


def freeze(model):
    model.layers[1].trainable = False


def freeze_model(model):
    model.trainable = False


def change_activation(model):
    model.get_layer("conv_1").activation = keras.activations.tanh


def change_clipnorm(model):
    model.optimizer.clipnorm = 1e-6


def change_loss(model):
    model.loss.reduction = "sum"


def set_learning_rate_schedule(model):
    model.optimizer.learning_rate = keras.optimizers.schedules.CosineDecay(1e-9, 1)


def set_learning_rate(model):
    model.optimizer.learning_rate = 0.5


def replace_train_step(model):
    model.train_step = lambda data: {"loss": 0.0}


def run_eagerly(model):
    model.run_eagerly = True


CHANGES = [
    set_initial_epoch,
    freeze,
    freeze_model,
    change_activation,
    change_clipnorm,
    change_loss,
    set_learning_rate_schedule,
    replace_train_step,
    run_eagerly,
]


@pytest.fixture(scope="module")
def reference(data):
    """A classifier fitted on `data` without callbacks, never refitted."""
    return small_classifier().fit(*data)


@pytest.mark.parametrize("change", CHANGES)
def test_changes_of_callbacks_do_not_affect_later_fits(change, data, reference):
    small_classifier(callbacks=[Change(change)]).fit(*data)
    assert same_training(small_classifier().fit(*data), reference)


def test_trainer_is_kept_if_callbacks_change_only_variables(data, reference):
    small_classifier().fit(*data)
    before = [trainer for _, trainer in engine._trainers._idle]
    small_classifier(callbacks=[Change(set_learning_rate)]).fit(*data)
    assert [trainer for _, trainer in engine._trainers._idle] == before
    assert same_training(small_classifier().fit(*data), reference)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # issued inside Keras
def test_backup_and_restore_does_not_affect_later_fits(data, reference, tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small_classifier(callbacks=[backup, Interrupt()]).fit(*data)
    resumed = small_classifier(callbacks=[backup]).fit(*data)
    assert resumed.n_iter_ == 2
    later = small_classifier().fit(*data)
    assert later.n_iter_ == 3
    assert same_training(later, reference)


class SkipAllEpochs(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.model._initial_epoch = 99


def test_raises_if_callback_skips_all_epochs(data, reference):
    fitted = small_classifier().fit(*data)
    with pytest.raises(ValueError, match="callbacks must allow at least one epoch of training"):
        fitted.set_params(callbacks=[SkipAllEpochs()]).fit(*data)
    assert same_training(fitted, reference)


class FitInThread(keras.callbacks.Callback):
    """Fit another classifier of the same architecture in another thread, and wait for it."""

    def __init__(self, data, fitted):
        super().__init__()
        self._data, self._fitted = data, fitted

    def __deepcopy__(self, memo):
        return self

    def on_epoch_end(self, epoch, logs=None):
        fit = partial(small_classifier().fit, *self._data)
        thread = threading.Thread(target=lambda: self._fitted.append(fit()), daemon=True)
        thread.start()
        thread.join(TIMEOUT)


def test_callback_can_wait_for_fit_in_another_thread(data, reference):
    fitted = []
    outer = small_classifier(epochs=1, callbacks=[FitInThread(data, fitted)]).fit(*data)
    assert outer.n_iter_ == 1
    assert len(fitted) == 1
    assert same_training(fitted[0], reference)


@pytest.mark.slow
def test_concurrent_fits_give_same_training(data, monkeypatch):
    params = [{"filters": (n,)} for n in (2, 3, 4, 5)]
    alone = [small_classifier(epochs=1, **p).fit(*data) for p in params]
    monkeypatch.setattr(engine, "_trainers", engine.TrainerPool(16))
    together = [small_classifier(epochs=1, **p) for p in params]
    threads = [threading.Thread(target=clf.fit, args=data) for clf in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert all(map(same_training, together, alone))


class ChangeAtStart(Change):
    """Apply a function to the model at the start of the training."""

    def on_train_begin(self, logs=None):
        self._change(self.model)

    def on_epoch_end(self, epoch, logs=None):
        pass


def freeze_kernel(model):
    model.get_layer("conv_1").kernel.trainable = False


def constrain_kernel(model):
    model.layers[-1].kernel.constraint = keras.constraints.NonNeg()


def replace_train_function(model):
    train_function = model.train_function
    model.train_function = lambda iterator: train_function(iterator)


@pytest.mark.parametrize("change", [freeze_kernel, constrain_kernel, replace_train_function])
def test_changes_of_variables_and_functions_have_no_effect_on_the_next_fit(change, data, reference):
    small_classifier(callbacks=[ChangeAtStart(change)]).fit(*data)
    assert same_training(small_classifier().fit(*data), reference)


def test_schedule_may_fit_another_classifier(data, reference):
    fitted = []

    def schedule(batch):
        if not fitted:
            fitted.append(None)
            fitted[0] = small_classifier().fit(*data)
        return 0.01

    assert small_classifier(epochs=1, learning_rate_schedule=schedule).fit(*data).n_iter_ == 1
    assert same_training(fitted[0], reference)


def test_pool_forgets_keys_that_are_not_in_use(data):
    small_classifier().fit(*data)
    assert not engine._trainers._in_use
