"""Evaluation reports: their numbers against scikit-learn's, and their text, data and page."""

import io
import json
from base64 import b64decode
from html.parser import HTMLParser

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sk_mnist_cnn import CNNDigitClassifier
from sk_mnist_cnn.reporting import EvaluationReport, evaluation_report

IRIS = load_iris(return_X_y=True)
SPECIES = np.array(["setosa", "versicolor", "virginica"])[IRIS[1]]


def made(y_true, y_pred, **params):
    params = {"classes": np.unique([y_true, y_pred]), **params}
    return EvaluationReport(np.array(y_true), np.array(y_pred), **params)


@pytest.fixture(scope="module")
def noisy(digits):
    """Raw digits of whose labels a tenth is wrong."""
    X, y = digits[0][:600] * 16, digits[1][:600].copy()
    y[::10] = (y[::10] + 1) % 10
    return X, y


@pytest.fixture(scope="module")
def report(fitted_pipeline, noisy):
    return evaluation_report(fitted_pipeline, *noisy)


class TestNumbers:
    def test_they_are_scikit_learns(self, report, fitted_pipeline, noisy):
        X, y = noisy
        y_pred, y_proba = fitted_pipeline.predict(X), fitted_pipeline.predict_proba(X)
        assert report.n_samples == 600
        assert report.accuracy == fitted_pipeline.score(X, y)
        assert report.log_loss == pytest.approx(metrics.log_loss(y, y_proba))
        assert_array_equal(report.misclassified, np.flatnonzero(y != y_pred))
        assert_array_equal(report.confusion, metrics.confusion_matrix(y, y_pred))
        expected = metrics.classification_report(y, y_pred, output_dict=True)
        for label, row in report.per_class.iterrows():
            assert_allclose(row, list(expected[str(label)].values()))
        assert_array_equal(report.y_pred, y_pred)
        assert_array_equal(report.y_proba, y_proba)

    def test_mistakes_are_ranked(self):
        pairs = made([0, 0, 1, 1, 1, 2, 2], [1, 0, 2, 2, 0, 2, 1]).confusion_pairs
        assert pairs.to_dict("split")["data"] == [[1, 2, 2], [0, 1, 1], [1, 0, 1], [2, 1, 1]]
        assert list(pairs.columns) == ["true", "predicted", "count"]

    def test_calibration_error_by_hand(self):
        winner = np.array([0.92, 0.9, 0.59, 0.55])  # of which the first and the third are right
        y_proba = np.column_stack([winner, 1 - winner])
        report = made([0, 1, 0, 1], [0, 0, 0, 0], y_proba=y_proba)
        assert report.calibration_error == pytest.approx((2 * abs(0.5 - 0.57) + 2 * abs(0.5 - 0.91)) / 4)
        used = report.reliability[report.reliability["count"] > 0]
        assert len(report.reliability) == 15
        assert used.to_numpy().tolist() == [pytest.approx([2, 0.57, 0.5]), pytest.approx([2, 0.91, 0.5])]

    def test_sure_and_right_is_calibrated(self):
        report = made([0, 1], [0, 1], y_proba=np.eye(2, dtype=np.float32))
        assert report.calibration_error == 0
        assert report.reliability["count"].iloc[-1] == 2

    def test_calibration_agrees_with_scikit_learns_curve(self, report):
        from sklearn.calibration import calibration_curve

        confidence = report.y_proba.max(axis=1)
        accuracy, mean = calibration_curve(report.y_true == report.y_pred, confidence, n_bins=15)
        used = report.reliability.dropna()
        assert_allclose(used["accuracy"], accuracy)
        assert_allclose(used["confidence"], mean, rtol=1e-6)

    def test_network_predicts_once(self, fitted_pipeline, noisy, monkeypatch):
        calls, original = [], CNNDigitClassifier.predict_proba

        def counted(self, X):
            calls.append(len(X))
            return original(self, X)

        monkeypatch.setattr(CNNDigitClassifier, "predict_proba", counted)
        evaluation_report(fitted_pipeline, *noisy)
        assert calls == [600]

    def test_predict_has_the_last_word(self):
        class Contrary(GaussianNB):
            def predict(self, X):
                return self.classes_[self.predict_proba(X).argmin(axis=1)]

        clf = Contrary().fit(*IRIS)
        report = evaluation_report(clf, *IRIS)
        assert_array_equal(report.y_pred, clf.predict(IRIS[0]))
        assert report.accuracy < 0.1
        assert report.calibration_error < 0.1

    def test_without_predict_proba(self):
        report = evaluation_report(RidgeClassifier().fit(*IRIS), *IRIS)
        assert report.log_loss is report.calibration_error is report.reliability is report.y_proba is None
        assert report.accuracy == RidgeClassifier().fit(*IRIS).score(*IRIS)
        assert not {"Log loss", "Calibration"} & {line.split(":")[0] for line in report.to_text().split("\n")}
        assert "loss" not in repr(report)

    def test_missing_classes(self):
        X, y = IRIS
        report = evaluation_report(GaussianNB().fit(X, y), X[y != 1], y[y != 1])
        assert list(report.per_class.index) == list(report.confusion.columns) == [0, 1, 2]
        assert report.per_class.loc[1, "support"] == report.per_class.loc[1, "recall"] == 0
        assert report.log_loss < 0.1
        report.to_text()

    @pytest.mark.parametrize("frame", [np.asarray, np.ndarray.tolist, pd.DataFrame, pl.DataFrame])
    @pytest.mark.parametrize("series", [np.asarray, np.ndarray.tolist, pd.Series, pl.Series, pd.Categorical])
    def test_string_labels_and_frames(self, frame, series):
        X = frame(IRIS[0])
        report = evaluation_report(GaussianNB().fit(X, SPECIES), X, series(SPECIES))
        assert report.accuracy == 0.96
        assert report.confusion.loc["virginica", "versicolor"] == 3
        assert report.images is None

    def test_search_and_text(self):
        X, y = ["a b", "b c", "c d", "a a"] * 5, ["yes", "no", "no", "yes"] * 5
        search = GridSearchCV(make_pipeline(CountVectorizer(token_pattern="."), MultinomialNB()), {}, cv=2)
        report = evaluation_report(search.fit(X, y), X, y)
        assert report.accuracy == 1
        assert report.images is report.history is None

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"estimator": KMeans(2).fit(IRIS[0])}, r"estimator must be a fitted classifier.*got KMeans"),
            ({"y": SPECIES}, r"y must hold labels among the classes \[0, 1, 2\]; got \['setosa'"),
            ({"y": IRIS[1] + 1}, r"y must hold labels among the classes \[0, 1, 2\]; got \[3\]"),
            ({"y": IRIS[1][:9]}, "inconsistent numbers of samples"),
            ({"image_shape": (3, 3)}, r"image_shape=\(3, 3\) does not fit"),
        ],
    )
    def test_errors(self, params, message):
        params = {"estimator": GaussianNB().fit(*IRIS), "X": IRIS[0], "y": IRIS[1], **params}
        with pytest.raises(ValueError, match=message):
            evaluation_report(**params)

    def test_unfitted(self):
        with pytest.raises(NotFittedError):
            evaluation_report(GaussianNB(), *IRIS)


