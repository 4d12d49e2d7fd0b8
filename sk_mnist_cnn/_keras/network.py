"""Keras networks built from an `Architecture`, their initial weights, and the model that users get."""

import numpy as np

from .backend import keras


def build_network(architecture, *, conv_dropout=0.0, dense_dropout=0.0, seed=None):
    """Build the network, not compiled, with initial weights from `seed`; see `build_cnn`."""
    layers, seeds, dtype = keras.layers, _layer_seeds(seed), architecture.dtype

    def initializer():
        return keras.initializers.GlorotUniform(seed=next(seeds))

    def dropout(rate, name):
        return layers.Dropout(rate, seed=next(seeds), dtype=dtype, name=name)

    # The image format is passed to each layer, because users can change Keras' default.
    channels_last = {"data_format": "channels_last", "dtype": dtype}
    stack = [keras.Input(architecture.image_shape, name="images", dtype=architecture.input_dtype)]
    for i, (n_filters, kernel, pool) in enumerate(architecture.blocks, 1):
        stack.append(
            layers.Conv2D(
                n_filters,
                kernel,
                activation=architecture.activation,
                kernel_initializer=initializer(),
                name=f"conv_{i}",
                **channels_last,
            )
        )
        stack.append(layers.MaxPooling2D(pool, name=f"pool_{i}", **channels_last))
    stack.append(dropout(conv_dropout, "conv_dropout"))
    stack.append(layers.Flatten(name="flatten", **channels_last))
    for i, units in enumerate(architecture.dense_units, 1):
        stack.append(
            layers.Dense(
                units,
                activation=architecture.activation,
                kernel_initializer=initializer(),
                dtype=dtype,
                name=f"dense_{i}",
            )
        )
        if i == 1:
            stack.append(dropout(dense_dropout, "dense_dropout"))
    stack.append(
        layers.Dense(
            architecture.n_classes,
            activation="softmax",
            kernel_initializer=initializer(),
            dtype=architecture.input_dtype,  # full precision under the mixed policies
            name="probabilities",
        )
    )
    return keras.Sequential(stack, name="cnn")


def initial_weights(network, seed):
    """Return the weights that `build_network` draws from `seed`, to reset a trained network."""
    seeds = _layer_seeds(seed)
    weights = []
    for layer in network.layers:
        if layer.name.endswith("dropout"):
            next(seeds)
        elif layer.weights:
            kernel, bias = layer.weights
            initializer = keras.initializers.GlorotUniform(seed=next(seeds))
            weights.append(np.asarray(initializer(kernel.shape, dtype=kernel.dtype)))
            weights.append(np.zeros(bias.shape, dtype=bias.dtype))
    return weights


def _layer_seeds(seed):
    """Yield a seed for each layer that draws random numbers, in the order of the layers."""
    if seed is None:
        seed = np.random.SeedSequence().entropy
    layer = 0
    while True:
        yield int(np.random.SeedSequence([seed, layer]).generate_state(1)[0] >> 1)
        layer += 1


def compiled_model(architecture, weights, optimizer, **dropout_rates):
    """Return a compiled model made of Keras' own classes, with the given weights."""
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
