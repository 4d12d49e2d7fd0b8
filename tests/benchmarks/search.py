"""Grid searches, for new processes."""

from unittest import mock

from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from .data import digits
from .libraries import OURS, SCIKERAS, short_training
from .measuring import seconds

CONV_DROPOUT = 0.1, 0.3
N_FOLDS = 3
EPOCHS = 2


def ours(n_images, filters, n_jobs):
    """Return the seconds of a search and of its repetition. The first one loads TensorFlow."""
    X, y = digits(n_images, OURS)
    search = _search(OURS, _our_grid(filters), n_jobs)
    with short_training():
        durations = [seconds(search.fit, X, y) for _ in range(2)]
    get_reusable_executor().shutdown()  # otherwise the process waits for the timeout of its workers
    return durations


def n_traced(n_images, filters):
    """Return the number of training graphs that a search traces in one process."""
    from sk_mnist_cnn._keras.trainer import Trainer

    X, y = digits(n_images, OURS)
    with mock.patch.object(Trainer, "create", wraps=Trainer.create) as create, short_training():
        _search(OURS, _our_grid(filters), n_jobs=1).fit(X, y)
    return create.call_count


def scikeras(n_images, filters):
    """Return the seconds of one search, which loads TensorFlow and scikeras."""
    X, y = digits(n_images, SCIKERAS)
    grid = {"model__filters": filters, "model__conv_dropout": CONV_DROPOUT}
    return seconds(lambda: _search(SCIKERAS, grid, n_jobs=1).fit(X, y))


def _our_grid(filters):
    return {"filters": filters, "conv_dropout": CONV_DROPOUT}


def _search(library, grid, n_jobs):
    estimator, folds = library.estimator(EPOCHS), StratifiedKFold(N_FOLDS)
    return GridSearchCV(estimator, grid, cv=folds, n_jobs=n_jobs, refit=False, error_score="raise")
