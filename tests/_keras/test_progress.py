"""Progress with `verbose=1`: a bar in terminals and notebooks, lines in other outputs."""

import multiprocessing
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from sk_mnist_cnn._keras.backend import keras
from tests.estimators import small_classifier

N_BATCHES = 5
LINE = re.compile(
    r"Epoch (\d+)/(\d+)((?: - (?:val_)?(?:loss|accuracy): \d+\.\d{4})+) - \d\d:\d\d, \d\d:\d\d left"
)


@pytest.fixture
def few(digits):
    n_images = 64 * N_BATCHES
    return digits[0][:n_images], digits[1][:n_images]


@pytest.fixture
def terminal(monkeypatch, capsys):
    """Return a function that returns what was drawn in a terminal of 100 columns: one line per update."""
    monkeypatch.setattr("sk_mnist_cnn._keras.progress._in_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "40")
    return lambda: [line for line in re.split(r"[\r\n]+", capsys.readouterr().out) if line.strip()]


def lines(capsys):
    shown = capsys.readouterr()
    assert not shown.err
    return [LINE.fullmatch(line) for line in shown.out.splitlines()]


class InterruptSecondEpoch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


class StopAfterFirstEpoch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


@pytest.mark.usefixtures("terminal")
def test_is_silent_by_default(few, capsys):
    small_classifier(epochs=2).fit(*few)
    assert capsys.readouterr() == ("", "")


def test_prints_one_line_per_epoch_to_a_file(few, capsys):
    small_classifier(epochs=2, verbose=1, validation_split=0.2).fit(*few)
    shown = lines(capsys)
    assert [line[1] for line in shown] == ["1", "2"]
    assert re.findall(r"\w+(?=:)", shown[0][3]) == ["loss", "accuracy", "val_loss", "val_accuracy"]


def test_prints_the_lines_of_keras(few, capsys):
    small_classifier(epochs=2, verbose=2).fit(*few)
    shown = capsys.readouterr().out
    assert shown.count(f"{N_BATCHES}/{N_BATCHES} - ") == 2
    assert shown.splitlines()[2] == "Epoch 2/2"


def test_draws_one_bar_in_a_terminal(few, terminal):
    clf = small_classifier(epochs=3, verbose=1, validation_split=0.2).fit(*few)
    shown = terminal()
    assert max(map(len, shown)) <= 100
    assert all(re.match(r"Epoch [123]/3 \|.*\| (\d\d:\d\d|\?) left", line) for line in shown[:-1])
    metrics = {name: f"{values[-1]:.3f}" for name, values in clf.history_.items()}
    expected = "loss {loss} (val {val_loss}), accuracy {accuracy} (val {val_accuracy})".format(**metrics)
    assert re.fullmatch(rf"Epoch 3/3 \|█+\| \d\d:\d\d, {re.escape(expected)}", shown[-1].strip())


def test_bar_counts_chunks_of_several_batches(few, terminal, monkeypatch):
    for bar_format in ("_TRAINING", "_FINISHED"):
        monkeypatch.setattr(f"sk_mnist_cnn._keras.progress.{bar_format}", "{n_fmt}/{total_fmt}")
    monkeypatch.setattr("sk_mnist_cnn._keras.input_pipeline.MAX_BATCHES", 2)
    small_classifier(epochs=2, verbose=1).fit(*few)
    counts = [tuple(map(int, line.split("/"))) for line in terminal()]
    assert counts == sorted(counts)
    n_chunks = -(-N_BATCHES // 2)
    assert counts[-1] == (2 * n_chunks, 2 * n_chunks)


def test_continues_the_epochs_of_a_warm_start(few, capsys, terminal):
    clf = small_classifier(epochs=1, warm_start=True).fit(*few)
    clf.set_params(epochs=2, verbose=1).fit(*few)
    assert terminal()[-1].startswith("Epoch 3/3 |█")
    clf.partial_fit(*few)
    assert terminal()[-1].startswith("Epoch 4/4 |█")


def test_starts_where_an_interrupted_run_ended(few, tmp_path, terminal):
    params = {"epochs": 4, "checkpoint": tmp_path / "training.ckpt"}
    with pytest.raises(KeyboardInterrupt):
        small_classifier(**params, callbacks=[InterruptSecondEpoch()]).fit(*few)
    small_classifier(**params, verbose=1).fit(*few)
    resuming, first, *_ = terminal()
    assert resuming.startswith("Resuming after epoch 1")
    bar = re.match(r"Epoch 2/4 \|(.+)\|", first)[1]
    assert bar.count("█") == pytest.approx(len(bar) / 4, abs=1)


def test_shows_where_training_stopped(few, terminal):
    small_classifier(epochs=4, verbose=1, callbacks=[StopAfterFirstEpoch()]).fit(*few)
    assert re.match(r"Epoch 1/4 \|█+\S? +\| \d\d:\d\d, loss", terminal()[-1])


def test_ends_the_line_after_an_error(few, capsys, terminal):
    with pytest.raises(KeyboardInterrupt):
        small_classifier(epochs=4, verbose=1, callbacks=[InterruptSecondEpoch()]).fit(*few)
    assert capsys.readouterr().out.endswith("\n")


class SkipAllEpochs(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.model._initial_epoch = 99


@pytest.mark.usefixtures("terminal")
def test_draws_nothing_if_all_epochs_are_skipped(few, capsys):
    with pytest.raises(ValueError, match="at least one epoch"):
        small_classifier(verbose=1, callbacks=[SkipAllEpochs()]).fit(*few)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, 2])
def test_gives_the_same_weights(few, verbose):
    expected = small_classifier(epochs=2).fit(*few)
    assert small_classifier(epochs=2, verbose=verbose).fit(*few).history_ == expected.history_


def test_fits_in_threads_print_whole_lines(few, capsys):
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda seed: small_classifier(random_state=seed, verbose=1).fit(*few), range(4)))
    assert sorted(line[1] for line in lines(capsys)) == sorted("123" * 4)


def _fit_as_in_terminal(*data):
    sys.stdout.isatty = lambda: True
    small_classifier(epochs=2, verbose=1).fit(*data)


@pytest.mark.slow
def test_worker_processes_print_lines(few, capfd):
    process = multiprocessing.get_context("spawn").Process(target=_fit_as_in_terminal, args=few)
    process.start()
    process.join()
    assert not process.exitcode
    assert [line[1] for line in map(LINE.fullmatch, capfd.readouterr().out.splitlines())] == ["1", "2"]


NOTEBOOK = """
from sklearn.datasets import load_digits
from tests.estimators import small_classifier
X, y = load_digits(return_X_y=True)
small_classifier(epochs=2, learning_rate_schedule="one_cycle", verbose=1).fit(X / 16, y);
"""


@pytest.mark.slow
# Issued inside the libraries that run notebooks.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_notebook_keeps_only_the_last_state_of_the_bar():
    nbformat, nbclient = pytest.importorskip("nbformat.v4"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.new_notebook(cells=[nbformat.new_code_cell(NOTEBOOK)])
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert re.fullmatch(
        r"Epoch 2/2 \|█+\| \d\d:\d\d, loss \d\.\d{3}, accuracy 0\.\d{3}", output["data"]["text/plain"]
    )
