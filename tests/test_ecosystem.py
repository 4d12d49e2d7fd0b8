"""The estimators in scikit-learn's tools: searches, ensembles, calibration, metadata routing, displays."""

import os
import pickle
import subprocess
import sys
from email.message import Message

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    RocCurveDisplay,
    accuracy_score,
    classification_report,
    log_loss,
    make_scorer,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from sk_mnist_cnn import (
    CNNDigitClassifier,
    ImagePreprocessor,
    MNISTNormalizer,
    export_onnx,
    load_mnist_sample,
    load_model,
    save_model,
)
from tests.estimators import quick_classifier, quick_pipeline

has_temperature_scaling = "temperature" in CalibratedClassifierCV._parameter_constraints["method"][0].options


@pytest.fixture(scope="module")
def data(digits):
    """The first 300 digits as flat rows in [0, 1], and their labels; both read-only."""
    images, y = digits
    return images[:300].reshape(300, -1), y[:300]


@pytest.fixture(scope="module")
def other_data(digits):
    """100 other digits."""
    images, y = digits
    return images[300:400].reshape(100, -1), y[300:400]


@pytest.fixture(scope="module")
def binary_data(data):
    """The first 300 digits, and whether each is odd."""
    X, y = data
    return X, y % 2 == 1


@pytest.fixture(scope="module")
def fitted_quick_pipeline(data):
    """A pipeline fitted on `data`, never refitted."""
    return quick_pipeline(epochs=6).fit(*data)


@pytest.fixture(scope="module")
def fitted_binary_pipeline(binary_data):
    """A pipeline fitted on `binary_data`, never refitted."""
    return quick_pipeline(epochs=6).fit(*binary_data)


@pytest.fixture(scope="module")
def weights(data):
    """Sample weights that are 1 for digits below 5 and 0 for the others."""
    return np.where(data[1] < 5, 1.0, 0.0)


@pytest.fixture(scope="module")
def fitted_with_weights(data, weights):
    """A classifier fitted with `weights`, never refitted."""
    weighted, unweighted = quick_classifier().fit(*data, sample_weight=weights), quick_classifier().fit(*data)
    assert weighted.predict(data[0]).max() < 5 <= unweighted.predict(data[0]).max()
    return weighted


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


# Cross-validation


def test_cross_val_score_stratifies_folds(data):
    X, y = data
    by_class = np.argsort(y, kind="stable")
    scores = cross_val_score(quick_pipeline(epochs=4), X[by_class], y[by_class], cv=4, error_score="raise")
    # Without stratification it would be 0: training would lack the classes of the test fold.
    assert scores.min() > 0.3


def test_cross_val_score_is_the_same_for_all_layouts(data):
    X, y = data
    flat, gray, one_channel = (
        cross_val_score(quick_classifier(), X.reshape(-1, *shape), y, cv=2, error_score="raise")
        for shape in ((64,), (8, 8), (8, 8, 1))
    )
    assert_array_equal(flat, gray)
    assert_array_equal(flat, one_channel)


def test_cross_val_predict_proba_follows_order_of_classes(data):
    X, y = data
    names = np.array(list("jihgfedcba"))
    probabilities = cross_val_predict(quick_pipeline(epochs=6), X, names[y], cv=2, method="predict_proba")
    assert probabilities.shape == (len(X), 10)
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert np.mean(np.sort(names)[probabilities.argmax(axis=1)] == names[y]) > 0.3


def test_scorers_that_need_probabilities(data):
    X, y = data
    results = cross_validate(
        quick_pipeline(epochs=6), X, y, cv=2, scoring=["roc_auc_ovr", "neg_log_loss"], error_score="raise"
    )
    assert results["test_roc_auc_ovr"].min() > 0.8
    assert results["test_neg_log_loss"].min() > np.log(1 / 10)  # the loss of uniform probabilities


