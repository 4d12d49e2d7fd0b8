"""The estimators with other packages: data frames, stored models, explanations, resampling, searches.

The tests that need a package of the dependency group `test-all` are marked as slow: `make test` has none of
these packages, and would skip them.
"""

import joblib
import numpy as np
import onnxruntime
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor, export_onnx, load_mnist_sample
from tests.estimators import quick_classifier, quick_pipeline

OWN_TYPES = {"sk_mnist_cnn.classifier.CNNDigitClassifier", "sk_mnist_cnn.preprocessing.ImagePreprocessor"}
PIXELS = [f"pixel{i}" for i in range(1, 65)]


@pytest.fixture(scope="module")
def data(digits):
    """The first 300 digits as flat float64 rows with integers from 0 to 16, and their labels."""
    images, y = digits
    return images[:300].reshape(300, -1).astype(float) * 16, y[:300]


@pytest.fixture(scope="module")
def other_data(digits):
    """300 other digits, in the same form."""
    images, y = digits
    return images[300:600].reshape(300, -1).astype(float) * 16, y[300:600]


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
        pytest.param(store_with_cloudpickle, marks=pytest.mark.slow),
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


@pytest.mark.slow
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


# Explanations, label errors, prediction sets and evaluation


LAYOUTS = [(64,), (8, 8), (8, 8, 1)]
# Issued when shap imports matplotlib's color maps, and inside Keras when shap calls its model.
SHAP_WARNS = pytest.mark.filterwarnings(
    "ignore:The set_.* function will be deprecated:PendingDeprecationWarning",
    "ignore:The structure of `inputs` doesn't match:UserWarning",
)
# Issued by optuna_integration, and inside it.
OPTUNA_WARNS = pytest.mark.filterwarnings(
    "ignore:OptunaSearchCV is experimental", "ignore:`optuna.terminator` module:FutureWarning"
)


def flat_pipeline(**params):
    """Return an unfitted pipeline whose classifier receives flat rows."""
    return make_pipeline(ImagePreprocessor(flatten=True), quick_classifier(**params))


@pytest.mark.slow
@pytest.mark.parametrize("shape", LAYOUTS, ids=str)
@pytest.mark.parametrize("prefit", [True, False])
def test_mapie_conformal_sets(data, other_data, shape, prefit):
    """MAPIE: `SplitConformalClassifier` around a pipeline with `ImagePreprocessor(flatten=True)`."""
    mapie = pytest.importorskip("mapie.classification")
    (X, y), (X_other, y_other) = data, other_data
    X, X_other = X.reshape(-1, *shape), X_other.reshape(-1, *shape)
    model = flat_pipeline(epochs=6)
    if prefit:
        conformal = mapie.SplitConformalClassifier(model.fit(X, y), confidence_level=0.9)
    else:
        conformal = mapie.SplitConformalClassifier(model, confidence_level=0.9, prefit=False).fit(X, y)
    labels, sets = conformal.conformalize(X_other[:200], y_other[:200]).predict_set(X_other[200:])
    assert sets.shape == (100, 10, 1)
    assert 0.8 <= sets[np.arange(100), y_other[200:], 0].mean() <= 1
    expected = (
        model.predict(X_other[200:]) if prefit else flat_pipeline(epochs=6).fit(X, y).predict(X_other[200:])
    )
    assert_array_equal(labels, expected)


