"""Pickles, and classifiers in other processes."""

import copy
import os
import pickle
import subprocess
import sys

import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sk_mnist_cnn import CNNDigitClassifier
from sk_mnist_cnn._keras.backend import keras
from tests.estimators import same_training
from tests.logs import without_logs

from .conftest import classifier


def test_pickle_is_little_larger_than_weights(fitted, digits):
    stored = pickle.dumps(fitted)
    assert len(stored) < 1.25 * sum(w.nbytes for w in fitted._weights)
    assert_array_equal(pickle.loads(stored).predict_proba(digits[0]), fitted.predict_proba(digits[0]))


def test_unfitted_classifier_can_be_pickled_and_cloned():
    unfitted = classifier(optimizer=keras.optimizers.SGD(0.1), callbacks=[keras.callbacks.TerminateOnNaN()])
    assert clone(unfitted).get_params().keys() == unfitted.get_params().keys()
    assert pickle.loads(pickle.dumps(classifier())).get_params() == classifier().get_params()


def run(code):
    """Run Python code in a new process, which must exit with status 0."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "KERAS_"))}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)


WITHOUT_FIT = """
import pickle, sys
import sk_mnist_cnn
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample
model = clone(make_pipeline(ImagePreprocessor(), CNNDigitClassifier(filters=(8,), optimizer="sgd")))
repr(model), model._repr_html_(), dir(sk_mnist_cnn), pickle.loads(pickle.dumps(model))
model.set_params(cnndigitclassifier__epochs=3)
for bad in ({"epochs": 0}, {"optimizer": "nope"}, {"dtype": "int"}):
    try:
        CNNDigitClassifier(**bad).fit([[0.0] * 4] * 4, [0, 0, 1, 1])
    except ValueError:
        pass
print(*sorted({"tensorflow", "keras", "scikeras", "matplotlib"} & set(sys.modules)))
"""


def test_tensorflow_and_matplotlib_are_not_imported_before_training():
    assert run(WITHOUT_FIT).stdout.split() == []


FIT_AND_PREDICT = """
import pickle
with open({path!r}, "rb") as file:
    fitted, X, y = pickle.load(file)
import warnings
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
warnings.simplefilter("ignore", ConvergenceWarning)  # of few epochs
probabilities = fitted.predict_proba(X)
other = clone(fitted).set_params(epochs=1, dense_units=(4,))
for filters in range(1, 5):  # TensorFlow would warn about the fifth network
    other.set_params(filters=(filters,)).fit(X, y).predict(X)
other.partial_fit(X, y)
with open({path!r}, "wb") as file:
    pickle.dump((probabilities, clone(fitted).fit(X, y)), file)
"""


@pytest.mark.slow
def test_new_process_prints_nothing_and_gives_same_results(data, reference, tmp_path):
    path = str(tmp_path / "exchange.pickle")
    with open(path, "wb") as file:
        pickle.dump((reference, *data), file)
    process = run(FIT_AND_PREDICT.format(path=path))
    assert process.stdout == ""
    with open(path, "rb") as file:
        probabilities, refitted = pickle.load(file)
    assert_array_equal(probabilities, reference.predict_proba(data[0]))
    assert same_training(refitted, reference)
    assert without_logs(process.stderr) == ""


class Narrow(CNNDigitClassifier):
    """A subclass with a parameter of its own, and few others."""

    def __init__(self, name, *, epochs=1):
        super().__init__(filters=(8, 16), kernel_size=3, dense_units=(32, 16), epochs=epochs)
        self.name = name


def test_subclass_with_fewer_parameters_reads_states_without_new_parameters(data):
    older = copy.copy(Narrow("a"))
    del older.label_smoothing
    assert pickle.loads(pickle.dumps(older)).fit(*data).n_iter_ == 1


def test_subclass_with_fewer_parameters_fits_and_pickles(data, tmp_path):
    fitted = Narrow("a").fit(*data)
    again = pickle.loads(pickle.dumps(fitted))
    assert again.name == "a"
    assert_array_equal(again.predict_proba(data[0]), fitted.predict_proba(data[0]))
    resumable = Narrow("a")
    resumable.checkpoint = tmp_path / "checkpoint"
    assert resumable.fit(*data).n_iter_ == 1


def test_subclass_with_constraints_of_its_own_parameter_alone_fits(data, monkeypatch):
    monkeypatch.setattr(Narrow, "_parameter_constraints", {"name": [str]}, raising=False)
    assert Narrow("a").fit(*data).n_iter_ == 1