def test_cross_validate_keeps_epochs_and_callbacks(data):
    from sk_mnist_cnn._keras.backend import keras

    X, y = data
    epochs = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    results = cross_validate(
        quick_pipeline(epochs=3, callbacks=[callback]), X, y, cv=2, return_estimator=True, error_score="raise"
    )
    assert [fold["cnn"].n_iter_ for fold in results["estimator"]] == [3, 3]
    assert epochs == [0, 1, 2] * 2


# Searches and curves


def test_grid_search_over_pipeline(data):
    grid = [
        {"cnn__filters": [(8,)], "cnn__conv_dropout": [0.95]},
        {"cnn__filters": [(8, 16)], "cnn__learning_rate": [0.01, 1e-6]},
    ]
    search = GridSearchCV(quick_pipeline(epochs=6), grid, cv=2, error_score="raise").fit(*data)
    assert search.best_params_ == {"cnn__filters": (8, 16), "cnn__learning_rate": 0.01}
    assert search.best_estimator_["cnn"].filters == (8, 16)
    assert search.score(*data) > 0.5


def test_randomized_search(data):
    space = {"cnn__dense_dropout": [0.0, 0.1, 0.2], "images__max_value": ["auto", 1.0]}
    search = RandomizedSearchCV(
        quick_pipeline(epochs=6), space, n_iter=2, cv=2, random_state=0, error_score="raise"
    )
    search.fit(*data)
    assert search.best_score_ > 0.3
    assert search.best_estimator_["cnn"].dense_dropout == search.best_params_["cnn__dense_dropout"]