class TestImages:
    def test_layout_of_the_data(self, report, noisy):
        assert_array_equal(report.images, noisy[0][report.misclassified])

    def test_shape_that_the_estimator_was_fitted_on(self, report, fitted_pipeline, noisy):
        X, y = noisy
        flat = evaluation_report(fitted_pipeline, X.reshape(-1, 64), y)
        assert_array_equal(flat.images, report.images)

    def test_shape_asked_for(self, noisy):
        X, y = noisy[0].reshape(-1, 64), noisy[1]
        clf = GaussianNB().fit(X, y)
        assert evaluation_report(clf, X, y).images is None
        report = evaluation_report(clf, X, y, image_shape=(8, 8))
        assert report.images.shape == (len(report.misclassified), 8, 8, 1)

    def test_images_of_any_size(self):
        ragged = [np.ones((n, 3)) for n in (1, 2, 3, 4)]
        sizes = FunctionTransformer(lambda images: [[len(image)] for image in images])
        model = make_pipeline(sizes, GaussianNB()).fit(ragged, [0, 0, 1, 1])
        assert evaluation_report(model, [image.tolist() for image in ragged], [0, 0, 1, 1]).images is None


class TestForms:
    def test_text(self, report):
        lines = report.to_text().split("\n")
        assert lines[:2] == [
            f"Accuracy: {report.accuracy:.2%}",
            f"Misclassified: {len(report.misclassified)} of 600",
        ]
        assert f"Log loss: {report.log_loss:.4f}" in lines
        assert f"Calibration error: {report.calibration_error:.4f}" in lines
        true, predicted, count = report.confusion_pairs.iloc[0]
        assert f"Most frequent mistakes: {true} taken for {predicted} ({count})" in report.to_text()
        table = metrics.classification_report(report.y_true, report.y_pred, digits=4)
        assert report.to_text().endswith(table)

    def test_text_without_mistakes(self):
        text = made([1, 2], [1, 2]).to_text()
        assert text.startswith("Accuracy: 100.00%\nMisclassified: 0 of 2\n\n")

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
        numbers = json.loads(json.dumps(report.to_dict(), allow_nan=False))
        assert numbers["confusion"]["labels"] == [row["label"] for row in numbers["per_class"]] == labels
        assert numbers["confusion_pairs"][0] == {"true": labels[0], "predicted": labels[-1], "count": 1}
        assert numbers["accuracy"] == report.accuracy
        assert numbers["log_loss"] == report.log_loss == pytest.approx(np.log(len(labels)))
        assert numbers["misclassified"] == np.flatnonzero(y_true != y_pred).tolist()

    def test_repr(self):
        assert repr(made([0, 1], [0, 0])) == "EvaluationReport(n_samples=2, accuracy=0.5000)"
        with_loss = repr(made([0, 1], [0, 1], y_proba=np.eye(2)))
        assert with_loss.endswith("accuracy=1.0000, log_loss=0.0000, calibration_error=0.0000)")


