"""Tensors of PyTorch instead of arrays, also with scikit-learn's support of the array API."""

import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context

from tests.estimators import quick_classifier, quick_pipeline, same_training

pytestmark = pytest.mark.slow  # `make test` has no PyTorch, and would skip these tests


@pytest.fixture(params=[False, True], ids=["default", "array API"])
def torch(request, monkeypatch):
    """PyTorch, without and with scikit-learn's support of the array API."""
    torch = pytest.importorskip("torch")
    if request.param:
        pytest.importorskip("scipy", minversion="1.14", reason="scikit-learn needs it for the array API")
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with config_context(array_api_dispatch=request.param):
        yield torch


def test_tensors_give_same_results_as_arrays(torch, data):
    X, y = data
    weights = 1.0 + (y == 3)
    expected = quick_pipeline().fit(X, y, cnn__sample_weight=weights)
    images, labels = torch.tensor(X), torch.tensor(y)
    model = quick_pipeline().fit(images, labels, cnn__sample_weight=torch.tensor(weights))
    assert same_training(model["cnn"], expected["cnn"])
    assert_array_equal(model.predict_proba(images), expected.predict_proba(X))
    assert_array_equal(model.transform(images), expected.transform(X))
    assert model["images"].inverse_transform(model["images"].transform(images)).shape == X.shape
    first = quick_classifier().partial_fit(images, labels, classes=torch.arange(10))
    assert_array_equal(first.classes_, range(10))


def test_tensors_are_scored(torch, data):
    images, labels = map(torch.tensor, data)
    model = quick_pipeline().fit(images, labels)
    assert model.score(images, labels) == model.score(*data)


def test_tensors_that_record_gradients_say_what_to_do(torch, data):
    model = quick_pipeline().fit(*data)
    with pytest.raises(RuntimeError, match=r"tensor.detach\(\).numpy\(\)"):
        model.predict(torch.tensor(data[0]).requires_grad_())