def test_halving_search_with_epochs_as_resource(data):
    search = HalvingGridSearchCV(
        quick_pipeline(),
        {"cnn__learning_rate": [0.01, 1e-6]},
        resource="cnn__epochs",
        factor=2,
        min_resources=2,
        max_resources=4,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(*data)
    assert search.n_resources_ == [2, 4]
    assert search.best_params_ == {"cnn__learning_rate": 0.01, "cnn__epochs": 4}
    assert search.best_estimator_["cnn"].n_iter_ == 4


def test_learning_curve(data):
    sizes, _, scores = learning_curve(
        quick_pipeline(epochs=6), *data, cv=2, train_sizes=[0.3, 1.0], error_score="raise"
    )
    assert_array_equal(sizes, [45, 150])
    some_images, all_images = scores.mean(axis=1)
    assert some_images < all_images


def test_learning_curve_with_partial_fit(digits):
    _, _, scores = learning_curve(
        quick_classifier(),
        *digits,
        cv=2,
        train_sizes=[0.1, 0.5, 1.0],
        exploit_incremental_learning=True,
        error_score="raise",
    )
    first, _, last = scores.mean(axis=1)
    assert first < last
    assert last > 0.3


def test_validation_curve_of_epochs(data):
    X, y = data
    scores, _ = validation_curve(
        quick_pipeline(), X, y, param_name="cnn__epochs", param_range=[1, 6], cv=2, error_score="raise"
    )
    one_epoch, six_epochs = scores.mean(axis=1)
    assert one_epoch < six_epochs


def test_permutation_importance(data, fitted_quick_pipeline):
    X, y = data
    importances = permutation_importance(
        fitted_quick_pipeline, X, y, n_repeats=2, random_state=0
    ).importances_mean
    constant = X.std(axis=0) == 0
    assert constant.any()
    assert not importances[constant].any()
    assert importances.max() > 0.01


# Ensembles and other meta-estimators


def test_voting_classifier_averages_probabilities(data):
    X, y = data
    members = [("one", quick_pipeline()), ("other", quick_pipeline(random_state=1))]
    voting = VotingClassifier(members, voting="soft").fit(X, y)
    probabilities = [member.predict_proba(X) for member in voting.estimators_]
    assert np.abs(probabilities[0] - probabilities[1]).max() > 0.01
    assert_allclose(voting.predict_proba(X), np.mean(probabilities, axis=0))


COMMITTEES = {
    "voting": VotingClassifier(
        [(f"seed{i}", quick_classifier(random_state=i)) for i in range(3)], voting="soft"
    ),
    "bagging": BaggingClassifier(quick_classifier(), n_estimators=3, bootstrap=False, random_state=0),
}


def committee(kind, **params):
    """Return an unfitted pipeline of "images" and "committee", whose members differ in their seeds only."""
    images = ImagePreprocessor(flatten=True)
    return Pipeline([("images", images), ("committee", clone(COMMITTEES[kind]).set_params(**params))])


@pytest.fixture(scope="module", params=COMMITTEES)
def fitted_committee(request, data):
    """A committee of three networks, never refitted."""
    return committee(request.param).fit(*data)


def test_committee_averages_probabilities_of_its_networks(data, fitted_committee):
    """A committee in a pipeline averages the probabilities of networks that differ in their seeds."""
    X, _ = data
    members = fitted_committee["committee"].estimators_
    assert len({member.random_state for member in members}) == 3
    probabilities = [member.predict_proba(X) for member in members]
    assert np.abs(probabilities[0] - probabilities[1]).max() > 0.01
    assert_allclose(fitted_committee.predict_proba(X), np.mean(probabilities, axis=0), rtol=1e-6)


@pytest.mark.parametrize("kind", COMMITTEES)
def test_committee_compiles_one_network(data, kind, monkeypatch):
    """The networks of a committee share one compiled network."""
    from sk_mnist_cnn._keras.trainer import Trainer

    built, original = [], Trainer.__init__

    def counted(self, *args, **kwargs):
        built.append(args)
        original(self, *args, **kwargs)

    monkeypatch.setattr(Trainer, "__init__", counted)
    new = {
        "voting": {f"seed{i}__filters": (5, 7) for i in range(3)},
        "bagging": {"estimator__filters": (7, 5)},
    }
    committee(kind, **new[kind]).fit(*data)
    assert len(built) == 1


@pytest.mark.parametrize("kind", COMMITTEES)
def test_committee_fits_in_threads(data, kind):
    """A committee with `n_jobs` has the same probabilities."""
    X, y = data
    with joblib.parallel_config("threading"):
        parallel = committee(kind, n_jobs=2).fit(X, y)
        probabilities = parallel.predict_proba(X)
    assert_array_equal(probabilities, committee(kind).fit(X, y).predict_proba(X))


def test_committee_is_stored(data, fitted_committee, tmp_path):
    """A committee can be pickled, and saved with `save_model`."""
    X, _ = data
    expected = fitted_committee.predict_proba(X)
    assert_array_equal(pickle.loads(pickle.dumps(fitted_committee)).predict_proba(X), expected)
    save_model(fitted_committee, tmp_path / "model.skops")
    assert_array_equal(load_model(tmp_path / "model.skops").predict_proba(X), expected)


def test_networks_of_committee_are_exported_one_by_one(data, fitted_committee, tmp_path):
    """`export_onnx` refuses a committee, and exports its networks."""
    with pytest.raises(TypeError, match=r"estimator must be a CNNDigitClassifier, or a Pipeline or"):
        export_onnx(fitted_committee, tmp_path / "model.onnx")
    export_onnx(fitted_committee["committee"].estimators_[0], tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").stat().st_size > 0


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)])
def test_voting_classifier_accepts_images(data, shape):
    """`VotingClassifier` accepts images of any layout."""
    X, y = data
    flat = clone(COMMITTEES["voting"]).fit(X, y).predict_proba(X)
    images = X.reshape(-1, *shape)
    assert_array_equal(clone(COMMITTEES["voting"]).fit(images, y).predict_proba(images), flat)


def test_stacking_classifier(data):
    X, y = data
    members = [("cnn", quick_pipeline()), ("linear", LogisticRegression(max_iter=1000))]
    stacking = StackingClassifier(members, LogisticRegression(max_iter=1000), cv=2).fit(X, y)
    assert stacking.transform(X).shape == (300, 20)
    assert stacking.score(X, y) > 0.8


