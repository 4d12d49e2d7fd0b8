"""The estimators in scikit-learn's own tools: searches, ensembles, calibration, routing, displays."""

import os
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from conftest import small_classifier
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

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor


def classifier(epochs=2, **params):
    """The one network of these tests, since another would be traced anew. In 6 epochs it learns well."""
    defaults = {"batch_size": 16, "conv_dropout": 0.0, "dense_dropout": 0.0}
    return small_classifier(epochs=epochs, **{**defaults, **params})


def pipeline(**params):
    return Pipeline([("images", ImagePreprocessor()), ("cnn", classifier(**params))])


@pytest.fixture(scope="module")
def few(digits):
    """The first 300 digits as flat rows in [0, 1], and their labels; both read-only."""
    images, y = digits
    return images[:300].reshape(300, -1), y[:300]


@pytest.fixture(scope="module")
def others(digits):
    """100 digits that are not among the few."""
    images, y = digits
    return images[300:400].reshape(100, -1), y[300:400]


@pytest.fixture(scope="module")
def odd(few):
    """The few, to be told apart as odd or even."""
    X, y = few
    return X, y % 2 == 1


@pytest.fixture(scope="module")
def fitted_on_few(few):
    """A pipeline fitted on the few, never refitted."""
    return pipeline(epochs=6).fit(*few)


@pytest.fixture(scope="module")
def few_are_odd(odd):
    """A pipeline fitted on odd and even digits, never refitted."""
    return pipeline(epochs=6).fit(*odd)


@pytest.fixture(scope="module")
def weights(few):
    """Weights that let only the digits below 5 take part."""
    return np.where(few[1] < 5, 1.0, 0.0)


@pytest.fixture(scope="module")
def fitted_with_weights(few, weights):
    """A classifier that was handed the weights directly, never refitted."""
    weighted, unweighted = classifier().fit(*few, sample_weight=weights), classifier().fit(*few)
    assert weighted.predict(few[0]).max() < 5 <= unweighted.predict(few[0]).max()
    return weighted


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


# Cross-validation


def test_integer_cv_is_stratified(few):
    X, y = few
    by_class = np.argsort(y, kind="stable")
    scores = cross_val_score(pipeline(epochs=4), X[by_class], y[by_class], cv=4, error_score="raise")
    assert scores.min() > 0.3  # folds that are not stratified miss their classes in training: 0


def test_images_of_every_layout_cross_validate_alike(few):
    X, y = few
    flat, grey, one_channel = (
        cross_val_score(classifier(), X.reshape(-1, *shape), y, cv=2, error_score="raise")
        for shape in ((64,), (8, 8), (8, 8, 1))
    )
    assert_array_equal(flat, grey)
    assert_array_equal(flat, one_channel)


def test_cross_val_predict_gives_probabilities_in_the_order_of_the_classes(few):
    X, y = few
    names = np.array(list("jihgfedcba"))
    probabilities = cross_val_predict(pipeline(epochs=6), X, names[y], cv=2, method="predict_proba")
    assert probabilities.shape == (len(X), 10)
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert np.mean(np.sort(names)[probabilities.argmax(axis=1)] == names[y]) > 0.3


def test_probabilistic_scorers(few):
    X, y = few
    results = cross_validate(
        pipeline(epochs=6), X, y, cv=2, scoring=["roc_auc_ovr", "neg_log_loss"], error_score="raise"
    )
    assert results["test_roc_auc_ovr"].min() > 0.8
    assert results["test_neg_log_loss"].min() > np.log(1 / 10)  # better than guessing


def test_epochs_and_callbacks_survive_the_clones_of_cross_validation(few):
    from sk_mnist_cnn._keras.backend import keras

    X, y = few
    epochs = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    results = cross_validate(
        pipeline(epochs=3, callbacks=[callback]), X, y, cv=2, return_estimator=True, error_score="raise"
    )
    assert [fold["cnn"].n_iter_ for fold in results["estimator"]] == [3, 3]
    assert epochs == [0, 1, 2] * 2


# Searches and curves


def test_grid_search_through_a_pipeline(few):
    grid = [
        {"cnn__filters": [(8,)], "cnn__conv_dropout": [0.95]},
        {"cnn__filters": [(8, 16)], "cnn__learning_rate": [0.01, 1e-6]},
    ]
    search = GridSearchCV(pipeline(epochs=6), grid, cv=2, error_score="raise").fit(*few)
    assert search.best_params_ == {"cnn__filters": (8, 16), "cnn__learning_rate": 0.01}
    assert search.best_estimator_["cnn"].filters == (8, 16)
    assert search.score(*few) > 0.5


