"""`evaluation_report`: its scores, its images, and the report as text, dict and HTML page."""

import io
import json
from base64 import b64decode
from datetime import UTC, datetime
from html import escape
from html.parser import HTMLParser
from importlib.metadata import version

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

from sk_mnist_cnn import CNNDigitClassifier
from sk_mnist_cnn.reporting import EvaluationReport, evaluation_report

IRIS = load_iris(return_X_y=True)
SPECIES = np.array(["setosa", "versicolor", "virginica"])[IRIS[1]]


def create_report(y_true, y_pred, **params):
    params = {"classes": np.unique([y_true, y_pred]), **params}
    return EvaluationReport(np.array(y_true), np.array(y_pred), **params)


class FirstValue(ClassifierMixin, BaseEstimator):
    """Classifier that predicts whether the first value of a sample is positive, for samples of any shape."""

    def fit(self, X, y):
        self.classes_ = np.array([False, True])
        return self

    def predict(self, X):
        return np.asarray(X).reshape(len(X), -1)[:, 0] > 0


@pytest.fixture(scope="module")
def noisy(digits):
    """Raw digits, a tenth of them with a wrong label."""
    X, y = digits[0][:600] * 16, digits[1][:600].copy()
    y[::10] = (y[::10] + 1) % 10
    return X, y


@pytest.fixture(scope="module")
def report(fitted_pipeline, noisy):
    return evaluation_report(fitted_pipeline, *noisy, name="noisy digits")


