"""`Trainer`: a compiled network that can be trained any number of times.

scikeras builds, compiles and fits it. All variables are set before every training, so that nothing is traced
twice. `_keras.engine` decides which trainer a fit uses.

Two private methods of scikeras are used: `_validate_data` is replaced, because it accepts no data sets, and
`_initialize_callbacks` is called, because scikeras calls it only once.
"""

import contextlib
from dataclasses import replace
from numbers import Real

from .._training.config import TrainingState
from .augmentation import Augmentation, reseed
from .backend import BaseWrapper, default_floatx, keras, tf
from .callbacks import has_batch_hooks
from .input_pipeline import InputPipeline
from .layers import ScheduledModel, SmoothedCrossentropy, VariableDropout, WeightedBatchNormalization
from .network import assign, build_network, initial_weights, read
from .progress import progress_callback

# Attributes of a model that every Keras `fit` sets.
_SET_BY_FIT = {
    "_called",
    "_eval_epoch_iterator",
    "history",
    "stop_evaluating",
    "stop_training",
}


class Trainer(BaseWrapper):
    """scikeras wrapper that stays initialized. The classifier validates and encodes the data instead.

    Create it with `create`, because constructors of scikit-learn estimators only take parameters.
    """

    @classmethod
    def create(cls, architecture, optimizer, augmentation):
        """Build and compile a network and its input pipelines."""
        dtype = architecture.input_dtype
        scale_loss = architecture.dtype == "mixed_float16"
        with default_floatx:
            trainer = cls(
                model=_compiled_network,
                model__architecture=architecture,
                optimizer=replace(optimizer, learning_rate=None).build(scale_loss=scale_loss),
                loss=SmoothedCrossentropy(dtype=dtype),
                compile__weighted_metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy", dtype=dtype)],
                compile__jit_compile=False,
                compile__run_eagerly=False,
                compile__auto_scale_loss=False,
                warm_start=True,
                shuffle=False,
            )
            trainer.initialize(None)
        model = trainer.model_
        model.optimizer.build(model.trainable_variables)
        trainer._architecture = architecture
        trainer._weights = tuple(model.network_weights)
        trainer._initial_slots = read(model.optimizer.variables)
        augment = None if augmentation is None else Augmentation(augmentation, architecture.image_shape)
        trainer._pipeline = InputPipeline(architecture, augment)
        trainer._validation_pipeline = InputPipeline(architecture)
        model.make_train_function()
        model.make_test_function()
        trainer._attributes = _attributes(model)
        return trainer

    def load(self, state, optimizer, config):
        """Set every variable that training changes. Weights that are not in the state are initialized."""
        model, fingerprint = self.model_, optimizer.fingerprint
        continues = state.optimizer_fingerprint == fingerprint
        if state.weights:
            state.check(self._architecture, self._initial_slots if continues else None)
        assign(self._weights, state.weights or initial_weights(self._architecture, config.seed))
        assign(model.optimizer.variables, (continues and state.optimizer) or self._initial_slots)
        if not optimizer.has_own_schedule:
            model.optimizer.learning_rate = optimizer.peak_rate
        for layer in model.dropouts:
            layer.rate.assign(getattr(config, layer.name))
        model.loss.label_smoothing.assign(config.label_smoothing)
        self._optimizer_fingerprint, self._seed = fingerprint, config.seed
        self.divergence = None  # that of the last fit, which may have diverged
        self._set_history(state)

    def resume(self, state):
        """Set the variables of an interrupted training and its learning rate. Call `load` first."""
        state.check(self._architecture, self._initial_slots)
        if state.optimizer_fingerprint != self._optimizer_fingerprint:
            raise ValueError("its optimizer differs")
        assign(self._weights, state.weights)
        assign(self.model_.optimizer.variables, state.optimizer)
        self._set_history(state)

    def run(self, run, rates, callbacks):
        """Train the epochs of a TrainingRun that the loaded state has not been trained for."""
        config, n_before = run.config, self.n_epochs
        n_epochs = run.previous.n_epochs + config.epochs - n_before
        # Keras counts chunks, and calls callbacks for every chunk.
        by_batch = config.verbose > 1 or any(map(has_batch_hooks, callbacks))
        largest = max(map(len, filter(None, (run.training, run.validation))))
        loading = {"batch_size": min(config.batch_size, largest), "by_batch": by_batch}
        data, n_chunks = self._pipeline.load(run.training, **loading, n_epochs=n_epochs, seed=config.seed)
        options = {"initial_epoch": n_before, "epochs": n_epochs, "steps_per_epoch": n_chunks}
        if run.validation is not None:
            validation, n_validation_chunks = self._validation_pipeline.load(run.validation, **loading)
            options |= {"validation_data": validation, "validation_steps": n_validation_chunks}
        self.model_.batch_size.assign(loading["batch_size"])
        self._rates, self._first_epoch = rates, run.previous.n_epochs
        self.n_batches = run.training.n_batches(config.batch_size)
        self.verbose = 2 if config.verbose > 1 else 0
        progress = progress_callback(config.epochs, n_chunks) if config.verbose == 1 else None
        self._set_callbacks([*callbacks, progress] if progress else callbacks)
        try:
            with _synchronous():
                self.fit(data, None, **options)
        except Exception:
            if self.divergence:  # a callback may fail because the loss is NaN
                return
            raise
        finally:
            if progress:
                progress.close()
            self._set_callbacks(None)
            self._rates = None
            self._pipeline.clear()
            self._validation_pipeline.clear()
        if self.n_epochs == n_before and _max_epochs():
            raise ValueError(
                f"keras.config.set_max_epochs must allow more epochs than the {n_before} that the classifier "
                f"has been trained for, got {_max_epochs()}. Call keras.config.set_max_epochs(None)."
            )
        if self.n_epochs == n_before:
            raise ValueError(
                f"callbacks must allow at least one epoch of training, got {config.callbacks!r}, which "
                "stopped it earlier. Remove the callback that stops it, or the state that it has stored."
            )

    def start_epoch(self, epoch):
        """Set the order of the images, their augmentation, the learning rates and the dropout masks."""
        self._pipeline.start(epoch)
        first_batch = (epoch - self._first_epoch) * self.n_batches
        self.model_.schedule(self._rates(first_batch, first_batch + self.n_batches))
        for i, layer in enumerate(self._architecture.layers, 1):
            if layer.kind == "dropout":
                reseed(self.model_.get_layer(layer.name).seed_generator, self._seed, epoch, i)

    def record_epoch(self, logs):
        """Append the metrics of an epoch to the history."""
        for name, value in logs.items():
            if isinstance(value, Real):
                self._history.setdefault(name, []).append(float(value))

    @property
    def n_epochs(self):
        """Number of epochs recorded."""
        return len(self._history.get("loss", ()))

    def weights(self):
        """Return the weights as arrays."""
        return read(self._weights)

    def state(self):
        """Return weights, optimizer state and history as plain data."""
        return TrainingState(
            weights=self.weights(),
            optimizer=read(self.model_.optimizer.variables),
            optimizer_fingerprint=self._optimizer_fingerprint,
            history={name: list(values) for name, values in self._history.items()},
        )

    def is_unchanged(self):
        """Return whether model, layers and optimizer are as created, except for the values of variables.

        A callback may freeze a layer, replace a loss or set attributes, which would affect the next fit.
        """
        return _same(self._attributes, _attributes(self.model_))

    def _set_history(self, state):
        self._history = {name: list(values) for name, values in state.history.items()}

    def _set_callbacks(self, callbacks):
        self.callbacks = callbacks
        self._initialize_callbacks()

    def _validate_data(self, X=None, y=None, reset=False, y_numeric=False):
        return X, y

    feature_encoder = target_encoder = property(lambda self: _Identity())


