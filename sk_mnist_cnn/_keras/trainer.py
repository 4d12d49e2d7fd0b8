"""A compiled network that can be trained over and over.

scikeras builds, compiles and fits; the variables are set back before every run, so that nothing is traced
twice. Who shares a trainer, and when, is decided in `_engine`.
"""

import sys
from collections import defaultdict
from dataclasses import replace

import numpy as np

from .._schedules import learning_rates
from .._training import TrainingState
from ..network import initial_weights
from .augmentation import Augmentation, reseed
from .backend import BaseWrapper, keras
from .input_pipeline import InputPipeline
from .layers import ScheduledModel, SmoothedCrossentropy, VariableDropout, assign, batches_seen, read

# Batches trained in one call into TensorFlow, where no callback asks for every batch.
STEPS_PER_EXECUTION = 16


class Trainer(BaseWrapper):
    """scikeras' wrapper, kept initialised; its checks and encoders stand aside, having been done before.

    Made by `create`, since the constructors of scikit-learn's estimators only take parameters.
    """

    @classmethod
    def create(cls, architecture, optimizer, augmentation, steps_per_execution):
        """Build and compile a network, and its input pipelines."""
        dtype = architecture.input_dtype
        trainer = cls(
            architecture=architecture,
            optimizer=replace(optimizer, learning_rate=None).build(
                scale_loss=architecture.dtype == "mixed_float16"
            ),
            loss=SmoothedCrossentropy(dtype=dtype),
            compile__weighted_metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy", dtype=dtype)],
            compile__steps_per_execution=steps_per_execution,
            compile__jit_compile=False,
            warm_start=True,
            shuffle=False,
        )
        trainer.initialize(None)
        trainer._ensure_compiled_model()
        trainer.model_.optimizer.build(trainer.model_.trainable_variables)
        trainer._new_optimizer = trainer._optimizer_arrays()
        trainer._own_rate = float(trainer.model_.optimizer.learning_rate.numpy())
        trainer._feed = InputPipeline(architecture, augmentation and Augmentation(augmentation))
        trainer._validation_feed = InputPipeline(architecture)
        return trainer

    def load(self, state, optimizer, config, seed, *, resumed=False):
        """Set every variable that training changes; the rate of a resumed run is what it was."""
        model = self.model_
        assign(model.trainable_variables, state.weights or initial_weights(model, seed))
        goes_on = state.optimizer and state.optimizer_name == optimizer.name
        assign(model.optimizer.variables, state.optimizer if goes_on else self._new_optimizer)
        rate = optimizer.learning_rate
        self._peak = self._own_rate if rate is None else float(np.float32(rate))
        if not (optimizer.has_own_schedule or resumed):
            model.optimizer.learning_rate = self._peak
        for layer in model.dropouts:
            layer.rate.assign(getattr(config, layer.name))
        model.loss.share.assign(config.label_smoothing)
        self.history_ = defaultdict(list, {name: list(values) for name, values in state.history.items()})
        self._optimizer_name = optimizer.name

    def run(self, training, validation, config, seed, callbacks, *, done, partial):
        """Train from what was loaded; `done` epochs of the config's are behind this run already."""
        data = self._feed.load(training, config.batch_size, seed)
        options = {}
        if validation is not None:
            options["validation_data"] = self._validation_feed.load(validation, config.batch_size)
        steps_per_epoch = len(data)
        n_steps = steps_per_epoch * config.epochs
        rates = learning_rates(config.learning_rate_schedule, self._peak, n_steps)
        first_step = int(batches_seen(self.model_.optimizer).numpy()) - steps_per_epoch * done
        self.model_.schedule(rates, first_step)
        self.verbose = config.verbose if config.verbose != 1 or _is_watched() else 0
        self._set_callbacks(callbacks)
        try:
            if partial:
                self.partial_fit(data, None, **options)
            else:
                options.update(epochs=config.epochs - done, initial_epoch=self.current_epoch)
                self.fit(data, None, **options)
        finally:
            self._set_callbacks(None)
            self._feed.clear()
            self._validation_feed.clear()

    def start_epoch(self, seed, epoch):
        """Set the order of the images, their augmentation and the dropout masks."""
        self._feed.start_epoch(epoch)
        for i, layer in enumerate(self.model_.layers):
            if isinstance(layer, VariableDropout):
                reseed(layer.seed_generator, seed, epoch, i)

    def state(self):
        """Read the arrays back."""
        return TrainingState(
            weights=read(self.model_.trainable_variables),
            optimizer=self._optimizer_arrays(),
            optimizer_name=self._optimizer_name,
            history={name: list(map(float, values)) for name, values in self.history_.items()},
        )

    def _optimizer_arrays(self):
        return read(self.model_.optimizer.variables)

    def _set_callbacks(self, callbacks):
        self.callbacks = callbacks
        self._initialize_callbacks()

    def _keras_build_fn(self, architecture):
        network = architecture.build(seed=0)
        outputs = inputs = network.inputs[0]
        for layer in network.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer = VariableDropout(name=layer.name, dtype=architecture.dtype)
            outputs = layer(outputs)
        model = ScheduledModel(inputs, outputs, name=network.name)
        model.architecture = architecture
        return model

    def _validate_data(self, X=None, y=None, reset=False, y_numeric=False):
        return X, y

    @property
    def feature_encoder(self):
        """Leaves the data set as it is."""
        return _AsItIs()

    target_encoder = feature_encoder


class _AsItIs:
    def fit(self, data):
        return self

    def transform(self, data):
        return data


def _is_watched():
    """Whether a bar that redraws itself would be seen: in a terminal or a notebook."""
    return sys.stdout.isatty() or "ipykernel" in sys.modules
