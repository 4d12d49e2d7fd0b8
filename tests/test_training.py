"""Schedules, augmentation, early stopping and progress: what they do to a training."""

import numpy as np
import pytest
from conftest import small_classifier
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor
from sk_mnist_cnn._keras.distortion import random_affine
from sk_mnist_cnn._keras.backend import keras
from sk_mnist_cnn._schedules import SCHEDULES, learning_rates


class RecordRates(keras.callbacks.Callback):
    """Keeps the learning rate after every batch, in a list that copies share."""

    rates: list = []

    def on_train_batch_end(self, batch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))


@pytest.fixture
def recorder():
    RecordRates.rates.clear()
    return RecordRates()


def test_one_cycle_rises_for_a_fifth_from_a_tenth_and_falls_to_nothing():
    rates = learning_rates("one_cycle", 0.5, 1000)
    assert rates[0] == pytest.approx(0.05)
    assert rates.argmax() == 200
    assert rates[200] == pytest.approx(0.5)
    assert np.allclose(np.diff(rates[:200], 2), 0, atol=1e-6)
    assert rates[600] == pytest.approx(0.25)
    assert rates[-1] < 1e-5


def test_cosine_and_exponential_only_fall():
    for name in ("cosine", "exponential"):
        rates = learning_rates(name, 2.0, 100)
        assert rates[0] == 2
        assert np.all(np.diff(rates) < 0)
    assert learning_rates("cosine", 2.0, 100)[50] == pytest.approx(1)
    assert learning_rates("exponential", 2.0, 100)[50] == pytest.approx(0.2)


@pytest.mark.parametrize("schedule", [*SCHEDULES, lambda step: 0.001 * (1 + step)])
def test_the_network_is_trained_at_the_schedules_rates(digits, recorder, schedule):
    X, y = digits[0][:300], digits[1][:300]
    clf = small_classifier(epochs=2, callbacks=[recorder], learning_rate_schedule=schedule)
    clf.fit(X, y)
    np.testing.assert_allclose(recorder.rates, learning_rates(schedule, 0.01, 10), rtol=1e-6)


# Keras' own callback converts a variable in a way that NumPy deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_constant_rate_is_left_to_the_callbacks(digits, recorder):
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    clf = small_classifier(epochs=2, callbacks=[halve, recorder])
    clf.fit(digits[0][:64], digits[1][:64])
    assert recorder.rates == pytest.approx([0.005, 0.0025])


def test_the_rate_of_the_first_fit_is_not_taken_for_the_default(digits, recorder):
    X, y = digits[0][:64], digits[1][:64]
    params = {"optimizer": "adam", "filters": (3,), "epochs": 1, "callbacks": [recorder]}
    small_classifier(learning_rate=0.5, **params).fit(X, y)
    small_classifier(learning_rate="auto", **params).fit(X, y)
    assert recorder.rates == pytest.approx([0.5, 0.001])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_label_smoothing_is_that_of_keras(digits, smoothing):
    X, y = digits[0][:300], digits[1][:300]
    clf = small_classifier(epochs=1, optimizer="sgd", learning_rate=1e-30, label_smoothing=smoothing)
    clf.set_params(conv_dropout=0.0, dense_dropout=0.0).fit(X, y, X_val=X, y_val=y)
    targets = keras.utils.to_categorical(y)
    expected = keras.losses.categorical_crossentropy(
        targets, clf.predict_proba(X), label_smoothing=smoothing
    ).numpy()
    assert clf.history_["loss"] == pytest.approx([expected.mean()], rel=1e-5)
    assert clf.history_["val_loss"] == pytest.approx([expected.mean()], rel=1e-5)


def test_smoothed_labels_make_predictions_less_certain(digits):
    plain, smoothed = (small_classifier(label_smoothing=s).fit(*digits) for s in (0.0, 0.3))
    certainty = [clf.predict_proba(digits[0]).max(axis=1).mean() for clf in (plain, smoothed)]
    assert certainty[1] < certainty[0] - 0.05
    again = small_classifier().fit(*digits)
    np.testing.assert_array_equal(again.predict_proba(digits[0]), plain.predict_proba(digits[0]))


