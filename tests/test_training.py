"""The plain data that goes into a training."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sk_mnist_cnn import CNNDigitClassifier
from sk_mnist_cnn._architecture import Architecture
from sk_mnist_cnn._training.config import TrainingConfig, TrainingState
from sk_mnist_cnn._training.targets import ImageDataset

SIZES = {"filters": (), "kernel_size": 1, "pool_size": 1, "dense_units": ()}
NETWORK = Architecture.resolve((1, 2, 1), 3, **SIZES, activation="relu", dtype="float32")


@pytest.fixture
def data_set():
    rows = np.arange(5 * 12, dtype=np.uint8).reshape(5, 12)
    return ImageDataset(rows, np.arange(5), np.linspace(1, 2, 5), np.array([0, 2, 4]))


def test_data_set_has_the_length_of_its_indices(data_set):
    assert len(data_set) == 3
    part = data_set.subset(np.array([1]))
    assert len(part) == 1
    assert len(data_set) == 3
    assert part.rows is data_set.rows


def test_rows_are_read_in_the_order_of_the_indices(data_set):
    images, labels, weights = data_set.read(np.array([4, 0, 2]), (2, 2, 3), "float32")
    assert images.shape == (3, 2, 2, 3)
    assert images.dtype == np.float32
    assert_array_equal(images.reshape(3, 12), data_set.rows[[4, 0, 2]])
    assert_array_equal(labels, [4, 0, 2])
    assert_array_equal(weights, data_set.weights[[4, 0, 2]])


def test_read_images_do_not_share_memory_with_the_rows(data_set):
    images, _, _ = data_set.read(np.arange(5), (3, 4, 1), "uint8")
    assert not np.shares_memory(images, data_set.rows)


@pytest.mark.parametrize(
    ("early_stopping", "monitor"),
    [(False, None), (True, "val_accuracy"), (np.True_, "val_accuracy"), ("val_loss", "val_loss")],
)
def test_config_has_the_parameters_of_the_classifier(early_stopping, monitor):
    params = CNNDigitClassifier(early_stopping=early_stopping, n_iter_no_change=3, epochs=7).get_params()
    config = TrainingConfig.from_params(params, seed=5)
    assert (config.monitor, config.patience, config.epochs, config.seed) == (monitor, 3, 7, 5)


def test_config_for_one_epoch_has_no_schedule_and_no_early_stopping():
    params = CNNDigitClassifier(early_stopping=True, learning_rate_schedule="cosine").get_params()
    config = TrainingConfig.from_params(params, seed=0).for_one_epoch()
    assert (config.epochs, config.monitor, config.learning_rate_schedule) == (1, None, "constant")


@pytest.mark.parametrize(
    ("n_images", "batch_size", "epochs"),
    [(1, 128, 300), (100, 128, 300), (1000, 32, 63), (8000, 128, 32), (48_000, 128, 10), (60_000, 128, 10)],
)
def test_auto_epochs_give_about_2000_batches(n_images, batch_size, epochs):
    params = CNNDigitClassifier(batch_size=batch_size).get_params()
    config = TrainingConfig.from_params(params, seed=0)
    assert config.resolve_epochs(n_images).epochs == epochs
    assert config.for_one_epoch().resolve_epochs(n_images).epochs == 1


@pytest.mark.parametrize(
    ("n_images", "epochs"), [(20, 300), (100, 300), (1000, 94), (10_000, 10), (60_000, 10)]
)
def test_auto_epochs_with_augmentation_give_about_3000_batches(n_images, epochs):
    params = CNNDigitClassifier(batch_size=32, augmentation="shift").get_params()
    assert TrainingConfig.from_params(params, seed=0).resolve_epochs(n_images).epochs == epochs


def test_a_number_of_epochs_stays():
    config = TrainingConfig.from_params(CNNDigitClassifier(epochs=3).get_params(), seed=0)
    assert config.resolve_epochs(1).epochs == 3


def state(**changes):
    weights = np.zeros((2, 3), np.float32), np.zeros(3, np.float32)
    values = {"weights": weights, "optimizer": (np.zeros(4),), "history": {"loss": [1.0, 0.5], "lr": [0.1]}}
    return TrainingState(**{**values, **changes})


def test_a_state_fits_its_network_and_its_optimizer():
    assert state().n_epochs == 2
    state().check(NETWORK)
    state(best_weights=state().weights).check(NETWORK, [np.ones(4)])
    state(optimizer=()).check(NETWORK, [np.ones(4)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": ()}, "the weights must have the shapes"),
        ({"weights": state().weights[::-1]}, "the weights must have the shapes"),
        ({"weights": tuple(array.astype(float) for array in state().weights)}, "the weights must have"),
        ({"weights": (state().weights[0], np.full(3, np.inf, np.float32))}, "the weights must be finite"),
        ({"best_weights": state().weights[:1]}, "the best_weights must have the shapes"),
        ({"optimizer": (np.zeros(5),)}, "the optimizer must have the shapes"),
        ({"optimizer": (np.zeros(4, int),)}, "the optimizer must have the shapes"),
        ({"history": {"loss": [1.0], "lr": [0.1, 0.1]}}, "the history of 'lr' must hold at most one number"),
        ({"history": {"loss": [1.0], "lr": []}}, "the history of 'lr'"),
        ({"history": {"loss": [None]}}, "the history of 'loss'"),
    ],
)
def test_raises_for_a_state_of_another_training(changes, message):
    with pytest.raises(ValueError, match=message):
        state(**changes).check(NETWORK, [np.ones(4)])
