"""A fit with callbacks has no effect on later fits, which may use the same trainer."""

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
def some(digits):
    return digits[0][:300], digits[1][:300]


@pytest.fixture(scope="module")
def reference(some):
    return small_classifier().fit(*some)


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_callback_changes_has_no_effect_on_the_next_fit(change, some, reference):
    small_classifier(callbacks=[Change(change)]).fit(*some)
    assert same_training(small_classifier().fit(*some), reference)


def test_callbacks_that_change_only_variables_keep_the_trainer(some, reference):
    small_classifier().fit(*some)
    before = list(engine._trainers._idle.values())
    small_classifier(callbacks=[Change(set_learning_rate)]).fit(*some)
    assert list(engine._trainers._idle.values()) == before
    assert same_training(small_classifier().fit(*some), reference)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras with NumPy 2
def test_backup_and_restore_leaves_later_fits_alone(some, reference, tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small_classifier(callbacks=[backup, Interrupt()]).fit(*some)
    resumed = small_classifier(callbacks=[backup]).fit(*some)
    assert resumed.n_iter_ == 2
    later = small_classifier().fit(*some)
    assert later.n_iter_ == 3
    assert same_training(later, reference)


class SkipAllEpochs(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.model._initial_epoch = 99


def test_raises_if_a_callback_lets_no_epoch_run(some, reference):
    fitted = small_classifier().fit(*some)
    with pytest.raises(ValueError, match="callbacks must let at least one epoch be trained"):
        fitted.set_params(callbacks=[SkipAllEpochs()]).fit(*some)
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


def test_a_callback_can_wait_for_a_fit_in_another_thread(some, reference):
    fitted = []
    outer = small_classifier(epochs=1, callbacks=[FitInThread(some, fitted)]).fit(*some)
    assert outer.n_iter_ == 1
    assert len(fitted) == 1
    assert same_training(fitted[0], reference)


def test_concurrent_fits_of_different_architectures_give_the_same_weights(some):
    params = [{"filters": (n,)} for n in (2, 3, 4, 5)]
    alone = [small_classifier(epochs=1, **p).fit(*some) for p in params]
    engine._trainers = engine.TrainerPool(16)
    together = [small_classifier(epochs=1, **p) for p in params]
    threads = [threading.Thread(target=clf.fit, args=some) for clf in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert all(map(same_training, together, alone))
