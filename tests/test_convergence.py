"""`fit` warns if the loss is near that of predicting the class frequencies."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sk_mnist_cnn import CNNDigitClassifier
from sk_mnist_cnn._training.config import TrainingConfig, TrainingRun, TrainingState
from sk_mnist_cnn._training.preparation import warn_if_not_converged
from sk_mnist_cnn._training.targets import ImageDataset
from tests.estimators import quick_classifier, small_classifier

pytestmark = pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")


def data_set(labels, weights=None):
    labels = np.array(labels)
    weights = np.ones(len(labels)) if weights is None else np.array(weights, float)
    return ImageDataset(np.zeros((len(labels), 4)), labels, weights, np.flatnonzero(weights))


def warns(loss, images, n_classes, label_smoothing=0.0, **state):
    # A schedule: its loss may fall until the end.
    state = TrainingState(**{"history": {"loss": [loss]}, **state})
    schedule = {"learning_rate_schedule": "cosine", "epochs": state.n_epochs}
    params = CNNDigitClassifier(label_smoothing=label_smoothing, **schedule).get_params()
    config = TrainingConfig.from_params(params, seed=0)
    run = TrainingRun(params, {}, np.arange(n_classes), None, config, images, None, TrainingState())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_not_converged(run, state)
    return len(caught) == 1 and caught[0].category is ConvergenceWarning


@pytest.mark.parametrize("label_smoothing", [0, 0.1, 0.9])
@pytest.mark.parametrize("weights", [None, [1, 2, 0, 1, 4]])
def test_losses_are_those_of_smoothed_targets(weights, label_smoothing):
    images = data_set([0, 1, 1, 2, 2], weights)
    targets = (1 - label_smoothing) * np.eye(4)[images.labels] + label_smoothing / 4
    frequencies = np.average(targets, axis=0, weights=images.weights)

    def loss_of(predictions):
        losses = -np.sum(targets * np.log(np.maximum(predictions, 1e-300)), axis=1)
        return np.average(losses, weights=images.weights)

    constant, perfect = loss_of(frequencies), loss_of(targets)
    for share, expected in ((1.1, True), (0.91, True), (0.89, False), (0, False)):
        assert warns(perfect + share * (constant - perfect), images, 4, label_smoothing) == expected


def test_images_of_one_class_have_nothing_to_compare():
    assert not warns(5.0, data_set([1, 1, 1]), 10)
    assert not warns(5.0, data_set([1, 1, 0], weights=[1, 1, 0]), 10)


def test_the_loss_is_that_of_the_epoch_whose_weights_are_kept():
    images, losses = data_set([0, 1]), {"loss": [0.69, 0.1, 0.69]}
    assert warns(None, images, 2, history=losses)
    assert not warns(None, images, 2, history=losses, best_epoch=2)
    assert warns(None, images, 2, history=losses, best_epoch=1)


def falling(*losses, **params):
    """Return the messages of warnings about a fit of ten classes with these losses."""
    params = CNNDigitClassifier(**{"epochs": len(losses), **params}).get_params()
    config = TrainingConfig.from_params(params, seed=0)
    images = data_set(np.arange(100) % 10)
    run = TrainingRun(params, {}, np.arange(10), None, config, images, None, TrainingState())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_not_converged(run, TrainingState(history={"loss": list(losses)}))
    return [str(warning.message) for warning in caught]


def test_a_loss_that_is_still_falling_warns():
    (message,) = falling(1.9, 1.5, 1.1, 0.8)
    assert "the training loss was still falling in the last epochs, see history_." in message
    assert 'Increase epochs (epochs="auto" trains for more), or change' in message


def test_the_last_fifth_of_the_epochs_counts():
    losses = np.linspace(1.9, 0.4, 20)  # each epoch alone is too small a fall
    assert losses[-2] - losses[-1] < 0.1
    assert falling(*losses)
    assert not falling(*losses, *[0.4] * 4)


def test_a_loss_that_falls_warns_neither_with_a_schedule_nor_after_enough_epochs():
    assert not falling(1.9, 1.5, 1.1, 0.8, learning_rate_schedule="one_cycle")
    assert not falling(*np.linspace(2, 0.1, 300)[:-1], 0.0)
    assert not falling(0.8)
    assert not falling(1.9, 0.05)  # almost nothing is left to learn


def test_enough_epochs_are_not_named_again():
    (message,) = falling(*[2.3] * 300)
    assert "auto" not in message


def test_a_training_that_was_stopped_is_not_told_to_take_more_epochs():
    assert not falling(1.9, 1.5, 1.1, 0.8, epochs=50)
    (message,) = falling(2.3, 2.3, epochs=50, early_stopping=True)
    assert "Increase n_iter_no_change, or change learning_rate" in message
    (message,) = falling(2.3, 2.3, epochs=50)
    assert "Let callbacks stop it later, or change learning_rate" in message


def test_fit_warns_and_names_the_remedy(digits):
    remedy = r'not converged: .* class frequencies, see history_\. Increase epochs \(epochs="auto" trains'
    with pytest.warns(ConvergenceWarning, match=remedy) as warned:
        fitted = small_classifier(epochs=1, learning_rate=1e-6).fit(*digits)
    assert warned[0].filename == __file__
    assert fitted.n_iter_ == 1


def test_texts_differ_by_reason_alone():
    assert falling(1.9, 1.5, 1.1, 0.8) == falling(1.8, 1.5, 1.2, 0.7)
    assert falling(2.3, 2.3) == falling(2.29, 2.29) != falling(1.9, 1.5, 1.1, 0.8)


def test_fit_that_learns_does_not_warn(digits):
    quick_classifier(label_smoothing=0.8, learning_rate_schedule="cosine").fit(*digits)
    quick_classifier(class_weight={0: 1000}, learning_rate_schedule="cosine").fit(*digits)


def test_a_small_loss_of_rare_classes_can_be_that_of_their_frequencies():
    images = data_set([0] * 99 + [1])
    assert warns(0.055, images, 2)
    assert not warns(0.045, images, 2)
    assert not warns(0.055, data_set([0] * 50 + [1] * 50), 2)


def test_random_labels_warn(digits):
    X, y = digits
    with pytest.warns(ConvergenceWarning):
        small_classifier(epochs=1).fit(X, np.random.default_rng(0).permutation(y))


def test_partial_fit_does_not_warn(digits):
    clf = small_classifier(learning_rate=1e-6).partial_fit(*digits, classes=range(10))
    assert clf.n_iter_ == 1
