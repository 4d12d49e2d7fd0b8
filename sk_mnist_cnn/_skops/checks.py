"""Check models before they are saved, and after they are loaded from a file that may be hostile."""

from collections.abc import Mapping
from functools import partial
from types import FunctionType, ModuleType

import numpy as np

from .._architecture import Architecture
from ..classifier import CNNDigitClassifier


def check_parameters(estimator):
    """Raise a ValueError for a parameter that holds a Keras object, or a function that cannot be imported."""
    parameters = estimator.get_params(deep=True)
    for is_refused, kind, remedy in (
        (_is_of_keras, "Keras object", "Use a name or None instead, and set the parameter after loading"),
        (_is_local, "lambda or local function", "Use a function that can be imported instead"),
    ):
        found = [name for name, value in parameters.items() if any(map(is_refused, walk(value)))]
        if found:
            name = max(found, key=lambda name: name.count("__"))
            raise ValueError(
                f"{name} must hold no {kind} for the model to be saved, got {parameters[name]!r}. "
                f"{remedy}: set_params({name}=...)."
            )


def _is_of_keras(item):
    return any(base.__module__.partition(".")[0] in {"keras", "tensorflow"} for base in type(item).__mro__)


def _is_local(item):
    """Return whether an object is a lambda, or a function defined inside another one."""
    return isinstance(item, FunctionType) and "<" in item.__qualname__


def walk(root):
    """Yield an object and all objects that it holds, once each."""
    seen, waiting = {}, [root]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        yield item
        if isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, np.ndarray):
            waiting.extend(item.flat if item.dtype == object else ())
        elif isinstance(item, list | tuple | set):
            waiting.extend(item)
        elif isinstance(item, partial):
            waiting.extend((item.func, item.args, item.keywords))
        elif hasattr(item, "__dict__") and not isinstance(item, type | FunctionType | ModuleType):
            waiting.extend(vars(item).values())


def checked(estimator):
    """Return a loaded estimator after checking its parameters and its fitted classifiers."""
    if not hasattr(estimator, "get_params"):
        raise ValueError(f"it holds a {type(estimator).__name__}, not an estimator")
    estimator.get_params()
    for item in walk(estimator):
        if isinstance(item, CNNDigitClassifier) and vars(item).keys() & {"classes_", "_weights"}:
            _check_fitted(item)
    return estimator


def _check_fitted(classifier):
    """Raise a ValueError if the arrays of a fitted classifier do not fit its network."""
    architecture = classifier._fitted_architecture
    resolved = Architecture.resolve(
        architecture.image_shape, architecture.n_classes, **architecture.parameters
    )
    if resolved != architecture:
        raise ValueError(f"it holds an impossible network, {architecture}")
    classifier._training_state.check(architecture)
    if classifier.classes_.shape != (architecture.n_classes,):
        raise ValueError(f"there must be {architecture.n_classes} classes, got {classifier.classes_}")
    if classifier.image_shape_ != architecture.image_shape:
        raise ValueError(f"image_shape_ must be {architecture.image_shape}, got {classifier.image_shape_}")