class TestScores:
    def test_scores_equal_those_of_scikit_learn(self, report, fitted_pipeline, noisy):
        X, y = noisy
        y_pred, y_proba = fitted_pipeline.predict(X), fitted_pipeline.predict_proba(X)
        assert report.n_samples == 600
        assert report.accuracy == fitted_pipeline.score(X, y)
        assert report.log_loss == pytest.approx(metrics.log_loss(y, y_proba))
        assert_array_equal(report.misclassified, np.flatnonzero(y != y_pred))
        assert_array_equal(report.confusion, metrics.confusion_matrix(y, y_pred))
        expected = metrics.classification_report(y, y_pred, output_dict=True)
        for label, row in [*report.per_class.iterrows(), *report.averages.iterrows()]:
            assert_allclose(row, list(expected[str(label)].values()))
        assert list(report.averages.index) == ["macro avg", "weighted avg"]
        assert_array_equal(report.y_pred, y_pred)
        assert_array_equal(report.y_proba, y_proba)

    def test_confusion_pairs_are_sorted_by_count(self):
        pairs = create_report([0, 0, 1, 1, 1, 2, 2], [1, 0, 2, 2, 0, 2, 1]).confusion_pairs
        assert pairs.to_dict("split")["data"] == [[1, 2, 2], [0, 1, 1], [1, 0, 1], [2, 1, 1]]
        assert list(pairs.columns) == ["true", "predicted", "count"]

    def test_calibration_error_by_hand(self):
        largest = np.array([0.92, 0.9, 0.59, 0.55])  # of which the first and the third are correct
        y_proba = np.column_stack([largest, 1 - largest])
        report = create_report([0, 1, 0, 1], [0, 0, 0, 0], y_proba=y_proba)
        assert report.calibration_error == pytest.approx((2 * abs(0.5 - 0.57) + 2 * abs(0.5 - 0.91)) / 4)
        used = report.reliability[report.reliability["count"] > 0]
        assert len(report.reliability) == 15
        assert used.to_numpy().tolist() == [pytest.approx([2, 0.57, 0.5]), pytest.approx([2, 0.91, 0.5])]

    def test_certain_and_correct_predictions_are_calibrated(self):
        report = create_report([0, 1], [0, 1], y_proba=np.eye(2, dtype=np.float32))
        assert report.calibration_error == 0
        assert report.reliability["count"].iloc[-1] == 2

    def test_reliability_equals_the_calibration_curve_of_scikit_learn(self, report):
        from sklearn.calibration import calibration_curve

        confidence = report.y_proba.max(axis=1)
        accuracy, mean = calibration_curve(report.y_true == report.y_pred, confidence, n_bins=15)
        used = report.reliability.dropna()
        assert_allclose(used["accuracy"], accuracy)
        assert_allclose(used["confidence"], mean, rtol=1e-6)

    @pytest.mark.skipif(
        "temperature" not in CalibratedClassifierCV._parameter_constraints["method"][0].options,
        reason="scikit-learn has temperature scaling from 1.8",
    )
    def test_log_loss_of_calibrated_network_does_not_warn(self, fitted_pipeline, noisy):
        """`CalibratedClassifierCV` returns probabilities that were computed in float32 as float64."""
        X, y = noisy
        calibrated = CalibratedClassifierCV(FrozenEstimator(fitted_pipeline), method="temperature").fit(X, y)
        report = evaluation_report(calibrated, X, y)
        assert report.y_proba.dtype == np.float64
        assert np.abs(report.y_proba.sum(axis=1) - 1).max() > 1e-8
        assert report.log_loss == pytest.approx(metrics.log_loss(y, report.y_proba.astype(np.float32)))

    def test_log_loss_warns_if_probabilities_do_not_sum_to_one(self):
        with pytest.warns(UserWarning, match="do not sum to one"):
            create_report([0, 1], [0, 1], y_proba=np.array([[0.5, 0.2], [0.1, 0.9]]))

    def test_coverage_by_hand(self):
        largest = np.array([0.6, 0.9, 0.8, 0.9])  # of which the first is wrong
        y_proba = np.column_stack([largest, 1 - largest])
        report = create_report([1, 0, 0, 0], [0, 0, 0, 0], y_proba=y_proba)
        assert report.coverage.to_dict("list") == {
            "coverage": [0.5, 0.75, 1.0],  # samples of the same confidence are rejected together
            "accuracy": [1.0, 1.0, 0.75],
            "threshold": [0.9, 0.8, 0.6],
            "errors": [0, 0, 1],
        }

    def test_coverage_is_what_a_threshold_gives(self, report):
        confidence = report.y_proba.max(axis=1)
        is_correct = report.y_true == report.y_pred
        for row in report.coverage.itertuples():
            answered = confidence >= row.threshold
            assert row.coverage == np.mean(answered)
            assert row.accuracy == pytest.approx(np.mean(is_correct[answered]))
            assert row.errors == np.sum(~is_correct[answered])
        assert report.coverage["accuracy"].iloc[-1] == pytest.approx(report.accuracy)
        assert report.coverage["errors"].iloc[-1] == len(report.misclassified)

    def test_network_predicts_once(self, fitted_pipeline, noisy, monkeypatch):
        calls, original = [], CNNDigitClassifier.predict_proba

        def counted(self, X):
            calls.append(len(X))
            return original(self, X)

        monkeypatch.setattr(CNNDigitClassifier, "predict_proba", counted)
        evaluation_report(fitted_pipeline, *noisy)
        assert calls == [600]

    def test_labels_are_those_of_predict(self):
        class LeastProbable(GaussianNB):
            def predict(self, X):
                return self.classes_[self.predict_proba(X).argmin(axis=1)]

        clf = LeastProbable().fit(*IRIS)
        report = evaluation_report(clf, *IRIS)
        assert_array_equal(report.y_pred, clf.predict(IRIS[0]))
        assert report.accuracy < 0.1
        assert report.calibration_error < 0.1

    def test_labels_are_those_of_a_wrapper(self, fitted, digits):
        class First(Pipeline):
            def predict(self, X):
                return np.full(len(X), self.classes_[0])

        for wrapper in (First([("cnn", fitted)]), FrozenEstimator(fitted)):
            report = evaluation_report(wrapper, *digits)
            assert_array_equal(report.y_pred, wrapper.predict(digits[0]))

    def test_predictions_as_a_column(self):
        class Column(GaussianNB):
            def predict(self, X):
                return super().predict(X).reshape(-1, 1)

        assert evaluation_report(Column().fit(*IRIS), *IRIS).accuracy == 0.96

    def test_without_predict_proba(self):
        report = evaluation_report(RidgeClassifier().fit(*IRIS), *IRIS)
        assert report.log_loss is report.calibration_error is report.reliability is report.y_proba is None
        assert report.coverage is report.to_dict()["coverage"] is None
        assert report.accuracy == RidgeClassifier().fit(*IRIS).score(*IRIS)
        names = {line.split(":")[0] for line in report.to_text().split("\n")}
        assert not {"Log loss", "Calibration error", "Accuracy by coverage"} & names
        assert "loss" not in repr(report)

    def test_missing_classes(self):
        X, y = IRIS
        report = evaluation_report(GaussianNB().fit(X, y), X[y != 1], y[y != 1])
        assert list(report.per_class.index) == list(report.confusion.columns) == [0, 1, 2]
        assert report.per_class.loc[1, "support"] == report.per_class.loc[1, "recall"] == 0
        assert report.log_loss < 0.1
        assert "support" in report.to_text()

    def test_search_over_text(self):
        X, y = ["a b", "b c", "c d", "a a"] * 5, ["yes", "no", "no", "yes"] * 5
        search = GridSearchCV(make_pipeline(CountVectorizer(token_pattern="."), MultinomialNB()), {}, cv=2)
        report = evaluation_report(search.fit(X, y), X, y)
        assert report.accuracy == 1
        assert report.images is report.history is None

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"estimator": KMeans(2).fit(IRIS[0])}, r"estimator must be a fitted classifier.*got KMeans"),
            ({"y": SPECIES}, r"y must hold labels among the classes \[0, 1, 2\], got \['setosa'"),
            ({"y": IRIS[1] + 1}, r"y must hold labels among the classes \[0, 1, 2\], got \[3\]"),
            ({"y": IRIS[1][:9]}, "inconsistent numbers of samples"),
            ({"image_shape": (3, 3)}, r"image_shape.*\(3, 3\)"),
        ],
    )
    def test_errors(self, params, message):
        params = {"estimator": GaussianNB().fit(*IRIS), "X": IRIS[0], "y": IRIS[1], **params}
        with pytest.raises(ValueError, match=message):
            evaluation_report(**params)

    def test_raises_if_not_fitted(self):
        with pytest.raises(NotFittedError):
            evaluation_report(GaussianNB(), *IRIS)