def test_weights_that_overflow_in_the_last_step_are_an_error(digits):
    clf = small_classifier(learning_rate=1e30, epochs=1, batch_size=2000)
    with pytest.raises(ValueError, match=r"predictions are not finite\. Lower learning_rate"):
        clf.fit(*digits)
    assert not hasattr(clf, "classes_")


def test_a_warm_start_runs_through_the_schedule_again(digits, recorder):
    X, y = digits[0][:300], digits[1][:300]
    clf = small_classifier(epochs=1, warm_start=True, callbacks=[recorder], learning_rate_schedule="cosine")
    clf.fit(X, y).fit(X, y)
    assert recorder.rates[:5] == recorder.rates[5:]
    recorder.rates.clear()
    clf.partial_fit(X, y)
    assert recorder.rates == pytest.approx([0.01] * 5)


@pytest.mark.parametrize("rate", [-1.0, np.nan, np.inf])
def test_a_schedule_that_gives_no_rate_is_an_error(digits, rate):
    clf = small_classifier(learning_rate_schedule=lambda step: rate if step == 3 else 0.1)
    with pytest.raises(ValueError, match=r"learning_rate_schedule must give .* for step 3 of"):
        clf.fit(*digits)


def test_two_schedules_at_once_are_an_error(digits):
    own = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 100))
    small_classifier(optimizer=own, learning_rate="auto", epochs=1).fit(*digits)
    small_classifier(optimizer=own, learning_rate=0.01, learning_rate_schedule="cosine", epochs=1).fit(
        *digits
    )
    with pytest.raises(ValueError, match="learning_rate_schedule='cosine' cannot be used with"):
        small_classifier(optimizer=own, learning_rate="auto", learning_rate_schedule="cosine").fit(*digits)


def test_a_schedule_counts_batches_where_gradients_are_accumulated(digits, recorder):
    X, y = digits[0][:256], digits[1][:256]
    params = {"epochs": 2, "learning_rate_schedule": "cosine", "callbacks": [recorder]}
    small_classifier(**params).fit(X, y)
    accumulating = keras.optimizers.Adam(gradient_accumulation_steps=2)
    small_classifier(optimizer=accumulating, **params).fit(X, y)
    assert recorder.rates[8:] == recorder.rates[:8]


def test_a_loss_scale_of_ones_own_is_an_error(digits):
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    with pytest.raises(ValueError, match=r"optimizer must not be a LossScaleOptimizer.*inner_optimizer"):
        small_classifier(optimizer=optimizer, dtype="mixed_float16").fit(*digits)


def test_a_class_defined_anew_is_another_class(digits):
    def layer(value):
        class Fill(keras.Layer):
            def call(self, images):
                return images * 0 + value

        return Fill()

    def optimizer(factor):
        class Scaled(keras.optimizers.SGD):
            def update_step(self, gradient, variable, learning_rate):
                super().update_step(factor * gradient, variable, learning_rate)

        return Scaled()

    for parameter, make in {"augmentation": layer, "optimizer": optimizer}.items():
        one, same, other = (small_classifier(**{parameter: make(value)}).fit(*digits) for value in (1, 1, 0))
        assert one.history_ == same.history_ != other.history_


