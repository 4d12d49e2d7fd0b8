"""Exported files give the labels and probabilities of the estimator."""

import pickle
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, export_onnx, load_mnist_sample

QUICK = {
    "filters": (4, 6),
    "kernel_size": 3,
    "dense_units": (8, 8),
    "optimizer": "adam",
    "learning_rate": 0.01,
    "epochs": 1,
    "random_state": 0,
}


def quick_classifier(**params):
    return CNNDigitClassifier(**{**QUICK, **params})


def pixels(*shape, n_images=20):
    return np.random.default_rng(0).integers(0, 256, (n_images, *shape), dtype=np.uint8)


def labels_of(n_images=20, values=(0, 1, 2, 3)):
    return np.resize(np.array(values), n_images)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


@pytest.fixture(scope="module")
def raw():
    """Raw 8-bit images of 8x8 pixels, read-only."""
    images = pixels(8, 8)
    images.flags.writeable = False
    return images


@pytest.fixture(scope="module")
def pipeline(raw):
    """A pipeline fitted on them, never refitted."""
    return make_pipeline(ImagePreprocessor(), quick_classifier()).fit(raw, labels_of())


def run(path, X):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["label", "probabilities"], {"X": X})


def assert_agrees(estimator, path, X, X_onnx=None, atol=1e-5):
    export_onnx(estimator, path)
    onnx.checker.check_model(path, full_check=True)
    labels, probabilities = run(path, X if X_onnx is None else X_onnx)
    assert_allclose(probabilities, estimator.predict_proba(X), rtol=0, atol=atol)
    assert_array_equal(labels, estimator.predict(X))
    return labels, probabilities


@pytest.mark.parametrize(
    ("shape", "params"),
    [
        ((8, 8), {}),
        ((1, 30), {"kernel_size": [(1, 5), (1, 3)]}),
        ((9, 7, 3), {"filters": (4,), "kernel_size": [(2, 3)], "pool_size": [(3, 1)], "dense_units": (5,)}),
        ((6, 5, 2), {"filters": ()}),
        ((8, 8), {"dense_units": ()}),
        ((10, 10, 3), {"filters": (3, 4, 5), "kernel_size": (3, 2, 9), "pool_size": 1, "activation": "gelu"}),
    ],
    ids=["gray", "one row", "non-square", "no blocks", "no dense layers", "three blocks"],
)
def test_networks_of_different_shapes(shape, params, path):
    X = pixels(*shape)
    model = make_pipeline(ImagePreprocessor(), quick_classifier(**params)).fit(X, labels_of())
    assert_agrees(model, path, X)


def test_batches_of_any_size(pipeline, raw, path):
    _, together = assert_agrees(pipeline, path, raw)
    for n_images in (1, 7):
        labels, probabilities = run(path, raw[:n_images])
        assert labels.shape == (n_images,)
        assert_allclose(probabilities, together[:n_images], atol=1e-6)


def test_embeddings_are_a_third_output_on_request(pipeline, raw, path):
    export_onnx(pipeline, path)
    assert [output.name for output in onnxruntime.InferenceSession(path).get_outputs()] == [
        "label",
        "probabilities",
    ]
    export_onnx(pipeline, path, embeddings=True)
    session = onnxruntime.InferenceSession(path)
    assert [output.name for output in session.get_outputs()] == ["label", "probabilities", "embeddings"]
    labels, probabilities, embeddings = session.run(None, {"X": raw})
    assert_array_equal(labels, pipeline.predict(raw))
    assert_allclose(probabilities, pipeline.predict_proba(raw), rtol=0, atol=1e-6)
    assert_allclose(embeddings, pipeline.transform(raw), rtol=0, atol=1e-6)


@pytest.mark.parametrize("layout", [(8, 8, 1), (8, 8), (64,)])
def test_input_has_the_fitted_layout(layout, raw, path):
    X = raw.reshape(len(raw), *layout)
    model = make_pipeline(ImagePreprocessor(), quick_classifier()).fit(X, labels_of())
    assert_agrees(model, path, X)
    (x,) = onnxruntime.InferenceSession(path).get_inputs()
    assert (x.name, x.type, x.shape) == ("X", "tensor(uint8)", ["n", *layout])