class TestLabels:
    @pytest.mark.parametrize("frame", [np.asarray, np.ndarray.tolist, pd.DataFrame, pl.DataFrame])
    @pytest.mark.parametrize("series", [np.asarray, np.ndarray.tolist, pd.Series, pl.Series, pd.Categorical])
    def test_strings_and_frames(self, frame, series):
        X = frame(IRIS[0])
        report = evaluation_report(GaussianNB().fit(X, SPECIES), X, series(SPECIES))
        assert report.accuracy == 0.96
        assert report.confusion.loc["virginica", "versicolor"] == 3
        assert report.images is None

    @pytest.mark.parametrize(
        "convert",
        [
            lambda y: y.astype(float),
            lambda y: y.astype(object),
            lambda y: y.reshape(-1, 1),
            lambda y: pd.Series(y, dtype="Int64"),
            lambda y: pd.DataFrame({"y": y}),
            lambda y: pl.Series(y, dtype=pl.Int8),
        ],
    )
    def test_integers(self, convert):
        report = evaluation_report(GaussianNB().fit(*IRIS), IRIS[0], convert(IRIS[1]))
        assert report.accuracy == 0.96
        assert report.y_true.dtype == IRIS[1].dtype

    @pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 2 has StringDType")
    @pytest.mark.parametrize("dtype", [str, object])
    def test_numpy_strings(self, dtype):
        clf = GaussianNB().fit(IRIS[0], SPECIES.astype(dtype))
        report = evaluation_report(clf, IRIS[0], SPECIES.astype(np.dtypes.StringDType()))
        assert report.accuracy == 0.96

    # scikit-learn's metrics support only the strings and the booleans of these.
    @pytest.mark.parametrize(
        "labels",
        [
            np.array([0, 1, 2], dtype=object),
            np.array([0.5, 1.5]),
            np.array([b"a", b"b"]),
            np.array([False, True]),
            np.array(["a", "b"]),
            np.array(["a", "b"], dtype=object),
            pytest.param(
                np.array(["a", "b"], dtype=getattr(np.dtypes, "StringDType", lambda: str)()),
                id="StringDType",
            ),
        ],
        ids=lambda labels: f"{labels.dtype}",
    )
    def test_labels_of_any_type(self, labels):
        y_true, y_pred = np.concatenate([labels, labels]), np.concatenate([labels, labels[::-1]])
        y_proba = np.full((len(y_true), len(labels)), 1 / len(labels), dtype=np.float32)
        report = EvaluationReport(y_true, y_pred, classes=labels, y_proba=y_proba)
        expected = create_report(
            np.searchsorted(labels, y_true), np.searchsorted(labels, y_pred), y_proba=y_proba
        )
        assert report.accuracy == expected.accuracy
        assert report.log_loss == expected.log_loss == pytest.approx(np.log(len(labels)))
        assert_array_equal(report.confusion, expected.confusion)
        assert list(report.per_class.index) == labels.tolist()
        assert str(labels[1]) in report.to_text()
        assert escape(str(labels[1])) in report._repr_html_()

    @pytest.mark.parametrize("name", ["y_true", "y_pred"])
    def test_raises_for_unknown_labels(self, name):
        labels = {"y_true": np.array([0, 1]), "y_pred": np.array([0, 1]), name: np.array([0, 7])}
        with pytest.raises(ValueError, match=rf"{name} must hold labels among the classes .* got \[7\]"):
            EvaluationReport(**labels, classes=np.array([0, 1]))