def test_bagging_classifier_seeds_each_pipeline(data):
    X, y = data
    member = quick_pipeline(epochs=6, random_state=None)
    bagging = BaggingClassifier(member, n_estimators=2, random_state=0).fit(X, y)
    one, other = (member["cnn"].random_state for member in bagging.estimators_)
    assert one != other
    assert bagging.score(X, y) > 0.5
    again = clone(bagging).fit(X, y)
    assert_array_equal(bagging.predict_proba(X), again.predict_proba(X))


def test_ada_boost_classifier(data):
    X, y = data
    X = X.reshape(-1, 8, 8, 1)
    boosting = AdaBoostClassifier(quick_classifier(epochs=6), n_estimators=3, random_state=0).fit(X, y)
    assert len(boosting.estimators_) == 3
    assert boosting.score(X, y) > 0.5


@pytest.mark.parametrize("ensemble", [True, False])
def test_calibrated_classifier_cv(data, other_data, ensemble):
    calibrated = CalibratedClassifierCV(quick_pipeline(epochs=6), cv=2, ensemble=ensemble).fit(*data)
    X, y = other_data
    assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    assert calibrated.score(X, y) > 0.3


def test_calibrated_classifier_cv_passes_sample_weight(data, weights):
    X, y = data
    calibrated = CalibratedClassifierCV(quick_classifier(), cv=2).fit(X, y, sample_weight=weights)
    for fold in calibrated.calibrated_classifiers_:
        assert_array_equal(fold.estimator.classes_, np.arange(10))
        assert fold.estimator.predict(X).max() < 5


def test_calibration_does_not_refit_frozen_estimator(data, other_data, fitted_quick_pipeline):
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted_quick_pipeline)).fit(*other_data)
    (fold,) = calibrated.calibrated_classifiers_
    assert fold.estimator.estimator is fitted_quick_pipeline
    X, y = data
    assert_array_equal(fold.estimator.predict_proba(X), fitted_quick_pipeline.predict_proba(X))
    assert calibrated.score(X, y) > 0.5


@pytest.mark.skipif(not has_temperature_scaling, reason="scikit-learn has temperature scaling from 1.8")
@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
def test_temperature_scaling(data, other_data, tmp_path, label_smoothing):
    """`CalibratedClassifierCV(method="temperature")` corrects probabilities, but not labels."""
    model = quick_pipeline(epochs=8, label_smoothing=label_smoothing).fit(*data)
    X, y = other_data
    scaled = CalibratedClassifierCV(FrozenEstimator(model), method="temperature").fit(X, y)
    assert_array_equal(scaled.predict(X), model.predict(X))
    # The probabilities are computed in float32, and log_loss warns about their sums in float64.
    before, after = (log_loss(y, est.predict_proba(X).astype(np.float32)) for est in (model, scaled))
    assert after < before
    save_model(scaled, tmp_path / "model.skops")
    assert_array_equal(load_model(tmp_path / "model.skops").predict_proba(X), scaled.predict_proba(X))


def test_one_vs_rest_classifier(data):
    X, y = data
    X, y = X[y < 3].reshape(-1, 8, 8), y[y < 3]
    rest = OneVsRestClassifier(quick_classifier(epochs=6)).fit(X, y)
    assert len(rest.estimators_) == 3
    assert rest.score(X, y) > 0.8


def test_self_training_classifier(data):
    X, y = data
    some = np.where(np.arange(len(y)) < 100, y, -1)
    training = SelfTrainingClassifier(quick_pipeline(epochs=8), criterion="k_best", k_best=50, max_iter=2)
    training.fit(X, some)
    newly = (training.transduction_ != -1) & (some == -1)
    assert newly.sum() == 100
    assert np.mean(training.transduction_[newly] == y[newly]) > 0.6


