"""`epochs="auto"`: as many epochs as give enough batches."""

from unittest import mock

import numpy as np
import pytest

from sk_mnist_cnn._training import config
from tests.estimators import same_training
from tests.interrupting import interrupt_fit

from .conftest import classifier


@pytest.fixture(autouse=True)
def twenty_batches(monkeypatch):
    """Let "auto" be about twenty batches in 2 to 6 epochs: 4 epochs of all 300 images."""
    monkeypatch.setattr(config, "AUTO_BATCHES", 20)
    monkeypatch.setattr(config, "AUTO_FEWEST_EPOCHS", 2)
    monkeypatch.setattr(config, "AUTO_MOST_EPOCHS", 6)


def test_trains_as_with_the_number(data):
    auto = classifier(epochs="auto", learning_rate_schedule="one_cycle").fit(*data)
    assert auto.n_iter_ == 4
    assert auto.epochs == "auto"
    assert same_training(auto, classifier(epochs=4, learning_rate_schedule="one_cycle").fit(*data))


@pytest.mark.parametrize(
    ("n_images", "params", "epochs"),
    [(60, {}, 6), (300, {"batch_size": 16}, 2), (300, {"validation_split": 0.5}, 6)],
    ids=["most", "fewest", "without the validation images"],
)
def test_depends_on_training_images_and_batch_size(n_images, params, epochs, data):
    X, y = data
    assert classifier(epochs="auto", **params).fit(X[:n_images], y[:n_images]).n_iter_ == epochs


def test_images_without_weight_do_not_count(data):
    X, y = data
    assert classifier(epochs="auto").fit(X, y, sample_weight=np.arange(300) < 200).n_iter_ == 5


def test_a_callable_schedule_is_asked_for_every_batch(data):
    schedule = mock.Mock(return_value=0.01)
    classifier(epochs="auto", learning_rate_schedule=schedule).fit(*data)
    assert max(call.args[0] for call in schedule.call_args_list) == 4 * 5 - 1


def test_partial_fit_trains_for_one_epoch_and_a_warm_start_for_all_again(data):
    fitted = classifier(epochs="auto", warm_start=True).partial_fit(*data, classes=range(10))
    assert fitted.n_iter_ == 1
    assert fitted.fit(*data).n_iter_ == 5
    assert fitted.fit(*data).n_iter_ == 9


def decaying(batch):
    return 0.01 / (batch + 1)


@pytest.mark.parametrize("schedule", ["one_cycle", decaying], ids=["name", "callable"])
@pytest.mark.parametrize("resumed_with", ["auto", 4])
def test_resumes_from_a_checkpoint(resumed_with, schedule, data, tmp_path):
    params = {"learning_rate_schedule": schedule, "checkpoint": tmp_path / "run.ckpt"}
    interrupt_fit(classifier(epochs="auto", **params), *data, after=2)
    with pytest.raises(ValueError, match="differs in epochs"):
        classifier(epochs=5, **params).fit(*data)
    resumed = classifier(epochs=resumed_with, **params).fit(*data)
    assert same_training(resumed, classifier(epochs=4, learning_rate_schedule=schedule).fit(*data))


def test_scikit_learn_callbacks_see_every_epoch(data):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    classifier(epochs="auto").set_callbacks(monitor).fit(*data)
    log = monitor.get_logs().data_as_pandas
    assert (log["task_name"] == "epoch").sum() == 4


class NumberOfEpochs:
    """A scikit-learn callback that stores the number of epochs that a fit announces when it begins."""

    def setup(self, estimator, context):
        self.announced = context.max_subtasks

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass


def test_scikit_learn_callbacks_are_told_the_number_of_epochs(data):
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9")
    callback = NumberOfEpochs()
    classifier(epochs="auto").set_callbacks(callback).fit(*data)
    assert callback.announced == 4