class TestImages:
    def test_images_have_the_layout_of_the_data(self, report, noisy):
        assert_array_equal(report.images, noisy[0][report.misclassified])

    def test_images_have_the_shape_that_the_estimator_was_fitted_on(self, report, fitted_pipeline, noisy):
        X, y = noisy
        flat = evaluation_report(fitted_pipeline, X.reshape(-1, 64), y)
        assert_array_equal(flat.images, report.images)

    @pytest.mark.parametrize("convert", [np.asarray, sp.csr_array, pd.DataFrame])
    def test_images_have_the_given_shape(self, noisy, convert):
        X, y = noisy[0].reshape(-1, 64), noisy[1]
        clf = MultinomialNB().fit(X, y)
        assert evaluation_report(clf, convert(X), y).images is None
        report = evaluation_report(clf, convert(X), y, image_shape=(8, 8))
        assert_array_equal(report.images, X.reshape(-1, 8, 8, 1)[report.misclassified])

    @pytest.mark.parametrize("shape", [(2, 2, 2, 2), (1, 1, 1, 1, 5), (0, 3)])
    def test_other_shapes_than_those_of_images(self, shape):
        X, y = np.ones((4, *shape)), np.array([True, True, False, True])
        model = make_pipeline(FunctionTransformer(np.ones_like, kw_args={"shape": (4, 1)}), FirstValue())
        report = evaluation_report(model.fit(X, y), X, y)
        assert report.accuracy == 0.75
        assert report.images is None

    def test_strings(self):
        X, y = np.array([["a", "b"], ["c", "d"]] * 5), [0, 1] * 5
        clf = make_pipeline(OrdinalEncoder(), GaussianNB()).fit(X, y)
        assert evaluation_report(clf, X, y).images is None

    def test_strings_of_the_shape_that_the_network_was_fitted_on(self, fitted, digits):
        names = np.array([f"{i:02d}" for i in range(17)])
        X, y = names[(digits[0][:100] * 16).astype(int)].reshape(-1, 64), digits[1][:100]
        to_pixels = FunctionTransformer(lambda X: np.char.replace(X, "x", "").astype(np.float32) / 16)
        report = evaluation_report(make_pipeline(to_pixels, fitted), np.char.add(X, "x"), y)
        assert report.images is None
        assert report.accuracy > 0.5

    def test_strings_in_the_shape_of_images(self):
        X, y = np.full((4, 2, 2), "x"), np.array([True, False, True, False])
        model = make_pipeline(FunctionTransformer(lambda X: (X == "x").astype(int)), FirstValue())
        assert evaluation_report(model.fit(X, y), X, y).images is None

    @pytest.mark.parametrize("image_shape", [None, (8, 8)])
    def test_missing_values(self, digits, image_shape):
        X, y = digits[0][:200].reshape(-1, 64).copy(), digits[1][:200].copy()
        X[::3, 20] = np.nan
        clf = DecisionTreeClassifier(random_state=0).fit(X, y)
        y[::5] = (y[::5] + 1) % 10
        report = evaluation_report(clf, X, y, image_shape=image_shape)
        assert (report.images is None) == (image_shape is None)
        assert 0.5 < report.accuracy < 1

    def test_missing_values_in_images(self):
        X, y = np.ones((4, 3, 3)), np.array([True, False, True, False])
        X[:, 1, 1] = np.nan
        report = evaluation_report(FirstValue().fit(X, y), X, y)
        assert_array_equal(report.images, X[[1, 3], ..., np.newaxis])

    def test_images_of_different_sizes(self):
        ragged = [np.ones((n, 3)) for n in (1, 2, 3, 4)]
        sizes = FunctionTransformer(lambda images: [[len(image)] for image in images])
        model = make_pipeline(sizes, GaussianNB()).fit(ragged, [0, 0, 1, 1])
        assert evaluation_report(model, [image.tolist() for image in ragged], [0, 0, 1, 1]).images is None

    @pytest.mark.parametrize("X", [np.ones((4, 2, 2, 2, 2)), np.full((4, 16), "1")], ids=["5-D", "strings"])
    def test_raises_if_the_given_shape_does_not_fit(self, X):
        y = np.array([True, False, True, False])
        model = make_pipeline(FunctionTransformer(lambda X: X.astype(float)), FirstValue()).fit(X, y)
        with pytest.raises(ValueError, match=r"X must (be|hold pixels)"):
            evaluation_report(model, X, y, image_shape=(4, 4))