def test_randomized_search(few):
    space = {"cnn__dense_dropout": [0.0, 0.1, 0.2], "images__max_value": ["auto", 1.0]}
    search = RandomizedSearchCV(
        pipeline(epochs=6), space, n_iter=2, cv=2, random_state=0, error_score="raise"
    )
    search.fit(*few)
    assert search.best_score_ > 0.3
    assert search.best_estimator_["cnn"].dense_dropout == search.best_params_["cnn__dense_dropout"]


def test_halving_search_spends_epochs(few):
    search = HalvingGridSearchCV(
        pipeline(),
        {"cnn__learning_rate": [0.01, 1e-6]},
        resource="cnn__epochs",
        factor=2,
        min_resources=2,
        max_resources=4,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(*few)
    assert search.n_resources_ == [2, 4]
    assert search.best_params_ == {"cnn__learning_rate": 0.01, "cnn__epochs": 4}
    assert search.best_estimator_["cnn"].n_iter_ == 4


def test_learning_curve(few):
    sizes, _, scores = learning_curve(
        pipeline(epochs=6), *few, cv=2, train_sizes=[0.3, 1.0], error_score="raise"
    )
    assert_array_equal(sizes, [45, 150])
    few_images, all_images = scores.mean(axis=1)
    assert few_images < all_images


def test_learning_curve_by_partial_fit(digits):
    _, _, scores = learning_curve(
        classifier(),
        *digits,
        cv=2,
        train_sizes=[0.1, 0.5, 1.0],
        exploit_incremental_learning=True,
        error_score="raise",
    )
    first, _, last = scores.mean(axis=1)
    assert first < last
    assert last > 0.3


def test_validation_curve_over_epochs(few):
    X, y = few
    scores, _ = validation_curve(
        pipeline(), X, y, param_name="cnn__epochs", param_range=[1, 6], cv=2, error_score="raise"
    )
    one_epoch, six_epochs = scores.mean(axis=1)
    assert one_epoch < six_epochs


def test_permutation_importance_of_pixels(few, fitted_on_few):
    X, y = few
    importances = permutation_importance(fitted_on_few, X, y, n_repeats=2, random_state=0).importances_mean
    constant = X.std(axis=0) == 0
    assert constant.any()
    assert not importances[constant].any()
    assert importances.max() > 0.01


# Ensembles and other meta-estimators


def test_soft_voting_is_the_mean_of_the_probabilities(few):
    X, y = few
    members = [("one", pipeline()), ("other", pipeline(random_state=1))]
    voting = VotingClassifier(members, voting="soft").fit(X, y)
    probabilities = [member.predict_proba(X) for member in voting.estimators_]
    assert np.abs(probabilities[0] - probabilities[1]).max() > 0.01
    assert_allclose(voting.predict_proba(X), np.mean(probabilities, axis=0))


def test_stacking_beside_a_linear_model(few):
    X, y = few
    members = [("cnn", pipeline()), ("linear", LogisticRegression(max_iter=1000))]
    stacking = StackingClassifier(members, LogisticRegression(max_iter=1000), cv=2).fit(X, y)
    assert stacking.transform(X).shape == (300, 20)
    assert stacking.score(X, y) > 0.8


def test_bagging_of_pipelines_draws_a_seed_for_each(few):
    X, y = few
    member = pipeline(epochs=6, random_state=None)
    bagging = BaggingClassifier(member, n_estimators=2, random_state=0).fit(X, y)
    one, other = (member["cnn"].random_state for member in bagging.estimators_)
    assert one != other
    assert bagging.score(X, y) > 0.5
    again = clone(bagging).fit(X, y)
    assert_array_equal(bagging.predict_proba(X), again.predict_proba(X))


def test_boosting_of_images(few):
    X, y = few
    X = X.reshape(-1, 8, 8, 1)
    boosting = AdaBoostClassifier(classifier(epochs=4), n_estimators=3, random_state=0).fit(X, y)
    assert len(boosting.estimators_) == 3
    assert boosting.score(X, y) > 0.5


@pytest.mark.parametrize("ensemble", [True, False])
def test_calibration_by_folds(few, others, ensemble):
    calibrated = CalibratedClassifierCV(pipeline(epochs=6), cv=2, ensemble=ensemble).fit(*few)
    X, y = others
    assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    assert calibrated.score(X, y) > 0.3


def test_calibration_hands_weights_on(few, weights):
    X, y = few
    calibrated = CalibratedClassifierCV(classifier(), cv=2).fit(X, y, sample_weight=weights)
    for fold in calibrated.calibrated_classifiers_:
        assert_array_equal(fold.estimator.classes_, np.arange(10))
        assert fold.estimator.predict(X).max() < 5


def test_a_frozen_network_is_calibrated_and_not_refitted(few, others, fitted_on_few):
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted_on_few)).fit(*others)
    (fold,) = calibrated.calibrated_classifiers_
    assert fold.estimator.estimator is fitted_on_few
    X, y = few
    assert_array_equal(fold.estimator.predict_proba(X), fitted_on_few.predict_proba(X))
    assert calibrated.score(X, y) > 0.5