def test_self_training_classifier_on_labels_of_loader():
    """`SelfTrainingClassifier` on flat rows, with -1 assigned to the labels of `load_mnist_sample`."""
    images, y = load_mnist_sample(return_X_y=True)
    X, y = images[:300].reshape(300, -1), y[:300]
    y[200:] = -1
    training = SelfTrainingClassifier(quick_pipeline(epochs=1), threshold=0.0, max_iter=1).fit(X, y)
    assert training.termination_condition_ == "all_labeled"
    assert set(training.transduction_) <= set(range(10))


def test_tuned_threshold_classifier_cv(binary_data):
    X, y = binary_data
    tuned = TunedThresholdClassifierCV(quick_pipeline(epochs=6), scoring="f1", cv=2, random_state=0).fit(X, y)
    scores = tuned.predict_proba(X)[:, 1]
    assert_array_equal(tuned.predict(X), scores >= tuned.best_threshold_)
    assert tuned.score(X, y) > 0.7


# Metrics and displays


def test_confusion_matrix_and_classification_report_agree_with_score(data, fitted_quick_pipeline):
    X, y = data
    display = ConfusionMatrixDisplay.from_estimator(fitted_quick_pipeline, X, y)
    report = classification_report(y, fitted_quick_pipeline.predict(X), output_dict=True, zero_division=0)
    matrix = display.confusion_matrix
    assert_allclose(np.trace(matrix) / matrix.sum(), fitted_quick_pipeline.score(X, y))
    assert_allclose(report["accuracy"], fitted_quick_pipeline.score(X, y))


def test_roc_curve_of_binary_classifier(binary_data, fitted_binary_pipeline):
    X, y = binary_data
    display = RocCurveDisplay.from_estimator(fitted_binary_pipeline, X, y)
    assert_allclose(display.roc_auc, roc_auc_score(y, fitted_binary_pipeline.predict_proba(X)[:, 1]))
    assert display.roc_auc > 0.8


# Metadata


def test_sample_weight_with_step_prefix(data, weights, fitted_with_weights):
    X, y = data
    weighted = quick_pipeline().fit(X, y, cnn__sample_weight=weights)
    assert_array_equal(weighted.predict_proba(X), fitted_with_weights.predict_proba(X))


@pytest.mark.usefixtures("routing")
def test_sample_weight_is_routed_through_pipeline(data, weights, fitted_with_weights):
    X, y = data
    weighted = quick_pipeline()
    weighted["cnn"].set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    weighted.fit(X, y, sample_weight=weights)
    assert_array_equal(weighted.predict_proba(X), fitted_with_weights.predict_proba(X))
    score = weighted.score(X, y, sample_weight=weights)
    assert_allclose(score, np.average(weighted.predict(X) == y, weights=weights))


@pytest.mark.usefixtures("routing")
def test_sample_weight_is_routed_through_search(data, weights, fitted_with_weights):
    X, y = data
    weighted = quick_pipeline()
    weighted["cnn"].set_fit_request(sample_weight=True)
    accuracy = make_scorer(accuracy_score).set_score_request(sample_weight=True)
    search = GridSearchCV(weighted, {"cnn__epochs": [2]}, scoring=accuracy, cv=2, error_score="raise")
    search.fit(X, y, sample_weight=weights)
    assert_array_equal(search.predict_proba(X), fitted_with_weights.predict_proba(X))
    parts = cross_validate(
        weighted,
        X,
        y,
        scoring=accuracy,
        cv=2,
        params={"sample_weight": weights},
        return_estimator=True,
        return_indices=True,
        error_score="raise",
    )
    assert_allclose(search.cv_results_["mean_test_score"][0], parts["test_score"].mean())
    for fold, train in zip(parts["estimator"], parts["indices"]["train"], strict=True):
        direct = quick_classifier().fit(X[train], y[train], sample_weight=weights[train])
        assert_array_equal(fold.predict_proba(X), direct.predict_proba(X))


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("step", [MinMaxScaler(), StandardScaler(), ImagePreprocessor()], ids=repr)
def test_pipeline_transforms_validation_data(data, other_data, step):
    (X, y), (X_val, y_val) = data, other_data
    weights = np.linspace(0.5, 1.5, len(y_val))
    cnn = quick_classifier().set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
    validated = Pipeline([("step", step), ("cnn", cnn)], transform_input=["X_val"])
    validated.fit(X * 16, y, X_val=X_val * 16, y_val=y_val, sample_weight_val=weights)
    loss = log_loss(y_val, validated.predict_proba(X_val * 16), sample_weight=weights)
    assert_allclose(validated["cnn"].history_["val_loss"][-1], loss, rtol=1e-4)
    accuracy = np.average(validated.predict(X_val * 16) == y_val, weights=weights)
    assert_allclose(validated["cnn"].history_["val_accuracy"][-1], accuracy, rtol=1e-4)