class TestForms:
    def test_text(self, report):
        lines = report.to_text().split("\n")
        assert lines[:3] == [
            "Data set: noisy digits",
            f"Accuracy: {report.accuracy:.2%}",
            f"Misclassified: {len(report.misclassified)} of 600",
        ]
        assert f"Log loss: {report.log_loss:.4f}" in lines
        assert f"Calibration error: {report.calibration_error:.4f}" in lines
        true, predicted, count = report.confusion_pairs.iloc[0]
        assert f"Most frequent misclassifications: {true} predicted as {predicted} ({count})" in str(report)
        all_samples, row = report.to_dict()["coverage"][:2]
        assert all_samples["coverage"] == 1
        coverages = f"{report.accuracy:.2%} at 100.0%, {row['accuracy']:.2%} at {row['coverage']:.1%}, "
        assert f"Accuracy by coverage: {coverages}" in str(report)
        table = metrics.classification_report(report.y_true, report.y_pred, digits=4)
        assert report.to_text().endswith(table)

    def test_text_without_misclassifications(self):
        text = create_report([1, 2], [1, 2]).to_text()
        assert text.startswith("Accuracy: 100.00%\nMisclassified: 0 of 2\n\n")

    def test_print_shows_the_text(self, report, capsys):
        print(report)
        assert capsys.readouterr().out == report.to_text() + "\n"

    def test_repr_is_one_line(self):
        assert repr(create_report([0, 1], [0, 0])) == "EvaluationReport(n_samples=2, accuracy=0.5000)"

    @pytest.mark.parametrize(
        ("labels", "dtype"),
        [
            ([0, 1, 2], None),
            ([0.0, 1.0], None),
            ([False, True], None),
            (["a", "b"], None),
            (["a", "b"], object),
        ],
    )
    def test_dict_is_json(self, labels, dtype):
        y_true, y_pred = np.array(labels * 2, dtype), np.array([*labels, *labels[::-1]], dtype)
        y_proba = np.full((len(y_true), len(labels)), 1 / len(labels), dtype=np.float32)
        report = EvaluationReport(y_true, y_pred, classes=np.array(labels, dtype), y_proba=y_proba)
        scores = json.loads(json.dumps(report.to_dict(), allow_nan=False))
        assert scores["confusion"]["labels"] == [row["label"] for row in scores["per_class"]] == labels
        assert scores["confusion_pairs"][0] == {"true": labels[0], "predicted": labels[-1], "count": 1}
        assert scores["accuracy"] == report.accuracy
        assert scores["log_loss"] == report.log_loss == pytest.approx(np.log(len(labels)))
        assert scores["misclassified"] == np.flatnonzero(y_true != y_pred).tolist()
        assert scores["averages"]["macro avg"]["recall"] == report.averages.loc["macro avg", "recall"]
        assert scores["name"] is scores["date"] is scores["versions"] is None

    def test_dict_contains_coverages(self):
        correct = np.arange(100) >= 5  # the least confident five are wrong
        confidence = np.linspace(0.6, 0.99, 100)
        y_proba = np.column_stack([confidence, 1 - confidence])
        report = create_report(np.where(correct, 0, 1), np.zeros(100, int), y_proba=y_proba)
        rows = report.to_dict()["coverage"]
        assert [row["coverage"] for row in rows] == [1.0, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5]
        assert [row["errors"] for row in rows] == [5, 4, 3, 0, 0, 0, 0, 0]
        assert rows[3]["accuracy"] == 1
        assert rows[3]["threshold"] == confidence[5]

    def test_dict_has_no_coverages_between_equal_confidences(self):
        report = create_report([0, 1, 1], [0, 1, 0], y_proba=np.eye(2)[[0, 1, 0]])
        expected = {"coverage": 1.0, "accuracy": pytest.approx(2 / 3), "threshold": 1.0, "errors": 1}
        assert report.to_dict()["coverage"] == [expected]

    def test_dict_contains_data_set_date_and_versions(self, report):
        scores = json.loads(json.dumps(report.to_dict()))
        assert scores["name"] == "noisy digits"
        age = datetime.now(UTC) - datetime.fromisoformat(scores["date"])
        assert 0 <= age.total_seconds() < 3600
        packages = ["sk_mnist_cnn", "scikit-learn", "keras"]
        assert scores["versions"] == {package: version(package) for package in packages}

    def test_keras_is_not_listed_for_other_classifiers(self):
        report = evaluation_report(GaussianNB().fit(*IRIS), *IRIS)
        assert list(report.versions) == ["sk_mnist_cnn", "scikit-learn"]


