"""`load_pretrained`: the network and the novelty detector that ship with the package."""

import copy
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import sklearn.base
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import (
    CNNDigitClassifier,
    ImagePreprocessor,
    MNISTNormalizer,
    export_onnx,
    load_mnist_sample,
    load_model,
    load_pretrained,
    pretrained,
)

DATA = Path(pretrained.__file__).parent / "data"
PAGE = Path(__file__).parents[1] / "docs" / "guide" / "pretrained.md"


@pytest.fixture(scope="module")
def model():
    return load_pretrained()


@pytest.fixture(scope="module")
def detector():
    return load_pretrained("mnist_novelty")


@pytest.fixture(scope="module")
def sample():
    return load_mnist_sample()


def test_recognizes_mnist(model, sample):
    assert model.score(sample.x_test, sample.y_test) >= 0.993


def test_recognizes_digits_of_other_people(model):
    digits = load_digits()
    reader = make_pipeline(MNISTNormalizer(), model)
    assert reader.score(digits.images / 16, digits.target) >= 0.97


@pytest.mark.slow
def test_documentation_has_the_numbers_of_the_complete_data(model, mnist):
    from tests.data.make_pretrained import measure

    measured = measure(model, mnist)
    text = PAGE.read_text(encoding="utf-8")
    table = re.findall(r"^\| .* \| (\d+\.\d+%) \| (\d\.\d+) \|$", text, re.MULTILINE)
    assert table == [(f"{accuracy:.2%}", f"{loss:.4f}") for accuracy, loss, _ in measured.values()]
    accuracies = {f"{accuracy:.2%}" for accuracy, *_ in measured.values()}
    assert accuracies <= set(re.findall(r"\d+\.\d+%", load_pretrained.__doc__))
    assert measured["MNIST"][0] >= 0.996


def test_file_is_small_and_made_with_the_best_recipe(model):
    assert (DATA / "mnist.skops").stat().st_size <= 1_000_000
    assert repr(model[-1]) == repr(CNNDigitClassifier.from_recipe("best", random_state=0))
    assert_array_equal(model.classes_, np.arange(10))


def test_detector_is_small_and_has_the_default_parameters(detector):
    assert len(zlib.compress((DATA / "mnist_novelty.skops").read_bytes())) <= 1_000_000  # as in the wheel
    assert repr(detector) == "ImageNoveltyDetector()"


def test_detector_tells_digits_from_other_images(detector, sample):
    assert np.mean(detector.predict(sample.x_test) < 0) < 0.015
    mirrored = sample.x_test[np.isin(sample.y_test, [3, 4, 6, 7, 9]), :, ::-1]
    assert np.mean(detector.predict(mirrored) < 0) > 0.6
    assert detector.predict(np.zeros((1, 28, 28), np.uint8)) == -1


def test_preprocessor_is_the_one_that_was_fitted_on_the_training_images(model, sample):
    fitted = ImagePreprocessor().fit(sample.x_train)
    assert vars(model[0]) == vars(fitted)


def test_every_call_returns_a_new_model(model):
    other = load_pretrained("mnist")
    other[-1].set_params(epochs=99)
    assert model[-1].epochs != 99
    assert load_pretrained("mnist_novelty") is not load_pretrained("mnist_novelty")
    assert all(a is not b for a, b in zip(model[-1]._weights, other[-1]._weights, strict=True))


def test_imports_neither_tensorflow_nor_skops():
    code = """
import sys
from sk_mnist_cnn import load_mnist_sample, load_pretrained
model = load_pretrained()
costly = {"keras", "matplotlib", "onnxruntime", "scikeras", "skops", "tensorflow"}
assert not costly & sys.modules.keys(), costly & sys.modules.keys()
detector = load_pretrained("mnist_novelty")
assert not costly & sys.modules.keys(), costly & sys.modules.keys()
for estimator in (model, detector):
    estimator.predict(load_mnist_sample().x_test[:3])
assert not {"keras", "skops", "tensorflow"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_later_releases_load_it_without_a_warning(monkeypatch, sample):
    monkeypatch.setattr(sklearn.base, "__version__", "99.0")
    monkeypatch.setattr("sk_mnist_cnn.persistence.version", lambda name: "99.0")
    assert load_pretrained().predict(sample.x_test[:5]).tolist() == sample.y_test[:5].tolist()
    assert load_pretrained("mnist_novelty").predict(sample.x_test[:5]).tolist() == [1] * 5


def test_files_are_those_of_save_model(model, detector, sample):
    loaded = load_model(DATA / "mnist_novelty.skops")
    assert_array_equal(loaded.score_samples(sample.x_test[:9]), detector.score_samples(sample.x_test[:9]))
    loaded = load_model(DATA / "mnist.skops")
    assert_array_equal(
        loaded.predict(model[0].transform(sample.x_test[:9])), model.predict(sample.x_test[:9])
    )


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_training_continues(model, sample, method):
    X, y = model[0].transform(sample.x_train[:32]), sample.y_train[:32]
    classifier = copy.deepcopy(model[-1])
    classifier.set_params(warm_start=True, epochs=1, learning_rate=1e-4, learning_rate_schedule="constant")
    getattr(classifier, method)(X, y)
    assert classifier.n_iter_ == model[-1].n_iter_ + 1
    X_test = model[0].transform(sample.x_test)
    assert classifier.score(X_test, sample.y_test) >= 0.98


def test_gives_embeddings_and_exports(model, sample, tmp_path):
    assert model.transform(sample.x_test[:4]).shape == (4, 84)
    export_onnx(model, tmp_path / "digits.onnx")
    assert (tmp_path / "digits.onnx").is_file()


@pytest.mark.parametrize("name", ["emnist", None, ["mnist"]])
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match=r"name must be one of \['mnist'.*\], got "):
        load_pretrained(name)


@pytest.mark.parametrize("name", ["mnist", "mnist_novelty"])
def test_damaged_file_is_refused(monkeypatch, tmp_path, name):
    content = bytearray((DATA / f"{name}.skops").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / f"{name}.skops").write_bytes(content)
    monkeypatch.setattr(pretrained, "_DATA", tmp_path)
    with pytest.raises(ValueError, match=rf"{name}\.skops .* must be intact, .* Install the package again"):
        load_pretrained(name)
