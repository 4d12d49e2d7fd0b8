"""Grid searches, each run in a process of its own."""

from unittest import mock

from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from .data import digits
from .libraries import OURS, SCIKERAS
from .measuring import seconds

CONV_DROPOUT = 0.1, 0.3
N_FOLDS = 3
EPOCHS = 2


def ours(n_images, filters, n_jobs):
    """Seconds of a search and of the same again, and how many training graphs this process has traced."""
    from sk_mnist_cnn._trainer import Trainer

    X, y = digits(n_images, OURS)
    grid = {"filters": filters, "conv_dropout": CONV_DROPOUT}
    search = _search(OURS.estimator(EPOCHS), grid, n_jobs)
    with mock.patch.object(Trainer, "create", wraps=Trainer.create) as create:
        durations = [seconds(search.fit, X, y) for _ in range(2)]
    get_reusable_executor().shutdown()  # the process could not end before its workers' five minutes are over
    return *durations, create.call_count


def scikeras(n_images, filters):
    """Seconds of one search."""
    X, y = digits(n_images, SCIKERAS)
    grid = {"model__filters": filters, "model__conv_dropout": CONV_DROPOUT}
    return seconds(_search(SCIKERAS.estimator(EPOCHS), grid, n_jobs=1).fit, X, y)


def _search(estimator, grid, n_jobs):
    folds = StratifiedKFold(N_FOLDS)
    return GridSearchCV(estimator, grid, cv=folds, n_jobs=n_jobs, refit=False, error_score="raise")