@pytest.mark.usefixtures("routing")
def test_cross_validate_transforms_validation_data_in_each_fold(data, other_data):
    (X, y), (X_val, y_val) = data, other_data
    cnn = quick_classifier().set_fit_request(X_val=True, y_val=True)
    validated = Pipeline([("scale", StandardScaler()), ("cnn", cnn)], transform_input=["X_val"])
    results = cross_validate(
        validated,
        X,
        y,
        cv=2,
        params={"X_val": X_val, "y_val": y_val},
        return_estimator=True,
        error_score="raise",
    )
    for fold in results["estimator"]:
        loss = log_loss(y_val, fold.predict_proba(X_val))
        assert_allclose(fold["cnn"].history_["val_loss"][-1], loss, rtol=1e-4)


# Parameters, configuration and representation


@pytest.mark.parametrize("estimator", [CNNDigitClassifier, ImagePreprocessor])
def test_clone_keeps_all_parameters(estimator):
    params = {name: [name] for name in estimator().get_params()}
    assert clone(estimator(**params)).get_params() == params


def test_clone_drops_fitted_attributes(fitted_quick_pipeline):
    unfitted = clone(fitted_quick_pipeline["cnn"])
    assert vars(unfitted).keys() == unfitted.get_params().keys()


def test_set_nested_parameters(data):
    X, y = data
    search = GridSearchCV(quick_pipeline(), {"cnn__epochs": [1]}, cv=2)
    search.set_params(estimator__cnn__learning_rate=1e-6, estimator__images__max_value=2.0)
    search.fit(X, y)
    assert search.best_estimator_["images"].max_value_ == 2.0
    assert search.best_estimator_["cnn"].learning_rate == 1e-6
    with pytest.raises(ValueError, match="Invalid parameter 'kernels'"):
        search.set_params(estimator__cnn__kernels=3)


def test_pipeline_with_memory_transforms_once(data, fitted_quick_pipeline, tmp_path):
    X, y = data
    caching = clone(fitted_quick_pipeline).set_params(memory=str(tmp_path))
    caching.fit(X, y)
    assert_array_equal(caching.predict_proba(X), fitted_quick_pipeline.predict_proba(X))
    caching.set_params(cnn__epochs=1).fit(X, y)
    assert caching["cnn"].n_iter_ == 1
    assert len(list(tmp_path.rglob("output.pkl"))) == 1
    caching.set_params(images__max_value=2.0).fit(X, y)
    assert len(list(tmp_path.rglob("output.pkl"))) == 2


