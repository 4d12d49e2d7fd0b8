"""Keras networks built from an `Architecture`, their initial weights, and the model that users get."""

import numpy as np

from .._architecture import EPSILON, MOMENTUM
from .backend import keras


def build_network(architecture, *, conv_dropout=0.0, dense_dropout=0.0, seed=None):
    """Build the network, not compiled, with initial weights from `seed`; see `build_cnn`."""
    layers, seeds, dtype = keras.layers, _layer_seeds(seed), architecture.dtype
    rates = {"conv_dropout": conv_dropout, "dense_dropout": dense_dropout}
    # The image format is passed to each layer, because users can change Keras' default.
    channels_last = {"data_format": "channels_last", "dtype": dtype}

    def keras_layer(layer):
        name = layer.name
        match layer.kind:
            case "conv":
                n_filters, window, options = layer.shape[-1], layer.shape[:2], _trained(layer, seeds)
                options |= {"padding": architecture.padding, **channels_last}
                return layers.Conv2D(n_filters, window, name=name, use_bias=layer.use_bias, **options)
            case "norm":
                return layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=name, dtype=dtype)
            case "activation":
                return layers.Activation(layer.activation, name=name, dtype=dtype)
            case "pool":
                return layers.MaxPooling2D(layer.shape, name=name, **channels_last)
            case "average":
                return layers.GlobalAveragePooling2D(name=name, **channels_last)
            case "dropout":
                return layers.Dropout(rates[name], seed=next(seeds), name=name, dtype=dtype)
            case "flatten":
                return layers.Flatten(name=name, **channels_last)
            case "dense":
                # Probabilities have full precision under the mixed policies.
                precision = architecture.input_dtype if name == "probabilities" else dtype
                return layers.Dense(layer.shape[-1], name=name, dtype=precision, **_trained(layer, seeds))

    images = keras.Input(architecture.image_shape, name="images", dtype=architecture.input_dtype)
    stack = [keras_layer(layer) for layer in architecture.layers if not layer.is_identity]
    return keras.Sequential([images, *stack], name="cnn")


def initial_weights(architecture, seed):
    """Return the weights that `build_network` draws from `seed`, to reset a trained network."""
    seeds, dtype = _layer_seeds(seed), architecture.input_dtype
    weights = []
    for layer in architecture.layers:
        if layer.kind == "dropout":
            next(seeds)
        elif layer.kind == "norm":
            ones, zeros = np.ones(layer.shape, dtype), np.zeros(layer.shape, dtype)
            weights += [ones, zeros, zeros, ones]
        elif layer.kind in ("conv", "dense"):
            initializer = _trained(layer, seeds)["kernel_initializer"]
            weights.append(np.asarray(initializer(layer.shape, dtype=dtype)))
            weights += [np.zeros(shape, dtype) for shape in layer.weight_shapes[1:]]
    return weights


def _trained(layer, seeds):
    """Return the settings of a layer with weights."""
    initializer = keras.initializers.GlorotUniform(seed=next(seeds))
    return {"activation": layer.activation, "kernel_initializer": initializer}


def _layer_seeds(seed):
    """Yield a seed for each layer that draws random numbers, in the order of the layers."""
    if seed is None:
        seed = np.random.SeedSequence().entropy
    layer = 0
    while True:
        yield int(np.random.SeedSequence([seed, layer]).generate_state(1)[0] >> 1)
        layer += 1


def compiled_model(architecture, weights, optimizer, **dropout_rates):
    """Return a compiled model that consists of Keras classes only, with the given weights."""
    model = build_network(architecture, **dropout_rates, seed=0)
    model.set_weights(weights)
    loss = keras.losses.SparseCategoricalCrossentropy(dtype=architecture.input_dtype)
    model.compile(optimizer, loss, metrics=["accuracy"], auto_scale_loss=False)
    model.optimizer.build(model.trainable_variables)  # Keras cannot load a saved model without its state
    return model


def read(variables):
    """Return copies of the values of variables, as arrays."""
    return tuple(np.array(variable.numpy()) for variable in variables)


def assign(variables, values):
    """Set variables to the given values."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