@pytest.mark.slow
def test_mapie_accepts_classifier_fitted_on_flat_rows(data, other_data):
    """MAPIE: `SplitConformalClassifier` around `CNNDigitClassifier` on flat rows."""
    mapie = pytest.importorskip("mapie.classification")
    (X, y), (X_other, y_other) = data, other_data
    model = quick_classifier(epochs=6).fit(X / 16, y)
    conformal = mapie.SplitConformalClassifier(model, confidence_level=0.9).conformalize(
        X_other / 16, y_other
    )
    _, sets = conformal.predict_set(X_other / 16)
    assert sets[np.arange(len(sets)), y_other, 0].mean() >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", [quick_classifier(epochs=1), quick_pipeline(epochs=1)], ids=["cnn", "pipeline"]
)
def test_mapie_does_not_accept_classifier_fitted_on_images(data, model):
    """MAPIE refuses a classifier fitted on images of 3 or 4 dimensions, since it predicts one row."""
    mapie = pytest.importorskip("mapie.classification")
    X, y = data[0].reshape(-1, 8, 8) / 16, data[1]
    conformal = mapie.SplitConformalClassifier(clone(model).fit(X, y))
    with pytest.raises(UserWarning, match="failed a minimal prediction test"):
        conformal.conformalize(X, y)


@pytest.mark.slow
@SHAP_WARNS
def test_shap_explains_pixels(data, fitted_quick_pipeline):
    """SHAP: `Explainer` on flat rows; the values of an image sum to its probabilities."""
    shap = pytest.importorskip("shap")
    X, _ = data
    explainer = shap.Explainer(fitted_quick_pipeline.predict_proba, X[:20], seed=0)
    values = explainer(X[:2], max_evals=130)
    assert values.shape == (2, 64, 10)
    total = values.values.sum(axis=1) + values.base_values
    assert_allclose(total, fitted_quick_pipeline.predict_proba(X[:2]), atol=1e-5)


@pytest.mark.slow
@SHAP_WARNS
def test_shap_explains_images(data, fitted_quick_pipeline):
    """SHAP: `Explainer` with the masker `Image`."""
    shap = pytest.importorskip("shap")
    images = data[0].reshape(-1, 8, 8, 1)
    masker = shap.maskers.Image(np.zeros((8, 8, 1)), (8, 8, 1))
    explainer = shap.Explainer(fitted_quick_pipeline.predict_proba, masker)
    values = explainer(images[:2], max_evals=100, batch_size=50, silent=True)
    assert values.shape == (2, 8, 8, 1, 10)
    total = values.values.sum(axis=(1, 2, 3)) + values.base_values
    assert_allclose(total, fitted_quick_pipeline.predict_proba(images[:2]), atol=1e-5)


@pytest.mark.slow
@SHAP_WARNS
def test_shap_explains_keras_model(data):
    """SHAP: `GradientExplainer` on the Keras model `model_`."""
    shap = pytest.importorskip("shap")
    X, y = data
    images = (X / 16).reshape(-1, 8, 8, 1).astype(np.float32)
    network = quick_classifier(epochs=3).fit(images, y).model_
    values = shap.GradientExplainer(network, images[:20]).shap_values(images[:2], nsamples=20, rseed=0)
    assert np.shape(values) == (2, 8, 8, 1, 10)
    assert np.abs(values).max() > 0


@pytest.mark.slow
def test_lime_explains_images(data, fitted_quick_pipeline):
    """LIME: `LimeImageExplainer`, which passes images with three equal channels."""
    lime_image = pytest.importorskip("lime.lime_image")
    image = data[0][0].reshape(8, 8)
    segments = np.arange(64).reshape(8, 8) // 4

    def predict_proba(images):
        return fitted_quick_pipeline.predict_proba(images[..., 0])

    explanation = lime_image.LimeImageExplainer(random_state=0).explain_instance(
        image,
        predict_proba,
        top_labels=1,
        hide_color=0,
        num_samples=100,
        segmentation_fn=lambda _: segments,
    )
    (label,) = explanation.top_labels
    assert label == fitted_quick_pipeline.predict(image[np.newaxis])[0]
    assert len(explanation.local_exp[label]) == 16


