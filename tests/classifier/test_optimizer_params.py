"""`optimizer_params`: arguments of a named optimizer."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sk_mnist_cnn import load_model, save_model
from sk_mnist_cnn._keras.backend import keras
from tests.estimators import same_training, tiny_classifier
from tests.interrupting import interrupt_fit

from .conftest import classifier

BETAS = {"beta_1": 0.7, "beta_2": 0.9}


@pytest.mark.parametrize(
    ("optimizer", "params", "instance"),
    [
        ("adam", BETAS, "Adam"),
        ("sgd", {"momentum": 0.9, "nesterov": True}, "SGD"),
        ("adamw", {"weight_decay": np.float64(1e-4), "clipnorm": None}, "AdamW"),
        ("adam", {}, "Adam"),
    ],
)
def test_trains_as_with_an_instance(data, optimizer, params, instance):
    created = getattr(keras.optimizers, instance)(**params)
    named = tiny_classifier(optimizer=optimizer, optimizer_params=params, epochs=2).fit(*data)
    assert same_training(named, tiny_classifier(optimizer=created, epochs=2).fit(*data))


def test_params_have_an_effect_and_their_names_are_those_of_keras(data):
    fitted = tiny_classifier(optimizer="adam", optimizer_params=BETAS).fit(*data)
    assert not same_training(fitted, tiny_classifier(optimizer="adam").fit(*data))
    assert fitted.model_.optimizer.beta_1 == 0.7


def test_empty_params_and_none_are_the_same(data):
    assert same_training(
        classifier(optimizer_params={}, epochs=1).fit(*data), classifier(epochs=1).fit(*data)
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"beta1": 0.9}, r"not recognized: {'beta1': 0.9} Correct them"),
        ({"learning_rate": 0.1}, "must not contain the learning rate, .* Set the parameter learning_rate"),
        ({"use_ema": True}, "optimizer must not average weights"),
        ({"momentum": 0.9}, "must be arguments with which 'adam' can train, got {'momentum': 0.9}"),
        ({1: 0.9}, "keywords must be strings"),
        ({"beta_1": 1.0}, "A weight is not finite after one step"),
        ({"beta_1": "0.9"}, "got {'beta_1': '0.9'}: .*string"),
        ({"beta_1": None}, "got {'beta_1': None}: "),
        ({"beta_1": [0.9]}, r"got {'beta_1': \[0.9\]}: "),
        ({"epsilon": float("nan")}, "A weight is not finite after one step"),
        ({"gradient_accumulation_steps": 2.5}, "got {'gradient_accumulation_steps': 2.5}: "),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "Only one of"),
    ],
)
def test_errors_of_keras_name_the_parameter_before_training(data, reference, params, message):
    fitted = copy.deepcopy(reference)
    before = fitted.predict_proba(data[0])
    with pytest.raises(ValueError, match=message):
        fitted.set_params(optimizer="adam", optimizer_params=params).fit(*data)
    assert np.array_equal(fitted.predict_proba(data[0]), before)


def test_an_instance_takes_no_params(data):
    with pytest.raises(ValueError, match="optimizer_params must be None with an instance"):
        classifier(optimizer=keras.optimizers.Adam(), optimizer_params={}).fit(*data)


@pytest.mark.parametrize("params", ["beta_1", [("beta_1", 0.9)], 0.9])
def test_other_types_are_refused(data, params):
    with pytest.raises(ValueError, match="'optimizer_params' parameter"):
        classifier(optimizer_params=params).fit(*data)


def test_params_are_plain_data(data, tmp_path):
    fitted = tiny_classifier(optimizer="adam", optimizer_params=BETAS, epochs=1).fit(*data)
    assert clone(fitted).optimizer_params == BETAS
    save_model(fitted, tmp_path / "model.skops")
    assert load_model(tmp_path / "model.skops").optimizer_params == BETAS
    grid = {"optimizer_params": [None, BETAS]}
    search = GridSearchCV(tiny_classifier(optimizer="adam", epochs=1), grid, cv=2).fit(*data)
    assert search.best_params_["optimizer_params"] in grid["optimizer_params"]
    assert "beta_1" in fitted._repr_html_()


def test_a_checkpoint_of_other_params_is_refused(data, tmp_path):
    def run(beta):
        return tiny_classifier(
            optimizer="adam",
            optimizer_params={**BETAS, "beta_1": beta},
            checkpoint=tmp_path / "run.ckpt",
            epochs=3,
        )

    interrupt_fit(run(0.7), *data, after=2)
    with pytest.raises(ValueError, match="differs in optimizer_params"):
        run(0.8).fit(*data)
    assert run(0.7).fit(*data).n_iter_ == 3