@pytest.mark.parametrize(
    ("dtype", "exported"),
    [("?", "?"), ("u2", "u2"), ("i8", "i8"), ("f2", "f2"), ("f4", "f4"), (">f8", "f8"), ("longdouble", "f8")],
)
def test_input_has_the_fitted_dtype(dtype, exported, raw, path):
    X = raw > 100 if dtype == "?" else raw.astype(dtype)
    model = make_pipeline(ImagePreprocessor(), quick_classifier()).fit(X, labels_of())
    assert_agrees(model, path, X, X_onnx=X.astype(exported))


def test_frames_are_exported_as_rows(raw, path):
    frame = pd.DataFrame(raw.reshape(len(raw), -1).astype(np.int64)).add_prefix("pixel")
    model = make_pipeline(ImagePreprocessor(), quick_classifier()).fit(frame, labels_of())
    assert_agrees(model, path, frame, X_onnx=frame.to_numpy())


def test_given_max_value_is_exported(raw, path):
    X = raw / 2.0
    model = make_pipeline(ImagePreprocessor(max_value=300), quick_classifier()).fit(X, labels_of())
    assert_agrees(model, path, X)


def test_classifier_alone_takes_scaled_images(pipeline, raw, path):
    images = pipeline[0].transform(raw)
    assert_agrees(pipeline[-1], path, images)
    (x,) = onnxruntime.InferenceSession(path).get_inputs()
    assert (x.type, x.shape) == ("tensor(float)", ["n", 8, 8, 1])


def test_passthrough_and_second_preprocessor(pipeline, raw, path):
    preprocessor, classifier = pipeline[0], pipeline[1]
    again = ImagePreprocessor(max_value=2).fit(preprocessor.transform(raw))
    steps = ["passthrough", preprocessor, None, again, classifier]
    assert_agrees(Pipeline([(f"step{i}", step) for i, step in enumerate(steps)]), path, raw)


def test_searches_are_exported_as_their_best_estimators(pipeline, raw, path):
    search = GridSearchCV(pipeline, {"cnndigitclassifier__epochs": [1]}, cv=2).fit(raw, labels_of())
    assert_agrees(search, path, raw)
    inner = GridSearchCV(quick_classifier(), {"epochs": [1, 2]}, cv=2)
    assert_agrees(make_pipeline(ImagePreprocessor(), inner).fit(raw, labels_of()), path, raw)


def test_nested_pipelines(pipeline, raw, path):
    preprocessor, classifier = pipeline
    assert_agrees(make_pipeline("passthrough", make_pipeline(preprocessor, classifier)), path, raw)
    assert_agrees(make_pipeline(make_pipeline(preprocessor), make_pipeline(classifier)), path, raw)


def test_slices_of_pipelines(pipeline, raw, path):
    assert_agrees(pipeline[1:], path, pipeline[0].transform(raw))
    assert_agrees(make_pipeline("passthrough", *pipeline)[1:], path, raw)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ((3, -7, 2**40, 0), np.int64),
        (np.array([1, 2, 3, 200], np.uint8), np.int64),
        (np.array([1, 2, 3, 2**64 - 1], np.uint64), np.uint64),
        ((0.0, 1.0, 2.0, 5.0), np.float64),
        (np.array([0, 1, 2, 5], np.float32), np.float32),
        (np.array([0, 1, 2, 5], ">f8"), np.float64),
        (["nought", "one", "two", "vierzig, ça"], object),
        (np.array(["", "b", "cc", "d"], object), object),
    ],
    ids=str,
)
def test_labels_of_different_types(values, dtype, raw, path):
    model = make_pipeline(ImagePreprocessor(), quick_classifier())
    model.fit(raw, labels_of(values=values))
    labels, _ = assert_agrees(model, path, raw)
    assert labels.dtype == dtype


def test_boolean_labels(raw, path):
    model = make_pipeline(ImagePreprocessor(), quick_classifier()).fit(raw, labels_of(values=[False, True]))
    labels, probabilities = assert_agrees(model, path, raw)
    assert labels.dtype == bool
    assert probabilities.shape == (len(raw), 2)


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16"])
def test_other_dtypes_are_computed_in_float32(dtype, raw, path):
    model = make_pipeline(ImagePreprocessor(), quick_classifier(dtype=dtype)).fit(raw, labels_of())
    _, probabilities = assert_agrees(model, path, raw)
    assert probabilities.dtype == np.float32


