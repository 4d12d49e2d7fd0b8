import matplotlib as mpl
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor


@pytest.fixture(autouse=True)
def _rc_params_unchanged():
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before


@pytest.fixture(scope="session")
def rgb_rows(digits):
    """The digits in orange, as flat rows of RGB pixels."""
    images, y = digits
    return (images * [255, 100, 0]).astype(np.uint8).reshape(len(y), -1)


@pytest.fixture(scope="module")
def rgb_pipeline(fitted, rgb_rows, digits):
    """A pipeline fitted on flat RGB rows, never refitted."""
    return make_pipeline(ImagePreprocessor((8, 8, 3)), clone(fitted).set_params(epochs=1)).fit(
        rgb_rows, digits[1]
    )