class Page(HTMLParser):
    """The start tags and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture
def read(tmp_path):
    def write_and_read(report):
        report.to_html(tmp_path / "report.html")
        return Page((tmp_path / "report.html").read_text(encoding="utf-8"))

    return write_and_read


class TestPage:
    def test_all_of_it(self, report, read):
        before = dict(mpl.rcParams)
        page = read(report)
        assert dict(mpl.rcParams) == before
        assert plt.get_fignums() == []
        pictures = [source["srcset"] for source in page.all("source")]
        pictures += [image["src"] for image in page.all("img")]
        assert len(pictures) == len(set(pictures)) == 8  # four, in light and in dark
        for picture in pictures:
            head, data = picture.split(",")
            assert head == "data:image/png;base64"
            pixels = plt.imread(io.BytesIO(b64decode(data)), format="png")
            assert pixels[..., 3].min() == 0  # the page shines through
            assert min(pixels.shape[:2]) > 400
        assert [image["alt"].split()[0] for image in page.all("img")] == [
            "Confusion",
            "Misclassified",
            "Reliability",
            "Training,",
        ]
        assert "Pipeline(steps=" in page.text
        assert f"Accuracy {report.accuracy:.2%} Misclassified {len(report.misclassified)} of 600" in page.text

    def test_nothing_comes_from_elsewhere(self, read):
        page = read(made([0, 1, 1], [0, 1, 0]))
        for _, attributes in page.tags:
            for name in {"src", "srcset", "href", "data", "action"} & attributes.keys():
                assert attributes[name].startswith("data:")
        assert not page.all("script")
        assert not {"url(", "@import"} & set(page.text.split())
        assert page.all("html") == [{"lang": "en"}]

    def test_only_what_there_is(self, read):
        page = read(made([0, 1, 1], [0, 1, 1], images=np.empty((0, 8, 8, 1))))
        assert len(page.all("img")) == 1
        assert "mistakes" not in page.text
        assert "loss" not in page.text

    def test_mistakes_without_probabilities(self, read):
        page = read(made([0, 1, 1], [0, 1, 0], images=np.ones((1, 8, 8, 1))))
        assert len(page.all("img")) == 2

    def test_labels_are_escaped(self, read):
        report = made(["<b>", "a & b"], ["a & b", "a & b"], model="<i>")
        page = read(report)
        assert not page.all("b")
        assert not page.all("i")
        assert "<b> a & b 1" in page.text
        assert "<b> taken for a & b (1)" in page.all("img")[0]["alt"]

    def test_many_classes(self, read):
        labels = np.repeat(np.arange(60), 3)
        page = read(made(labels, labels[::-1]))
        assert len(page.all("tr")) == 1 + 60 + 1 + 10

    def test_in_a_notebook(self, report):
        shown = Page(report._repr_html_())
        assert not shown.all("img")
        assert len(shown.all("table")) == 2
        assert {header["scope"] for header in shown.all("th")} == {"col", "row"}

    @pytest.mark.parametrize("name", ["missing/report.html", "."])
    def test_no_folder(self, tmp_path, name):
        with pytest.raises(FileNotFoundError, match="`path` must be a file in an existing directory"):
            made([0, 1], [0, 1]).to_html(tmp_path / name)

    def test_no_path(self):
        with pytest.raises(TypeError, match="`path` must be a str or a PathLike, got 3"):
            made([0, 1], [0, 1]).to_html(3)
