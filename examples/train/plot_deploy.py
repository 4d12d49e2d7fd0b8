"""
Deploy a network without TensorFlow
===================================

Keras trains the weights. Predictions need ONNX Runtime only, so the machine that predicts needs no
TensorFlow. This example trains a small network, saves it in two ways, and predicts with both files. The user
guide compares them: :ref:`guide-persistence`.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import (
    CNNDigitClassifier,
    FilterDisplay,
    ImagePreprocessor,
    export_onnx,
    load_mnist_sample,
    load_model,
    save_model,
)

data = load_mnist_sample()
classifier = CNNDigitClassifier(
    filters=(8, 16), dense_units=(32,), optimizer="adam", learning_rate=0.003, epochs=8, random_state=0
)
model = make_pipeline(ImagePreprocessor(), classifier).fit(data.x_train[:2000], data.y_train[:2000])
print(f"accuracy: {model.score(data.x_test, data.y_test):.1%}")

# %%
# `save_model` writes the pipeline, and `load_model` reads it. It has all methods of the original, and can be
# trained further where TensorFlow is installed. Unlike a pickle, the file cannot run code when it is loaded.
folder = Path(tempfile.mkdtemp())
save_model(model, folder / "digits.skops")
loaded = load_model(folder / "digits.skops")
print(f"{(folder / 'digits.skops').stat().st_size / 1000:.0f} kB, labels {loaded.predict(data.x_test[:5])}")

# %%
# `export_onnx` writes the pipeline as one graph, from pixels to labels and probabilities. Programs in any
# language that has ONNX Runtime predict with it, without Python and without this package.
export_onnx(model, folder / "digits.onnx")
session = onnxruntime.InferenceSession(folder / "digits.onnx", providers=["CPUExecutionProvider"])
(pixels,) = session.get_inputs()
print(pixels.name, pixels.type, pixels.shape)
labels, probabilities = session.run(None, {pixels.name: data.x_test[:5]})
print(labels, np.abs(probabilities - model.predict_proba(data.x_test[:5])).max() < 1e-5)

# %%
# The loaded model still shows what the network learned: the filters of its first layer, and their outputs for
# one image.
display = FilterDisplay.from_estimator(loaded, data.x_test[0])
plt.show()