def test_metadata_of_the_file(pipeline, path):
    export_onnx(pipeline, path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.producer_name == "sk_mnist_cnn"
    assert model.producer_version
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert model.ir_version == 8
    first = path.read_bytes()
    export_onnx(pipeline, str(path))
    assert path.read_bytes() == first


def test_raises_for_other_steps(pipeline, raw, path):
    invert = FunctionTransformer(lambda X: 255 - X)
    model = Pipeline([("invert", invert), *pipeline.steps])
    with pytest.raises(ValueError, match=r"ImagePreprocessor, got FunctionTransformer\..*pipeline\[1:\]"):
        export_onnx(model, path)
    export_onnx(model[1:], path)
    assert_array_equal(run(path, 255 - raw)[0], model.predict(raw))
    with pytest.raises(ValueError, match="got CNNDigitClassifier"):
        export_onnx(Pipeline([("embeddings", pipeline[-1]), *pipeline.steps]), path)
    search = GridSearchCV(model, {"cnndigitclassifier__epochs": [1]}, cv=2).fit(raw, labels_of())
    with pytest.raises(ValueError, match="got FunctionTransformer"):
        export_onnx(search, path)
    assert_agrees(search.best_estimator_[1:], path, 255 - raw)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        ImagePreprocessor(),
        make_pipeline(ImagePreprocessor(), "passthrough"),
        CNNDigitClassifier,
        "model.skops",
    ],
    ids=["another classifier", "a preprocessor", "no classifier", "a class", "a path"],
)
def test_raises_for_other_estimators(estimator, path):
    with pytest.raises(TypeError, match=r"(?s)estimator must be .* Pass its fitted CNNDigitClassifier"):
        export_onnx(estimator, path)


def test_raises_for_searches_without_a_best_estimator(pipeline, raw, path):
    search = GridSearchCV(pipeline, {"cnndigitclassifier__epochs": [1]}, cv=2, refit=False)
    for unusable in (search, search.fit(raw, labels_of())):
        with pytest.raises(TypeError, match=r"(?s)fitted search \(with refit=True\).* got GridSearchCV"):
            export_onnx(unusable, path)


@pytest.mark.parametrize("estimator", [CNNDigitClassifier(), make_pipeline(CNNDigitClassifier())])
def test_raises_for_unfitted_estimators(estimator, path):
    with pytest.raises(NotFittedError):
        export_onnx(estimator, path)


def test_raises_for_invalid_paths(pipeline, tmp_path):
    with pytest.raises(TypeError, match="path must be a str or a PathLike, got 3"):
        export_onnx(pipeline, 3)
    with pytest.raises(FileNotFoundError, match="path must be a file in an existing directory"):
        export_onnx(pipeline, tmp_path / "missing" / "model.onnx")
    with pytest.raises(FileNotFoundError, match="in an existing directory"):
        export_onnx(pipeline, tmp_path)


def test_existing_file_is_kept_when_writing_fails(pipeline, path, monkeypatch):
    path.write_bytes(b"older")

    def full_disk(fd):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        export_onnx(pipeline, path)
    assert path.read_bytes() == b"older"
    assert list(path.parent.iterdir()) == [path]


def test_exporting_does_not_import_tensorflow(pipeline, path, tmp_path):
    script = (
        "import pickle, sys; from sk_mnist_cnn import export_onnx; "
        "export_onnx(pickle.load(open(sys.argv[1], 'rb')), sys.argv[2]); "
        "assert not {'tensorflow', 'keras', 'scikeras'} & sys.modules.keys()"
    )
    pickled = tmp_path / "model.pkl"
    pickled.write_bytes(pickle.dumps(pipeline))
    subprocess.run([sys.executable, "-c", script, pickled, path], check=True, timeout=120)
    assert path.stat().st_size > 0


@pytest.mark.slow
def test_shipped_digits(path):
    mnist = load_mnist_sample()
    model = make_pipeline(ImagePreprocessor(), CNNDigitClassifier(epochs=1, random_state=0))
    model.fit(mnist.x_train, mnist.y_train)
    labels, probabilities = assert_agrees(model, path, mnist.x_test)
    assert probabilities.shape == (2000, 10)
    assert (labels == mnist.y_test).mean() > 0.8