@pytest.mark.slow
@pytest.mark.parametrize("shape", LAYOUTS, ids=str)
def test_cleanlab_finds_wrong_labels(data, shape):
    """cleanlab: `CleanLearning` around a pipeline."""
    cleanlab = pytest.importorskip("cleanlab.classification")
    X, y = data
    labels = y.copy()
    labels[::20] = (labels[::20] + 1) % 10
    learning = cleanlab.CleanLearning(quick_pipeline(epochs=10), cv_n_folds=3, seed=0)
    learning.fit(X.reshape(-1, *shape), labels)
    found = learning.get_label_issues()["is_label_issue"].to_numpy()
    assert found[::20].mean() > 0.5
    assert found.mean() < 0.3
    assert learning.score(X.reshape(-1, *shape), y) > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("shape", LAYOUTS, ids=str)
def test_skore_reports(data, other_data, shape):
    """skore: `EstimatorReport` of a pipeline, with its metrics."""
    skore = pytest.importorskip("skore")
    (X, y), (X_other, y_other) = data, other_data
    report = skore.EstimatorReport(
        quick_pipeline(epochs=6),
        X_train=X.reshape(-1, *shape),
        y_train=y,
        X_test=X_other.reshape(-1, *shape),
        y_test=y_other,
    )
    expected = report.estimator_.score(X_other, y_other)
    assert report.metrics.accuracy() == pytest.approx(expected)
    assert len(report.metrics.summarize().frame())


@pytest.mark.slow
def test_skore_checks_and_html(data, other_data):
    """skore: checks and HTML of a pipeline with `ImagePreprocessor(flatten=True)` on flat rows."""
    skore = pytest.importorskip("skore")
    (X, y), (X_other, y_other) = data, other_data
    few = slice(100)
    report = skore.EstimatorReport(
        flat_pipeline(epochs=2), X_train=X[few], y_train=y[few], X_test=X_other[few], y_test=y_other[few]
    )
    with skore.configuration(ignore_checks=["SKD008"]):  # fails for all estimators if a pixel is constant
        assert len(report.checks.summarize().frame())
        assert "CNNDigitClassifier" in report._repr_html_()


# Resampling and searching


@pytest.mark.slow
@pytest.mark.parametrize("as_data", [np.asarray, as_pandas], ids=["array", "pandas"])
def test_imbalanced_learn_pipeline_oversamples(data, as_data, tmp_path):
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
    export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert_array_equal(session.run(["label"], {"X": np.asarray(as_data(X))})[0], direct.predict(X))


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["SMOTE", "RandomOverSampler", "RandomUnderSampler"])
def test_imbalanced_learn_samples_after_image_preprocessor(data, sampler):
    """imbalanced-learn: samplers between `ImagePreprocessor(flatten=True)` and the classifier."""
    imblearn = pytest.importorskip("imblearn")
    from imblearn import over_sampling, under_sampling
    from imblearn.pipeline import make_pipeline as make_imbalanced_pipeline

    X, y = data
    kept = (y != 3) | (np.cumsum(y == 3) <= 20)
    cls = getattr(over_sampling, sampler, None) or getattr(under_sampling, sampler)
    assert imblearn.__name__ in cls.__module__
    model = make_imbalanced_pipeline(
        ImagePreprocessor(flatten=True), cls(random_state=0), quick_classifier(epochs=8)
    )
    model.fit(X[kept].reshape(-1, 8, 8), y[kept])
    assert model.score(X.reshape(-1, 8, 8), y) > 0.4


@pytest.mark.slow
def test_imbalanced_learn_balanced_bagging(data):
    """imbalanced-learn: `BalancedBaggingClassifier` of pipelines."""
    ensemble = pytest.importorskip("imblearn.ensemble")
    bagging = ensemble.BalancedBaggingClassifier(quick_pipeline(epochs=8), n_estimators=2, random_state=0)
    assert bagging.fit(*data).score(*data) > 0.5