def test_one_network_a_class_against_the_rest(few):
    X, y = few
    X, y = X[y < 3].reshape(-1, 8, 8), y[y < 3]
    rest = OneVsRestClassifier(classifier(epochs=6)).fit(X, y)
    assert len(rest.estimators_) == 3
    assert rest.score(X, y) > 0.8


def test_self_training_labels_the_unlabelled(few):
    X, y = few
    some = np.where(np.arange(len(y)) < 100, y, -1)
    training = SelfTrainingClassifier(pipeline(epochs=8), criterion="k_best", k_best=50, max_iter=2)
    training.fit(X, some)
    newly = (training.transduction_ != -1) & (some == -1)
    assert newly.sum() == 100
    assert np.mean(training.transduction_[newly] == y[newly]) > 0.6


def test_tuned_threshold_of_a_binary_network(odd):
    X, y = odd
    tuned = TunedThresholdClassifierCV(pipeline(epochs=6), scoring="f1", cv=2, random_state=0).fit(X, y)
    scores = tuned.predict_proba(X)[:, 1]
    assert_array_equal(tuned.predict(X), scores >= tuned.best_threshold_)
    assert tuned.score(X, y) > 0.7


# Metrics and displays


def test_confusion_matrix_and_report_agree_with_the_score(few, fitted_on_few):
    X, y = few
    display = ConfusionMatrixDisplay.from_estimator(fitted_on_few, X, y)
    report = classification_report(y, fitted_on_few.predict(X), output_dict=True, zero_division=0)
    matrix = display.confusion_matrix
    assert_allclose(np.trace(matrix) / matrix.sum(), fitted_on_few.score(X, y))
    assert_allclose(report["accuracy"], fitted_on_few.score(X, y))


def test_roc_curve_takes_the_positive_column(odd, few_are_odd):
    X, y = odd
    display = RocCurveDisplay.from_estimator(few_are_odd, X, y)
    assert_allclose(display.roc_auc, roc_auc_score(y, few_are_odd.predict_proba(X)[:, 1]))
    assert display.roc_auc > 0.8


# Metadata


def test_weights_through_a_pipeline_by_prefix(few, weights, fitted_with_weights):
    X, y = few
    weighted = pipeline().fit(X, y, cnn__sample_weight=weights)
    assert_array_equal(weighted.predict_proba(X), fitted_with_weights.predict_proba(X))


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_through_a_pipeline(few, weights, fitted_with_weights):
    X, y = few
    weighted = pipeline()
    weighted["cnn"].set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    weighted.fit(X, y, sample_weight=weights)
    assert_array_equal(weighted.predict_proba(X), fitted_with_weights.predict_proba(X))
    score = weighted.score(X, y, sample_weight=weights)
    assert_allclose(score, np.average(weighted.predict(X) == y, weights=weights))


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_through_a_search(few, weights, fitted_with_weights):
    X, y = few
    weighted = pipeline()
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
        direct = classifier().fit(X[train], y[train], sample_weight=weights[train])
        assert_array_equal(fold.predict_proba(X), direct.predict_proba(X))


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("step", [MinMaxScaler(), StandardScaler(), ImagePreprocessor()], ids=repr)
def test_validation_images_go_through_the_fitted_steps(few, others, step):
    (X, y), (X_val, y_val) = few, others
    weights = np.linspace(0.5, 1.5, len(y_val))
    cnn = classifier().set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
    validated = Pipeline([("step", step), ("cnn", cnn)], transform_input=["X_val"])
    validated.fit(X * 16, y, X_val=X_val * 16, y_val=y_val, sample_weight_val=weights)
    loss = log_loss(y_val, validated.predict_proba(X_val * 16), sample_weight=weights)
    assert_allclose(validated["cnn"].history_["val_loss"][-1], loss, rtol=1e-4)
    accuracy = np.average(validated.predict(X_val * 16) == y_val, weights=weights)
    assert_allclose(validated["cnn"].history_["val_accuracy"][-1], accuracy, rtol=1e-4)


@pytest.mark.usefixtures("routing")
def test_validation_images_go_through_each_fold_of_a_search(few, others):
    (X, y), (X_val, y_val) = few, others
    cnn = classifier().set_fit_request(X_val=True, y_val=True)
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
def test_clone_keeps_every_parameter(estimator):
    params = {name: [name] for name in estimator().get_params()}
    assert clone(estimator(**params)).get_params() == params


def test_clone_leaves_behind_what_was_learnt(fitted_on_few):
    unfitted = clone(fitted_on_few["cnn"])
    assert vars(unfitted).keys() == unfitted.get_params().keys()


