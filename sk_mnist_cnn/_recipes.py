"""The recipes of `CNNDigitClassifier.from_recipe`: parameters as plain values, with their purpose."""

from typing import Any, Literal, NamedTuple

RecipeName = Literal["recommended", "notebook", "one_epoch", "fast", "strong", "best", "best_objects"]


class Recipe(NamedTuple):
    """Parameters of a classifier, and their purpose."""

    purpose: str
    images: int  # the smallest number of training images for which it is recommended
    params: dict[str, Any]


_ONE_CYCLE = {"optimizer": "adam", "learning_rate": 0.003, "learning_rate_schedule": "one_cycle"}

# A shorter memory of Adam's moment estimates suits short runs, in which the weights change fast.
_SHORT_MEMORY = {"beta_1": 0.7, "beta_2": 0.9}

# Four convolutional layers, trained with weight decay. The first has a large kernel and a pool, so that the
# others are fast.
_DEEP = {
    **_ONE_CYCLE,
    "optimizer": "adamw",
    "kernel_size": (5, 3, 3, 3),
    "pool_size": (2, 1, 1, 2),
    "dense_units": (84,),
}

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
        "the accuracy of the notebook in a seventh of its time",
        48_000,
        {
            **_ONE_CYCLE,
            "optimizer_params": _SHORT_MEMORY,
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
            **_ONE_CYCLE,
            "optimizer_params": _SHORT_MEMORY,
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
        16_000,
        {
            **_DEEP,
            "filters": (24, 48, 48, 96),
            "optimizer_params": {**_SHORT_MEMORY, "weight_decay": 0.2},
            "learning_rate": 0.005,
            "epochs": 3,
            "augmentation": "affine",
            "label_smoothing": 0.02,
            "conv_dropout": 0.1,
            "dense_dropout": 0.0,
        },
    ),
    "best": Recipe(
        "the highest accuracy and the lowest log loss",
        5_000,
        {
            **_DEEP,
            "filters": (32, 64, 64, 128),
            "optimizer_params": {"weight_decay": 0.4},
            "epochs": 20,
            "augmentation": "elastic",
            "conv_dropout": 0.1,
            "dense_dropout": 0.1,
        },
    ),
    "best_objects": Recipe(
        "clothes and other small pictures that keep their meaning when they are mirrored, not digits",
        5_000,
        {
            **_ONE_CYCLE,
            "optimizer": "adamw",
            "filters": (32, 32, 64, 64, 96, 96),
            "kernel_size": 3,
            "pool_size": (1, 2, 1, 2, 1, 1),
            "padding": "same",
            "batch_normalization": True,
            "global_average_pooling": True,
            "conv_dropout": 0.0,
            "dense_units": (),
            "optimizer_params": {"weight_decay": 0.02},
            "learning_rate": 0.004,
            "epochs": 14,
            "augmentation": {"shift": 0.07, "horizontal_flip": 0.5, "erasing": 0.28},
            "label_smoothing": 0.05,
        },
    ),
}
