"""The estimators with other packages: data frames, resampling, searches, and storage of fitted models."""

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from sk_mnist_cnn import ImagePreprocessor, load_mnist_sample
from tests.estimators import quick_classifier, quick_pipeline

OWN_TYPES = {"sk_mnist_cnn.classifier.CNNDigitClassifier", "sk_mnist_cnn.preprocessing.ImagePreprocessor"}
PIXELS = [f"pixel{i}" for i in range(1, 65)]


@pytest.fixture(scope="module")
def data(digits):
    """The first 300 digits as flat float64 rows with integers from 0 to 16, and their labels."""
    images, y = digits
    return images[:300].reshape(300, -1).astype(float) * 16, y[:300]


@pytest.fixture(scope="module")
def fitted_quick_pipeline(data):
    """A pipeline fitted on `data`, never refitted."""
    return quick_pipeline(epochs=3).fit(*data)


# Frames


def as_pandas(X):
    return pd.DataFrame(X, columns=PIXELS)


def as_polars(X):
    return pytest.importorskip("polars").DataFrame(X, schema=PIXELS)


@pytest.mark.parametrize(
    "as_frame",
    [
        as_pandas,
        lambda X: as_pandas(X.astype(int)),
        lambda X: as_pandas(X).astype("Int64"),
        lambda X: as_pandas(X).astype("Float32"),
        as_polars,
        lambda X: as_polars(X.astype(int)),
    ],
    ids=["pandas", "pandas-int64", "pandas-Int64", "pandas-Float32", "polars", "polars-int64"],
)
def test_frames_give_same_results_as_arrays(data, fitted_quick_pipeline, as_frame):
    X, y = data
    frame = as_frame(X)
    model = quick_pipeline(epochs=3).fit(frame, y)
    assert_array_equal(model.feature_names_in_, PIXELS)
    assert_array_equal(model.predict_proba(frame), fitted_quick_pipeline.predict_proba(X))


@pytest.mark.parametrize("as_frame", [as_pandas, as_polars])
@pytest.mark.parametrize(
    "estimator", [ImagePreprocessor(), quick_classifier(epochs=1)], ids=["images", "cnn"]
)
def test_feature_names_are_checked(data, estimator, as_frame):
    X, y = data
    frame = as_frame(X / 16)
    fitted = clone(estimator).fit(frame, y)
    use = fitted.transform if hasattr(fitted, "transform") else fitted.predict
    assert_array_equal(fitted.feature_names_in_, PIXELS)
    expected = use(frame)
    for unnamed in (X / 16, X.reshape(-1, 8, 8) / 16):
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            assert_array_equal(use(unnamed), expected)
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        use(frame[PIXELS[::-1]])


def test_warns_about_frame_after_fit_on_array(data, fitted_quick_pipeline):
    X, _ = data
    assert not hasattr(fitted_quick_pipeline, "feature_names_in_")
    with pytest.warns(UserWarning, match="X has feature names, but ImagePreprocessor was fitted without"):
        predictions = fitted_quick_pipeline.predict(as_pandas(X))
    assert_array_equal(predictions, fitted_quick_pipeline.predict(X))


def pandas_series(labels):
    return pd.Series(labels, index=range(1000, 1000 + len(labels)))


def polars_series(labels):
    return pytest.importorskip("polars").Series(labels)


@pytest.mark.parametrize("as_series", [pandas_series, polars_series])
@pytest.mark.parametrize("dtype", ["int64", "str", "category"])
def test_accepts_series_of_labels(data, fitted_quick_pipeline, as_series, dtype):
    X, y = data
    expected = fitted_quick_pipeline.predict(X)
    if dtype == "int64":
        labels = as_series(y)
    else:
        labels, expected = as_series([str(label) for label in y]), expected.astype(str)
    if dtype == "category" and as_series is pandas_series:
        labels = labels.astype("category")
    elif dtype == "category":
        labels = labels.cast(pytest.importorskip("polars").Categorical)
    model = quick_pipeline(epochs=3).fit(X, labels)
    assert_array_equal(model.predict(X), expected)
    assert model.score(X, labels) == fitted_quick_pipeline.score(X, y)