def test_nested_parameters_are_set(few):
    X, y = few
    search = GridSearchCV(pipeline(), {"cnn__epochs": [1]}, cv=2)
    search.set_params(estimator__cnn__learning_rate=1e-6, estimator__images__max_value=2.0)
    search.fit(X, y)
    assert search.best_estimator_["images"].max_value_ == 2.0
    assert search.best_estimator_["cnn"].learning_rate == 1e-6
    with pytest.raises(ValueError, match="Invalid parameter 'kernels'"):
        search.set_params(estimator__cnn__kernels=3)


def test_a_caching_pipeline_transforms_once(few, fitted_on_few, tmp_path):
    X, y = few
    caching = clone(fitted_on_few).set_params(memory=str(tmp_path))
    caching.fit(X, y)
    assert_array_equal(caching.predict_proba(X), fitted_on_few.predict_proba(X))
    caching.set_params(cnn__epochs=1).fit(X, y)
    assert caching["cnn"].n_iter_ == 1
    assert len(list(tmp_path.rglob("output.pkl"))) == 1
    caching.set_params(images__max_value=2.0).fit(X, y)
    assert len(list(tmp_path.rglob("output.pkl"))) == 2


@pytest.mark.parametrize("scaler", [MinMaxScaler(), StandardScaler()], ids=repr)
@pytest.mark.parametrize("how", ["set_output", "set_config"])
def test_pandas_between_the_steps_changes_nothing(few, scaler, how):
    X, y = few
    steps = [("scale", scaler), ("images", ImagePreprocessor()), ("cnn", classifier())]
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


def test_the_classifier_takes_a_frame_from_the_step_before(few):
    X, y = few
    direct = Pipeline([("scale", MinMaxScaler()), ("cnn", classifier())])
    expected = clone(direct).fit(X, y).predict_proba(X)
    direct.set_output(transform="pandas").fit(X, y)
    assert_array_equal(direct["cnn"].feature_names_in_, direct["scale"].get_feature_names_out())
    assert_array_equal(direct.predict_proba(X), expected)


@pytest.mark.parametrize("part", [slice(None), "images", "cnn"])
def test_html_tells_whether_a_model_is_fitted(fitted_on_few, part):
    model = fitted_on_few[part]
    assert "<span>Fitted</span>" in model._repr_html_()
    assert "<span>Not fitted</span>" in clone(model)._repr_html_()


@pytest.mark.parametrize("is_fitted", [False, True], ids=["unfitted", "fitted"])
def test_showing_a_model_does_not_load_tensorflow(fitted_on_few, tmp_path, is_fitted):
    path = tmp_path / "model.joblib"
    joblib.dump(fitted_on_few if is_fitted else clone(fitted_on_few), path)
    code = """if True:
        import sys, joblib
        model = joblib.load(sys.argv[1])
        repr(model), model._repr_html_(), model._repr_mimebundle_()
        sys.exit("tensorflow" in sys.modules)
    """
    shown = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr


def test_showing_a_model_or_completing_its_names_builds_no_network(fitted_on_few, monkeypatch):
    from sk_mnist_cnn._keras.backend import keras

    built = []
    monkeypatch.setattr(keras.Model, "compile", lambda *args, **kwargs: built.append(args))
    fitted_on_few._repr_html_()
    dir(fitted_on_few["cnn"])  # what completing a name in a notebook asks for
    assert not built


# Parallel runs


def search_scores(few, n_jobs):
    grid = {"cnn__learning_rate": [0.01, 0.003]}
    search = GridSearchCV(pipeline(), grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(*few)
    return np.array([search.cv_results_[f"split{i}_test_score"] for i in range(2)])


def test_a_search_in_threads_gives_the_same_scores(few):
    alone = search_scores(few, n_jobs=1)
    with joblib.parallel_config("threading"):
        assert_array_equal(search_scores(few, n_jobs=2), alone)


@pytest.mark.slow
# From Python 3.12 on, os.fork warns in every process with threads; joblib's multiprocessing backend forks.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(
    ("backend", "options"),
    [("loky", {"inner_max_num_threads": os.cpu_count()}), ("multiprocessing", {})],
    ids=["loky", "multiprocessing"],
)
def test_a_search_in_processes_gives_the_same_scores(few, backend, options):
    alone = search_scores(few, n_jobs=1)
    with joblib.parallel_config(backend, **options):
        assert_array_equal(search_scores(few, n_jobs=2), alone)


def test_child_processes_start_as_quietly_as_the_first(fitted_on_few):
    # fitted_on_few has loaded TensorFlow here, as it is where a search starts its workers.
    code = "import sk_mnist_cnn; sk_mnist_cnn.build_cnn((8, 8, 1), 2)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stderr == ""
