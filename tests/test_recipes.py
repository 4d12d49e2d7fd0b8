"""`CNNDigitClassifier.from_recipe`, and the recipes themselves."""

import inspect
from typing import get_args

import pytest
from sklearn.base import clone

from sk_mnist_cnn import CNNDigitClassifier, load_model, save_model
from sk_mnist_cnn._recipes import RECIPES, RecipeName


def test_default_is_recommended():
    assert repr(CNNDigitClassifier.from_recipe()) == repr(CNNDigitClassifier.from_recipe("recommended"))
    assert "augmentation=" in repr(CNNDigitClassifier.from_recipe())


@pytest.mark.parametrize("name", RECIPES)
def test_sets_the_parameters_of_the_recipe(name):
    classifier = CNNDigitClassifier.from_recipe(name, random_state=3)
    expected = {**CNNDigitClassifier().get_params(), **RECIPES[name].params, "random_state": 3}
    assert classifier.get_params() == expected


def test_params_replace_those_of_the_recipe():
    classifier = CNNDigitClassifier.from_recipe("fast", epochs=7, filters=(4,))
    assert (classifier.epochs, classifier.filters) == (7, (4,))
    assert CNNDigitClassifier.from_recipe("fast").epochs == 2


def test_recipes_are_not_changed_by_a_classifier():
    classifier = CNNDigitClassifier.from_recipe("fast")
    classifier.optimizer_params["beta_1"] = 0.1
    assert CNNDigitClassifier.from_recipe("fast").optimizer_params["beta_1"] == 0.7


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_can_be_fitted_cloned_and_saved(name, digits, tmp_path):
    images, y = digits
    sizes = {"filters": (4,), "kernel_size": 3, "dense_units": ()}
    classifier = CNNDigitClassifier.from_recipe(
        name, **{**sizes, "pool_size": 2, "epochs": 1, "random_state": 0}
    )
    fitted = clone(classifier).fit(images[:100], y[:100])
    save_model(fitted, tmp_path / "model.skops")
    assert repr(load_model(tmp_path / "model.skops")) == repr(classifier)


def test_subclasses_are_created():
    class Subclass(CNNDigitClassifier):
        def __init__(self, filters=(32, 64), **params):
            super().__init__(filters, **params)

    assert type(Subclass.from_recipe("notebook")) is Subclass


def test_unknown_names_are_refused_with_the_list():
    with pytest.raises(ValueError, match=r"name must be one of \['recommended', .*'best', .*\], got 'bst'"):
        CNNDigitClassifier.from_recipe("bst")
    with pytest.raises(
        TypeError, match=r"parameters of CNNDigitClassifier, got 'epoch'\. Did you mean 'epochs'"
    ):
        CNNDigitClassifier.from_recipe("best", epoch=3)


def test_recipes_are_listed_with_their_purposes():
    assert list(CNNDigitClassifier.recipes()) == list(RECIPES)
    assert CNNDigitClassifier.recipes()["best"] == RECIPES["best"].purpose
    CNNDigitClassifier.recipes().clear()  # a copy
    assert CNNDigitClassifier.recipes()


def test_names_are_those_of_the_type_and_of_the_docstring():
    assert get_args(RecipeName) == tuple(RECIPES)
    documented = inspect.getdoc(CNNDigitClassifier.from_recipe)
    assert "{" + ", ".join(f'"{name}"' for name in RECIPES) + "}" in documented
    for name, recipe in RECIPES.items():
        assert f"{recipe.images:,}" in documented, name
