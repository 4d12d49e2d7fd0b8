"""Checkpoints raise nothing but a ValueError for damaged and forged files, and run no code."""

import contextlib
from functools import partial

import numpy as np
import pytest

from sk_mnist_cnn import CNNDigitClassifier
from sk_mnist_cnn._keras.backend import keras
from sk_mnist_cnn._training.checkpoint import Checkpoint, saved_seed
from sk_mnist_cnn._training.preparation import prepare_fit
from tests.fuzz import n_examples
from tests.fuzz.guard import error_message, linux_only, run_guarded
from tests.fuzz.json_mutations import json_mutations
from tests.fuzz.mutations import mutations, zip_mutations

pytestmark = [pytest.mark.slow, linux_only, pytest.mark.filterwarnings("ignore")]


class StopInLastEpoch(keras.callbacks.Callback):
    """Interrupt a fit in its last epoch, so that its checkpoint stays."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.params["epochs"] - 1:
            raise KeyboardInterrupt


X = np.random.default_rng(0).random((40, 4, 4)).astype(np.float32)
Y = np.arange(40) % 2


def classifier(path, callbacks=None):
    return CNNDigitClassifier(
        filters=(2,),
        kernel_size=3,
        dense_units=(3,),
        optimizer="adam",
        learning_rate_schedule="one_cycle",
        epochs=3,
        early_stopping=True,
        n_iter_no_change=2,
        random_state=0,
        checkpoint=path,
        callbacks=callbacks,
    )


def fit(path, callbacks=None):
    return classifier(path, callbacks).fit(X, Y)


@pytest.fixture
def path(tmp_path):
    """The checkpoint of an interrupted fit."""
    path = tmp_path / "run.ckpt"
    with contextlib.suppress(KeyboardInterrupt):
        fit(path, [StopInLastEpoch()])
    return path


def mutants(path, n):
    data = path.read_bytes()
    return {
        "bytes": lambda: mutations(data, n, seed=1),
        "members": lambda: zip_mutations(data, n, seed=2),
        "values": lambda: json_mutations(data, "training.json", n, seed=3),
    }


@pytest.mark.parametrize("kind", ["bytes", "members", "values"])
def test_loading_a_damaged_checkpoint_raises_only_value_errors(path, kind):
    checkpoint = Checkpoint(prepare_fit(classifier(path), X, Y, None, (None, None, None)))
    assert checkpoint.load().n_epochs == 2
    for i, mutant in enumerate(mutants(path, n_examples(1000))[kind]()):
        path.write_bytes(mutant)
        for load in (checkpoint.load, lambda: saved_seed(path)):
            message = run_guarded(partial(error_message, load), seconds=5, megabytes=100)
            assert message is None or "run.ckpt" in message, i


@pytest.mark.parametrize("kind", ["bytes", "members", "values"])
def test_resuming_from_a_damaged_checkpoint_raises_only_value_errors(path, kind):
    original = path.read_bytes()
    fit(path)
    path.write_bytes(original)

    def resume(mutant):
        path.write_bytes(mutant)
        with contextlib.suppress(ValueError):
            assert fit(path).n_iter_ in (2, 3)

    for mutant in mutants(path, n_examples(100))[kind]():
        run_guarded(partial(resume, mutant), seconds=60, megabytes=200)