@pytest.fixture(scope="module")
def openml():
    """300 digits of MNIST as ``fetch_openml("mnist_784")`` returns them, and as uint8 images."""
    images, labels = load_mnist_sample(return_X_y=True)
    images = np.asarray(images[:300], dtype=np.uint8).reshape(-1, 28, 28)
    columns = [f"pixel{i}" for i in range(1, 785)]
    frame = pd.DataFrame(images.reshape(300, -1).astype("int64"), columns=columns)
    names = pd.Series([str(label) for label in labels[:300]], name="class").astype("category")
    return frame, names, images


def test_openml_frame_is_scaled_as_8_bit_images(openml):
    frame, _, images = openml
    preprocessor = ImagePreprocessor().fit(frame)
    assert preprocessor.image_shape_ == (28, 28, 1)
    assert_array_equal(preprocessor.transform(frame), ImagePreprocessor().fit_transform(images))


def test_openml_frame_has_string_labels(openml):
    frame, names, _ = openml
    model = quick_pipeline(epochs=6).fit(frame, names)
    predictions = model.predict(frame)
    assert_array_equal(model.classes_, list("0123456789"))
    assert all(isinstance(label, str) for label in predictions)
    assert np.mean(predictions == names) > 0.5
    assert model.score(frame, names) == np.mean(predictions == names)


# Stored models


@pytest.mark.parametrize("labels", ["int", "str", "category"])
def test_skops_trusts_only_types_of_this_package(data, labels):
    io = pytest.importorskip("skops.io")
    X, y = data
    y = {"int": y, "str": y.astype(str), "category": pd.Series(y.astype(str)).astype("category")}[labels]
    model = quick_pipeline(epochs=1).fit(as_pandas(X), y)
    stored = io.dumps(model)
    assert set(io.get_untrusted_types(data=stored)) == OWN_TYPES
    loaded = io.loads(stored, trusted=sorted(OWN_TYPES))
    assert_array_equal(loaded.predict_proba(as_pandas(X)), model.predict_proba(as_pandas(X)))
    assert_array_equal(loaded.predict(as_pandas(X)), model.predict(as_pandas(X)))
    assert loaded["cnn"].get_params() == model["cnn"].get_params()


def test_skops_stores_all_kinds_of_parameters(data):
    io = pytest.importorskip("skops.io")
    X, y = data
    model = quick_classifier(
        filters=np.array([8, 16]),
        kernel_size=[3, (3, 3)],
        image_shape=(8, 8),
        class_weight=dict.fromkeys(np.unique(y), 1.5),
        random_state=np.random.RandomState(0),
        validation_split=0.2,
        epochs=1,
    ).fit(X / 16, y)
    stored = io.dumps(model)
    assert io.get_untrusted_types(data=stored) == ["sk_mnist_cnn.classifier.CNNDigitClassifier"]
    loaded = io.loads(stored, trusted=sorted(OWN_TYPES))
    assert loaded.history_ == model.history_
    assert_array_equal(loaded.predict_proba(X / 16), model.predict_proba(X / 16))
    assert_array_equal(loaded.fit(X / 16, y).classes_, model.classes_)


def store_with_skops(model, path):
    io = pytest.importorskip("skops.io")
    io.dump(model, path)
    return io.load(path, trusted=sorted(OWN_TYPES))


def store_with_joblib(model, path):
    joblib.dump(model, path)
    return joblib.load(path)


def store_with_joblib_compressed(model, path):
    joblib.dump(model, path, compress=3)
    return joblib.load(path)


def store_with_joblib_mapped(model, path):
    joblib.dump(model, path)
    return joblib.load(path, mmap_mode="r")


def store_with_cloudpickle(model, path):
    cloudpickle = pytest.importorskip("cloudpickle")
    path.write_bytes(cloudpickle.dumps(model))
    return cloudpickle.loads(path.read_bytes())