@pytest.mark.parametrize("scaler", [MinMaxScaler(), StandardScaler()], ids=repr)
@pytest.mark.parametrize("how", ["set_output", "set_config"])
def test_pandas_output_between_steps(data, scaler, how):
    X, y = data
    steps = [("scale", scaler), ("images", ImagePreprocessor()), ("cnn", quick_classifier())]
    expected = Pipeline(steps).fit(X, y).predict_proba(X)
    with_frames = clone(Pipeline(steps))
    if how == "set_output":
        with_frames.set_output(transform="pandas")
    with sklearn.config_context(transform_output="pandas" if how == "set_config" else "default"):
        assert_array_equal(with_frames.fit(X, y).predict_proba(X), expected)
        assert isinstance(with_frames[:1].transform(X), pd.DataFrame)
        assert with_frames[:2].transform(X).shape == (300, 8, 8, 1)
    names = with_frames["scale"].get_feature_names_out()
    assert_array_equal(with_frames["images"].feature_names_in_, names)


def test_classifier_accepts_pandas_output_of_previous_step(data):
    X, y = data
    direct = Pipeline([("scale", MinMaxScaler()), ("cnn", quick_classifier())])
    expected = clone(direct).fit(X, y).predict_proba(X)
    direct.set_output(transform="pandas").fit(X, y)
    assert_array_equal(direct["cnn"].feature_names_in_, direct["scale"].get_feature_names_out())
    assert_array_equal(direct.predict_proba(X), expected)


@pytest.mark.parametrize("part", [slice(None), "images", "cnn"])
def test_html_shows_whether_model_is_fitted(fitted_quick_pipeline, part):
    model = fitted_quick_pipeline[part]
    assert "<span>Fitted</span>" in model._repr_html_()
    assert "<span>Not fitted</span>" in clone(model)._repr_html_()


@pytest.mark.parametrize("estimator", [CNNDigitClassifier(), ImagePreprocessor(), MNISTNormalizer()])
def test_html_links_to_documentation(estimator, monkeypatch):
    page = f"https://docs.example/stable/api/generated/sk_mnist_cnn.{type(estimator).__name__}.html"
    package = Message()
    monkeypatch.setattr("sk_mnist_cnn._base.metadata", lambda name: package)
    assert page not in estimator._repr_html_()
    package["Project-URL"] = "Documentation, https://docs.example/stable/"
    assert f'href="{page}"' in estimator._repr_html_()


@pytest.mark.parametrize("is_fitted", [False, True], ids=["unfitted", "fitted"])
def test_html_does_not_import_tensorflow(fitted_quick_pipeline, tmp_path, is_fitted):
    path = tmp_path / "model.joblib"
    joblib.dump(fitted_quick_pipeline if is_fitted else clone(fitted_quick_pipeline), path)
    code = """if True:
        import sys, joblib
        model = joblib.load(sys.argv[1])
        repr(model), model._repr_html_(), model._repr_mimebundle_()
        sys.exit("tensorflow" in sys.modules)
    """
    shown = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr


def test_html_and_dir_do_not_build_network(fitted_quick_pipeline, monkeypatch):
    from sk_mnist_cnn._keras.backend import keras

    built = []
    monkeypatch.setattr(keras.Model, "compile", lambda *args, **kwargs: built.append(args))
    fitted_quick_pipeline._repr_html_()
    dir(fitted_quick_pipeline["cnn"])  # as tab completion in a notebook does
    assert not built


# Parallel runs


def search_scores(data, n_jobs):
    grid = {"cnn__learning_rate": [0.01, 0.003]}
    search = GridSearchCV(quick_pipeline(), grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(*data)
    return np.array([search.cv_results_[f"split{i}_test_score"] for i in range(2)])


def test_search_in_threads_gives_same_scores(data):
    alone = search_scores(data, n_jobs=1)
    with joblib.parallel_config("threading"):
        assert_array_equal(search_scores(data, n_jobs=2), alone)


@pytest.mark.slow
def test_search_in_processes_gives_same_scores(data):
    alone = search_scores(data, n_jobs=1)
    with joblib.parallel_config("loky", inner_max_num_threads=os.cpu_count()):
        assert_array_equal(search_scores(data, n_jobs=2), alone)
