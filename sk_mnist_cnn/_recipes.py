"""The recipes of `CNNDigitClassifier.from_recipe`: parameters as plain values, with their purpose."""

from typing import Any, Literal, NamedTuple

RecipeName = Literal["recommended", "notebook", "one_epoch", "fast", "strong", "best"]


class Recipe(NamedTuple):
    """Parameters of a classifier, and their purpose."""

    purpose: str
    images: int  # the smallest number of training images for which it is recommended
    params: dict[str, Any]


_ONE_CYCLE = {"optimizer": "adam", "learning_rate": 0.003, "learning_rate_schedule": "one_cycle"}

# A shorter memory of Adam's moment estimates suits short runs, in which the weights change fast.
_SHORT = {**_ONE_CYCLE, "optimizer_params": {"beta_1": 0.7, "beta_2": 0.9}}

# docs/recipes.md has the measurements of the recipes, and describes how they were selected.
RECIPES: dict[RecipeName, Recipe] = {
    "recommended": Recipe(
        "accurate with few and many images, digits or not",
        20,
        {
            **_ONE_CYCLE,
            "epochs": "auto",
            "batch_size": 32,
            "dense_dropout": 0.2,
            "augmentation": "elastic",
            "label_smoothing": 0.1,
        },
    ),
    "notebook": Recipe(
        "the published training of the Keras MNIST notebook, for comparisons",
        48_000,
        {"epochs": 10, "validation_split": 0.2},
    ),
    "one_epoch": Recipe(
        "the accuracy of the notebook in a sixth of its time",
        48_000,
        {
            **_SHORT,
            "epochs": 1,
            "batch_size": 48,
            "learning_rate": 0.005,
            "label_smoothing": 0.05,
            "conv_dropout": 0.0,
            "dense_dropout": 0.1,
        },
    ),
    "fast": Recipe(
        "fewer errors than the notebook in a quarter of its time",
        48_000,
        {
            **_SHORT,
            "epochs": 2,
            "batch_size": 64,
            "learning_rate": 0.004,
            "label_smoothing": 0.05,
            "conv_dropout": 0.0,
            "dense_dropout": 0.2,
        },
    ),
    "strong": Recipe(
        "high accuracy in half of the notebook's time",
        8_000,
        {
            **_SHORT,
            "epochs": 4,
            "learning_rate": 0.005,
            "label_smoothing": 0.02,
            "augmentation": "affine",
            "conv_dropout": 0.1,
            "dense_dropout": 0.0,
        },
    ),
    "best": Recipe(
        "the lowest log loss, and the highest accuracy with test-time augmentation",
        5_000,
        {
            **_ONE_CYCLE,
            "epochs": 20,
            "augmentation": "affine",
            "conv_dropout": 0.1,
            "dense_dropout": 0.1,
        },
    ),
}
