"""Progress of a training with `verbose=1`, on standard output.

A terminal or a notebook shows one bar that is updated in place. Other outputs, such as files, get one line
per epoch.

`tqdm.keras.TqdmCallback` is not used, because it cannot start after the epochs of an interrupted run, does
not show the remaining time of the run, needs ipywidgets in notebooks, and prints no lines in other outputs.
"""

import multiprocessing
import sys
from time import monotonic

from tqdm import tqdm

from .backend import keras

_METRICS = "loss", "accuracy", "val_loss", "val_accuracy"
_TRAINING = "{desc} |{bar}| {remaining} left{postfix}"
_FINISHED = "{desc} |{bar}| {elapsed}{postfix}"


def progress_callback(n_epochs, n_chunks):
    """Return the callback that suits standard output.

    Parameters
    ----------
    n_epochs : int
        Number of epochs of this fit, including those before an interruption.
    n_chunks : int
        Number of chunks per epoch, each of one or several batches.
    """
    if _in_notebook():
        return ProgressBar(n_epochs, n_chunks, _NotebookOutput())
    if _in_terminal():
        return ProgressBar(n_epochs, n_chunks, sys.stdout)
    return ProgressLines()


class ProgressBar(keras.callbacks.Callback):
    """Show a bar over all chunks of a fit, with the epoch, the time left and the metrics."""

    def __init__(self, n_epochs, n_chunks, file):
        super().__init__()
        self._n_epochs, self._n_chunks, self._metrics = n_epochs, n_chunks, {}
        self._bar = None
        self._options = {
            "total": n_epochs * n_chunks,
            "file": file,
            "bar_format": _TRAINING,
            "ascii": None if file is sys.stdout else False,
            "dynamic_ncols": True,
            "smoothing": 0,
            "miniters": 1,
        }

    def on_epoch_begin(self, epoch, logs=None):
        description = f"Epoch {epoch + 1}/{self.params['epochs']}"
        n_epochs_before = epoch - (self.params["epochs"] - self._n_epochs)
        self._n_before = n_epochs_before * self._n_chunks
        if self._bar is None:
            self._bar = _Bar(desc=description, initial=self._n_before, **self._options)
        else:
            self._bar.set_description_str(description)

    def on_train_batch_end(self, batch, logs=None):
        self._advance(batch + 1, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._advance(self._n_chunks, logs)

    def on_train_end(self, logs=None):
        if self._bar is not None:  # None if a callback has skipped all epochs
            self._bar.bar_format = _FINISHED

    def close(self):
        """Keep the bar on the screen, also after an error."""
        if self._bar is not None:
            self._bar.close()

    def _advance(self, n_trained, logs):
        self._metrics.update(logs)
        self._bar.set_postfix_str(", ".join(self._described_metrics()), refresh=False)
        self._bar.update(self._n_before + n_trained - self._bar.n)

    def _described_metrics(self):
        """Yield each metric with the validation metric of the last epoch."""
        for name in ("loss", "accuracy"):
            if name not in self._metrics:  # removed by another callback
                continue
            validation = self._metrics.get(f"val_{name}")
            after = "" if validation is None else f" (val {validation:.3f})"
            yield f"{name} {self._metrics[name]:.3f}{after}"


class ProgressLines(keras.callbacks.Callback):
    """Print one line per epoch, with the metrics and the time left."""

    def on_train_begin(self, logs=None):
        self._start, self._n_trained = monotonic(), 0

    def on_epoch_end(self, epoch, logs=None):
        self._n_trained += 1
        elapsed = monotonic() - self._start
        left = elapsed / self._n_trained * (self.params["epochs"] - epoch - 1)
        metrics = "".join(f" - {name}: {logs[name]:.4f}" for name in _METRICS if name in logs)
        times = f"{tqdm.format_interval(elapsed)}, {tqdm.format_interval(left)} left"
        print(f"Epoch {epoch + 1}/{self.params['epochs']}{metrics} - {times}", flush=True)

    def close(self):
        """Do nothing: every line is complete."""


class _Bar(tqdm):
    monitor_interval = 0  # without a thread


class _NotebookOutput:
    """File whose last line is the content of one output of a notebook cell."""

    def __init__(self):
        from IPython.display import display

        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text):
        if line := text.strip("\r\n "):
            self._handle.update({"text/plain": line}, raw=True)

    def flush(self):
        pass


def _in_terminal():
    # The bars of several processes would overwrite each other.
    return sys.stdout is not None and sys.stdout.isatty() and multiprocessing.parent_process() is None


def _in_notebook():
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