@pytest.mark.slow
@OPTUNA_WARNS
@pytest.mark.parametrize("shape", LAYOUTS, ids=str)
def test_optuna_search_cv(data, shape):
    """Optuna: `OptunaSearchCV` of optuna-integration."""
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    X, y = data
    space = {"cnn__learning_rate": optuna.distributions.CategoricalDistribution([0.01, 1e-6])}
    search = integration.OptunaSearchCV(
        quick_pipeline(epochs=6), space, n_trials=4, cv=2, random_state=0, error_score="raise"
    )
    search.fit(X.reshape(-1, *shape), y)
    assert search.best_params_ == {"cnn__learning_rate": 0.01}
    assert search.score(X.reshape(-1, *shape), y) > 0.5


@pytest.mark.slow
@OPTUNA_WARNS
def test_optuna_search_cv_prunes(data):
    """Optuna: `OptunaSearchCV(enable_pruning=True)`, which calls `partial_fit`."""
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    X, y = data
    space = {"learning_rate": optuna.distributions.CategoricalDistribution([0.01, 1e-6])}
    search = integration.OptunaSearchCV(
        quick_classifier(epochs=6),
        space,
        n_trials=4,
        cv=2,
        random_state=0,
        enable_pruning=True,
        max_iter=6,
        error_score="raise",
    )
    assert search.fit(X / 16, y).best_params_ == {"learning_rate": 0.01}


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(64,), (8, 8, 1)], ids=str)
def test_dask_ml_hyperband(data, shape):
    """dask-ml: `HyperbandSearchCV`, which calls `partial_fit` on the blocks of a Dask array."""
    model_selection = pytest.importorskip("dask_ml.model_selection")
    import dask.array as da
    from dask.distributed import Client

    X, y = data
    X = (X / 16).reshape(-1, *shape)
    search = model_selection.HyperbandSearchCV(
        quick_classifier(),
        {"learning_rate": stats.loguniform(1e-6, 1e-1)},
        max_iter=9,
        test_size=0.2,
        random_state=0,
    )
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0"):
        search.fit(da.from_array(X, chunks=(100, *shape)), da.from_array(y, chunks=100), classes=range(10))
    assert search.best_estimator_.score(X, y) > 0.5


@pytest.mark.slow
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


def prune_all_but_first(evaluate, storage=None):
    """Return a study of four trials, of which the last three have the learning rate 1e-6."""
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    pruner = optuna.pruners.MedianPruner(n_startup_trials=1)
    study = optuna.create_study(direction="maximize", pruner=pruner, storage=storage)

    def objective(trial):
        callback = integration.KerasPruningCallback(trial, "val_accuracy")
        rate = 1e-6 if trial.number else 0.01
        params = {"learning_rate": rate, "validation_split": 0.3, "learning_rate_schedule": "constant"}
        return evaluate(quick_pipeline(epochs=4, callbacks=[callback], **params))

    study.optimize(objective, n_trials=4)
    return study


def assert_pruned_all_but_first(study):
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED", "PRUNED", "PRUNED"]
    assert [*study.trials[0].intermediate_values] == [0, 1, 2, 3]
    assert all(trial.intermediate_values for trial in study.trials)


@pytest.mark.slow
def test_optuna_prunes_a_fit(data):
    """Optuna: `KerasPruningCallback` in a fit."""
    study = prune_all_but_first(lambda model: model.fit(*data)[-1].history_["val_accuracy"][-1])
    assert_pruned_all_but_first(study)
    assert study.trials[0].value == study.trials[0].intermediate_values[3]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The reported value is ignored:UserWarning")  # of the second fold
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_optuna_prunes_a_cross_validation(n_jobs, data, tmp_path):
    """Optuna: `KerasPruningCallback` in `cross_val_score`, with a storage that two processes can share."""
    options = {"cv": 2, "error_score": "raise", "n_jobs": n_jobs}
    storage = f"sqlite:///{tmp_path}/study.db" if n_jobs > 1 else None
    study = prune_all_but_first(lambda model: cross_val_score(model, *data, **options).mean(), storage)
    assert_pruned_all_but_first(study)


# TensorFlow's own tools


@pytest.mark.slow
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