class _Identity:
    """Transformer of data sets. The one of scikeras depends on scikit-learn's global `transform_output`."""

    def fit(self, data):
        return self

    def transform(self, data):
        return data


def _compiled_network(architecture, compile_kwargs):
    """Build and compile the network, with variable dropout rates. scikeras passes the arguments."""
    network = build_network(architecture, seed=0)
    outputs = inputs = network.inputs[0]
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer = VariableDropout(name=layer.name, dtype=architecture.dtype)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer = WeightedBatchNormalization.from_config(layer.get_config())
        outputs = layer(outputs)
    model = ScheduledModel(inputs, outputs, name=network.name)
    model.architecture = architecture
    model.compile(**compile_kwargs)
    return model


@contextlib.contextmanager
def _synchronous():
    """Execute operations synchronously in this thread. Asynchronous ones would deadlock with augmentation."""
    config = tf.config.experimental
    is_synchronous = config.get_synchronous_execution()
    if is_synchronous:
        yield
        return
    config.set_synchronous_execution(True)
    try:
        yield
    finally:
        config.set_synchronous_execution(False)


def _max_epochs():
    """Return the number of epochs at which Keras ends each training, or None."""
    return keras.config.max_epochs() if hasattr(keras.config, "max_epochs") else None


def _attributes(model):
    """Return the attributes of a model and its parts, with the items of lists and dicts."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    parts = [model, *model._flatten_layers(include_self=False), model.optimizer, optimizer, model.loss]
    parts += [*model.variables, *optimizer.variables]
    return [
        {name: _items(value) for name, value in vars(part).items() if name not in _SET_BY_FIT}
        for part in parts
    ]


def _items(value):
    if isinstance(value, dict):
        return dict(value)
    return list(value) if isinstance(value, list | tuple | set) else value


def _same(one, other):
    """Return whether two structures hold the same objects; plain values are compared by value."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one is other or (isinstance(one, str | int | float | bool) and one == other)
