"""scikit-learn's callbacks, which came with scikit-learn 1.9."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor
from tests.estimators import same_training

from .conftest import classifier

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9")


def test_callbacks_are_called_every_epoch(data, reference):
    monitor = callback.ScoringMonitor(scoring="accuracy")
    fitted = classifier().set_callbacks(monitor).fit(*data)
    log = monitor.get_logs().data_as_pandas
    epochs = log[log["task_name"] == "epoch"]["accuracy"].tolist()
    assert len(epochs) == 2
    assert epochs[-1] == fitted.score(*data)
    assert same_training(fitted, reference)


def test_one_weight_for_all_samples_is_no_weight(data):
    logs = []
    for weight in (None, 2.0, np.array(2.0), np.full(len(data[0]), 2.0)):
        monitor = callback.ScoringMonitor(scoring="accuracy")
        classifier(epochs=1).set_callbacks(monitor).fit(*data, sample_weight=weight)
        logs.append(monitor.get_logs().data_as_pandas["accuracy"].tolist())
    assert logs[1:] == logs[:-1]


def test_callbacks_are_called_in_search_over_pipeline():
    X, y = load_digits(return_X_y=True)
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = make_pipeline(ImagePreprocessor(), classifier().set_callbacks(monitor))
    GridSearchCV(model, {"cnndigitclassifier__dense_dropout": [0.1, 0.5]}, cv=2).fit(X[:400], y[:400])
    log = monitor.get_logs().data_as_pandas
    assert (log["task_name"] == "epoch").sum() == (2 * 2 + 1) * 2


def test_progress_bar_shows_pipeline_steps(monkeypatch, capfd):
    monkeypatch.setenv("COLUMNS", "120")
    X, y = load_digits(return_X_y=True)
    model = make_pipeline(ImagePreprocessor(), classifier(epochs=1))
    model.set_callbacks(callback.ProgressBar()).fit(X, y)
    shown = capfd.readouterr().out
    for step in ("ImagePreprocessor - fit", "CNNDigitClassifier - fit"):
        assert step in shown


@pytest.mark.parametrize(("depth", "shows_classifier"), [(1, False), (None, True)])
def test_progress_bar_of_search_over_pipelines(monkeypatch, capfd, depth, shows_classifier):
    monkeypatch.setenv("COLUMNS", "120")
    X, y = load_digits(return_X_y=True)
    model = make_pipeline(ImagePreprocessor(), classifier(epochs=1))
    search = GridSearchCV(model, {"cnndigitclassifier__dense_dropout": [0.1]}, cv=2)
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=depth)).fit(X[:200], y[:200])
    assert ("CNNDigitClassifier - fit" in capfd.readouterr().out) == shows_classifier


def test_failed_fit_tears_down_callbacks(data):
    monitor = callback.ScoringMonitor(scoring="accuracy")
    unfitted = classifier(optimizer="sgd", learning_rate=1e30).set_callbacks(monitor)
    before = dict(vars(unfitted))
    with pytest.raises(ValueError, match="Lower learning_rate"):
        unfitted.fit(*data)
    assert vars(unfitted) == before
    assert not monitor._estimator_scorers