def spot(n_images, size=13):
    images = np.zeros((n_images, size, size, 1), np.float32)
    images[:, size // 2, size // 2] = 1
    return images


def test_shifts_are_whole_pixels_up_to_two_each_as_likely():
    moved = random_affine(spot(4000), 2, 0, 0.0, (1, 2)).numpy()
    assert set(np.unique(moved)) == {0, 1}
    _, rows, columns, _ = np.nonzero(moved)
    assert len(rows) == 4000
    for positions in (rows, columns):
        offsets, counts = np.unique(positions - 6, return_counts=True)
        assert offsets.tolist() == [-2, -1, 0, 1, 2]
        assert counts.min() > 650
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.1


def test_rotation_and_zoom_are_about_the_centre_and_bounded():
    images = np.zeros((500, 41, 41, 1), np.float32)
    images[:, 20, 35] = 1
    changed = random_affine(images, 0, 10, 0.1, (3, 4)).numpy()[..., 0]
    total = changed.sum(axis=(1, 2))
    y = (changed * np.arange(-20, 21)[:, None]).sum(axis=(1, 2)) / total
    x = (changed * np.arange(-20, 21)).sum(axis=(1, 2)) / total
    angles, radii = np.degrees(np.arctan2(y, x)), np.hypot(x, y)
    assert 8 < np.abs(angles).max() < 11.5
    assert 15 * 0.88 < radii.min() < 15 * 0.93
    assert 15 * 1.07 < radii.max() < 15 * 1.12


def test_draws_come_from_the_seed():
    images = np.random.default_rng(0).random((8, 10, 10, 2), dtype=np.float32)
    once, again = (random_affine(images, 2, 10, 0.1, (5, 6)).numpy() for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, random_affine(images, 2, 10, 0.1, (5, 7)).numpy())


@pytest.mark.parametrize(
    "augmentation",
    ["shift", "affine", keras.layers.RandomRotation(0.05), [keras.layers.RandomTranslation(0.1, 0.1)]],
    ids=["shift", "affine", "layer", "layers"],
)
def test_augmented_training_is_reproducible_and_leaves_prediction_alone(digits, augmentation):
    X, y = digits[0][:400], digits[1][:400]
    one, other = (small_classifier(augmentation=augmentation).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert one.history_["loss"] != small_classifier().fit(X, y).history_["loss"]


def test_a_layer_that_cannot_be_copied_is_named(digits):
    class Uncopied(keras.Layer):
        def __init__(self, value):
            super().__init__()

        def get_config(self):
            return {}

    with pytest.raises(ValueError, match=r"augmentation must hold layers that can be copied .* <Uncopied"):
        small_classifier(augmentation=Uncopied(1)).fit(*digits)


@pytest.mark.parametrize("augmentation", ["turn", [1], 3])
def test_what_is_no_augmentation_is_named(digits, augmentation):
    with pytest.raises((ValueError, TypeError), match="augmentation"):
        small_classifier(augmentation=augmentation).fit(*digits)


class Metrics(keras.callbacks.Callback):
    """Makes the validation metrics what a test wants them to be."""

    def __init__(self, name, values):
        super().__init__()
        self._name, self._values = name, values

    def on_epoch_end(self, epoch, logs=None):
        logs[self._name] = self._values[epoch]


@pytest.mark.parametrize(
    ("early_stopping", "values", "n_epochs", "best"),
    [
        (True, [0.1, 0.5, 0.5, 0.4, 0.9], 4, 2),
        ("val_accuracy", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6, 6),
        ("val_loss", [3.0, 1.0, 2.0, 0.5, 0.6, 0.7], 6, 4),
    ],
)
def test_early_stopping_waits_and_keeps_the_best_weights(digits, early_stopping, values, n_epochs, best):
    X, y = digits
    name = "val_loss" if early_stopping == "val_loss" else "val_accuracy"
    params = {"early_stopping": early_stopping, "callbacks": [Metrics(name, values)]}
    clf = small_classifier(epochs=6, n_iter_no_change=2, **params).fit(X, y)
    assert clf.n_iter_ == n_epochs
    assert clf.best_validation_score_ == clf.history_["val_accuracy"][best - 1]
    until_best = small_classifier(epochs=best, **params).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), until_best.predict_proba(X))