class TestConfusionMatrix:
    def test_zeros_are_blank_and_other_counts_are_shown(self):
        display = create_report([0, 0, 1, 1, 2], [0, 1, 1, 1, 2]).plot_confusion_matrix()
        shown = [[text.get_text() if text.get_visible() else "" for text in row] for row in display.text_]
        assert shown == [["1", "1", ""], ["", "2", ""], ["", "", "1"]]
        assert_array_equal(display.im_.get_array().mask, display.confusion_matrix == 0)

    def test_single_errors_are_visible_next_to_large_counts(self):
        labels = np.repeat([0, 1], 1000)
        y_pred = np.array([1, *labels[1:]])
        display = create_report(labels, y_pred).plot_confusion_matrix()
        display.figure_.canvas.draw()
        colors = display.im_.to_rgba(display.im_.get_array())
        assert colors[0, 1, 3] == 1
        assert colors[1, 0, 3] == 0
        assert np.abs(colors[0, 1] - colors[0, 0]).max() > 0.5
        assert display.text_[0, 1].get_color() == "white"
        assert display.text_[0, 0].get_color() == "black"

    @pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
    def test_normalize(self, report, normalize):
        display = report.plot_confusion_matrix(normalize=normalize)
        expected = metrics.confusion_matrix(report.y_true, report.y_pred, normalize=normalize)
        assert_allclose(display.confusion_matrix, expected)

    def test_normalize_with_missing_classes(self):
        report = create_report([0, 0], [0, 0], classes=np.array([0, 1]))
        assert report.plot_confusion_matrix(normalize="true").confusion_matrix.tolist() == [[1, 0], [0, 0]]

    @pytest.mark.parametrize(
        ("normalize", "unit"),
        [(None, "samples"), ("true", "fraction of the true label"), ("all", "fraction of all samples")],
    )
    def test_color_bar_names_its_scale(self, normalize, unit):
        display = create_report([0, 1], [0, 0]).plot_confusion_matrix(normalize=normalize)
        assert display.im_.colorbar.ax.get_ylabel() == f"{unit} (square-root scale)"

    def test_plots_on_given_axes(self):
        _, ax = plt.subplots()
        assert create_report([0, 1], [0, 0]).plot_confusion_matrix(ax=ax).ax_ is ax

    def test_raises_for_unknown_normalize(self):
        with pytest.raises(ValueError, match='normalize must be "true", "pred", "all" or None, got \'row\''):
            create_report([0, 1], [0, 0]).plot_confusion_matrix(normalize="row")


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.strings = [], []
        self.feed(html)
        self.text = " ".join(" ".join(self.strings).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.strings.append(data)

    def all(self, name):
        """The attributes of all elements of that name."""
        return [attributes for tag, attributes in self.elements if tag == name]


@pytest.fixture
def write_page(tmp_path):
    def write(report):
        report.to_html(tmp_path / "report.html")
        return Page((tmp_path / "report.html").read_text(encoding="utf-8"))

    return write


@pytest.fixture(scope="module")
def page(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    report.to_html(path)
    return Page(path.read_text(encoding="utf-8"))


class TestPage:
    def test_figures(self, report, page):
        figures = [source["srcset"] for source in page.all("source")]
        figures += [image["src"] for image in page.all("img")]
        assert len(figures) == len(set(figures)) == 12  # six, for light and for dark pages
        for figure in figures:
            head, data = figure.split(",")
            assert head == "data:image/png;base64"
            pixels = plt.imread(io.BytesIO(b64decode(data)), format="png")
            assert pixels[..., 3].min() == 0  # the background is transparent
            assert min(pixels.shape[:2]) > 400
        alts = [image["alt"] for image in page.all("img")]
        assert [alt.split()[0] for alt in alts] == [
            "Confusion",
            "Misclassified",
            "Reliability",
            "Accuracy",
            "Training",
            "Training",
        ]
        loss, accuracy = report.history["loss"], report.history["accuracy"]
        assert f"loss from {loss[0]:.4f} to {loss[-1]:.4f}." in alts[4]
        assert f"accuracy from {accuracy[0]:.4f} to {accuracy[-1]:.4f}." in alts[5]

    def test_matplotlib_is_left_unchanged(self, write_page):
        before = dict(mpl.rcParams)
        write_page(create_report([0, 1], [0, 0]))
        assert dict(mpl.rcParams) == before
        assert plt.get_fignums() == []

    def test_text(self, report, page):
        assert len(page.all("h2")) == 5
        assert "Confusion matrix Misclassified images Calibration Accuracy by coverage" in page.text
        assert "Training history Model" in page.text
        assert "Pipeline(steps=" in page.text
        assert f"Accuracy {report.accuracy:.2%} Misclassified {len(report.misclassified)} of 600" in page.text

    def test_averages(self, report, page):
        for name, row in report.averages.iterrows():
            scores = " ".join(f"{score:.4f}" for score in row[["precision", "recall", "f1"]])
            assert f"{name} {scores} 600" in page.text

    def test_coverages(self, report, page):
        for row in report.to_dict()["coverage"]:
            cells = f"{row['coverage']:.1%} {row['accuracy']:.4f} {row['threshold']:.4f} {row['errors']}"
            assert cells in page.text

    def test_data_set_date_and_versions(self, report, page):
        assert "Evaluation report: noisy digits" in page.text
        footer = f"Created on {report.date:%Y-%m-%d %H:%M} UTC · sk_mnist_cnn {version('sk_mnist_cnn')}"
        assert footer in page.text
        assert f"scikit-learn {version('scikit-learn')} · keras {version('keras')}" in page.text

    def test_page_is_self_contained(self, write_page):
        page = write_page(create_report([0, 1, 1], [0, 1, 0]))
        for _, attributes in page.elements:
            for name in {"src", "srcset", "href", "data", "action"} & attributes.keys():
                assert attributes[name].startswith("data:")
        assert not page.all("script")
        assert not {"url(", "@import"} & set(page.text.split())
        assert page.all("html") == [{"lang": "en"}]

    def test_without_optional_data(self, write_page):
        page = write_page(create_report([0, 1, 1], [0, 1, 1], images=np.empty((0, 8, 8, 1))))
        assert len(page.all("img")) == 1
        assert not page.all("footer")
        assert "misclassifications" not in page.text
        assert "loss" not in page.text

    def test_images_without_probabilities(self, write_page):
        page = write_page(create_report([0, 1, 1], [0, 1, 0], images=np.ones((1, 8, 8, 1))))
        assert len(page.all("img")) == 2

    def test_incomplete_metrics_are_not_described(self, write_page):
        history = {"loss": [2.0, 1.0], "val_loss": [1.5]}
        page = write_page(create_report([0, 1], [0, 1], history=history))
        assert page.all("img")[-1]["alt"].endswith("to the last: loss from 2.0000 to 1.0000.")

    def test_text_is_escaped(self, write_page):
        report = create_report(
            ["<b>", "a & b"], ["a & b", "a & b"], model="<i>", name="<u>", versions={"<s>": "1"}
        )
        page = write_page(report)
        assert not any(page.all(name) for name in "bius")
        assert "<b> a & b 1" in page.text
        assert "Evaluation report: <u>" in page.text
        assert "<b> predicted as a & b (1)" in page.all("img")[0]["alt"]

    def test_many_classes(self, write_page):
        labels = np.repeat(np.arange(60), 3)
        page = write_page(create_report(labels, labels[::-1]))
        assert len(page.all("tr")) == 1 + 60 + 2 + 1 + 10

    def test_notebook(self, report):
        output = Page(report._repr_html_())
        assert not output.all("img")
        assert len(output.all("table")) == 2
        assert {header["scope"] for header in output.all("th")} == {"col", "row"}
        assert not output.all("dt")  # Jupyter's style sheet makes these float

    @pytest.mark.parametrize("name", ["missing/report.html", "."])
    def test_raises_without_directory(self, tmp_path, name):
        with pytest.raises(FileNotFoundError, match=r"path must .* got"):
            create_report([0, 1], [0, 1]).to_html(tmp_path / name)

    def test_raises_for_other_types_than_paths(self):
        with pytest.raises(TypeError, match="path must be a str or a PathLike, got 3"):
            create_report([0, 1], [0, 1]).to_html(3)


def test_labels_may_hold_dollar_signs_and_tags(tmp_path):
    names = np.array(["$x_$", "<img src=x onerror=alert(1)>", "a & b"])
    y, y_pred = names[[0, 1, 2, 0, 1, 2]], names[[0, 2, 1, 1, 0, 2]]
    report = create_report(y, y_pred)
    report.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "$x_$" in page
