"""Refitting while other threads, or callbacks, predict and set parameters."""

import threading

import numpy as np
from numpy.testing import assert_array_equal

from sk_mnist_cnn import ImagePreprocessor
from sk_mnist_cnn._keras.backend import keras

from .conftest import classifier


class Call(keras.callbacks.Callback):
    """Call a function at the end of each epoch."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def __deepcopy__(self, memo):
        return self  # the function must not be copied with the estimator that it refers to

    def on_epoch_end(self, epoch, logs=None):
        self._function()


def test_predicts_with_previous_fit_until_refit_ends(data, reference):
    X, y = data
    refitted = classifier().fit(X, y)
    predictions = []
    predict = Call(lambda: predictions.append((refitted.classes_, refitted.predict(X[:50]))))
    refitted.set_params(callbacks=[predict], random_state=1)
    refitted.fit(X, np.array(list("abcdefghij"))[y])
    assert len(predictions) == 2
    for classes, labels in predictions:
        assert_array_equal(classes, np.arange(10))
        assert_array_equal(labels, reference.predict(X[:50]))
    assert refitted.classes_[0] == "a"


def test_predictions_never_mix_two_fits(data):
    X, y = data
    letters = np.array(list("abcdefghij"))
    numbers = classifier(epochs=1).fit(X, y)
    expected = {numbers.predict(X).tobytes(), classifier(epochs=1).fit(X, letters[y]).predict(X).tobytes()}
    found, stop = set(), threading.Event()

    def predict_repeatedly():
        while not stop.is_set():
            found.add(numbers.predict(X).tobytes())

    thread = threading.Thread(target=predict_repeatedly)
    thread.start()
    for labels in (letters[y], y, letters[y], y):
        numbers.fit(X, labels)
    stop.set()
    thread.join()
    assert found <= expected


def test_keeps_parameters_set_during_fit(data):
    fitted = classifier()
    fitted.set_params(callbacks=[Call(lambda: fitted.set_params(verbose=0, n_iter_no_change=7))])
    fitted.fit(*data)
    assert fitted.n_iter_no_change == 7


def test_transform_during_a_refit_uses_one_fit():
    small, large = np.full((2, 8, 8), 255, np.uint8), np.full((2, 10, 10), 255, np.uint8)
    images = ImagePreprocessor().fit(small)
    errors, stop = [], threading.Event()

    def transform_repeatedly():
        while not stop.is_set():
            try:
                images.transform(small)
            except ValueError as error:
                errors.append(str(error))

    thread = threading.Thread(target=transform_repeatedly)
    thread.start()
    for _ in range(300):
        images.fit(large)
        images.fit(small)
    stop.set()
    thread.join()
    assert not [error for error in errors if "reshape" in error]