@pytest.mark.parametrize(
    "store",
    [
        store_with_skops,
        store_with_joblib,
        store_with_joblib_compressed,
        store_with_joblib_mapped,
        store_with_cloudpickle,
    ],
)
def test_loaded_classifier_predicts_and_resumes_training(data, tmp_path, store):
    X, y = data
    X = X / 16
    model = quick_classifier(epochs=1).partial_fit(X, y, classes=np.arange(10))
    loaded = store(model, tmp_path / "model")
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert_array_equal(loaded.predict_proba(X[:1]), model.predict_proba(X[:1]))
    assert_array_equal(loaded.partial_fit(X, y).predict_proba(X), model.partial_fit(X, y).predict_proba(X))
    assert loaded.history_ == model.history_
    assert loaded.n_iter_ == 2
    assert_array_equal(loaded.fit(X, y).predict(X), model.fit(X, y).predict(X))


@pytest.fixture
def mlflow(monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return pytest.importorskip("mlflow")


# MLflow issues this when its pyfunc flavor is imported.
@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")
@pytest.mark.parametrize("serialization_format", ["skops", "cloudpickle"])
def test_mlflow_stores_and_serves_pipeline(
    data, fitted_quick_pipeline, tmp_path, mlflow, serialization_format
):
    pytest.importorskip(serialization_format)
    from mlflow import pyfunc
    from mlflow import sklearn as flavor

    X, y = data
    path = str(tmp_path / "model")
    flavor.save_model(
        fitted_quick_pipeline,
        path,
        serialization_format=serialization_format,
        skops_trusted_types=sorted(OWN_TYPES),
        pip_requirements=["sk_mnist_cnn"],
        pyfunc_predict_fn="predict_proba",
    )
    loaded = flavor.load_model(path)
    assert loaded.score(X, y) == fitted_quick_pipeline.score(X, y)
    served = pyfunc.load_model(path)
    assert_array_equal(served.predict(X), fitted_quick_pipeline.predict_proba(X))


# Resampling and searching


@pytest.mark.parametrize("as_data", [np.asarray, as_pandas], ids=["array", "pandas"])
def test_imbalanced_learn_pipeline_oversamples(data, as_data):
    over_sampling = pytest.importorskip("imblearn.over_sampling")
    from imblearn.pipeline import Pipeline as ImbalancedPipeline

    X, y = data
    kept = (y != 3) | (np.cumsum(y == 3) <= 2)
    steps = [("balance", over_sampling.RandomOverSampler(random_state=0)), *quick_pipeline().steps]
    model = ImbalancedPipeline(steps).fit(as_data(X[kept]), y[kept])
    X_balanced, y_balanced = model["balance"].fit_resample(X[kept], y[kept])
    assert np.ptp(np.bincount(y_balanced)) == 0
    direct = quick_pipeline().fit(X_balanced, y_balanced)
    assert_array_equal(model.predict_proba(as_data(X)), direct.predict_proba(X))


def test_optuna_search(data):
    optuna = pytest.importorskip("optuna")

    def accuracy(trial):
        model = quick_pipeline(
            epochs=6,
            learning_rate=trial.suggest_categorical("learning_rate", [0.01, 1e-6]),
            dense_dropout=trial.suggest_float("dense_dropout", 0, 0.2),
        )
        return cross_val_score(model, *data, cv=2, error_score="raise").mean()

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.enqueue_trial({"learning_rate": 0.01})
    study.enqueue_trial({"learning_rate": 1e-6})
    study.optimize(accuracy, n_trials=3)
    assert study.best_params["learning_rate"] == 0.01
    assert study.best_value > 0.3


# TensorFlow's own tools


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # issued inside Keras
def test_tensorboard_logs_every_epoch(data, tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    import keras
    import tensorflow as tf

    model = quick_pipeline(epochs=3, callbacks=[keras.callbacks.TensorBoard(tmp_path)]).fit(*data)
    events = event_accumulator.EventAccumulator(str(tmp_path / "train")).Reload()
    logged = [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("epoch_loss")]
    assert_allclose(logged, model[-1].history_["loss"], rtol=1e-6)


def test_exported_saved_model_gives_same_probabilities(data, fitted_quick_pipeline, tmp_path):
    import tensorflow as tf

    fitted_quick_pipeline[-1].model_.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    images = fitted_quick_pipeline[0].transform(data[0])
    assert_allclose(served.serve(images).numpy(), fitted_quick_pipeline.predict_proba(data[0]), atol=1e-6)
