"""The page network sees a large picture strip by strip."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sk_mnist_cnn._onnx import page_network


@pytest.mark.parametrize("shape", [(64, 64), (640, 208), (208, 656), (32, 1600), (333, 250)])
@pytest.mark.parametrize("strip", [20_000, 60_000])
def test_strips_predict_what_the_whole_picture_does(monkeypatch, shape, strip):
    picture = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    monkeypatch.setattr(page_network, "_STRIP", 10**9)
    whole = page_network.predict(picture)
    monkeypatch.setattr(page_network, "_STRIP", strip)
    for expected, values in zip(whole, page_network.predict(picture), strict=True):
        assert_array_equal(values, expected)