@pytest.mark.parametrize("n_before", [1, 3])
def test_the_best_epoch_is_found_after_epochs_without_validation(digits, n_before):
    clf = small_classifier(epochs=n_before, warm_start=True).fit(*digits)
    metrics = Metrics("val_accuracy", [0.0] * n_before + [0.5, 0.75, 0.25])
    clf.set_params(epochs=3, early_stopping=True, callbacks=[metrics])
    assert clf.fit(*digits).best_validation_score_ == 0.75
    assert clf.n_iter_ == n_before + 3


def test_early_stopping_sets_a_tenth_aside_where_nothing_else_is_given(digits):
    X, y = digits
    clf = small_classifier(epochs=1, early_stopping=True).fit(X, y)
    assert clf.history_ == small_classifier(epochs=1, validation_split=0.1).fit(X, y).history_


def test_validation_images_come_through_the_pipelines_fitted_steps(digits, monkeypatch):
    import sklearn

    X, y = load_digits(return_X_y=True)
    with sklearn.config_context(enable_metadata_routing=True):
        cnn = small_classifier(epochs=2, early_stopping=True).set_fit_request(X_val=True, y_val=True)
        model = make_pipeline(ImagePreprocessor(max_value="auto"), cnn, transform_input=["X_val"])
        model.fit(X[:1000], y[:1000], X_val=X[1000:], y_val=y[1000:])
    by_hand = small_classifier(epochs=2, early_stopping=True)
    scale = ImagePreprocessor().fit(X[:1000])
    by_hand.fit(scale.transform(X[:1000]), y[:1000], X_val=scale.transform(X[1000:]), y_val=y[1000:])
    assert model[-1].history_ == by_hand.history_


def test_sklearns_callbacks_are_told_of_every_epoch(digits):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9")
    X, y = digits
    monitor = callback.ScoringMonitor(scoring="accuracy")
    clf = small_classifier().set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs().data_as_pandas
    epochs = log[log["task_name"] == "epoch"]["accuracy"].tolist()
    assert len(epochs) == 3
    assert epochs[-1] == clf.score(X, y)
    without = small_classifier().fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), without.predict_proba(X))


def test_sklearns_callbacks_reach_through_searches_and_pipelines():
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9")
    X, y = load_digits(return_X_y=True)
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = make_pipeline(ImagePreprocessor(), small_classifier(epochs=2).set_callbacks(monitor))
    GridSearchCV(model, {"cnndigitclassifier__dense_dropout": [0.1, 0.5]}, cv=2).fit(X[:400], y[:400])
    log = monitor.get_logs().data_as_pandas
    assert (log["task_name"] == "epoch").sum() == (2 * 2 + 1) * 2


def test_a_progress_bar_shows_every_step_of_a_pipeline(monkeypatch, capfd):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9")
    monkeypatch.setenv("COLUMNS", "120")
    X, y = load_digits(return_X_y=True)
    model = make_pipeline(ImagePreprocessor(), small_classifier(epochs=1))
    model.set_callbacks(callback.ProgressBar()).fit(X, y)
    shown = capfd.readouterr().out
    for step in ("ImagePreprocessor - fit", "CNNDigitClassifier - fit"):
        assert step in shown


def test_a_failing_fit_tears_sklearns_callbacks_down(digits):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    clf = small_classifier(optimizer="sgd", learning_rate=1e30).set_callbacks(monitor)
    before = dict(vars(clf))
    with pytest.raises(ValueError, match="Lower learning_rate"):
        clf.fit(*digits)
    assert vars(clf) == before
    assert not monitor._estimator_scorers


@pytest.mark.parametrize(("verbose", "n_lines"), [(0, 0), (1, 0), (2, 4)])
def test_progress_is_a_line_an_epoch_or_nothing_where_nobody_watches(digits, capsys, verbose, n_lines):
    small_classifier(epochs=2, verbose=verbose).fit(*digits)
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == n_lines
    assert not shown.err


def test_a_bar_is_drawn_in_a_terminal(digits, capsys, monkeypatch):
    import sys

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    small_classifier(epochs=2, verbose=1).fit(*digits)
    shown = capsys.readouterr().out
    assert "Epoch 2/2" in shown
    assert "accuracy" in shown
